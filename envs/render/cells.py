"""From a scene to few, large, cullable pieces of triangles: what the renderer can draw quickly.

The world is cut into square cells. In each cell all triangles of one material become one piece, and all props become
one piece per distance band. Pure numpy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.render.modelling import Model
from envs.render.noise import FloatArray, to_bytes
from envs.render.props import prop
from envs.render.scene import Detail, Instance, Mesh, Sky, check_mesh
from envs.render.shading import baked, light

MESH_CELL = 144.0
"""Side of the cells of terrain and roads, metres."""
MIDDLE = 150.0
"""Metres from the eye to the middle of a cell of props up to which small ones are drawn. Such cells are smaller
(`Detail`), because here a cell is also what changes its detail as a whole."""
SHADOW_CELL, SHADOWS = 64.0, 84.0
"""Side of the cells of shadows, and metres from the eye to a cell's middle up to which they are drawn."""

Cell = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Piece:
    """Triangles of one material in one cell.

    Args:
        vertices: (V, 3) float32, metres, world.
        triangles: (T, 3) int32.
        colours: (V, 3) uint8 with the light in them (float32 where they say labels).
        uv: (V, 2) float32, or None.
        centre: (3,) middle of the cell, for its distance.
        labels: (V,) uint8 where they differ within the piece (props), else None.
        begin: drawn from this distance on.
        end: drawn up to this distance; None = no limit.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8] | NDArray[np.float32]
    uv: NDArray[np.float32] | None
    centre: tuple[float, float, float]
    labels: NDArray[np.uint8] | None = None
    begin: float = 0.0
    end: float | None = None


@dataclass(frozen=True, eq=False)
class Material:
    """What makes meshes mergeable; ``key`` says whether two are the same."""

    texture: str | NDArray[np.uint8] | None
    texture_labels: NDArray[np.uint8] | None
    label: int
    two_sided: bool
    lift: int
    reach: float | None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal materials; array textures are compared by identity."""
        texture = self.texture if isinstance(self.texture, str | None) else id(self.texture)
        return texture, id(self.texture_labels), self.label, self.two_sided, self.lift, self.reach


def cut_meshes(meshes: Iterable[Mesh], sky: Sky) -> list[tuple[Material, list[Piece]]]:
    """All meshes, merged by material and cut into cells of `MESH_CELL`; raises `BadScene` for a broken one."""
    materials: dict[tuple[object, ...], Material] = {}
    parts: dict[tuple[object, ...], dict[Cell, list[_Part]]] = defaultdict(lambda: defaultdict(list))
    for mesh in meshes:
        check_mesh(mesh)
        if len(mesh.triangles) == 0:
            continue
        material = Material(mesh.texture, mesh.texture_labels, mesh.label, mesh.two_sided, mesh.lift, mesh.reach)
        materials[material.key] = material
        for cell, part in _split(mesh, baked(mesh, sky)):
            parts[material.key][cell].append(part)
    return [
        (materials[key], [_merge(group, materials[key].reach) for _, group in sorted(cells.items())])
        for key, cells in parts.items()
    ]


@dataclass(frozen=True, eq=False)
class _Part:
    vertices: FloatArray
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8]
    uv: FloatArray | None
    labels: NDArray[np.uint8] | None = None


def _split(mesh: Mesh, colours: NDArray[np.uint8]) -> list[tuple[Cell, _Part]]:
    """The mesh's parts by the cell in which each triangle's middle lies."""
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    triangles = np.asarray(mesh.triangles, dtype=np.int32)
    uv = None if mesh.texture is None or mesh.uv is None else np.asarray(mesh.uv, dtype=np.float64)
    flat = vertices[:, :2]
    middle = (flat[triangles[:, 0]] + flat[triangles[:, 1]] + flat[triangles[:, 2]]) / 3
    cells = np.floor(middle / MESH_CELL).astype(np.int64)
    if np.ptp(flat, axis=0).max() < MESH_CELL:  # small things stay whole
        cells[:] = np.floor((flat.min(axis=0) + flat.max(axis=0)) / 2 / MESH_CELL)
    order = np.lexsort((cells[:, 1], cells[:, 0]))
    cells = cells[order]
    starts = np.flatnonzero(np.r_[True, (cells[1:] != cells[:-1]).any(axis=1)])
    parts = []
    for begin, end in zip(starts, [*starts[1:], len(order)], strict=True):
        faces = triangles[np.sort(order[begin:end])]
        used, renumbered = np.unique(faces, return_inverse=True)
        part = _Part(
            vertices[used], renumbered.reshape(-1, 3).astype(np.int32), colours[used], None if uv is None else uv[used]
        )
        parts.append(((int(cells[begin, 0]), int(cells[begin, 1])), part))
    return parts


def _merge(parts: Sequence[_Part], reach: float | None) -> Piece:
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    vertices = np.concatenate([part.vertices for part in parts])
    uvs = [part.uv for part in parts if part.uv is not None]
    uv = None
    if uvs:
        # Whole repeats taken away: the renderer counts texels in 32 bits.
        uv = np.concatenate([u - np.floor(u.min(axis=0)) for u in uvs]).astype(np.float32)
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    return Piece(
        vertices.astype(np.float32),
        np.concatenate([part.triangles + int(first) for part, first in zip(parts, offsets, strict=False)]),
        np.concatenate([part.colours for part in parts]),
        uv,
        (float(middle[0]), float(middle[1]), float(middle[2])),
        end=reach,
    )


def place_model(model: Model, item: Sequence[Instance], sky: Sky) -> tuple[FloatArray, NDArray[np.uint8]]:
    """World vertices (N, V, 3) and lit colours (N, V, 3) uint8 of one model placed N times."""
    place = np.array([i.position for i in item])
    scale = np.array([i.scale if isinstance(i.scale, tuple) else (i.scale,) * 3 for i in item])
    tint = np.array([i.tint for i in item])
    yaw = np.array([i.yaw for i in item])
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]

    def turned(points: FloatArray) -> FloatArray:
        x, y = points[..., 0], points[..., 1]
        return np.stack((c * x - s * y, s * x + c * y, points[..., 2]), axis=-1)

    vertices = turned(model.vertices[None] * scale[:, None, :]) + place[:, None, :]
    # Unequal scales would need the inverse here; the light on a stretched house is right enough without.
    normals = turned(np.broadcast_to(model.normals, (len(item), *model.normals.shape)))
    tinted = model.tinted[None, :, None]
    own = model.colours[None] * (1 - tinted + tinted * tint[:, None, :])
    return vertices, to_bytes(own * light(normals, sky))


def cut_props(instances: Iterable[Instance], sky: Sky, detail: Detail = Detail()) -> tuple[list[Piece], list[Piece]]:
    """All props by cell and distance band, textured from the atlas; and their soft shadows on the ground."""
    looks: dict[tuple[str, int], list[Instance]] = defaultdict(list)
    heights: dict[Cell, list[float]] = defaultdict(list)
    for item in instances:
        looks[item.kind, item.variant].append(item)
        heights[_cell(item, detail.cell)].append(item.position[2])
    bands: dict[tuple[Cell, int], list[_Part]] = defaultdict(list)
    shadows: dict[Cell, list[_Part]] = defaultdict(list)
    for (kind, variant), items in looks.items():
        look = prop(kind, variant)
        cells = [_cell(item, detail.cell) for item in items]
        distant = (1,) if look.small else (1, 2)
        for model, places in ((look.near, (0,) if look.far else (0, 1)), (look.far, distant)):
            if model is None:
                continue
            vertices, colours = place_model(model, items, sky)
            for index, cell in enumerate(cells):
                part = _Part(vertices[index], model.triangles, colours[index], model.uv, model.labels)
                for band in places:
                    bands[cell, band].append(part)
        if look.shadow[0] > 0:
            for item in items:
                shadows[_cell(item, SHADOW_CELL)].append(_shadow(item, look.shadow, sky))
    limits = ((0.0, detail.near), (detail.near, MIDDLE), (MIDDLE, None))
    pieces = [
        _prop_piece(parts, _middle(cell, detail.cell, heights[cell]), *limits[band])
        for (cell, band), parts in sorted(bands.items(), key=lambda entry: entry[0])
    ]
    dark = []
    for cell, parts in sorted(shadows.items()):
        middle = _middle(cell, SHADOW_CELL, [float(part.vertices[0, 2]) for part in parts])
        dark.append(_prop_piece(parts, middle, 0.0, SHADOWS))
    return pieces, dark


def _cell(item: Instance, side: float) -> Cell:
    return int(item.position[0] // side), int(item.position[1] // side)


def _middle(cell: Cell, side: float, heights: Sequence[float]) -> tuple[float, float, float]:
    """Where the distance to a cell of props is measured: one point for all its bands, so that just one is drawn."""
    return (cell[0] + 0.5) * side, (cell[1] + 0.5) * side, (min(heights) + max(heights)) / 2


def _prop_piece(parts: Sequence[_Part], middle: tuple[float, float, float], begin: float, end: float | None) -> Piece:
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    labels = [part.labels for part in parts if part.labels is not None]
    return Piece(
        np.concatenate([part.vertices for part in parts]).astype(np.float32),
        np.concatenate([part.triangles + np.int32(first) for part, first in zip(parts, offsets, strict=False)]),
        np.concatenate([part.colours for part in parts]),
        np.concatenate([part.uv for part in parts if part.uv is not None]).astype(np.float32),
        middle,
        np.concatenate(labels) if labels else None,
        begin,
        end,
    )


_SHADOW_UV = np.array(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


def _shadow(item: Instance, size: tuple[float, float], sky: Sky) -> _Part:
    """A soft dark disc under a prop, pushed a little away from the sun."""
    scale = item.scale if isinstance(item.scale, tuple) else (item.scale,) * 3
    rx, ry = size[0] * scale[0], size[1] * scale[1]
    c, s = np.cos(item.yaw), np.sin(item.yaw)
    push = -0.25 * (rx + ry) / 2
    cx, cy = item.position[0] + push * np.cos(sky.sun_azimuth), item.position[1] + push * np.sin(sky.sun_azimuth)
    corners = np.array(((-rx, -ry), (rx, -ry), (rx, ry), (-rx, ry)))
    vertices = np.empty((4, 3))
    vertices[:, 0] = cx + c * corners[:, 0] - s * corners[:, 1]
    vertices[:, 1] = cy + s * corners[:, 0] + c * corners[:, 1]
    vertices[:, 2] = item.position[2] + 0.06
    triangles = np.array(((0, 1, 2), (0, 2, 3)), dtype=np.int32)
    return _Part(vertices, triangles, np.full((4, 3), 255, dtype=np.uint8), _SHADOW_UV)
