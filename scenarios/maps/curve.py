"""Plane curves of lines, arcs and clothoids, integrated with nothing but + - * /.

IEEE arithmetic gives the same bits everywhere, libm and NumPy's vector kernels do not: a road that is generated on
another machine must be the same text, because drives name their road by its seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

_HALF_PI = math.pi / 2
_HALF_PI_REST = 6.123233995736766e-17  # pi/2 minus the double nearest to it
# Gauss-Legendre, 5 points on [0, 1] (Abramowitz & Stegun, table 25.4).
_NODES = (0.046910077030668, 0.2307653449471585, 0.5, 0.7692346550528415, 0.953089922969332)
_WEIGHTS = (0.1184634425280945, 0.2393143352496832, 0.2844444444444444, 0.2393143352496832, 0.1184634425280945)
_STEP = 5.0
"""m; at a radius of 10 m a step turns by half a radian, and five points are then exact to 1e-11 m."""


def sine_cosine(angle: float) -> tuple[float, float]:
    """(sin, cos) by Taylor series after reduction to +-pi/4; error < 1e-15 for angles of a few turns."""
    quarter = round(angle / _HALF_PI)
    x = (angle - quarter * _HALF_PI) - quarter * _HALF_PI_REST
    square = x * x
    sine = cosine = 1.0
    for n in range(16, 0, -2):
        sine = 1.0 - sine * square / (n * (n + 1))
        cosine = 1.0 - cosine * square / (n * (n - 1))
    sine *= x
    return ((sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine))[quarter % 4]


@dataclass(frozen=True)
class Pose:
    """A point and direction in the plane: x, y in metres, heading in radians (not wrapped)."""

    x: float
    y: float
    heading: float

    def forward(self, distance: float, aside: float = 0.0) -> Pose:
        """The pose after ``distance`` metres straight ahead and ``aside`` metres to the left."""
        sine, cosine = sine_cosine(self.heading)
        return Pose(self.x + distance * cosine - aside * sine, self.y + distance * sine + aside * cosine, self.heading)

    def turned(self, angle: float) -> Pose:
        """The same point, with the heading turned to the left."""
        return Pose(self.x, self.y, self.heading + angle)


@dataclass(frozen=True)
class Piece:
    """A stretch whose curvature runs linearly from ``begin`` to ``end`` (1/m, positive left) over ``length`` m."""

    length: float
    begin: float
    end: float

    @property
    def turn(self) -> float:
        """Change of heading in radians."""
        return 0.5 * (self.begin + self.end) * self.length

    def walk(self, start: Pose) -> Iterator[tuple[float, Pose]]:
        """(distance, pose) every few metres, the last one at the end."""
        steps = max(1, math.ceil(self.length / _STEP))
        h = self.length / steps
        slope = (self.end - self.begin) / self.length
        x, y = start.x, start.y
        for i in range(steps):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                s = (i + node) * h
                sine, cosine = sine_cosine(start.heading + (self.begin + 0.5 * slope * s) * s)
                x += weight * h * cosine
                y += weight * h * sine
            s = (i + 1) * h
            yield s, Pose(x, y, start.heading + (self.begin + 0.5 * slope * s) * s)

    def last(self, start: Pose) -> Pose:
        """The pose at the end."""
        return list(self.walk(start))[-1][1]


def line(length: float) -> Piece:
    """A straight."""
    return Piece(length, 0.0, 0.0)


def total(pieces: list[Piece]) -> float:
    """Length of a chain of pieces in metres."""
    return sum(piece.length for piece in pieces)


def follow(pieces: list[Piece], start: Pose) -> Pose:
    """The pose at the end of a chain of pieces."""
    for piece in pieces:
        start = piece.last(start)
    return start
