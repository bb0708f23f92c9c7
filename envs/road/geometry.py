"""The curves of OpenDRIVE: planar reference lines by arc length and piecewise cubics.

All functions are vectorised over arc length and work in float64. Headings are in radians, counter-clockwise from +x;
curvature is positive to the left. Source: ASAM OpenDRIVE 1.6, chapter 7 (geometries) and 8.4 (elevation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Gauss-Legendre with 8 nodes is exact to degree 15: over a panel that turns less than 0.5 rad the error of a
# position is far below a nanometre, so that spirals need no Fresnel series (and no scipy).
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES = (_NODES + 1.0) / 2.0
_WEIGHTS = _WEIGHTS / 2.0
_PANEL_TURN = 0.5


class PlanPoint(NamedTuple):
    """Planar curve samples, every field of shape (N,)."""

    x: Array
    y: Array
    heading: Array
    curvature: Array
    curvature_rate: Array
    """dk/ds, 1/m^2."""


class Curve(Protocol):
    """One planar curve in its own frame: starts at the origin heading along +x, measured by arc length from 0."""

    def local(self, s: Array) -> PlanPoint:
        """Samples at arc lengths ``s`` (N,)."""
        ...


@dataclass(frozen=True)
class Line:
    """A straight line."""

    def local(self, s: Array) -> PlanPoint:
        """See :class:`Curve`."""
        zero = np.zeros_like(s)
        return PlanPoint(s, zero, zero, zero, zero)


@dataclass(frozen=True)
class Arc:
    """A circular arc of constant ``curvature`` (1/m)."""

    curvature: float

    def local(self, s: Array) -> PlanPoint:
        """See :class:`Curve`."""
        # chord form: sinc has no cancellation however flat the arc is, unlike (1 - cos(ks)) / k
        half = 0.5 * self.curvature * s
        chord = s * np.sinc(half / math.pi)
        constant = np.full_like(s, self.curvature)
        return PlanPoint(chord * np.cos(half), chord * np.sin(half), 2.0 * half, constant, np.zeros_like(s))


@dataclass(frozen=True)
class Spiral:
    """A clothoid: curvature runs linearly from ``start`` to ``end`` (1/m) over ``length`` metres."""

    start: float
    end: float
    length: float

    @property
    def rate(self) -> float:
        """Change of curvature per metre."""
        return (self.end - self.start) / self.length

    @cached_property
    def _panels(self) -> tuple[Array, Array, Array]:
        turn = max(abs(self.start), abs(self.end)) * self.length
        edges = np.linspace(0.0, self.length, max(1, math.ceil(turn / _PANEL_TURN)) + 1)
        dx, dy = self._integral(edges[:-1], np.diff(edges))
        return edges[:-1], np.concatenate([[0.0], np.cumsum(dx)[:-1]]), np.concatenate([[0.0], np.cumsum(dy)[:-1]])

    def _heading(self, s: Array) -> Array:
        return s * (self.start + 0.5 * self.rate * s)

    def _integral(self, start: Array, extent: Array) -> tuple[Array, Array]:
        heading = self._heading(start[:, None] + extent[:, None] * _NODES)
        return extent * (np.cos(heading) @ _WEIGHTS), extent * (np.sin(heading) @ _WEIGHTS)

    def local(self, s: Array) -> PlanPoint:
        """See :class:`Curve`."""
        edges, x, y = self._panels
        panel = np.clip(np.searchsorted(edges, s, side="right") - 1, 0, len(edges) - 1)
        dx, dy = self._integral(edges[panel], s - edges[panel])
        rate = np.full_like(s, self.rate)
        return PlanPoint(x[panel] + dx, y[panel] + dy, self._heading(s), self.start + self.rate * s, rate)


@dataclass(frozen=True)
class ParametricCubic:
    """``u(p), v(p)`` cubic in p over [0, p_end]: paramPoly3, and poly3 with u(p) = p.

    The curve is walked by its true arc length, stretched so that ``length`` (the map's figure) is met at ``p_end``:
    a map whose length is rounded still has no gap behind the curve.
    """

    u: tuple[float, float, float, float]
    v: tuple[float, float, float, float]
    p_end: float
    length: float

    def _derivatives(self, p: Array) -> tuple[Array, ...]:
        _, bu, cu, du = self.u
        _, bv, cv, dv = self.v
        return (
            bu + p * (2 * cu + 3 * du * p),
            bv + p * (2 * cv + 3 * dv * p),
            2 * cu + 6 * du * p,
            2 * cv + 6 * dv * p,
        )

    def _speed(self, p: Array) -> Array:
        du, dv, _, _ = self._derivatives(p)
        speed: Array = np.hypot(du, dv)
        return speed

    @cached_property
    def _arc_table(self) -> tuple[Array, Array]:
        panels = int(min(max(math.ceil(self.length), 8), 2000))
        p = np.linspace(0.0, self.p_end, panels + 1)
        step = np.diff(p)
        pieces = step * (self._speed(p[:-1, None] + step[:, None] * _NODES) @ _WEIGHTS)
        return p, np.concatenate([[0.0], np.cumsum(pieces)])

    @property
    def arc_length(self) -> float:
        """True arc length of the whole curve, metres."""
        return float(self._arc_table[1][-1])

    def parameter(self, s: Array) -> Array:
        """p at arc length ``s`` (N,): table, then Newton on the exact arc length."""
        p_edge, arc_edge = self._arc_table
        wanted = np.clip(s / self.length, 0.0, 1.0) * arc_edge[-1]
        panel = np.clip(np.searchsorted(arc_edge, wanted, side="right") - 1, 0, len(p_edge) - 2)
        p: Array = np.interp(wanted, arc_edge, p_edge)
        for _ in range(4):
            extent = p - p_edge[panel]
            arc = arc_edge[panel] + extent * (self._speed(p_edge[panel][:, None] + extent[:, None] * _NODES) @ _WEIGHTS)
            p = np.clip(p - (arc - wanted) / np.maximum(self._speed(p), 1e-12), 0.0, self.p_end)
        return p

    def local(self, s: Array) -> PlanPoint:
        """See :class:`Curve`."""
        p = self.parameter(s)
        au, bu, cu, du = self.u
        av, bv, cv, dv = self.v
        u1, v1, u2, v2 = self._derivatives(p)
        speed = np.maximum(np.hypot(u1, v1), 1e-12)
        cross = u1 * v2 - v1 * u2
        curvature = cross / speed**3
        # d/dp of cross / speed^3, then the chain rule dp/ds = 1 / speed
        cross_rate = u1 * 6 * dv - v1 * 6 * du
        rate = (cross_rate / speed**3 - 3 * cross * (u1 * u2 + v1 * v2) / speed**5) / speed
        x = au + p * (bu + p * (cu + p * du))
        y = av + p * (bv + p * (cv + p * dv))
        return PlanPoint(x, y, np.arctan2(v1, u1), curvature, rate)


@dataclass(frozen=True)
class Placed:
    """A curve of ``length`` metres laid at ``s`` on the road, starting at (x, y) with ``heading``."""

    s: float
    x: float
    y: float
    heading: float
    length: float
    curve: Curve


@dataclass(frozen=True)
class PlanView:
    """The reference line of a road: curves laid one behind the other, sorted by ``s``."""

    pieces: tuple[Placed, ...]

    @cached_property
    def starts(self) -> Array:
        """(P,) arc length at which each piece starts."""
        return np.array([piece.s for piece in self.pieces])

    @cached_property
    def _table(self) -> Array:
        rows = [(p.s, p.x, p.y, p.heading, p.length, math.cos(p.heading), math.sin(p.heading)) for p in self.pieces]
        return np.array(rows).T

    def __call__(self, s: Array) -> PlanPoint:
        """Samples at arc lengths ``s`` (N,); beyond the ends the road goes on straight."""
        chosen = np.clip(np.searchsorted(self.starts, s, side="right") - 1, 0, len(self.pieces) - 1)
        start, x, y, heading, length, cos, sin = self._table[:, chosen]
        along = s - start
        inside = np.clip(along, 0.0, length)
        beyond = along - inside
        # Piece by piece only what differs between them; sorted, so that each piece's samples lie side by side.
        order = np.argsort(chosen, kind="stable")
        inside, ranked = inside[order], chosen[order]
        local = np.empty((5, len(s)))
        for begin, end in pairwise([*np.flatnonzero(np.diff(ranked, prepend=-1)).tolist(), len(s)]):
            local[:, begin:end] = self.pieces[ranked[begin]].curve.local(inside[begin:end])
        local[:, order] = local.copy()
        heading = heading + local[2]
        return PlanPoint(
            x + cos * local[0] - sin * local[1] + beyond * np.cos(heading),
            y + sin * local[0] + cos * local[1] + beyond * np.sin(heading),
            heading,
            local[3],
            local[4],
        )


class CubicPoint(NamedTuple):
    """Value and derivatives of a piecewise cubic, each (N,)."""

    value: Array
    first: Array
    second: Array


@dataclass(frozen=True)
class Cubics:
    """Piecewise cubics a + b d + c d^2 + e d^3 with d = s - start: elevation, lane offset, width, superelevation.

    ``rows`` holds (start, a, b, c, e), sorted by start. Before the first start the value is 0 when ``zero_before``
    (elevation, lane offset), else the first cubic goes on backwards (widths).
    """

    rows: tuple[tuple[float, float, float, float, float], ...]
    zero_before: bool = True

    @cached_property
    def _table(self) -> Array:
        table = np.array(self.rows, dtype=np.float64).reshape(-1, 5)
        if self.zero_before and (len(table) == 0 or table[0, 0] > 0.0):
            table = np.concatenate([np.zeros((1, 5)), table])
        return table

    @property
    def starts(self) -> Array:
        """(P,) where each cubic starts, metres."""
        return self._table[:, 0]

    @cached_property
    def constant(self) -> bool:
        """True when the value is one and the same everywhere."""
        return bool(np.all(self._table[:, 2:] == 0.0) and np.ptp(self._table[:, 1]) == 0.0)

    def __call__(self, s: Array) -> CubicPoint:
        """Value, first and second derivative at ``s`` (N,)."""
        table = self._table
        if self.constant:  # as most are
            return CubicPoint(np.full_like(s, table[0, 1]), np.zeros_like(s), np.zeros_like(s))
        if len(table) == 1:
            start, a, b, c, e = table[0]
        else:
            row = np.clip(np.searchsorted(table[:, 0], s, side="right") - 1, 0, len(table) - 1)
            start, a, b, c, e = table[row].T
        d = s - start
        return CubicPoint(a + d * (b + d * (c + d * e)), b + d * (2 * c + 3 * e * d), 2 * c + 6 * e * d + 0.0 * d)
