"""Where things may stand: the land with its roads, and what of it is taken already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from envs.driving.ground import DistanceGrid
from envs.driving.shapes import SectionShape
from envs.driving.terrain import Terrain
from envs.driving.themes import Theme
from envs.road.geometry import Array

CLEARANCE = 2.0
"""Metres that everything keeps from every driving lane."""


@dataclass(frozen=True, eq=False)
class Kerbline:
    """One edge of a road outside junctions, at stations about 2.5 m apart, in order of growing s; arrays (K,).

    Args:
        road: OpenDRIVE id.
        side: 1 = left of the road, -1 = right.
        s, x, y, z: the edge of the pavement, metres.
        out_x, out_y: unit vector away from the road.
        verge: metres from the edge outwards where `CLEARANCE` from the driving lanes begins (<= 0: at once).
        bend: curvature of the road, 1/m, positive when it bends towards this side.
    """

    road: str
    side: int
    s: Array
    x: Array
    y: Array
    z: Array
    out_x: Array
    out_y: Array
    verge: Array
    bend: Array

    @property
    def length(self) -> float:
        """Metres along the road."""
        return float(self.s[-1] - self.s[0])

    def at(self, s: Array) -> Kerbline:
        """The same line at other places, interpolated."""
        known = (self.x, self.y, self.z, self.out_x, self.out_y, self.verge, self.bend)
        return Kerbline(self.road, self.side, s, *(np.interp(s, self.s, values) for values in known))

    def heading(self) -> Array:
        """Direction of growing s, radians: a quarter turn from the outward normal."""
        return np.arctan2(-self.side * self.out_x, self.side * self.out_y)

    def inward(self) -> Array:
        """Direction towards the road, radians."""
        return np.arctan2(-self.out_y, -self.out_x)


def kerblines(shapes: Sequence[SectionShape]) -> list[Kerbline]:
    """Both edges of every road that is not part of a junction."""
    roads: dict[str, list[SectionShape]] = {}
    for shape in shapes:
        if shape.junction is None and shape.span("paved") is not None:
            roads.setdefault(shape.road, []).append(shape)
    return [_kerbline(road, parts, side) for road, parts in roads.items() for side in (1, -1)]


def _kerbline(road: str, parts: list[SectionShape], side: int) -> Kerbline:
    columns = []
    for part in parts:
        paved, driving = part.span("paved"), part.span("driving")
        edge = part.t[paved[0] if side > 0 else paved[1]] if paved else part.t[0]
        lane = part.t[driving[0] if side > 0 else driving[1]] if driving else edge
        at = part.frame.points(edge)
        verge = CLEARANCE - side * (edge - lane)
        out = side * part.frame.left_x, side * part.frame.left_y
        columns.append(np.stack((part.frame.s, *at.T, *out, verge, side * part.frame.curvature)))
    return Kerbline(road, side, *np.concatenate(columns, axis=1))


@dataclass(frozen=True, eq=False)
class Site:
    """The land that is to be furnished.

    Args:
        shapes: the lanes of the map.
        terrain: the land.
        paved, driving: distances to the nearest pavement and driving lane.
        theme: what the land looks like.
        seed: of everything that is drawn.
    """

    shapes: Sequence[SectionShape]
    terrain: Terrain
    paved: DistanceGrid
    driving: DistanceGrid
    theme: Theme
    seed: int

    @cached_property
    def kerblines(self) -> list[Kerbline]:
        """The edges of the roads."""
        return kerblines(self.shapes)

    @cached_property
    def _segments(self) -> tuple[Array, Array]:
        """Starts and ends (S, 2) of the outlines of all driving lanes."""
        starts, ends = [np.zeros((0, 2))], [np.zeros((0, 2))]
        for shape in self.shapes:
            for outline in shape.outlines("driving"):
                starts.append(outline)
                ends.append(np.roll(outline, -1, axis=0))
        return np.concatenate(starts), np.concatenate(ends)

    def clear(self, x: Array, y: Array, radius: Array | float) -> NDArray[np.bool_]:
        """Whether circles (N,) keep `CLEARANCE` metres from every driving lane; exact."""
        needed = np.broadcast_to(CLEARANCE + np.asarray(radius, dtype=np.float64), x.shape)
        distance = self.driving(x, y)
        error = 1.5 * self.driving.cell
        result = distance > needed
        for number in np.flatnonzero(np.abs(distance - needed) < error):
            # Only the few near the limit are worth an exact answer; inside a lane the grid says 0.
            result[number] = distance[number] > 0.0 and self._outline_distance(
                float(x[number]), float(y[number]), float(needed[number])
            )
        return result

    def _outline_distance(self, x: float, y: float, needed: float) -> bool:
        starts, ends = self._segments
        reach = needed + 30.0
        near = (np.abs(starts[:, 0] - x) < reach) & (np.abs(starts[:, 1] - y) < reach)
        a, b = starts[near], ends[near]
        along = b - a
        length = np.maximum((along**2).sum(1), 1e-12)
        share = np.clip(((np.array((x, y)) - a) * along).sum(1) / length, 0.0, 1.0)
        foot = a + share[:, None] * along
        return bool(np.all((foot[:, 0] - x) ** 2 + (foot[:, 1] - y) ** 2 >= needed * needed))


class Taken:
    """Circles that are built upon, so that nothing else is put there."""

    def __init__(self) -> None:
        self._circles: list[tuple[float, float, float]] = []

    def add(self, circles: Iterable[tuple[float, float, float]]) -> None:
        """x, y, radius in metres."""
        self._circles.extend(circles)

    def free(self, x: Array, y: Array, radius: Array | float) -> NDArray[np.bool_]:
        """Whether circles (N,) touch none of those that are taken."""
        cx, cy, cr = np.array(self._circles, dtype=np.float64).reshape(-1, 3).T
        radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), x.shape)[:, None]
        apart = (x[:, None] - cx) ** 2 + (y[:, None] - cy) ** 2 > (radii + cr) ** 2
        return np.asarray(apart.all(axis=1))
