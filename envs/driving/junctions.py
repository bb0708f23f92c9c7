"""Asphalt where the lanes of a junction leave small gaps between them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from envs.driving.mesh_builder import MeshBuilder, Surface
from envs.driving.shapes import SectionShape
from envs.road.geometry import Array

_LARGEST_HOLE = 150.0
"""m^2; a larger gap between the lanes of a junction is an island and stays green."""
_CELL = 0.25


def junction_fillings(shapes: Sequence[SectionShape], builder: MeshBuilder, asphalt: Surface) -> None:
    """Asphalt in the small gaps that the lanes of a junction leave between them."""
    groups: dict[str, list[SectionShape]] = {}
    for shape in shapes:
        if shape.junction is not None:
            groups.setdefault(shape.junction, []).append(shape)
    for group in groups.values():
        outlines = [outline for shape in group for outline in shape.outlines("paved")]
        if outlines:
            _fill(group, outlines, builder, asphalt)


def _fill(group: list[SectionShape], outlines: list[Array], builder: MeshBuilder, asphalt: Surface) -> None:
    every = np.concatenate(outlines)
    low = every.min(0) - 1.0
    size = np.ceil((every.max(0) + 1.0 - low) / _CELL).astype(int)
    if size.max() > 2000:
        return
    mask = np.zeros((size[1], size[0]), dtype=np.uint8)
    for outline in outlines:
        cv2.fillPoly(mask, [np.rint((outline - low) / _CELL).astype(np.int32)], 255)
    contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    heights = np.concatenate([shape.borders.reshape(-1, 3) for shape in group])
    for contour, node in zip(contours, tree[0] if tree is not None else (), strict=True):
        area = cv2.contourArea(contour) * _CELL * _CELL
        if node[3] < 0 or not 0.2 < area < _LARGEST_HOLE:
            continue  # an outer contour, or an island
        ring = cv2.approxPolyDP(contour, 1.0, True)[:, 0].astype(np.float64) * _CELL + low
        middle = ring.mean(0)
        points = np.concatenate((middle[None], ring))
        near = np.argmin(((points[:, None] - heights[None, :, :2]) ** 2).sum(-1), axis=1)
        # A centimetre lower: the lanes themselves win where the filling reaches under them.
        filled = np.concatenate((points, heights[near, 2:] - 0.012), axis=1)
        filled[0, 2] = filled[1:, 2].mean()
        count = len(ring)
        around = np.arange(count)
        fan = np.stack((np.zeros(count, dtype=np.int64), 1 + around, 1 + (around + 1) % count), -1)
        first, second = filled[fan[:, 1], :2] - filled[0, :2], filled[fan[:, 2], :2] - filled[0, :2]
        side = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        fan[side < 0] = fan[side < 0][:, ::-1]
        builder.add_triangles(asphalt, filled, fan)
