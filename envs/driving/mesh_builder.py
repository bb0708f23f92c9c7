"""Collects grids of quads and makes few meshes of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.render.scene import Mesh
from envs.render.textures import TILE_METRES
from envs.road.geometry import Array

Bytes = tuple[int, int, int]
_LEAST_AREA = 1e-4
"""m^2; smaller triangles are not worth a drawing."""


@dataclass(frozen=True, eq=False)
class Painted:
    """A texture of our own: (H, W, 3) uint8 pixels and the (H, W) uint8 label of each; compared by identity."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


Texture = str | Painted | None


class Surface(NamedTuple):
    """How a kind of surface is drawn; those with equal texture, label and lift become one mesh."""

    texture: Texture
    colour: Bytes
    label: int
    lift: int = 0


class _Piece(NamedTuple):
    vertices: Array
    triangles: NDArray[np.int64]
    colours: NDArray[np.uint8]
    uv: Array | None


@dataclass
class MeshBuilder:
    """Collects triangles by surface. Named textures are laid out over the world (u along x, v along y) where no
    texture coordinates are given: with all pieces of a surface or with none.
    """

    _pieces: dict[tuple[Texture, int, int], list[_Piece]] = field(default_factory=lambda: defaultdict(list))

    def add_grid(
        self,
        surface: Surface,
        grid: Array,
        wanted: NDArray[np.bool_] | None = None,
        tints: NDArray[np.uint8] | None = None,
        uv: Array | None = None,
    ) -> None:
        """Quads between C lines (C, K, 3), given from left to right seen along them.

        ``wanted`` (C - 1, K - 1) chooses quads, ``tints`` (C, 3) gives each line a colour of its own,
        ``uv`` (C, K, 2) are texture coordinates.
        """
        lines, count = grid.shape[:2]
        corner = (np.arange(lines - 1)[:, None] * count + np.arange(count - 1)).ravel()
        if wanted is not None:
            corner = corner[wanted.ravel()]
        if not len(corner):
            return
        a, b, c, d = corner, corner + count, corner + count + 1, corner + 1
        triangles = np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1)))
        colours = None if tints is None else np.repeat(tints, count, axis=0)
        self.add_triangles(surface, grid.reshape(-1, 3), triangles, colours, None if uv is None else uv.reshape(-1, 2))

    def add_triangles(
        self,
        surface: Surface,
        vertices: Array,
        triangles: NDArray[np.int64],
        colours: NDArray[np.uint8] | None = None,
        uv: Array | None = None,
    ) -> None:
        """Any triangles (T, 3) over vertices (V, 3), counter-clockwise seen from above; colours (V, 3), uv (V, 2)."""
        if colours is None:
            colours = np.broadcast_to(np.array(surface.colour, dtype=np.uint8), (len(vertices), 3))
        self._pieces[surface.texture, surface.label, surface.lift].append(_Piece(vertices, triangles, colours, uv))

    def meshes(self) -> list[Mesh]:
        """One mesh for each texture and label, without unused vertices and without triangles that have no area."""
        return [mesh for key in self._pieces if len((mesh := self._mesh(key)).triangles)]

    def _mesh(self, key: tuple[Texture, int, int]) -> Mesh:
        pieces, (texture, label, lift) = self._pieces[key], key
        sizes = np.array([len(piece.vertices) for piece in pieces])
        shifts = np.cumsum(sizes) - sizes
        triangles = np.concatenate([piece.triangles + shift for piece, shift in zip(pieces, shifts, strict=True)])
        vertices = np.concatenate([piece.vertices for piece in pieces])
        used, triangles = compact(vertices, triangles)
        points = vertices[used]
        uv = points[:, :2] / TILE_METRES[texture] if isinstance(texture, str) else None
        given = [piece.uv for piece in pieces if piece.uv is not None]
        if given:
            uv = np.concatenate(given)[used]
        return Mesh(
            vertices=points,
            triangles=triangles,
            colours=np.concatenate([piece.colours for piece in pieces])[used],
            uv=uv,
            texture=texture.pixels if isinstance(texture, Painted) else texture,
            texture_labels=texture.labels if isinstance(texture, Painted) else None,
            label=label,
            lift=lift,
        )


def compact(vertices: Array, triangles: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(which vertices (V,) are used by triangles that have an area, those triangles in terms of the used vertices)."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    u, v = b - a, c - a
    # Written out: np.cross takes four times as long.
    x = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
    y = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
    z = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    triangles = triangles[x * x + y * y + z * z > (2.0 * _LEAST_AREA) ** 2]
    used = np.zeros(len(vertices), dtype=bool)
    used[triangles] = True
    return used, (np.cumsum(used) - 1)[triangles]
