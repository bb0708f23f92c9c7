"""The strip between the asphalt and the land: it hides the step down to the ground, whatever their heights.

It starts under the edge of the asphalt and ends a little below the ground, so that neither end shows a gap. Where
another road is near, the strip takes half of the room between them; where there is none, as inside junctions, nothing
is drawn. A road high above the ground that has another road beside or below it is a bridge and gets a parapet's side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envs.driving.ground import DistanceGrid
from envs.driving.mesh_builder import MeshBuilder, Surface
from envs.driving.shapes import SectionShape
from envs.driving.terrain import Terrain, ground_uv
from envs.driving.themes import Theme
from envs.render.labels import Label
from envs.render.scene import Mesh
from envs.road.geometry import Array

WIDTH = 4.0
"""Metres from the asphalt's edge to where the land begins."""
_UNDER = 0.12
"""Metres that the strip reaches under the asphalt."""
_DECK = Surface("concrete", (215, 213, 208), Label.BRIDGE)
_DECK_DEPTH = 0.9


def verge_meshes(shapes: Sequence[SectionShape], terrain: Terrain, paved: DistanceGrid, theme: Theme) -> list[Mesh]:
    """The strips on both sides of all roads, and the sides of bridges."""
    builder = MeshBuilder()
    inner, outer = np.array(theme.verge_tint), np.array(theme.ground_tint).mean(0)
    tints = np.clip(255.0 * np.stack((inner, outer)), 0.0, 255.0).astype(np.uint8)
    surface = Surface(theme.ground, (255, 255, 255), Label.TERRAIN)
    for shape in shapes:
        for side in (1, -1):
            grid = _strip(shape, side, terrain, paved, builder)
            if grid is not None:
                colours = tints[::-1] if side > 0 else tints
                builder.add_grid(surface, grid, tints=colours, uv=ground_uv(grid, theme.ground))
    return builder.meshes()


def _strip(shape: SectionShape, side: int, terrain: Terrain, paved: DistanceGrid, decks: MeshBuilder) -> Array | None:
    """Lines (2, K, 3) of the strip from left to right; ``side`` 1 = left of the road. None where there is no room."""
    span = shape.span("paved")
    if span is None:
        return None
    edge = shape.t[span[0] if side > 0 else span[1]]
    free = _free(shape, edge, side, paved)
    _add_deck(shape, edge, side, terrain, free, decks)
    if free.max() < 0.4:
        return None
    reach = np.minimum(WIDTH, free)
    inner = shape.frame.points(edge - side * np.minimum(_UNDER, free), -0.03)
    outer = shape.frame.points(edge + side * reach)
    ground = terrain.height(outer[:, 0], outer[:, 1])
    outer[:, 2] = np.minimum(ground - 0.2, outer[:, 2] - 0.1)
    return np.stack((outer, inner) if side > 0 else (inner, outer))


def _free(shape: SectionShape, edge: Array, side: int, paved: DistanceGrid) -> Array:
    """Metres (K,) of room for the strip beside the edge: half of the way to the next pavement, at most `WIDTH`."""
    reach = np.arange(0.8, 2.0 * WIDTH + 0.5, 0.8)[:, None]
    points = shape.frame.points(edge + side * reach)
    blocked = paved(points[..., 0], points[..., 1]) < 0.5 * paved.cell
    first = np.where(blocked.any(0), blocked.argmax(0), len(reach))
    free = np.where(first == 0, 0.0, 0.4 * first)
    # A strip inside a tight bend must end before its lines cross.
    bend = side * shape.frame.curvature
    room = 0.7 * np.maximum(1.0 / np.maximum(bend, 1e-4) - side * edge, 0.0)
    return np.asarray(np.minimum(np.minimum(np.where(first == len(reach), WIDTH, free), WIDTH), room))


def _add_deck(shape: SectionShape, edge: Array, side: int, terrain: Terrain, free: Array, decks: MeshBuilder) -> None:
    """The side of a bridge: where the strip has no room and the ground lies far below the edge."""
    top = shape.frame.points(edge, 0.0)
    high = top[:, 2] - terrain.height(top[:, 0], top[:, 1]) > 2.0
    wanted = high[1:] & high[:-1] & (np.minimum(free[1:], free[:-1]) < 1.0)
    if not wanted.any():
        return
    low = top - (0.0, 0.0, _DECK_DEPTH)
    decks.add_grid(_DECK, np.stack((low, top) if side > 0 else (top, low)), wanted[None])
