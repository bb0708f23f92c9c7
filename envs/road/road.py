"""A road of the network as numbers: reference line, lane sections, lanes, marks, and where they lie in space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.road.geometry import Array, CubicPoint, Cubics, PlanView

DRIVABLE = frozenset(
    {"driving", "bidirectional", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "slipLane", "bus", "taxi"}
)
"""Lane types on which a route may run."""

# Functions of one lane section are never evaluated quite at its end: the lane offset may jump there by a whole lane
# when the lanes are numbered anew, and the jump belongs to the next section.
_END_MARGIN = 1e-9


@dataclass(frozen=True)
class MarkLine:
    """One painted line of a road mark. ``length`` and ``space`` in metres; space 0 is a solid line."""

    offset: float
    """Lateral place against the lane border, metres, positive to the left of the reference direction."""
    width: float
    length: float
    space: float
    s_offset: float = 0.0
    """Where the first dash starts, metres from the mark's start."""


@dataclass(frozen=True)
class RoadMark:
    """A mark on the outer border of a lane (centre lane: on the centre line), from ``s_offset`` in its section on."""

    s_offset: float
    type: str
    """OpenDRIVE's name: none, solid, broken, solid solid, solid broken, broken solid, broken broken, botts dots,
    grass, curb, edge, custom."""
    colour: str
    """OpenDRIVE's name: standard (= white), white, yellow, red, blue, green, orange."""
    width: float
    lines: tuple[MarkLine, ...]
    """What to paint; empty for none, curb and grass."""


@dataclass(frozen=True)
class Lane:
    """One lane of one lane section. Id 0 is the centre line, positive ids lie left, negative right."""

    id: int
    type: str
    width: Cubics
    height: tuple[tuple[float, float, float], ...]
    """Rows (s_offset, inner, outer): metres above the road surface, linear in between; empty = on the surface."""
    marks: tuple[RoadMark, ...]
    predecessor: int | None
    successor: int | None


@dataclass(frozen=True)
class LaneSection:
    """Lanes between ``start`` and ``end`` (metres along the road)."""

    start: float
    end: float
    lanes: dict[int, Lane]

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """Lane ids from left to right, 0 included."""
        return tuple(sorted(self.lanes, reverse=True))


@dataclass(frozen=True)
class RoadLink:
    """What lies before or behind a road: another road (then ``contact`` is start or end) or a junction."""

    kind: str
    id: str
    contact: str | None


class Reference(NamedTuple):
    """The reference line (without lane offset), every field (N,)."""

    x: Array
    y: Array
    z: Array
    heading: Array
    curvature: Array
    curvature_rate: Array
    slope: Array
    """dz/ds."""
    roll: Array
    """Superelevation, radians; positive = the left side is higher."""
    roll_rate: Array
    """d roll/ds, rad/m."""

    def point(self, t: Array | float, height: Array | float = 0.0) -> Array:
        """Points (N, 3), see :meth:`Road.point`."""
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        left, up = t * cos - height * sin, t * sin + height * cos
        return np.stack([self.x - left * np.sin(self.heading), self.y + left * np.cos(self.heading), self.z + up], -1)


class LanePath(NamedTuple):
    """The centre of a lane in the direction of growing s, every field (N,)."""

    x: Array
    y: Array
    z: Array
    heading: Array
    curvature: Array
    slope: Array
    """dz per metre of the lane's own path."""
    half_width: Array
    stretch: Array
    """Metres of lane centre per metre of reference line."""


@dataclass(frozen=True, eq=False)
class Road:
    """A road with its geometry; immutable, compared by identity."""

    id: str
    name: str
    length: float
    junction: str | None
    left_hand_traffic: bool
    predecessor: RoadLink | None
    successor: RoadLink | None
    plan: PlanView
    elevation: Cubics
    superelevation: Cubics
    lane_offset: Cubics
    lane_sections: tuple[LaneSection, ...]

    @cached_property
    def _section_starts(self) -> Array:
        return np.array([section.start for section in self.lane_sections])

    def section_at(self, s: float) -> int:
        """Index of the lane section that holds ``s`` (a border belongs to the section that starts there)."""
        index = int(np.searchsorted(self._section_starts, s, side="right")) - 1
        return min(max(index, 0), len(self.lane_sections) - 1)

    def forward(self, lane: int) -> bool:
        """True when traffic on ``lane`` runs towards growing s."""
        return (lane < 0) != self.left_hand_traffic

    def reference(self, s: npt.ArrayLike) -> Reference:
        """The reference line at ``s`` (N,) or a number (then N = 1)."""
        at = np.atleast_1d(np.asarray(s, dtype=np.float64))
        plan = self.plan(at)
        height = self.elevation(at)
        roll = self.superelevation(at)
        bend = (plan.heading, plan.curvature, plan.curvature_rate)
        return Reference(plan.x, plan.y, height.value, *bend, height.first, roll.value, roll.first)

    def point(self, s: npt.ArrayLike, t: Array | float, height: Array | float = 0.0) -> Array:
        """Points (N, 3) at ``t`` metres left of the reference line, ``height`` above the road surface.

        Superelevation turns the cross-section around the reference line.
        """
        return self.reference(s).point(t, height)

    def border(self, section: int, lane: int, s: Array) -> CubicPoint:
        """Lateral place t of the outer border of ``lane`` (0: the centre line) and its derivatives, (N,) each."""
        here = self.lane_sections[section]
        inside = np.minimum(s, here.end - _END_MARGIN)
        value, first, second = self.lane_offset(inside)
        side = 1 if lane > 0 else -1
        for number in range(side, lane + side, side) if lane else ():
            if number not in here.lanes:
                continue
            width = here.lanes[number].width(inside - here.start)
            value, first, second = value + side * width.value, first + side * width.first, second + side * width.second
        return CubicPoint(value, first, second)

    def borders(self, section: int, s: Array) -> dict[int, Array]:
        """Lateral place t (N,) of every lane's outer border in a section, 0 for the centre line, left to right."""
        here = self.lane_sections[section]
        inside = np.minimum(s, here.end - _END_MARGIN)
        centre = self.lane_offset(inside).value
        places = {0: centre}
        for side in (1, -1):
            place = centre
            for lane in sorted((lane for lane in here.lanes if lane * side > 0), key=abs):
                place = place + side * here.lanes[lane].width(inside - here.start).value
                places[lane] = place
        return dict(sorted(places.items(), reverse=True))

    def width(self, section: int, lane: int, s: Array) -> Array:
        """Width (N,) of ``lane`` in metres, never negative."""
        here = self.lane_sections[section]
        inside = np.minimum(s, here.end - _END_MARGIN) - here.start
        width: Array = np.maximum(here.lanes[lane].width(inside).value, 0.0)
        return width

    def centre(self, section: int, lane: int, s: Array) -> CubicPoint:
        """Lateral place t of the lane's centre and its derivatives, (N,) each."""
        if lane == 0:
            return self.border(section, 0, s)
        side = 1 if lane > 0 else -1
        inner = self.border(section, lane - side, s)
        here = self.lane_sections[section]
        width = here.lanes[lane].width(np.minimum(s, here.end - _END_MARGIN) - here.start)
        half = 0.5 * side
        return CubicPoint(*(place + half * extent for place, extent in zip(inner, width, strict=True)))

    def height(self, section: int, lane: int, s: Array, outer: bool) -> Array:
        """Height (N,) of the lane's inner or outer edge above the road surface (``<height>``), metres."""
        here = self.lane_sections[section]
        rows = here.lanes[lane].height if lane in here.lanes else ()
        if not rows:
            return np.zeros_like(s)
        table = np.array(rows)
        height: Array = np.interp(s - here.start, table[:, 0], table[:, 2 if outer else 1])
        return height

    def lane_path(self, section: int, lane: int, s: npt.ArrayLike) -> LanePath:
        """The centre of ``lane`` at ``s`` (N,), with its own heading and curvature.

        With T, N the reference frame, k its curvature and t(s) the lateral place: P' = (1 - k t) T + t' N and
        P'' = (-k' t - 2 k t') T + (k (1 - k t) + t'') N, from which heading and curvature follow exactly.
        """
        at = np.atleast_1d(np.asarray(s, dtype=np.float64))
        ref = self.reference(at)
        t, t1, t2 = self.centre(section, lane, at)
        cos_roll = np.cos(ref.roll)
        lift = 0.5 * (self.height(section, lane, at, False) + self.height(section, lane, at, True))
        flat, flat1, flat2 = t * cos_roll, t1 * cos_roll, t2 * cos_roll
        along = 1.0 - ref.curvature * flat
        stretch = np.maximum(np.hypot(along, flat1), 1e-9)
        curvature = (
            along * (ref.curvature * along + flat2) + flat1 * (ref.curvature_rate * flat + 2.0 * ref.curvature * flat1)
        ) / stretch**3
        sin_roll = np.sin(ref.roll)
        return LanePath(
            x=ref.x - flat * np.sin(ref.heading),
            y=ref.y + flat * np.cos(ref.heading),
            z=ref.z + t * sin_roll + lift * cos_roll,
            heading=ref.heading + np.arctan2(flat1, along),
            curvature=curvature,
            slope=(ref.slope + t1 * sin_roll + flat * ref.roll_rate) / stretch,
            half_width=0.5 * self.width(section, lane, at),
            stretch=stretch,
        )
