"""OpenDRIVE 1.4 text of roads and junctions (ASAM OpenDRIVE 1.4H, the version that CARLA 0.9 reads)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scenarios.maps.curve import Piece, Pose, total
from scenarios.maps.profile import FLAT, Height
from scenarios.maps.section import Lane, Mark, Section


@dataclass(frozen=True)
class Link:
    """What a road's end touches: another road (with its contact point, start or end) or a junction."""

    kind: str
    id: int
    contact: str = ""


@dataclass(frozen=True)
class Road:
    """One road: its pieces from ``start``, heights, cross-section and links. ``junction`` is -1 outside junctions."""

    id: int
    name: str
    start: Pose
    pieces: tuple[Piece, ...]
    section: Section
    profile: tuple[Height, ...] = FLAT
    junction: int = -1
    before: Link | None = None
    after: Link | None = None
    lane_links: tuple[int, int] | None = None
    """For connecting roads: the lanes that lane -1 comes from and goes to."""


@dataclass(frozen=True)
class Connection:
    """One way through a junction: from ``lane`` of the incoming road onto lane -1 of the connecting road."""

    incoming: int
    connecting: int
    lane: int


@dataclass(frozen=True)
class Junction:
    """A crossing."""

    id: int
    name: str
    connections: tuple[Connection, ...]


def number(value: float) -> str:
    """Shortest text of a value rounded to 1e-9 (m, rad); a curvature keeps all its digits, see :func:`_geometry`."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def write_map(name: str, note: str, roads: list[Road], junctions: list[Junction]) -> str:
    """The whole file."""
    xs, ys = [], []
    for road in roads:
        pose = road.start
        xs.append(pose.x)
        ys.append(pose.y)
        for piece in road.pieces:
            for _, pose in piece.walk(pose):  # noqa: B020 - each piece begins where the one before ended
                xs.append(pose.x)
                ys.append(pose.y)
    bounds = f'north="{max(ys):.3f}" south="{min(ys):.3f}" east="{max(xs):.3f}" west="{min(xs):.3f}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<OpenDRIVE>",
        f'<header revMajor="1" revMinor="4" name="{name}" version="1.00" {bounds} vendor="liquid-pilot">',
        "<geoReference><![CDATA[+proj=tmerc +lat_0=0 +lon_0=0 +k=1 +x_0=0 +y_0=0 +datum=WGS84]]></geoReference>",
        f'<userData code="generator" value="{note}"/>',
        "</header>",
    ]
    for road in roads:
        lines += _road(road)
    for junction in junctions:
        lines += _junction(junction)
    return "\n".join([*lines, "</OpenDRIVE>", ""])


def _road(road: Road) -> list[str]:
    length = round(total(list(road.pieces)), 9)
    lines = [f'<road name="{road.name}" length="{number(length)}" id="{road.id}" junction="{road.junction}">']
    links = [
        _link(tag, link) for tag, link in (("predecessor", road.before), ("successor", road.after)) if link is not None
    ]
    lines += ["<link>", *links, "</link>"] if links else ["<link/>"]
    if road.junction == -1:
        lines.append(f'<type s="0" type="{road.section.kind}"><speed max="{road.section.speed}" unit="km/h"/></type>')
    lines += ["<planView>", *_geometry(road), "</planView>", "<elevationProfile>"]
    lines += [
        f'<elevation s="{number(h.s)}" a="{number(h.a)}" b="{number(h.b)}" c="{h.c or 0!r}" d="0"/>'
        for h in road.profile
    ]
    lines += ["</elevationProfile>", "<lanes>", '<laneSection s="0">']
    section = road.section
    if section.left:
        lines.append("<left>")
        for i in range(len(section.left), 0, -1):
            lines += _lane(i, section.left[i - 1], road.lane_links)
        lines.append("</left>")
    middle = Lane("none", 0.0, section.centre)
    lines += ["<center>", *_lane(0, middle, None), "</center>", "<right>"]
    for i, lane in enumerate(section.right, start=1):
        lines += _lane(-i, lane, road.lane_links)
    return [*lines, "</right>", "</laneSection>", "</lanes>", "</road>"]


def _link(tag: str, link: Link) -> str:
    contact = f' contactPoint="{link.contact}"' if link.contact else ""
    return f'<{tag} elementType="{link.kind}" elementId="{link.id}"{contact}/>'


def _geometry(road: Road) -> list[str]:
    lines = []
    s, pose = 0.0, road.start
    for piece in road.pieces:
        place = (
            f's="{number(s)}" x="{number(pose.x)}" y="{number(pose.y)}" hdg="{pose.heading:.12f}" '
            f'length="{number(piece.length)}"'
        )
        # A curvature acts over the square of the length: 1e-9 of it would be millimetres at the end.
        if piece.begin == piece.end == 0.0:
            shape = "<line/>"
        elif piece.begin == piece.end:
            shape = f'<arc curvature="{piece.begin!r}"/>'
        else:
            shape = f'<spiral curvStart="{piece.begin or 0!r}" curvEnd="{piece.end or 0!r}"/>'
        lines.append(f"<geometry {place}>{shape}</geometry>")
        s, pose = s + piece.length, piece.last(pose)
    return lines


def _lane(id: int, lane: Lane, links: tuple[int, int] | None) -> list[str]:
    lines = [f'<lane id="{id}" type="{lane.kind}">']
    if links is not None and id == -1:
        lines.append(f'<link><predecessor id="{links[0]}"/><successor id="{links[1]}"/></link>')
    if id != 0:
        lines.append(f'<width sOffset="0" a="{number(lane.width)}" b="0" c="0" d="0"/>')
    lines += [_mark(mark) for mark in lane.marks]
    if lane.surface:
        lines.append(f'<material sOffset="0" surface="{lane.surface}" friction="0.7" roughness="0.015"/>')
    return [*lines, "</lane>"]


def _mark(mark: Mark) -> str:
    if mark.kind == "none":
        return f'<roadMark sOffset="{number(mark.s)}" type="none" color="white"/>'
    head = f'<roadMark sOffset="{number(mark.s)}" type="{mark.kind}" weight="standard" color="{mark.colour}"'
    head += f' width="{number(mark.width)}" laneChange="{mark.change}"'
    if mark.kind != "broken":
        return head + "/>"
    width, length, space = number(mark.width), number(mark.dash[0]), number(mark.dash[1])
    line = f'<line length="{length}" space="{space}" tOffset="0" sOffset="0" rule="none" width="{width}"/>'
    return f'{head}><type name="broken" width="{width}">{line}</type></roadMark>'


def _junction(junction: Junction) -> list[str]:
    lines = [f'<junction id="{junction.id}" name="{junction.name}">']
    for i, c in enumerate(junction.connections):
        lines.append(
            f'<connection id="{i}" incomingRoad="{c.incoming}" connectingRoad="{c.connecting}" contactPoint="start">'
            f'<laneLink from="{c.lane}" to="-1"/></connection>'
        )
    return [*lines, "</junction>"]


def one_way(section: Section, outer: bool, middle: Mark | None = None) -> Section:
    """The section of a connecting road: lane -1 unmarked, the outer lanes where there is a corner or a closed side."""
    lanes = (replace(section.right[0], marks=(Mark(),)), *(section.right[1:] if outer else ()))
    return replace(section, right=lanes, left=(), centre=(middle or Mark(),))
