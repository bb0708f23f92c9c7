"""How much room props take at each height: stacks of upright cylinders around the triangles that are drawn.

Collisions use the triangles themselves (`envs.drone.world`). Distances to obstacles, for experts and metrics, use
these cylinders: they contain the triangles, so what is free of them is free, and they cost next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.render.props import footprint, prop
from envs.render.scene import Instance

Array = npt.NDArray[np.float64]

_SLICES = (0.0, 0.8, 1.6, 2.4, 3.2, 4.5, 8.0, 30.0)
"""Heights between the cylinders, metres at scale 1; fine where drones fly."""


class Cylinders(NamedTuple):
    """Upright cylinders, arrays (N,), metres."""

    x: Array
    y: Array
    radius: Array
    low: Array
    high: Array

    def clearance(self, x: float, y: float, z: float) -> float:
        """Metres from a point to the nearest of them, 0 inside; inf when there is none."""
        if not len(self.x):
            return float("inf")
        flat = np.maximum(np.hypot(self.x - x, self.y - y) - self.radius, 0.0)
        tall = np.maximum(np.maximum(self.low - z, z - self.high), 0.0)
        return float(np.sqrt((flat * flat + tall * tall).min()))

    def blocks(self, start: Array, end: Array, margin: float) -> bool:
        """Whether any of them, grown by ``margin`` metres, comes between two points (3,)."""
        way = end[:2] - start[:2]
        share = ((self.x - start[0]) * way[0] + (self.y - start[1]) * way[1]) / max(float(way @ way), 1e-9)
        share = np.clip(share, 0.0, 1.0)
        apart = np.hypot(start[0] + share * way[0] - self.x, start[1] + share * way[1] - self.y)
        low, high = min(start[2], end[2]) - margin, max(start[2], end[2]) + margin
        return bool(((apart < self.radius + margin) & (self.low < high) & (self.high > low)).any())


class Surroundings:
    """The cylinders around a drone: how near they are, and how far the way is free; both in one go.

    Most calls look at a few dozen cylinders only: those that were near when the drone was last somewhere else. This
    changes no result.

    Args:
        cylinders: all of them.
        directions: (K,) rad from the nose, + left: of the ways.
        reach: the most that a way is said to be free, m.
        margin: by how much the cylinders are grown for the ways, m.
        tall: only those that are not farther above or below are in the way, m.
    """

    def __init__(self, cylinders: Cylinders, directions: Array, reach: float, margin: float, tall: float) -> None:
        self._all, self._reach, self._margin, self._tall = cylinders, reach, margin, tall
        # Of a point p ahead + i left, p x fan is the same along and aside of each direction.
        self._fan = np.exp(-1j * np.asarray(directions))[:, None]
        self._sure = reach + margin + 2.0
        self._anchor: complex | None = None

    def measure(self, x: float, y: float, z: float, heading: float) -> tuple[float, Array]:
        """Metres from a point to the nearest cylinder or the ground, 0 inside; and how far each way is free, (K,).

        Args:
            x, y, z: where, metres.
            heading: of the nose, rad.
        """
        here = complex(x, y)
        if self._anchor is None or abs(here - self._anchor) > _SLACK:
            self._gather(here)
        apart = self._middles - here
        flat = np.abs(apart) - self._radius
        tall = np.maximum(self._low - z, z - self._high)
        nearest = z
        if len(flat):
            nearest = float(np.hypot(np.maximum(flat, 0.0), np.maximum(tall, 0.0)).min())
        if nearest > self._sure and z > self._sure:
            nearest = self._all.clearance(x, y, z)
        clearance = max(0.0, min(nearest, z))
        close = np.flatnonzero((flat < self._reach + self._margin) & (tall < self._tall))
        if not len(close):
            return clearance, np.full(len(self._fan), self._reach)
        seen = self._fan * (apart[close] * complex(math.cos(heading), -math.sin(heading)))
        along, aside = seen.real, seen.imag
        half = self._grown[close] - aside * aside
        hits = (half > 0.0) & (along > 0.0)
        enters = np.where(hits, along - np.sqrt(np.maximum(half, 0.0)), self._reach)
        return clearance, np.maximum(enters.min(axis=1, initial=self._reach), 0.0)

    def _gather(self, here: complex) -> None:
        cylinders = self._all
        flat = np.hypot(cylinders.x - here.real, cylinders.y - here.imag) - cylinders.radius
        near = flat < self._sure + _SLACK
        self._anchor = here
        self._middles = cylinders.x[near] + 1j * cylinders.y[near]
        self._radius, self._low, self._high = cylinders.radius[near], cylinders.low[near], cylinders.high[near]
        self._grown = (self._radius + self._margin) ** 2


_SLACK = 3.0
# Metres that a drone flies before its cylinders are gathered anew.


def solid(kind: str) -> bool:
    """Whether one can run into it: grass is not solid."""
    return bool(footprint(kind))


@cache
def _stack(kind: str, variant: int) -> tuple[tuple[float, float, float], ...]:
    """(radius, low, high) of the slices of a prop at scale 1, around its own origin."""
    model = prop(kind, variant).near
    corners = model.vertices[model.triangles]
    reach = np.hypot(corners[..., 0], corners[..., 1]).max(axis=1)
    bottom, top = corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)
    found = []
    for low, high in pairwise(_SLICES):
        inside = (bottom < high) & (top > low)
        if inside.any():
            ends = max(low, float(bottom[inside].min())), min(high, float(top[inside].max()))
            found.append((float(reach[inside].max()), *ends))
    return tuple(found)


def _walls(kind: str) -> float:
    model = prop(kind, 0).near
    return float(model.vertices[:, 2].max())


def hulls(instances: Sequence[Instance], houses: frozenset[str]) -> Cylinders:
    """Cylinders around all solid props; those in ``houses`` (kinds) as rows of circles along their walls."""
    rows: list[tuple[float, float, float, float, float]] = []
    for item in instances:
        if not solid(item.kind):
            continue
        x, y, z = item.position
        sx, sy, sz = item.scale if isinstance(item.scale, tuple) else (item.scale,) * 3
        if item.kind in houses:
            cosine, sine = np.cos(item.yaw), np.sin(item.yaw)
            for fx, fy, radius in footprint(item.kind):
                px, py = fx * sx, fy * sy
                place = x + cosine * px - sine * py, y + sine * px + cosine * py
                # Roofs overhang the walls by less than this.
                rows.append((*place, radius * max(sx, sy) + 0.6, z, z + sz * _walls(item.kind)))
        else:
            rows += [(x, y, r * max(sx, sy), z + sz * a, z + sz * b) for r, a, b in _stack(item.kind, item.variant)]
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Cylinders(*(np.ascontiguousarray(column) for column in table.T))
