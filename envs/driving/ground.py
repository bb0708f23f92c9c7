"""A map of the ground in grids: how far the nearest road is, and how high it lies there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.driving.shapes import SectionShape
from envs.road.geometry import Array

_MAX_CELLS = 2.0e6
_FINEST = 0.4
"""Metres; the finest grid, for small maps."""
_SUB = 16
"""cv2 draws polygons with 4 binary places."""


@dataclass(frozen=True, eq=False)
class DistanceGrid:
    """Metres to the nearest point of an area, on a square grid; exact to about one ``cell``.

    Args:
        origin: x, y of the middle of cell (0, 0).
        cell: metres.
        distance: (rows along y, columns along x) float32, 0 inside the area.
    """

    origin: tuple[float, float]
    cell: float
    distance: NDArray[np.float32]

    def __call__(self, x: Array, y: Array) -> Array:
        """Distances (...) at the points; never less than the way to the grid for points outside it."""
        column = (np.asarray(x) - self.origin[0]) / self.cell
        row = (np.asarray(y) - self.origin[1]) / self.cell
        rows, columns = self.distance.shape
        inside_r, inside_c = np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)
        outside = np.hypot(row - inside_r, column - inside_c) * self.cell
        r0 = np.minimum(inside_r.astype(np.int64), rows - 2)
        c0 = np.minimum(inside_c.astype(np.int64), columns - 2)
        fr, fc = inside_r - r0, inside_c - c0
        grid = self.distance
        top = grid[r0, c0] * (1 - fc) + grid[r0, c0 + 1] * fc
        low = grid[r0 + 1, c0] * (1 - fc) + grid[r0 + 1, c0 + 1] * fc
        return np.asarray(top * (1 - fr) + low * fr + outside, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Bounds:
    """A rectangle in the plane, metres."""

    low: tuple[float, float]
    high: tuple[float, float]

    @property
    def size(self) -> tuple[float, float]:
        """Extent along x and y."""
        return self.high[0] - self.low[0], self.high[1] - self.low[1]

    def grown(self, margin: float) -> Bounds:
        """The rectangle with ``margin`` metres more on every side."""
        return Bounds((self.low[0] - margin, self.low[1] - margin), (self.high[0] + margin, self.high[1] + margin))


def bounds(shapes: Sequence[SectionShape]) -> Bounds:
    """The rectangle around all lanes."""
    points = np.concatenate([shape.borders[(0, -1), :, :2].reshape(-1, 2) for shape in shapes])
    (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
    return Bounds((x0, y0), (x1, y1))


def distance_grid(shapes: Sequence[SectionShape], kind: str, area: Bounds) -> DistanceGrid:
    """Distance to the nearest ``paved`` or ``driving`` lane over the rectangle ``area``."""
    width, height = area.size
    cell = max(_FINEST, (width * height / _MAX_CELLS) ** 0.5)
    columns, rows = int(width / cell) + 2, int(height / cell) + 2
    free = np.full((rows, columns), 255, dtype=np.uint8)
    for shape in shapes:
        for outline in shape.outlines(kind):
            # Quad by quad: a long lane that comes back on itself would cancel itself out as one polygon.
            half = len(outline) // 2
            left, right = outline[:half], outline[: half - 1 : -1]
            quads = np.stack((left[:-1], left[1:], right[1:], right[:-1]), 1)
            pixels = np.rint((quads - area.low) / cell * _SUB).astype(np.int32)
            for quad in pixels:
                cv2.fillConvexPoly(free, quad, 0, lineType=cv2.LINE_8, shift=4)
    distance = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_5) * np.float32(cell)
    return DistanceGrid(area.low, cell, np.asarray(distance, dtype=np.float32))


def nearest_height(
    shapes: Sequence[SectionShape], x: Array, y: Array, area: Bounds, cell: float = 2.5
) -> tuple[Array, Array]:
    """(distance, height) of the nearest paved road surface at points (N,), all inside ``area``; where two roads lie
    one above the other, the lower one counts.
    """
    points = np.concatenate([_surface_points(shape) for shape in shapes])
    columns, rows = int(area.size[0] / cell) + 2, int(area.size[1] / cell) + 2
    index = np.rint((points[:, :2] - area.low) / cell).astype(np.int64)
    flat = np.clip(index[:, 1], 0, rows - 1) * columns + np.clip(index[:, 0], 0, columns - 1)
    # The lowest point of each cell speaks for it: sort so that it comes first.
    order = np.lexsort((points[:, 2], flat))
    cells, first = np.unique(flat[order], return_index=True)
    chosen = points[order[first]]
    free = np.ones(rows * columns, dtype=np.uint8)
    free[cells] = 0
    _, labels = cv2.distanceTransformWithLabels(
        free.reshape(rows, columns), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = labels.ravel()
    of_label = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    of_label[labels[cells]] = np.arange(len(cells))
    row = np.clip(np.rint((y - area.low[1]) / cell).astype(np.int64), 0, rows - 1)
    column = np.clip(np.rint((x - area.low[0]) / cell).astype(np.int64), 0, columns - 1)
    near = chosen[of_label[labels[row * columns + column]]]
    return np.hypot(near[:, 0] - x, near[:, 1] - y), near[:, 2]


def _surface_points(shape: SectionShape) -> Array:
    """Points all over the paved lanes, no farther apart across the road than about 3 m."""
    span = shape.span("paved") or (0, len(shape.lanes))
    left, right = shape.t[span[0]], shape.t[span[1]]
    count = max(3, int(np.ceil(float((left - right).max()) / 3.0)) + 1)
    share = np.linspace(0.0, 1.0, count)[:, None]
    return shape.frame.points(left + share * (right - left)).reshape(-1, 3)
