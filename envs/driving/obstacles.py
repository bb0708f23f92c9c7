"""Does the car touch anything? Obstacles are upright cylinders, found through a grid."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

_CELL = 10.0
# m; a car (half diagonal 2.4 m) overlaps at most four cells of this size.


class ObstacleGrid:
    """Circles in the plane, looked up by place.

    Args:
        circles: (N, 3) float64: x, y, radius in metres.
    """

    def __init__(self, circles: NDArray[np.float64]) -> None:
        self._cells: dict[tuple[int, int], list[tuple[float, float, float]]] = defaultdict(list)
        for x, y, radius in np.asarray(circles, dtype=np.float64).reshape(-1, 3).tolist():
            for i in range(math.floor((x - radius) / _CELL), math.floor((x + radius) / _CELL) + 1):
                for j in range(math.floor((y - radius) / _CELL), math.floor((y + radius) / _CELL) + 1):
                    self._cells[i, j].append((x, y, radius))

    def touches(self, x: float, y: float, heading: float, length: float, width: float) -> bool:
        """Whether a rectangle (m) centred at (x, y) and turned by ``heading`` (rad) overlaps an obstacle."""
        cosine, sine = math.cos(heading), math.sin(heading)
        half_length, half_width = 0.5 * length, 0.5 * width
        reach = math.hypot(half_length, half_width)
        for i in range(math.floor((x - reach) / _CELL), math.floor((x + reach) / _CELL) + 1):
            for j in range(math.floor((y - reach) / _CELL), math.floor((y + reach) / _CELL) + 1):
                for ox, oy, radius in self._cells.get((i, j), ()):
                    dx, dy = ox - x, oy - y
                    # Distance from the circle's centre to the rectangle, in the rectangle's own frame.
                    along = max(0.0, abs(dx * cosine + dy * sine) - half_length)
                    across = max(0.0, abs(dy * cosine - dx * sine) - half_width)
                    if along * along + across * across < radius * radius:
                        return True
        return False
