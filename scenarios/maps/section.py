"""The cross-section of a road: lanes with their widths, and the marks between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scenarios.maps.draw import Draw

DASHES = ((3.0, 6.0), (4.0, 8.0), (3.0, 9.0), (6.0, 6.0), (2.0, 4.0))
"""Length and gap in m of broken lines, as one finds them in different countries."""


@dataclass(frozen=True)
class Mark:
    """A road mark from ``s`` (m along the road) on: OpenDRIVE type, colour, width in m and dashes (length, gap)."""

    kind: str = "none"
    colour: str = "white"
    width: float = 0.12
    dash: tuple[float, float] = (3.0, 6.0)
    s: float = 0.0
    change: str = "none"
    """OpenDRIVE's laneChange: none, both, increase, decrease."""


@dataclass(frozen=True)
class Lane:
    """A lane of one side: OpenDRIVE type, width in m and the marks on its outer border (surface: if not asphalt)."""

    kind: str
    width: float
    marks: tuple[Mark, ...] = (Mark(),)
    surface: str = ""


@dataclass(frozen=True)
class Section:
    """Lanes from the middle outwards on each side, the marks of the middle, and the speed limit in km/h."""

    right: tuple[Lane, ...]
    left: tuple[Lane, ...]
    centre: tuple[Mark, ...]
    speed: int
    kind: str = "rural"
    """OpenDRIVE's road type: rural, motorway, town, lowSpeed."""

    @property
    def reach(self) -> float:
        """m from the reference line to the outermost border of the wider side."""
        return max(sum(lane.width for lane in side) for side in (self.right, self.left))


Weights = dict[str, float]

CENTRE: Weights = {
    "broken": 0.42, "solid": 0.18, "solid solid": 0.14, "solid broken": 0.1, "broken solid": 0.08, "none": 0.08,
}  # fmt: skip
EDGE: Weights = {"solid": 0.66, "broken": 0.16, "none": 0.18}


def two_lanes(draw: Draw, length: float, width: tuple[float, float] = (3.1, 3.75), speed: int = 70) -> Section:
    """A country road: one lane each way, a middle line that changes a few times, edge lines, shoulders, verges."""
    dash = DASHES[draw.count(0, len(DASHES) - 1)]
    thick = draw.uniform((0.1, 0.16))
    middle = Mark(colour="yellow" if draw.chance(0.3) else "white", width=thick, dash=dash)
    edge = Mark(
        kind=draw.choice(EDGE),
        colour="yellow" if draw.chance(0.1) else "white",
        width=draw.uniform((0.1, 0.2)),
        dash=dash,
    )
    lane = draw.uniform(width)
    centre: list[Mark] = []
    s = 0.0
    while s < length:
        kind = draw.choice(CENTRE)
        if edge.kind == "none" and kind == "none":
            kind = "broken"
        change = "both" if "broken" in kind else "none"
        if not centre or centre[-1].kind != kind:
            centre.append(replace(middle, kind=kind, s=s, change=change))
        s = round(s + draw.uniform((250.0, 900.0), 0), 0)
    side = (Lane("driving", lane, (edge,)), *_verge(draw, (0.3, 1.5)))
    return Section(side, side, tuple(centre), speed)


def narrow_lane(draw: Draw) -> Section:
    """A country lane: 2.9 to 3.0 m, with the marking missing on one side of the lane or on both."""
    present = draw.choice({"edges": 0.35, "middle": 0.35, "nothing": 0.3})
    dash = DASHES[draw.count(0, len(DASHES) - 1)]
    middle = Mark("broken" if present == "middle" else "none", width=0.1, dash=dash, change="both")
    edge = Mark(draw.choice({"solid": 0.6, "broken": 0.4}) if present == "edges" else "none", width=0.1, dash=dash)
    side = (Lane("driving", draw.uniform((2.9, 3.0)), (edge,)), *_verge(draw, (0.1, 0.4)))
    return Section(side, side, (middle,), 50, "lowSpeed")


def motorway(draw: Draw) -> Section:
    """Two wide lanes each way. The reference line is the left edge of the right carriageway (lanes -1 and -2); left
    of it is a median (lane 1) or nothing but a double line."""
    width = draw.uniform((3.5, 3.75))
    dash = DASHES[draw.count(0, len(DASHES) - 1)]
    between = Mark("broken", width=0.15, dash=dash, change="both")
    edge = Mark("solid", width=draw.uniform((0.15, 0.25)))
    lanes = (Lane("driving", width, (between,)), Lane("driving", width, (edge,)), *_verge(draw, (1.5, 2.5)))
    colour = "yellow" if draw.chance(0.4) else "white"
    if draw.chance(0.6):
        inner = Mark("solid", colour, edge.width)
        median = Lane("median", draw.uniform((1.5, 4.0)), (inner,), "grass")
        return Section(lanes, (median, *lanes), (inner,), 100, "motorway")
    return Section(lanes, lanes, (Mark("solid solid", colour, 0.12),), 100, "motorway")


def street(draw: Draw) -> Section:
    """A town street: one lane each way, a gutter, a kerb and a pavement."""
    dash = DASHES[draw.count(0, len(DASHES) - 1)]
    middle = Mark(
        draw.choice({"broken": 0.55, "solid": 0.2, "solid solid": 0.15, "none": 0.1}),
        "yellow" if draw.chance(0.35) else "white",
        0.12,
        dash,
    )
    edge = Mark("solid" if middle.kind == "none" or draw.chance(0.45) else "none", width=0.1)
    side = (
        Lane("driving", draw.uniform((3.0, 3.5)), (edge,)),
        Lane("shoulder", draw.uniform((0.25, 0.6)), (Mark("curb", width=0.15),)),
        Lane("sidewalk", draw.uniform((1.6, 2.4)), surface="pavement"),
    )
    return Section(side, side, (middle,), 50, "town")


def built_up_street(draw: Draw) -> Section:
    """A street between houses: one lane each way or one way only, perhaps with parked cars' strip, kerbs, pavements."""
    alone = draw.chance(0.25)
    parking = draw.choice({"marked": 0.2, "unmarked": 0.15, "none": 0.65})
    edge = parking == "marked" or (parking == "none" and draw.chance(0.4))
    middle = _town_middle(draw)
    lane = Lane("driving", draw.uniform((3.0, 4.2)), (Mark("solid" if edge else "none", width=0.12),))
    strip = (Lane("parking", draw.uniform((2.0, 3.5)), (_outside_parking(draw),)),) if parking != "none" else ()
    border = _kerb_and_pavement(draw)
    if alone:
        left_edge = replace(middle, kind="solid" if draw.chance(0.5) else "none", colour="white")
        return Section((lane, *strip, *border), border, (left_edge,), 50, "town")
    # Where nothing else is painted, the middle line is what tells a street from a yard.
    if middle.kind == "none" and not edge:
        middle = replace(middle, kind="broken")
    return Section((lane, *strip, *border), (lane, *strip, *border), (middle,), 50, "town")


def avenue(draw: Draw) -> Section:
    """Two lanes each way; between them a line, a green strip, or a lane to turn from that belongs to both."""
    width, dash = draw.uniform((3.1, 3.9)), DASHES[draw.count(0, len(DASHES) - 1)]
    between = Mark("broken", width=0.12, dash=dash, change="both")
    edge = Mark("solid" if draw.chance(0.7) else "none", width=0.12)
    shoulder = (Lane("shoulder", draw.uniform((0.5, 2.8))),) if draw.chance(0.6) else ()
    lanes = (Lane("driving", width, (between,)), Lane("driving", width, (edge,)), *shoulder, *_kerb_and_pavement(draw))
    colour = draw.choice({"yellow": 0.5, "white": 0.5})
    middle = draw.choice({"turning": 0.4, "green": 0.2, "line": 0.4})
    if middle == "turning":
        ours, theirs = draw.choice({("broken solid", "solid broken"): 0.6, ("solid", "solid"): 0.4})
        turning = Lane("bidirectional", draw.uniform((3.0, 3.6)), (Mark(theirs, colour, 0.12, dash),))
        return Section(lanes, (turning, *lanes), (Mark(ours, colour, 0.12, dash),), 50, "town")
    if middle == "green":
        inner = Mark("solid", colour, 0.12)
        median = Lane("median", draw.uniform((1.5, 5.0)), (inner,), "grass")
        return Section(lanes, (median, *lanes), (inner,), 50, "town")
    line = Mark(draw.choice({"solid solid": 0.6, "solid": 0.25, "broken": 0.15}), colour, 0.12, dash)
    return Section(lanes, lanes, (line,), 50, "town")


def _town_middle(draw: Draw) -> Mark:
    kind = draw.choice({"broken": 0.5, "solid": 0.17, "solid solid": 0.25, "none": 0.08})
    dash = DASHES[draw.count(0, len(DASHES) - 1)]
    return Mark(kind, "yellow" if draw.chance(0.5) else "white", 0.12, dash)


def _outside_parking(draw: Draw) -> Mark:
    return Mark("solid" if draw.chance(0.4) else "none", width=0.12)


def _kerb_and_pavement(draw: Draw) -> tuple[Lane, Lane]:
    gutter = Lane("shoulder", draw.uniform((0.25, 0.6)), (Mark("curb", width=0.15),))
    return gutter, Lane("sidewalk", draw.uniform((1.6, 4.2)), surface="pavement")


def _verge(draw: Draw, shoulder: tuple[float, float]) -> tuple[Lane, Lane]:
    return Lane("shoulder", draw.uniform(shoulder)), Lane("none", draw.uniform((1.5, 4.0)), surface="grass")
