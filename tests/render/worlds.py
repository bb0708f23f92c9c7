"""Small scenes for the tests of the renderer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from envs.render.labels import Label
from envs.render.scene import Instance, Mesh, SceneDescription, Sky

ROOT = Path(__file__).parents[2]
WHITE = np.array((255, 255, 255), dtype=np.uint8)


def quad(corners: Any, label: int = Label.TERRAIN, **options: Any) -> Mesh:
    """A rectangle from four corners, counter-clockwise seen from the front."""
    colours = options.pop("colours", WHITE)
    return Mesh(np.array(corners, dtype=float), np.array(((0, 1, 2), (0, 2, 3))), colours, label=label, **options)


def ground(half: float = 300.0, cells: int = 12, **options: Any) -> Mesh:
    """A level square at z = 0, cut into cells x cells."""
    side = np.linspace(-half, half, cells + 1)
    x, y = (grid.ravel() for grid in np.meshgrid(side, side))
    row, column = (grid.ravel() for grid in np.meshgrid(np.arange(cells), np.arange(cells), indexing="ij"))
    a = row * (cells + 1) + column
    triangles = np.concatenate((np.stack((a, a + 1, a + cells + 2), 1), np.stack((a, a + cells + 2, a + cells + 1), 1)))
    vertices = np.stack((x, y, np.zeros_like(x)), axis=1)
    options.setdefault("label", Label.TERRAIN)
    return Mesh(vertices, triangles, WHITE, uv=vertices[:, :2] / 12, **options)


def small_world(seed: int = 0) -> SceneDescription:
    """Something of everything: textured ground, a road with painted lines, props of many kinds."""
    rng = np.random.default_rng(seed)
    paint = np.full((32, 64, 3), 110, dtype=np.uint8)
    paint[:, 2:5] = paint[:16, 31:33] = 240
    labels = np.where(paint[..., 0] > 200, Label.ROAD_LINES, Label.ROADS).astype(np.uint8)
    along = np.arange(-100.0, 101.0, 5.0)
    left, right = (np.stack((along, np.full_like(along, y), np.full_like(along, 0.05)), 1) for y in (3.5, -3.5))
    i, n = np.arange(len(along) - 1), len(along)
    triangles = np.concatenate((np.stack((i, i + 1, i + n), 1), np.stack((i + 1, i + 1 + n, i + n), 1)))
    uv = np.concatenate((np.stack((np.zeros(n), along / 12), 1), np.stack((np.ones(n), along / 12), 1)))
    road = Mesh(np.concatenate((right, left)), triangles, WHITE, uv, paint, labels, label=Label.ROADS, lift=1)
    kinds = ("deciduous", "conifer", "birch", "bush", "house", "delineator", "rock", "lamp", "fence")
    instances = [
        Instance(kind, (float(x), float(side * y), 0.0), yaw=float(x), variant=index)
        for index, (kind, x, y, side) in enumerate(
            zip(kinds * 4, rng.uniform(-90, 90, 36), rng.uniform(9, 30, 36), rng.choice((-1, 1), 36), strict=True)
        )
    ]
    return SceneDescription([ground(120.0, texture="grass"), road], instances, Sky(seed=seed), seed=seed)


RIGHT_ANGLE = math.radians(90)
