"""Building small shapes face by face, with everything that the light needs.

A `Model` is geometry with its own colours but without light: `shading` adds that when it is placed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.render.atlas import label, patch
from envs.render.noise import FloatArray
from envs.render.scene import Colour

Point = tuple[float, float, float]
WHITE: Colour = (1.0, 1.0, 1.0)
_QUAD = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True, eq=False)
class Model:
    """A shape textured from the atlas, in its own frame (x forward, y left, z up, origin on the ground).

    Args:
        vertices: (V, 3) metres.
        normals: (V, 3) unit vectors for the light; leaves point away from the middle of their crown.
        triangles: (T, 3) indices, counter-clockwise from the front.
        colours: (V, 3) own colour, multiplied with the atlas.
        tinted: (V,) 1 where `Instance.tint` counts, 0 where not.
        uv: (V, 2) in the atlas.
        labels: (V,) uint8, what each vertex's faces are.
    """

    vertices: FloatArray
    normals: FloatArray
    triangles: NDArray[np.int32]
    colours: FloatArray
    tinted: FloatArray
    uv: FloatArray
    labels: NDArray[np.uint8]


class Builder:
    """Collects faces; `build` makes the model."""

    def __init__(self) -> None:
        self._vertices: list[Point] = []
        self._normals: list[Point] = []
        self._triangles: list[tuple[int, int, int]] = []
        self._colours: list[Colour] = []
        self._tinted: list[float] = []
        self._uv: list[tuple[float, float]] = []
        self._labels: list[int] = []

    def face(
        self,
        corners: Sequence[Point],
        where: str,
        colour: Colour | Sequence[Colour] = WHITE,
        *,
        uv: Sequence[tuple[float, float]] | None = None,
        normals: Sequence[Point] | None = None,
        tinted: float = 0.0,
        both_sides: bool = False,
    ) -> None:
        """A flat convex polygon, corners counter-clockwise from the front.

        Args:
            corners: 3 or more points.
            where: name of a patch of the atlas.
            colour: one for all, or one per corner.
            uv: position of each corner in the patch (0..1, v up); by default a quad counts from the lower left corner,
                and faces with more corners show the middle of the patch.
            normals: per corner, instead of the face's own.
            tinted: whether `Instance.tint` counts.
            both_sides: seen from behind too (with the same light: right for leaves).
        """
        area = patch(where)
        own = _normal(corners)
        spread = uv if uv is not None else (_QUAD if len(corners) <= 4 else ((0.5, 0.5),) * len(corners))
        first = len(self._vertices)
        for index, corner in enumerate(corners):
            self._vertices.append(corner)
            self._normals.append(normals[index] if normals is not None else own)
            self._colours.append(colour if isinstance(colour[0], float) else colour[index])  # type: ignore[arg-type]
            self._tinted.append(tinted)
            self._uv.append(area.at(*spread[index]))
            self._labels.append(label(where))
        for index in range(1, len(corners) - 1):
            self._triangles.append((first, first + index, first + index + 1))
            if both_sides:
                self._triangles.append((first, first + index + 1, first + index))

    def box(
        self,
        low: Point,
        high: Point,
        where: str,
        colour: Colour = WHITE,
        *,
        sides: str | None = None,
        top: str | None = None,
        tinted: float = 0.0,
        cover: bool = True,
    ) -> None:
        """An upright box without a floor: ``where`` on the faces to +-x, ``sides`` on +-y, ``top`` above."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        side = sides if sides is not None else where
        self.face(((x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)), where, colour, tinted=tinted)
        self.face(((x0, y1, z0), (x0, y0, z0), (x0, y0, z1), (x0, y1, z1)), where, colour, tinted=tinted)
        self.face(((x1, y1, z0), (x0, y1, z0), (x0, y1, z1), (x1, y1, z1)), side, colour, tinted=tinted)
        self.face(((x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)), side, colour, tinted=tinted)
        if cover:
            lid = top if top is not None else where
            self.face(((x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)), lid, colour, tinted=tinted)

    def tube(
        self,
        rings: Sequence[tuple[float, float]],
        sides: int,
        where: str,
        colour: Colour = WHITE,
        *,
        centre: tuple[float, float] = (0.0, 0.0),
        tinted: float = 0.0,
    ) -> None:
        """A round body of (height, radius) rings with ``sides`` corners; radius 0 makes a tip. Smoothly lit."""
        area = patch(where)
        first, count = len(self._vertices), len(rings)
        bottom, span = rings[0][0], max(rings[-1][0] - rings[0][0], 1e-6)
        for level, (height, radius) in enumerate(rings):
            below, above = rings[max(level - 1, 0)], rings[min(level + 1, count - 1)]
            rise = math.atan2(below[1] - above[1], above[0] - below[0])
            for side in range(sides + 1):
                angle = 2 * math.pi * side / sides
                c, s = math.cos(angle), math.sin(angle)
                self._vertices.append((centre[0] + radius * c, centre[1] + radius * s, height))
                self._normals.append((c * math.cos(rise), s * math.cos(rise), math.sin(rise)))
                self._colours.append(colour)
                self._tinted.append(tinted)
                self._uv.append(area.at(side / sides, (height - bottom) / span))
                self._labels.append(label(where))
        for level in range(count - 1):
            for side in range(sides):
                a = first + level * (sides + 1) + side
                b = a + sides + 1
                if rings[level][1] > 0:
                    self._triangles.append((a, a + 1, b + 1))
                if rings[level + 1][1] > 0:
                    self._triangles.append((a, b + 1, b))

    def skirt(
        self,
        bottom: float,
        top: float,
        radius: float,
        sides: int,
        where: str,
        colours: tuple[Colour, Colour],
        turn: float,
        rise: float,
    ) -> None:
        """A tier of a conifer: an open cone, ``colours`` below and above, lit as if its boughs rose by ``rise``."""
        area, first = patch(where), len(self._vertices)
        flat = math.sqrt(1 - rise * rise)
        for side in range(sides + 1):
            angle = turn + 2 * math.pi * side / sides
            c, s = math.cos(angle), math.sin(angle)
            for level, (height, reach) in enumerate(((bottom, radius), (top, 0.06 * radius))):
                self._vertices.append((reach * c, reach * s, height))
                self._normals.append((flat * c, flat * s, rise))
                self._colours.append(colours[level])
                self._tinted.append(1.0)
                self._uv.append(area.at(side / sides, float(level)))
                self._labels.append(label(where))
        for side in range(sides):
            a = first + 2 * side
            self._triangles += [(a, a + 2, a + 3), (a, a + 3, a + 1)]

    def build(self) -> Model:
        """The finished model."""
        return Model(
            np.array(self._vertices, dtype=np.float64),
            np.array(self._normals, dtype=np.float64),
            np.array(self._triangles, dtype=np.int32),
            np.array(self._colours, dtype=np.float64),
            np.array(self._tinted, dtype=np.float64),
            np.array(self._uv, dtype=np.float64),
            np.array(self._labels, dtype=np.uint8),
        )


def _normal(corners: Sequence[Point]) -> Point:
    """Unit normal of a flat polygon (Newell's sum, so that it may begin with collinear corners)."""
    nx = ny = nz = 0.0
    for (ax, ay, az), (bx, by, bz) in zip(corners, (*corners[1:], corners[0]), strict=True):
        nx += (ay - by) * (az + bz)
        ny += (az - bz) * (ax + bx)
        nz += (ax - bx) * (ay + by)
    length = math.sqrt(nx * nx + ny * ny + nz * nz) or 1.0
    return nx / length, ny / length, nz / length
