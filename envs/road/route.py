"""A route: the centre of a chain of lanes as a smooth curve by arc length, fast enough for a closed loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from envs.road.geometry import Array

_Terms = tuple[float, ...]
_WALK = 8
"""Segments that a projection walks from its hint before it searches instead; a car moves two or three a step."""
_WINDOW = 200
"""Samples either side of the hint in which it then searches first."""


class Projection(NamedTuple):
    """The foot of a point on a route; plain floats."""

    s: float
    """Metres along the route."""
    cross_track: float
    """Metres, positive left of the lane centre."""
    heading: float
    """Of the lane centre at the foot, radians, not wrapped."""
    curvature: float
    slope: float
    half_width: float
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody misses here
    """Hint for the next projection."""


@dataclass(frozen=True, eq=False)
class RoutePoints:
    """Samples of a route at equal arc-length steps, every array (N,)."""

    s: Array
    x: Array
    y: Array
    z: Array
    heading: Array
    """Continuous (unwrapped)."""
    curvature: Array
    slope: Array
    """dz/ds."""
    half_width: Array


class Route:
    """A drivable line of ``length`` metres. Built by :func:`envs.road.plan_route`.

    ``points`` may reach beyond ``length``: the run-out, over which the road goes on behind the finish, so that what
    lies ahead is right up to the end. The arrays ``s, x, y, z, heading, curvature, slope, half_width`` (N,) cover
    the route without run-out. Between samples the curve is a parabola with the samples' headings at its ends and
    the heading is linear (for circular arcs exact to (step/radius)^4).
    """

    def __init__(self, points: RoutePoints, length: float, closed: bool, lanes: tuple[tuple[str, int, float], ...]):
        self.length = length
        self.closed = closed
        """True when the lane chain returns to its start within the route."""
        self.lanes = lanes
        """(road id, lane id, route s at which it is entered), in driving order."""
        count = int(np.searchsorted(points.s, length + 1e-6, side="right"))
        self.s = points.s[:count]
        self.x = points.x[:count]
        self.y = points.y[:count]
        self.z = points.z[:count]
        self.heading = points.heading[:count]
        self.curvature = points.curvature[:count]
        self.slope = points.slope[:count]
        self.half_width = points.half_width[:count]
        self._points = points
        self._step = float(points.s[1] - points.s[0])
        self._last = len(points.s) - 2
        self._end = float(len(points.s) - 1)
        self._per_metre = 1.0 / self._step
        self._nodes, self._segments = _segments(points)
        self._powers = _powers(points)

    def project(self, x: float, y: float, hint: int = -1) -> Projection:
        """The perpendicular foot of (x, y) on the route.

        With the ``index`` of the previous projection as ``hint`` only the neighbourhood is looked at, so that a route
        may cross itself or go round several times; without (-1) the nearest point of the whole route is taken. Points
        before the start or behind the run-out are measured against the tangent there.
        """
        if 0 <= hint <= self._last:
            foot = self._foot(x, y, hint)
            return self._searched(x, y, hint) if foot is None else foot
        return self._searched(x, y, -1)

    def _foot(self, x: float, y: float, i: int) -> Projection | None:
        """The foot within a few segments of ``i``; None when it is not there."""
        nodes = self._nodes
        last = self._last
        walked = 0
        nx, ny, cos, sin = nodes[i]
        a = (x - nx) * cos + (y - ny) * sin
        if a < 0.0:
            b = a
            while a < 0.0:
                if i == 0:
                    return self._outside(x, y, 0, a)
                if walked == _WALK:
                    return None
                i -= 1
                walked += 1
                b = a
                nx, ny, cos, sin = nodes[i]
                a = (x - nx) * cos + (y - ny) * sin
        else:
            while True:
                nx, ny, cos, sin = nodes[i + 1]
                b = (x - nx) * cos + (y - ny) * sin
                if b < 0.0:
                    break
                if i == last:
                    return self._outside(x, y, last + 1, b)
                if walked == _WALK:
                    return None
                i += 1
                walked += 1
                a = b
        # a >= 0 > b are the distances along the tangents at both ends: on an arc the normal at u = a / (a - b) meets
        # the point (up to the fourth order of the turn)
        u = a / (a - b)
        sx, sy, dx, dy, bx, by, h, dh, k, dk, g, dg, w, dw = self._segments[i]
        heading = h + u * dh
        bow = u * (1.0 - u)
        cross = (y - sy - u * dy - bow * by) * math.cos(heading) - (x - sx - u * dx - bow * bx) * math.sin(heading)
        return Projection((i + u) * self._step, cross, heading, k + u * dk, g + u * dg, w + u * dw, i)

    def position(self, s: float) -> tuple[float, float, float, float]:
        """(x, y, z, heading) of the lane centre at ``s``; heading is not wrapped. Ends at the ends of the run-out."""
        i, u = self._locate(s)
        points = self._points
        sx, sy, dx, dy, bx, by, h, dh, _, _, _, dg, _, _ = self._segments[i]
        bow = u * (1.0 - u)
        z0, z1 = float(points.z[i]), float(points.z[i + 1])
        z = z0 + u * (z1 - z0) - 0.5 * bow * dg * self._step
        return sx + u * dx + bow * bx, sy + u * dy + bow * by, z, h + u * dh

    def curvature_at(self, s: float) -> float:
        """Curvature (1/m) of the lane centre at ``s``, positive to the left."""
        i, u = self._locate(s)
        return self._segments[i][8] + u * self._segments[i][9]

    def half_width_at(self, s: float) -> float:
        """Half the lane's width at ``s``, metres."""
        i, u = self._locate(s)
        return self._segments[i][12] + u * self._segments[i][13]

    def ahead(self, s: float, distances: Array) -> tuple[Array, Array, Array]:
        """(x, y, curvature), each (K,), of the lane centre at ``s + distances`` metres along the route.

        Behind the route's end follows the road as it goes on (at most 100 m), where it ends a straight line; what
        reaches further stays at its last point.
        """
        place: Array = s + distances
        place *= self._per_metre
        np.minimum(place, self._end, out=place)
        index = place.astype(np.intp)
        place -= index
        start, linear, out = self._powers.take(index, axis=2)
        out *= place
        out += linear
        out *= place
        out += start
        return out[0], out[1], out[2]

    def _locate(self, s: float) -> tuple[int, float]:
        place = min(max(s / self._step, 0.0), self._last + 1.0)
        i = min(int(place), self._last)
        return i, place - i

    def _nearest(self, x: float, y: float, start: int, stop: int) -> int:
        points = self._points
        distance = (points.x[start : stop + 1] - x) ** 2 + (points.y[start : stop + 1] - y) ** 2
        return min(start + int(np.argmin(distance)), self._last)

    def _searched(self, x: float, y: float, hint: int) -> Projection:
        """The foot at the nearest sample, looked for around the hint first and then, or without hint, everywhere."""
        low, high = max(hint - _WINDOW, 0), min(hint + _WINDOW, self._last + 1)
        i = self._nearest(x, y, low, high) if hint >= 0 else low
        if hint < 0 or i in (low, high - 1, high):
            # at the window's edge it may get nearer beyond
            i = self._nearest(x, y, 0, self._last + 1)
        foot = self._foot(x, y, i)
        if foot is not None:
            return foot
        # beyond the centre of a curve no normal near the nearest sample meets the point: measure to the sample
        nx, ny, cos, sin = self._nodes[i]
        cross = math.copysign(math.hypot(x - nx, y - ny), (y - ny) * cos - (x - nx) * sin)
        _, _, _, _, _, _, h, _, k, _, g, _, w, _ = self._segments[i]
        return Projection(i * self._step, cross, h, k, g, w, i)

    def _outside(self, x: float, y: float, node: int, along: float) -> Projection:
        nx, ny, cos, sin = self._nodes[node]
        i = min(node, self._last)
        end = 1.0 if node > self._last else 0.0
        _, _, _, _, _, _, h, dh, k, dk, g, dg, w, dw = self._segments[i]
        cross = (y - ny) * cos - (x - nx) * sin
        s = node * self._step + along
        return Projection(s, cross, h + end * dh, k + end * dk, g + end * dg, w + end * dw, i)


def _bows(points: RoutePoints) -> tuple[Array, Array, Array, Array]:
    """Chord and bow of each segment: C(u) = start + u chord + u (1 - u) bow has the samples' tangents at its ends."""
    dx, dy = np.diff(points.x), np.diff(points.y)
    half = 0.5 * np.hypot(dx, dy)
    return dx, dy, -half * np.diff(np.cos(points.heading)), -half * np.diff(np.sin(points.heading))


def _segments(points: RoutePoints) -> tuple[list[_Terms], list[_Terms]]:
    """Rows of plain floats: per sample (x, y, cos, sin), per segment what :meth:`Route.project` interpolates."""
    nodes = np.stack([points.x, points.y, np.cos(points.heading), np.sin(points.heading)], axis=1)
    columns = [points.x[:-1], points.y[:-1], *_bows(points)]
    for values in (points.heading, points.curvature, points.slope, points.half_width):
        columns += [values[:-1], np.diff(values)]
    return [tuple(row) for row in nodes.tolist()], [tuple(row) for row in np.stack(columns, axis=1).tolist()]


def _powers(points: RoutePoints) -> Array:
    """(3, 3, N): coefficients of 1, u, u^2 for x, y, curvature; the last sample stands still."""
    dx, dy, bx, by = _bows(points)
    table = np.zeros((3, 3, len(points.s)))
    table[0] = points.x, points.y, points.curvature
    table[1, :, :-1] = dx + bx, dy + by, np.diff(points.curvature)
    table[2, :2, :-1] = -bx, -by
    return table
