"""The surface of the roads as triangles: asphalt, paint, kerbs, pavements, for any OpenDRIVE map.

Paint that lies on asphalt flickers in a z-buffer, so it does not lie *on* the road: the cross-section is cut at every
edge of every painted line into strips (asphalt | paint | asphalt ...) that share their edges, and along the road at
both ends of every dash. All strips of a cross-section have the same stations, so that no crack opens between them.

Where roads overlap (inside junctions) they lie in one plane, and a texture that is laid out over the world instead of
along the road makes it invisible which of them is drawn; their paint is drawn a little nearer to the eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.driving.junctions import junction_fillings
from envs.driving.mesh_builder import MeshBuilder, Painted, Surface
from envs.driving.paint import LENGTH, MIDDLE, PAINT, STRIP, painted_line
from envs.driving.shapes import UNPAVED, Frame, SectionShape, frame, lane_borders, stations
from envs.render.labels import Label
from envs.render.scene import Mesh
from envs.road.geometry import Array
from envs.road.lanes import MarkRange, mark_ranges
from envs.road.network import RoadNetwork
from envs.road.road import LaneSection, MarkLine, Road

_SHORTEST_PERIOD = 2.0
"""Metres; a line with a shorter dash and gap (Botts' dots) is laid over the road instead of cutting it up."""
_KERB_WIDTH = 0.15
_JUNCTION_PAINT_LIFT = 8
"""Steps towards the eye of paint inside junctions, where the asphalt of other roads lies in the same plane."""
_DOT_LIFT = 8
_DOT_HEIGHT = 0.02
"""Metres; Botts' dots are domes of two centimetres."""


# Shoulders are asphalt like the lanes beside them: one strip across both costs half as much to draw as two.
_ASPHALT = Surface("asphalt", (255, 255, 255), Label.ROADS)
_SURFACES: dict[str, Surface] = {
    "parking": Surface("asphalt", (226, 226, 230), Label.ROADS),
    "biking": Surface("asphalt", (255, 196, 178), Label.ROADS),
    "sidewalk": Surface("paving", (255, 255, 255), Label.SIDEWALKS),
    "walking": Surface("paving", (255, 255, 255), Label.SIDEWALKS),
    "curb": Surface("concrete", (255, 255, 255), Label.SIDEWALKS),
}
_KERB = Surface(None, (198, 196, 190), Label.SIDEWALKS)


class _Line(NamedTuple):
    """A painted line, or a kerb, over the whole interval: edges against its border, metres (left > right)."""

    left: float
    """Edges of the strip that is drawn."""
    right: float
    paint: tuple[float, float]
    """Edges of the paint on it."""
    surface: Surface
    dash: tuple[float, float, float] | None
    """(start of the first dash, length, period) in metres along the road; None = solid."""

    def on(self, middles: Array) -> NDArray[np.bool_]:
        """Whether there is paint at arc lengths ``middles``."""
        if self.dash is None:
            return np.ones(len(middles), dtype=bool)
        start, length, period = self.dash
        return np.asarray(np.mod(middles - start, period) < length)

    def uv(self, s: Array) -> Array | None:
        """(2, K, 2) texture coordinates of the strip's edges at arc lengths ``s``; None where it has no picture."""
        if not isinstance(self.surface.texture, Painted):
            return None
        middle, width = 0.5 * (self.paint[0] + self.paint[1]), self.paint[0] - self.paint[1]
        across = MIDDLE - (np.array((self.left, self.right)) - middle) / (STRIP * width)
        return np.stack(np.broadcast_arrays(across[:, None], s / LENGTH), -1)


def road_meshes(network: RoadNetwork, shapes: Sequence[SectionShape]) -> list[Mesh]:
    """Asphalt, paint, kerbs and pavements of all roads of the map; vertices lie on the map's surface (metres).

    ``shapes`` are the `network_shapes` of the same map.
    """
    builder = MeshBuilder()
    for road in network.roads.values():
        for section in range(len(road.lane_sections)):
            _add_section(builder, road, section)
    junction_fillings(shapes, builder, _ASPHALT)
    return builder.meshes()


def _add_section(builder: MeshBuilder, road: Road, section: int) -> None:
    here = road.lane_sections[section]
    marks = {lane: mark_ranges(road, section, lane) for lane in here.ids}
    cuts = {here.start, here.end}
    for ranges in marks.values():
        for mark in ranges:
            cuts |= {mark.start, mark.end}
    ordered = sorted(cuts)
    for low, high in pairwise(ordered):
        if high - low > 1e-3:
            _add_interval(builder, road, section, low, high, marks)


def _add_interval(
    builder: MeshBuilder, road: Road, section: int, low: float, high: float, marks: dict[int, tuple[MarkRange, ...]]
) -> None:
    """The surface between two arc lengths over which no mark begins or ends."""
    here = road.lane_sections[section]
    lifted = _JUNCTION_PAINT_LIFT if road.junction is not None else 0
    lines: dict[int, list[_Line]] = {}
    dots: list[tuple[int, MarkRange, MarkLine]] = []
    for lane, ranges in marks.items():
        for mark in ranges:
            if mark.start < 0.5 * (low + high) < mark.end:
                lines[lane] = _lines(mark, lifted)
                dots += [(lane, mark, line) for line in mark.lines if _dotted(line)]
    forced = [np.array((low, high))]
    forced += [_dash_ends(line, low, high) for group in lines.values() for line in group]
    s = stations(road, section, np.unique(np.concatenate(forced)))
    axis = frame(road, s)
    ids = here.ids if 0 in here.lanes else tuple(sorted((*here.ids, 0), reverse=True))
    borders = lane_borders(road, section, s)
    columns = _columns(road, section, ids, borders, s, lines)
    t = np.minimum.accumulate(np.stack([column.t for column in columns]), axis=0)
    grid = axis.points(t, np.stack([column.lift for column in columns]))
    middles = 0.5 * (s[1:] + s[:-1])
    for number, column in enumerate(columns[:-1]):
        pair = grid[number : number + 2]
        if column.line is not None:
            paint = column.line.on(middles)
            builder.add_grid(column.line.surface, pair, paint[None], uv=column.line.uv(s))
            if column.surface is not None and not paint.all():
                builder.add_grid(column.surface, pair, ~paint[None])
        elif column.surface is not None:
            builder.add_grid(column.surface, pair)
    for lane, mark, dot in dots:
        _add_dots(builder, road, section, lane, mark, dot, low, high)


class _Column(NamedTuple):
    """One line along the road, and what lies between it and the next one to the right."""

    t: Array
    lift: Array
    surface: Surface | None
    line: _Line | None


def _columns(
    road: Road, section: int, ids: tuple[int, ...], borders: Array, s: Array, lines: dict[int, list[_Line]]
) -> list[_Column]:
    """All strips of the cross-section from left to right, each given by its left edge; the last column has none."""
    here = road.lane_sections[section]
    # The lane left of border i is lanes[i - 1], the lane right of it lanes[i]; beyond the outermost there is none.
    lanes = [lane for lane in ids if lane != 0]
    surfaces = [_lane_surface(here.lanes[lane].type) for lane in lanes]
    columns: list[_Column] = []
    for number, border_id in enumerate(ids):
        t = borders[number]
        left_lane = lanes[number - 1] if number else None
        right_lane = lanes[number] if number < len(lanes) else None
        left_lift = _height(road, section, left_lane, right_lane, s)
        right_lift = _height(road, section, right_lane, left_lane, s)
        left_surface = surfaces[number - 1] if number else None
        right_surface = surfaces[number] if number < len(lanes) else None
        group = sorted(lines.get(border_id, ()), key=lambda line: -line.left)
        edge_done = False
        for position, line in enumerate(group):
            if not edge_done and line.left <= 0.0:  # the border itself lies left of this line
                columns.append(_Column(t, left_lift, right_surface, None))
                edge_done = True
            under = left_surface if line.left + line.right > 0 else right_surface
            under = under or left_surface or right_surface
            columns.append(_Column(t + line.left, right_lift if edge_done else left_lift, under, line))
            edge_done = edge_done or line.right < 0.0
            after = right_surface if edge_done else left_surface
            if position + 1 < len(group) and group[position + 1].left >= line.right - 1e-9:
                continue  # the next line follows at once
            columns.append(_Column(t + line.right, right_lift if edge_done else left_lift, after, None))
        if not edge_done:
            kerb = _KERB if np.any(np.abs(left_lift - right_lift) > 1e-3) else None
            if kerb is not None:
                columns.append(_Column(t, left_lift, kerb, None))
            if kerb is None and number and columns and left_surface == right_surface and not _uneven(here, lanes):
                continue  # nothing changes here: the strip goes on
            columns.append(_Column(t, right_lift, right_surface, None))
    return columns


def _uneven(section: LaneSection, lanes: list[int]) -> bool:
    """Whether any lane is raised above the road surface."""
    return any(section.lanes[lane].height for lane in lanes)


def _lane_surface(kind: str) -> Surface | None:
    return None if kind in UNPAVED else _SURFACES.get(kind, _ASPHALT)


def _height(road: Road, section: int, lane: int | None, other: int | None, s: Array) -> Array:
    """Height of ``lane`` at the border towards ``other``; a lane that is not there is as high as the other."""
    if lane is None:
        lane, other = other, lane
    if lane is None:
        return np.zeros_like(s)
    # The border is the lane's inner one when the lane across it lies nearer to the centre line, or beyond it.
    inner = other is not None and (abs(other) < abs(lane) or other * lane < 0)
    return road.height(section, lane, s, not inner)


def _lines(mark: MarkRange, lift: int) -> list[_Line]:
    """The strips of a mark from left to right; short dashes are left to `_add_dots`."""
    if mark.type == "curb":
        half = 0.5 * (mark.width or _KERB_WIDTH)
        return [_Line(half, -half, (half, -half), _KERB, None)]
    surface = Surface(painted_line(mark.colour), (255, 255, 255), Label.ROADS, lift)
    painted = [line for line in mark.lines if line.width > 0.0 and not _dotted(line)]
    painted.sort(key=lambda line: -line.offset)
    found: list[_Line] = []
    for number, line in enumerate(painted):
        left, right = line.offset + 0.5 * line.width, line.offset - 0.5 * line.width
        above = painted[number - 1] if number else None
        below = painted[number + 1] if number + 1 < len(painted) else None
        # Strips of neighbouring lines meet half way between them.
        room_left = 0.5 * (above.offset - 0.5 * above.width - left) if above else np.inf
        room_right = 0.5 * (right - below.offset - 0.5 * below.width) if below else np.inf
        margin_left, margin_right = (STRIP * MIDDLE - 0.5) * line.width, (STRIP * (1.0 - MIDDLE) - 0.5) * line.width
        strip = left + max(0.0, min(margin_left, room_left)), right - max(0.0, min(margin_right, room_right))
        dash = (mark.start + line.s_offset, line.length, line.length + line.space) if _broken(line) else None
        found.append(_Line(*strip, (left, right), surface, dash))
    return found


def _broken(line: MarkLine) -> bool:
    return line.space > 0.0 and line.length > 0.0


def _dotted(line: MarkLine) -> bool:
    return _broken(line) and line.length + line.space < _SHORTEST_PERIOD


def _dash_ends(line: _Line, low: float, high: float) -> Array:
    if line.dash is None:
        return np.zeros(0)
    start, length, period = line.dash
    begins = start + period * np.arange(np.floor((low - start) / period), np.ceil((high - start) / period) + 1)
    ends = np.concatenate((begins, begins + length))
    return ends[(ends > low + 0.02) & (ends < high - 0.02)]


def _add_dots(
    builder: MeshBuilder, road: Road, section: int, lane: int, mark: MarkRange, line: MarkLine, low: float, high: float
) -> None:
    """Botts' dots and other very short dashes: single quads as high above the surface as the dots are."""
    period = line.length + line.space
    start = mark.start + line.s_offset
    last = np.floor((high - line.length - start) / period)
    begins = start + period * np.arange(np.ceil((low - start) / period), last + 1)
    if not len(begins):
        return
    s = np.stack((begins, begins + line.length), 1).ravel()
    axis: Frame = frame(road, s)
    t = road.border(section, lane, s).value + line.offset
    surface = Surface(None, PAINT.get(mark.colour, PAINT["white"]), Label.ROAD_LINES, _DOT_LIFT)
    half = 0.5 * line.width
    grid = axis.points(np.stack((t + half, t - half)), _DOT_HEIGHT)
    builder.add_grid(surface, grid, (np.arange(len(s) - 1) % 2 == 0)[None])
