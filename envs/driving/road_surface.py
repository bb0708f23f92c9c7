"""The surface of the roads as triangles: asphalt, paint, kerbs, pavements, for any OpenDRIVE map.

Paint that lies on asphalt flickers in a z-buffer, so it does not lie *on* the road: the cross-section is cut on both
sides of every painted line into strips (asphalt | line | asphalt ...) that share their edges. All strips of a
cross-section have the same stations, so that no crack opens between them.

Where roads overlap (inside junctions) they lie in one plane, and a texture that is laid out over the world instead of
along the road makes it invisible which of them is drawn; their paint is drawn a little nearer to the eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from envs.driving.junctions import junction_fillings
from envs.driving.mesh_builder import MeshBuilder, Surface
from envs.driving.paint import MIDDLE, STRIP, Brush, PaintBox
from envs.driving.shapes import UNPAVED, SectionShape, frame, lane_borders, stations
from envs.render.labels import Label
from envs.render.scene import Mesh
from envs.road.geometry import Array
from envs.road.lanes import MarkRange, mark_ranges
from envs.road.network import RoadNetwork
from envs.road.road import LaneSection, Road

_KERB_WIDTH = 0.15
_JUNCTION_PAINT_LIFT = 8
"""Steps towards the eye of paint inside junctions, where the asphalt of other roads lies in the same plane."""

# Shoulders are asphalt like the lanes beside them: one strip across both costs half as much to draw as two.
_ASPHALT = Surface("asphalt", (255, 255, 255), Label.ROADS)
_SURFACES: dict[str, Surface] = {
    "parking": Surface("asphalt", (226, 226, 230), Label.ROADS),
    "biking": Surface("asphalt", (255, 196, 178), Label.ROADS),
    "sidewalk": Surface("paving", (226, 224, 220), Label.SIDEWALKS),
    "walking": Surface("paving", (226, 224, 220), Label.SIDEWALKS),
    "curb": Surface("concrete", (255, 255, 255), Label.SIDEWALKS),
}
# Lighter than the pavement, but of its texture: one piece to draw less in every cell of a town.
_KERB = Surface("paving", (255, 255, 255), Label.SIDEWALKS)


class _Line(NamedTuple):
    """The strip of a painted line, or a kerb, over a whole interval; metres against its border (left > right)."""

    left: float
    right: float
    surface: Surface
    middle: float = 0.0
    """Where the paint's middle lies, and its ``width``."""
    width: float = 0.0
    brush: Brush | None = None
    start: float = 0.0
    """Metres along the road where a dash begins."""

    def uv(self, s: Array) -> Array | None:
        """(2, K, 2) texture coordinates of the strip's edges at arc lengths ``s``; None where it has no picture."""
        if self.brush is None:
            return None
        across = MIDDLE - (np.array(((self.left,), (self.right,))) - self.middle) / (STRIP * self.width)
        return self.brush.uv(across, s - self.start)


def road_meshes(network: RoadNetwork, shapes: Sequence[SectionShape]) -> list[Mesh]:
    """Asphalt, paint, kerbs and pavements of all roads of the map; vertices lie on the map's surface (metres).

    ``shapes`` are the `network_shapes` of the same map.
    """
    builder, paint = MeshBuilder(), PaintBox(network)
    for road in network.roads.values():
        for section in range(len(road.lane_sections)):
            _add_section(builder, paint, road, section)
    junction_fillings(shapes, builder, _ASPHALT)
    return builder.meshes()


def _add_section(builder: MeshBuilder, paint: PaintBox, road: Road, section: int) -> None:
    here = road.lane_sections[section]
    marks = {lane: mark_ranges(road, section, lane) for lane in here.ids}
    cuts = {here.start, here.end}
    for ranges in marks.values():
        for mark in ranges:
            cuts |= {mark.start, mark.end}
    ordered = sorted(cuts)
    lift = _JUNCTION_PAINT_LIFT if road.junction is not None else 0
    for low, high in pairwise(ordered):
        if high - low > 1e-3:
            lines = {}
            for lane, ranges in marks.items():
                for mark in ranges:
                    if mark.start < 0.5 * (low + high) < mark.end:
                        lines[lane] = _lines(paint, mark, lift)
            _add_interval(builder, road, section, np.array((low, high)), lines)


def _add_interval(builder: MeshBuilder, road: Road, section: int, ends: Array, lines: dict[int, list[_Line]]) -> None:
    """The surface between two arc lengths between which no mark begins or ends; ``lines`` by the border's lane id."""
    here = road.lane_sections[section]
    s = stations(road, section, ends)
    axis = frame(road, s)
    ids = here.ids if 0 in here.lanes else tuple(sorted((*here.ids, 0), reverse=True))
    columns = _columns(road, section, ids, lane_borders(road, section, s), s, lines)
    t = np.minimum.accumulate(np.stack([column.t for column in columns]), axis=0)
    grid = axis.points(t, np.stack([column.lift for column in columns]))
    for number, column in enumerate(columns[:-1]):
        pair = grid[number : number + 2]
        if column.line is not None:
            builder.add_grid(column.line.surface, pair, uv=column.line.uv(s))
        elif column.surface is not None:
            builder.add_grid(column.surface, pair)


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
            columns.append(_Column(t + line.left, right_lift if edge_done else left_lift, None, line))
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


def _lines(paint: PaintBox, mark: MarkRange, lift: int) -> list[_Line]:
    """The strips of a mark from left to right."""
    if mark.type == "curb":
        half = 0.5 * (mark.width or _KERB_WIDTH)
        return [_Line(half, -half, _KERB)]
    painted = sorted((line for line in mark.lines if line.width > 0.0), key=lambda line: -line.offset)
    found: list[_Line] = []
    for number, line in enumerate(painted):
        left, right = line.offset + 0.5 * line.width, line.offset - 0.5 * line.width
        above = painted[number - 1] if number else None
        below = painted[number + 1] if number + 1 < len(painted) else None
        # Strips of neighbouring lines meet half way between them.
        room_left = 0.5 * (above.offset - 0.5 * above.width - left) if above else np.inf
        room_right = 0.5 * (right - below.offset - 0.5 * below.width) if below else np.inf
        margin_left, margin_right = (STRIP * MIDDLE - 0.5) * line.width, (STRIP * (1.0 - MIDDLE) - 0.5) * line.width
        edges = left + max(0.0, min(margin_left, room_left)), right - max(0.0, min(margin_right, room_right))
        brush = paint.brush(mark.colour, line)
        surface = Surface(brush.painted, (255, 255, 255), Label.ROADS, lift)
        found.append(_Line(*edges, surface, line.offset, line.width, brush, mark.start + line.s_offset))
    return found
