"""The land around the roads: it follows their heights, stays below them, and rolls into hills farther away.

A regular grid of heights. Beside the road it takes the height of the nearest road; farther away that of a blend of all
roads around, so that there are no steps half way between the legs of a hairpin; and hills are added to it with the
distance. Last of all every grid node is lowered as far as is needed for the ground to stay below every point of every
road: nothing can ever stick out of the asphalt. The strip between asphalt and ground is `verge_meshes`' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.driving.ground import Bounds, bounds, nearest_height
from envs.driving.mesh_builder import compact
from envs.driving.shapes import SectionShape
from envs.driving.themes import Theme
from envs.render.labels import Label
from envs.render.noise import fractal_noise, smoothstep
from envs.render.scene import Mesh
from envs.render.textures import TILE_METRES
from envs.road.geometry import Array
from liquid_pilot.randomness import generator

CELL = 12.0
"""Metres between two nodes."""
_BLOCK = 2
"""Away from the roads 2 x 2 cells are drawn as one block."""
_FINE = 11.0
"""Metres from a road up to which every cell is drawn. More than the way from any point of a cell to its nearest node,
so that a block never contains a point of a road."""
DEPTH = 0.25
"""Metres that the ground stays below every paved surface."""
_SCALES = (20.0, 60.0, 180.0, 540.0)
"""Metres; widths of the Gaussians with which road heights spread over the land."""


@dataclass(frozen=True, eq=False)
class Terrain:
    """Heights on a square grid.

    Args:
        origin: x, y of node (0, 0), metres.
        heights: (rows along y, columns along x) metres.
        distance: (rows, columns) metres from each node to the nearest paved surface.
    """

    origin: tuple[float, float]
    heights: Array
    distance: Array

    def height(self, x: Array, y: Array) -> Array:
        """The ground at points (...), metres, exactly as its triangles lie; outside the grid that of its edge."""
        node, weight = self._corners(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        return np.asarray((self.heights.ravel()[node] * weight).sum(0))

    def _corners(self, x: Array, y: Array) -> tuple[NDArray[np.int64], Array]:
        """The three nodes of the triangle under each point, (3, ...) flat indices and weights."""
        rows, columns = self.heights.shape
        column = np.clip((x - self.origin[0]) / CELL, 0.0, columns - 1.0)
        row = np.clip((y - self.origin[1]) / CELL, 0.0, rows - 1.0)
        c0 = np.minimum(column.astype(np.int64), columns - 2)
        r0 = np.minimum(row.astype(np.int64), rows - 2)
        fc, fr = column - c0, row - r0
        # Triangles (0,0) (1,0) (1,1) below the diagonal and (0,0) (1,1) (0,1) above it.
        low = fc >= fr
        base = r0 * columns + c0
        node = np.stack((base, base + columns + 1, np.where(low, base + 1, base + columns)))
        third = np.abs(fc - fr)
        return node, np.stack((1.0 - np.maximum(fc, fr), np.minimum(fc, fr), third))

    def lowered(self, points: Array, depth: float) -> Terrain:
        """The terrain lowered where needed to lie ``depth`` metres below every point (N, 3)."""
        node, weight = self._corners(points[:, 0], points[:, 1])
        excess = (self.heights.ravel()[node] * weight).sum(0) + depth - points[:, 2]
        needed = np.zeros(self.heights.size)
        # All three corners by the full excess: whatever the weights, the point then lies deep enough.
        np.maximum.at(needed, node.ravel(), np.tile(np.maximum(excess, 0.0), 3))
        return Terrain(self.origin, self.heights - needed.reshape(self.heights.shape), self.distance)


def build_terrain(shapes: Sequence[SectionShape], theme: Theme, seed: int) -> Terrain:
    """The land around the lanes ``shapes``, as far as the theme's ``reach``."""
    area = bounds(shapes).grown(theme.reach + CELL)
    columns, rows = (int(size / CELL) + 2 for size in area.size)
    x = area.low[0] + CELL * np.arange(columns)
    y = area.low[1] + CELL * np.arange(rows)
    grid_x, grid_y = (g.ravel() for g in np.meshgrid(x, y))
    whole = Bounds(area.low, (float(x[-1]) + CELL, float(y[-1]) + CELL))
    distance, near = nearest_height(shapes, grid_x, grid_y, whole)
    distance, near = distance.reshape(rows, columns), near.reshape(rows, columns)
    paved = paved_points(shapes)
    far = _spread(paved, area, (rows, columns))
    heights = near + (far - near) * smoothstep(5.0, 35.0, distance)
    heights += _hills(theme, seed, distance, area)
    # A shallow trough along the road, which the verge slopes into.
    heights -= (DEPTH + 0.1) * smoothstep(22.0, 8.0, distance)
    lowered = Terrain(area.low, heights, distance).lowered(paved, DEPTH)
    _flatten_blocks(lowered.heights, coarse_blocks(distance))
    return lowered


def coarse_blocks(distance: Array) -> NDArray[np.bool_]:
    """Which blocks of cells (rows // 2, columns // 2) lie so far from all roads that one quad will do for each."""
    rows, columns = ((side - 1) // _BLOCK for side in distance.shape)
    nodes = range(_BLOCK + 1)
    near = [distance[r : r + rows * _BLOCK : _BLOCK, c : c + columns * _BLOCK : _BLOCK] for r in nodes for c in nodes]
    return np.asarray(np.minimum.reduce(near) > _FINE)


def _flatten_blocks(heights: Array, coarse: NDArray[np.bool_]) -> None:
    """Put the inner nodes of coarse blocks, and those on their edges, exactly on the two triangles of the block."""
    row, column = (_BLOCK * index for index in np.nonzero(coarse))
    low, right = heights[row, column], heights[row, column + _BLOCK]
    top, high = heights[row + _BLOCK, column], heights[row + _BLOCK, column + _BLOCK]
    for r in range(_BLOCK + 1):
        for c in range(_BLOCK + 1):
            third, third_share = (right, c - r) if c >= r else (top, r - c)
            ends = (_BLOCK - max(r, c)) * low + min(r, c) * high + third_share * third
            heights[row + r, column + c] = ends / _BLOCK


def paved_points(shapes: Sequence[SectionShape]) -> Array:
    """(N, 3) points on the edges and the middle of all paved lanes, and half a metre beside them."""
    found = []
    for shape in shapes:
        span = shape.span("paved")
        if span is None:
            continue
        left, right = shape.t[span[0]] + 0.5, shape.t[span[1]] - 0.5
        inner = shape.t[span[0] : span[1] + 1]
        middles = 0.5 * (inner[1:] + inner[:-1])
        found.append(shape.frame.points(np.concatenate((left[None], inner, middles, right[None]))).reshape(-1, 3))
    return np.concatenate(found)


def _spread(points: Array, area: Bounds, shape: tuple[int, int]) -> Array:
    """Heights of ``points`` (N, 3) spread smoothly over the grid: a mean of all, weighted by nearness."""
    row = np.rint((points[:, 1] - area.low[1]) / CELL).astype(np.int64)
    column = np.rint((points[:, 0] - area.low[0]) / CELL).astype(np.int64)
    flat = row * shape[1] + column
    count = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(flat, points[:, 2], minlength=shape[0] * shape[1]).reshape(shape)
    present = (count > 0).astype(np.float64)
    height = np.divide(total, count, out=np.zeros(shape), where=count > 0)
    above, below = np.zeros(shape), np.full(shape, 1e-12)
    for scale in _SCALES:
        sigma = scale / CELL
        # Wide blurs on a coarser grid: the result is smooth anyway.
        shrink = max(1, int(sigma / 3))
        size = (max(2, shape[1] // shrink), max(2, shape[0] // shrink))
        weight = (10.0 / scale) ** 2
        for target, source in ((above, present * height), (below, present)):
            small = cv2.resize(source, size, interpolation=cv2.INTER_AREA)
            small = cv2.GaussianBlur(small, (0, 0), sigma / shrink, borderType=cv2.BORDER_REPLICATE)
            target += weight * cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    mean = float(points[:, 2].mean())
    # Far from every road the weights die out: there the mean height of all roads takes over.
    return np.asarray((above + 1e-6 * mean) / (below + 1e-6))


def _hills(theme: Theme, seed: int, distance: Array, area: Bounds) -> Array:
    """Metres to add away from the roads."""
    shape = (distance.shape[0], distance.shape[1])
    rng = generator(seed, "terrain")

    def waves(size: float, octaves: int) -> Array:
        cells = (max(2, int(area.size[1] / size)), max(2, int(area.size[0] / size)))
        return np.asarray(fractal_noise(rng, shape, cells, octaves, 0.45))

    rolling = (waves(theme.hill_size, 3) - 0.42) * 2.0 * theme.hill_height
    valley = theme.rise * np.maximum(distance - 18.0, 0.0) * (0.35 + 1.3 * waves(3.0 * theme.hill_size, 2))
    bumps = (waves(35.0, 1) - 0.5) * min(1.6, 0.12 * theme.hill_height)
    # The land sinks before it ends, so that its ragged edge hides behind the last crest.
    end = (10.0 + 0.5 * theme.hill_height + 80.0 * theme.rise) * smoothstep(0.72 * theme.reach, theme.reach, distance)
    return np.asarray(
        rolling * smoothstep(12.0, 170.0, distance) + valley + bumps * smoothstep(10.0, 40.0, distance) - end
    )


def ground_uv(points: Array, texture: str) -> Array:
    """(..., 2) texture coordinates of the land at points (..., 3).

    Turned against the axes and wider than the texture's own size, so that its repeats are less of a pattern on slopes.
    """
    tile = 1.6 * TILE_METRES[texture]
    x, y = points[..., 0] / tile, points[..., 1] / tile
    return np.stack((0.83 * x - 0.56 * y, 0.56 * x + 0.83 * y), -1)


def terrain_meshes(terrain: Terrain, theme: Theme, seed: int) -> list[Mesh]:
    """The land as triangles: the theme's ground with patches and fields, and bare rock where it is steep."""
    rows, columns = terrain.heights.shape
    x = terrain.origin[0] + CELL * np.arange(columns)
    y = terrain.origin[1] + CELL * np.arange(rows)
    grid_x, grid_y = np.meshgrid(x, y)
    vertices = np.stack((grid_x, grid_y, terrain.heights), -1).reshape(-1, 3)
    colours = _colours(terrain, theme, seed, grid_x, grid_y)
    triangles = _triangles(terrain.distance, theme.reach)
    slope = _steepness(vertices, triangles)
    steep = slope > theme.rock_slope
    meshes = []
    for texture, wanted in ((theme.ground, ~steep), (theme.steep, steep)):
        if not wanted.any():
            continue
        used, corners = compact(vertices, triangles[wanted])
        points = vertices[used]
        tint = colours[used] if texture == theme.ground else np.clip(90 + 0.65 * colours[used], 0, 255)
        meshes.append(
            Mesh(
                vertices=points,
                triangles=corners,
                colours=tint.astype(np.uint8),
                uv=ground_uv(points, texture),
                texture=texture,
                label=Label.TERRAIN,
            )
        )
    return meshes


def _triangles(distance: Array, reach: float) -> NDArray[np.int64]:
    """The triangles (T, 3) of the grid: two for each cell near the roads, two for each block elsewhere.

    A block beside a fine one is a fan around its middle node that uses the fine one's nodes on their common edge:
    with a node on one side only, the edge would show cracks of single pixels.
    """
    rows, columns = distance.shape
    coarse = coarse_blocks(distance)
    covered = np.zeros((rows - 1, columns - 1), dtype=bool)
    within = np.repeat(np.repeat(coarse, _BLOCK, axis=0), _BLOCK, axis=1)
    covered[: within.shape[0], : within.shape[1]] = within
    near = np.minimum(distance[:-1, :-1], distance[1:, 1:]) < reach
    row, column = np.nonzero(~covered & near)
    cell = row * columns + column
    found = [(cell, cell + 1, cell + columns + 1), (cell, cell + columns + 1, cell + columns)]

    row, column = np.nonzero(coarse & near[: within.shape[0] : _BLOCK, : within.shape[1] : _BLOCK])
    around = np.pad(coarse, 1, constant_values=True)
    low = _BLOCK * (row * columns + column)
    right, high, top = low + _BLOCK, low + _BLOCK * (columns + 1), low + _BLOCK * columns
    corners = (low, right, high, top)
    # Whether the neighbour below, to the right, above and to the left is fine.
    fine = [~around[row + r, column + c] for r, c in ((0, 1), (1, 2), (2, 1), (1, 0))]
    seam = np.logical_or.reduce(fine)
    found += [(low[~seam], right[~seam], high[~seam]), (low[~seam], high[~seam], top[~seam])]
    middle = (low + high) // 2
    for edge in range(4):
        begin, end = corners[edge], corners[(edge + 1) % 4]
        split, whole = seam & fine[edge], seam & ~fine[edge]
        between = (begin + end) // 2
        found.append((middle[whole], begin[whole], end[whole]))
        found += [(middle[split], begin[split], between[split]), (middle[split], between[split], end[split])]
    return np.concatenate([np.stack(triple, -1) for triple in found])


def _steepness(vertices: Array, triangles: NDArray[np.int64]) -> Array:
    """Rise over run (T,) of each triangle."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    return np.asarray(np.hypot(normal[:, 0], normal[:, 1]) / np.maximum(np.abs(normal[:, 2]), 1e-9))


def _colours(terrain: Terrain, theme: Theme, seed: int, x: Array, y: Array) -> Array:
    """(N, 3) colour factors 0..255 of the nodes."""
    rng = generator(seed, "ground-colour")
    shape = (terrain.heights.shape[0], terrain.heights.shape[1])
    cells = (max(2, int(shape[0] * CELL / 90.0)), max(2, int(shape[1] * CELL / 90.0)))
    patch = smoothstep(0.3, 0.7, fractal_noise(rng, shape, cells, 3, 0.6))[..., None]
    colour = np.array(theme.ground_tint[0]) * (1.0 - patch) + np.array(theme.ground_tint[1]) * patch
    if theme.field_tints:
        field, tinted = _fields(theme, rng, x, y)
        share = (smoothstep(10.0, 18.0, terrain.distance) * tinted)[..., None]
        colour = colour * (1.0 - share) + field * share
    return np.asarray(np.clip(colour * 255.0, 0.0, 255.0).reshape(-1, 3))


def _fields(theme: Theme, rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    """Fields of about 80 m: slanted rows of rectangles; (colour (R, C, 3), 1 where there is a field)."""
    turn = rng.uniform(0.0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    band = np.floor((across + 14.0 * np.sin(along / 130.0)) / 65.0).astype(np.int64)
    offsets, widths = rng.uniform(0.0, 500.0, 97), rng.uniform(60.0, 130.0, 97)
    number = np.floor((along + offsets[band % 97]) / widths[band % 97]).astype(np.int64)
    key = (band * 31 + number * 17) % 257
    tints = np.array(theme.field_tints)[rng.integers(0, len(theme.field_tints), 257)]
    tints *= rng.uniform(0.92, 1.06, (257, 1))
    return tints[key], (rng.random(257) < 0.7)[key].astype(np.float64)
