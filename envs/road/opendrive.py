"""OpenDRIVE XML (the 1.4 to 1.6 subset that CARLA and RoadRunner write) to :class:`Road` and :class:`Junction`.

Read: header-less and namespaced files, road links, planView with line, arc, spiral, poly3 and paramPoly3, elevation,
superelevation, lane offset, lane sections, widths, heights, road marks, lane links, junction connections. Not read:
objects, signals, controllers, crossfall and lateral shapes (CARLA ignores them as well).
"""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from envs.road.errors import MapError
from envs.road.geometry import Arc, Cubics, Curve, Line, ParametricCubic, Placed, PlanView, Spiral
from envs.road.marks import mark_lines
from envs.road.road import Lane, LaneSection, MarkLine, Road, RoadLink, RoadMark

MAX_CHARACTERS = 64 * 1024 * 1024
"""Longest map text that is looked at; Town10 of CARLA has 3 million characters."""

MAX_ELEMENTS = 2_000_000
"""Most XML elements that are looked at (an element costs some 100 bytes); CARLA's largest town has some 100,000."""

_MAX_NUMBER = 1e12
_MAX_LENGTH = 1e6
_MAX_COORDINATE = 1e8
_MAX_TURN = 1e3
_SHORTEST = 1e-9


@dataclass(frozen=True)
class Connection:
    """A way through a junction: from ``incoming_road`` into ``connecting_road`` at its ``contact`` end."""

    incoming_road: str
    connecting_road: str
    contact: str
    lane_links: tuple[tuple[int, int], ...]
    """Pairs (lane of the incoming road, lane of the connecting road); empty = by the lanes' own links."""


@dataclass(frozen=True)
class Junction:
    """A junction and its connections."""

    id: str
    connections: tuple[Connection, ...]


@dataclass(frozen=True)
class _Reader:
    """Reads attributes of XML elements and names the place when one is wrong."""

    source: str

    def fail(self, where: str, what: str) -> MapError:
        return MapError(self.source, f"{where}: {what}")

    def text(self, element: ET.Element, key: str, where: str) -> str:
        value = element.get(key)
        if value is None:
            raise self.fail(where, f"<{element.tag}> has no attribute {key!r}")
        return value

    def number(self, element: ET.Element, key: str, where: str, default: float | None = None) -> float:
        raw = element.get(key)
        if raw is None:
            if default is not None:
                return default
            raise self.fail(where, f"<{element.tag}> has no attribute {key!r}")
        try:
            value = float(raw)
        except ValueError:
            value = math.nan
        # beyond the bound the cubes and fifth powers of the geometry would overflow
        if not abs(value) <= _MAX_NUMBER:
            raise self.fail(where, f"<{element.tag}> {key}={raw[:40]!r} is not a finite, sensible number")
        return value

    def integer(self, element: ET.Element, key: str, where: str) -> int:
        raw = self.text(element, key, where)
        try:
            return int(raw)
        except ValueError:
            raise self.fail(where, f"<{element.tag}> {key}={raw[:40]!r} is not a whole number") from None

    def cubics(self, elements: list[ET.Element], where: str, key: str = "s", zero_before: bool = True) -> Cubics:
        rows = [
            (
                self.number(element, key, where),
                self.number(element, "a", where),
                self.number(element, "b", where),
                self.number(element, "c", where),
                self.number(element, "d", where),
            )
            for element in elements
        ]
        rows.sort(key=lambda row: row[0])
        return Cubics(tuple(rows), zero_before)


def parse_opendrive(text: str, source: str) -> tuple[dict[str, Road], dict[str, Junction]]:
    """Roads and junctions by id. Raises :class:`MapError` naming ``source`` and the wrong element."""
    root = _root(text, source)
    read = _Reader(source)
    roads: dict[str, Road] = {}
    for element in root.iter("road"):
        road = _road(element, read)
        if road.id in roads:
            raise read.fail(f"road {road.id}", "the id is used twice")
        roads[road.id] = road
    if not roads:
        raise MapError(source, "the map has no <road>")
    junctions: dict[str, Junction] = {}
    for element in root.iter("junction"):
        junction = _junction(element, read)
        if junction.id in junctions:
            raise read.fail(f"junction {junction.id}", "the id is used twice")
        junctions[junction.id] = junction
    return roads, junctions


def _root(text: str, source: str) -> ET.Element:
    if not text.strip():
        raise MapError(source, "the map is empty")
    if len(text) > MAX_CHARACTERS:
        raise MapError(source, f"the map has {len(text):,} characters, more than {MAX_CHARACTERS:,}")
    if text.count("<") > 2 * MAX_ELEMENTS:
        raise MapError(source, f"the map has more than {MAX_ELEMENTS:,} elements")
    # A document type is the only place where entities (bombs, outside files) can be declared; OpenDRIVE has none.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise MapError(source, "the map declares a document type (<!DOCTYPE>); OpenDRIVE needs none, remove it")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise MapError(source, f"not well-formed XML: {error}") from None
    if "}" in root.tag:
        for element in root.iter():
            element.tag = re.sub(r"^\{.*\}", "", element.tag)
    if root.tag != "OpenDRIVE":
        raise MapError(source, f"not OpenDRIVE: the outermost element is <{root.tag}>, not <OpenDRIVE>")
    return root


def _road(element: ET.Element, read: _Reader) -> Road:
    identity = read.text(element, "id", "a road")
    where = f"road {identity}"
    length = read.number(element, "length", where)
    if not 0.0 < length <= _MAX_LENGTH:
        raise read.fail(where, f"length={length} is not a road's length in metres")
    rule = element.get("rule", "RHT")
    if rule not in ("RHT", "LHT"):
        raise read.fail(where, f"rule={rule!r} is neither RHT nor LHT")
    junction = element.get("junction", "-1")
    lanes = element.find("lanes")
    if lanes is None:
        raise read.fail(where, "no <lanes>")
    links = element.find("link")
    return Road(
        id=identity,
        name=element.get("name", ""),
        length=length,
        junction=None if junction == "-1" else junction,
        left_hand_traffic=rule == "LHT",
        predecessor=_road_link(links, "predecessor", read, where),
        successor=_road_link(links, "successor", read, where),
        plan=_plan_view(element, read, where, length),
        elevation=read.cubics(element.findall("elevationProfile/elevation"), where),
        superelevation=read.cubics(element.findall("lateralProfile/superelevation"), where),
        lane_offset=read.cubics(lanes.findall("laneOffset"), where),
        lane_sections=_lane_sections(lanes, read, where, length),
    )


def _road_link(links: ET.Element | None, tag: str, read: _Reader, where: str) -> RoadLink | None:
    link = links.find(tag) if links is not None else None
    if link is None:
        return None
    kind = read.text(link, "elementType", where)
    if kind not in ("road", "junction"):
        raise read.fail(where, f"{tag} elementType={kind!r} is neither road nor junction")
    contact = link.get("contactPoint")
    if kind == "road" and contact not in ("start", "end"):
        raise read.fail(where, f"{tag} contactPoint={contact!r} is neither start nor end")
    return RoadLink(kind, read.text(link, "elementId", where), contact if kind == "road" else None)


def _plan_view(element: ET.Element, read: _Reader, where: str, road_length: float) -> PlanView:
    pieces: list[Placed] = []
    for number, geometry in enumerate(element.findall("planView/geometry")):
        place = f"{where}, geometry {number}"
        length = read.number(geometry, "length", place)
        if length < 0.0 or length > _MAX_LENGTH:
            raise read.fail(place, f"length={length} is not a length in metres")
        if length <= _SHORTEST:
            continue
        x, y = read.number(geometry, "x", place), read.number(geometry, "y", place)
        if max(abs(x), abs(y)) > _MAX_COORDINATE:
            raise read.fail(place, f"({x}, {y}) is too far from the origin")
        start, heading = read.number(geometry, "s", place), read.number(geometry, "hdg", place)
        pieces.append(Placed(start, x, y, heading, length, _curve(geometry, read, place, length)))
    if not pieces:
        raise read.fail(where, "the planView has no geometry")
    pieces.sort(key=lambda piece: piece.s)
    covered = pieces[-1].s + pieces[-1].length
    if abs(covered - road_length) > max(0.5, 0.01 * road_length):
        raise read.fail(where, f"length is {road_length:.3f} m but its geometry reaches to {covered:.3f} m")
    return PlanView(tuple(pieces))


def _curve(geometry: ET.Element, read: _Reader, where: str, length: float) -> Curve:
    for shape in geometry:
        if shape.tag == "line":
            return Line()
        if shape.tag == "arc":
            curvature = read.number(shape, "curvature", where)
            _check_turn(curvature * length, read, where)
            return Arc(curvature)
        if shape.tag == "spiral":
            start, end = read.number(shape, "curvStart", where), read.number(shape, "curvEnd", where)
            _check_turn(max(abs(start), abs(end)) * length, read, where)
            return Spiral(start, end, length)
        if shape.tag == "poly3":
            a, b, c, d = (read.number(shape, key, where) for key in "abcd")
            return _poly3((a, b, c, d), length)
        if shape.tag == "paramPoly3":
            au, bu, cu, du = (read.number(shape, f"{key}U", where) for key in "abcd")
            av, bv, cv, dv = (read.number(shape, f"{key}V", where) for key in "abcd")
            p_end = length if shape.get("pRange") == "arcLength" else 1.0
            curve = ParametricCubic((au, bu, cu, du), (av, bv, cv, dv), p_end, length)
            if not 0.0 < curve.arc_length < _MAX_LENGTH:
                raise read.fail(where, f"<paramPoly3> describes a curve of {curve.arc_length:.3g} m")
            return curve
    raise read.fail(where, "no <line>, <arc>, <spiral>, <poly3> or <paramPoly3>")


def _check_turn(turn: float, read: _Reader, where: str) -> None:
    if not abs(turn) <= _MAX_TURN:
        raise read.fail(where, f"the curve turns by {turn:.3g} rad, which no road does")


def _poly3(v: tuple[float, float, float, float], length: float) -> ParametricCubic:
    """v(u): the end of u is where the arc length reaches ``length`` (the arc is never shorter than u)."""
    low, high = 0.0, length
    for _ in range(60):
        middle = 0.5 * (low + high)
        if ParametricCubic((0.0, 1.0, 0.0, 0.0), v, middle, max(length, 1e-9)).arc_length < length:
            low = middle
        else:
            high = middle
    return ParametricCubic((0.0, 1.0, 0.0, 0.0), v, 0.5 * (low + high), length)


def _lane_sections(lanes: ET.Element, read: _Reader, where: str, length: float) -> tuple[LaneSection, ...]:
    elements = lanes.findall("laneSection")
    if not elements:
        raise read.fail(where, "no <laneSection>")
    starts = [read.number(element, "s", where) for element in elements]
    if any(second < first for first, second in itertools.pairwise(starts)):
        raise read.fail(where, "the lane sections are not in order of s")
    if starts[0] > 0.01 or starts[-1] > length + 0.01:
        raise read.fail(where, f"lane sections from s={starts[0]} to {starts[-1]} do not fit a road of {length:.3f} m")
    starts[0] = 0.0
    ends = [*starts[1:], length]
    sections: list[LaneSection] = []
    for number, (element, start, end) in enumerate(zip(elements, starts, ends, strict=True)):
        place = f"{where}, lane section {number}"
        found: dict[int, Lane] = {}
        for lane_element in element.iterfind("*/lane"):
            lane = _lane(lane_element, read, place)
            if lane.id in found:
                raise read.fail(place, f"lane {lane.id} appears twice")
            found[lane.id] = lane
        sections.append(LaneSection(start, max(start, end), found))
    return tuple(sections)


def _lane(element: ET.Element, read: _Reader, where: str) -> Lane:
    number = read.integer(element, "id", where)
    place = f"{where}, lane {number}"
    widths = element.findall("width")
    if number != 0 and not widths:
        raise read.fail(place, "no <width> (lanes given by <border> are not supported)")
    marks = [_mark(mark, read, place, number) for mark in element.findall("roadMark")]
    marks.sort(key=lambda mark: mark.s_offset)
    heights = [
        (read.number(h, "sOffset", place), read.number(h, "inner", place), read.number(h, "outer", place))
        for h in element.findall("height")
    ]
    link = element.find("link")
    return Lane(
        id=number,
        type=element.get("type", "none"),
        width=read.cubics(widths, place, "sOffset", zero_before=False),
        height=tuple(sorted(heights)),
        marks=tuple(marks),
        predecessor=_lane_link(link, "predecessor", read, place),
        successor=_lane_link(link, "successor", read, place),
    )


def _lane_link(link: ET.Element | None, tag: str, read: _Reader, where: str) -> int | None:
    element = link.find(tag) if link is not None else None
    return None if element is None else read.integer(element, "id", where)


def _mark(element: ET.Element, read: _Reader, where: str, lane: int) -> RoadMark:
    kind = element.get("type", "none")
    width = read.number(element, "width", where, 0.25 if element.get("weight") == "bold" else 0.12)
    lines = tuple(
        MarkLine(
            offset=read.number(line, "tOffset", where, 0.0),
            width=read.number(line, "width", where, width),
            length=read.number(line, "length", where, 0.0),
            space=read.number(line, "space", where, 0.0),
            s_offset=read.number(line, "sOffset", where, 0.0),
        )
        for line in element.iterfind("type/line")
    )
    return RoadMark(
        s_offset=read.number(element, "sOffset", where, 0.0),
        type=kind,
        colour=element.get("color", "standard"),
        width=width,
        lines=lines or mark_lines(kind, width, lane),
    )


def _junction(element: ET.Element, read: _Reader) -> Junction:
    identity = read.text(element, "id", "a junction")
    where = f"junction {identity}"
    connections: list[Connection] = []
    for connection in element.findall("connection"):
        if connection.get("connectingRoad") is None or connection.get("incomingRoad") is None:
            continue  # virtual and direct junctions (1.6, 1.7) name no connecting road
        contact = connection.get("contactPoint", "start")
        if contact not in ("start", "end"):
            raise read.fail(where, f"contactPoint={contact!r} is neither start nor end")
        links = tuple(
            (read.integer(link, "from", where), read.integer(link, "to", where))
            for link in connection.findall("laneLink")
        )
        incoming = read.text(connection, "incomingRoad", where)
        connections.append(Connection(incoming, read.text(connection, "connectingRoad", where), contact, links))
    return Junction(identity, tuple(connections))
