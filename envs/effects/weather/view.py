"""Where a camera is while the weather falls upon its picture: pixel rays, distances, the road's plane."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Image
from envs.render.labels import Label

Plane = NDArray[np.float32]
"""One value per pixel, (H, W)."""
Planes = NDArray[np.float32]
"""Red, green, blue one after the other, (3, H, W), 0..1: what is bright may be above 1 for a while."""

BEYOND = 5000.0
"""Metres along the viewing axis that stand for infinitely far."""
_ROAD_REACH = 30.0
"""Metres up to which the road is taken for flat."""
_FEWEST = 24
"""Pixels of road that give a plane."""
_USUAL_HEIGHT = 1.8
"""Metres of a camera above the road where none is to be seen."""


class View(NamedTuple):
    """The camera at the moment of the picture."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    focal_px: float
    """Focal length in pixels: width / 2 / tan(field of view / 2)."""
    position: NDArray[np.float64]
    """(3,) metres, world, z up."""
    rotation: NDArray[np.float64]
    """(3, 3) body (x forward, y left, z up) to world."""
    speed: NDArray[np.float64]
    """(3,) m/s, the camera's velocity, world."""
    north: float = 0.0
    """Radians, counter-clockwise from the world's x axis: the direction that sun azimuth 0 stands for."""


class Rays(NamedTuple):
    """Directions of the pixels' middles in the camera's frame, scaled so that each is 1 forward."""

    body: Planes
    """(3, H, W) forward (all 1), left, up."""
    stretch: Plane
    """(H, W) their lengths: metres along the ray per metre of depth."""


@lru_cache(maxsize=16)
def rays(width: int, height: int, focal_px: float) -> Rays:
    """The rays of every pixel of a pinhole camera."""
    left = -(np.arange(width) + 0.5 - width / 2) / focal_px
    up = -(np.arange(height) + 0.5 - height / 2) / focal_px
    body = np.empty((3, height, width), dtype=np.float32)
    body[0], body[1], body[2] = 1.0, left[None, :], up[:, None]
    stretch = np.sqrt(1.0 + left[None, :] ** 2 + up[:, None] ** 2).astype(np.float32)
    body.setflags(write=False)
    stretch.setflags(write=False)
    return Rays(body, stretch)


class Ground(NamedTuple):
    """The plane in which the road before the car lies, in the camera's frame."""

    normal: tuple[float, float, float]
    """Unit vector upwards."""
    height: float
    """Metres of the camera above it."""


class Shot:
    """One picture in the making.

    Args:
        image: (H, W, 3) as the renderer drew it.
        depth: (H, W) metres along the axis, inf = sky; None where no effect asks for it.
        segmentation: (H, W) `Label`, or None likewise.
        view: the camera.
    """

    def __init__(self, image: Image, depth: Plane | None, segmentation: NDArray[np.uint8] | None, view: View) -> None:
        self.image = image
        self._depth, self._segmentation = depth, segmentation
        self.view = view
        self.rays = rays(view.width, view.height, float(view.focal_px))

    @property
    def depth(self) -> Plane:
        """(H, W) metres along the axis, inf = sky."""
        assert self._depth is not None  # WeatherLook.apply has checked what the weather needs
        return self._depth

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(H, W) `Label` of every pixel."""
        assert self._segmentation is not None
        return self._segmentation

    @cached_property
    def world(self) -> Planes:
        """(3, H, W) the rays in the world's frame, 1 long along the camera's axis."""
        turn = np.asarray(self.view.rotation, dtype=np.float32)
        body = self.rays.body
        return np.asarray(turn @ body.reshape(3, -1), dtype=np.float32).reshape(body.shape)

    @cached_property
    def reach(self) -> Plane:
        """(H, W) depth, but `BEYOND` where there is only sky."""
        return np.minimum(self.depth, np.float32(BEYOND))

    @cached_property
    def distance(self) -> Plane:
        """(H, W) metres along the ray."""
        return np.asarray(self.reach * self.rays.stretch)

    @cached_property
    def sky(self) -> NDArray[np.intp]:
        """Flat indices of the pixels that show sky and the hills painted on it."""
        return np.flatnonzero(self.depth > 1e6)

    @cached_property
    def ground(self) -> Ground:
        """The road's plane, fitted to the road pixels near by; level and at the usual height where there are none."""
        # Some hundred points are as good as all, and every third row has them.
        few = (slice(None, None, 1 + self.view.height // 40), slice(None, None, 1 + self.view.width // 66))
        depth = self.depth[few]
        indices = np.flatnonzero((self.labels[few] == Label.ROADS) & (depth < _ROAD_REACH))
        level = Ground(tuple(float(a) for a in self.view.rotation[2]), _USUAL_HEIGHT)  # type: ignore[arg-type]
        if len(indices) < _FEWEST:
            return level
        depth = depth.ravel()[indices].astype(np.float64)
        left, up = (self.rays.body[axis][few].ravel()[indices] for axis in (1, 2))
        # up * d = a d + b left * d + c, each point with weight 1 / d: near ones are measured best.
        design = np.stack((np.ones_like(depth), left, 1.0 / depth))
        (xx, xy, xz), (_, yy, yz), (_, _, zz) = (design @ design.T).tolist()
        x, y, z = (design @ up).tolist()
        minor_x, minor_y, minor_z = yy * zz - yz * yz, xy * zz - yz * xz, xy * yz - yy * xz
        determinant = xx * minor_x - xy * minor_y + xz * minor_z
        if determinant < 1e-9:
            return level
        # Cramer's rule for the symmetric three by three.
        a = (x * minor_x - y * minor_y + z * minor_z) / determinant
        b = (-x * minor_y + y * (xx * zz - xz * xz) - z * (xx * yz - xy * xz)) / determinant
        c = (x * minor_z - y * (xx * yz - xy * xz) + z * (xx * yy - xy * xy)) / determinant
        length = float(np.sqrt(1.0 + a * a + b * b))
        return Ground((-a / length, -b / length, 1.0 / length), max(0.2, -c / length))


_LINE = 256
"""remap takes at most 32,767 columns: lists of pixels go in rows of this many."""


class Places:
    """P positions at which pictures are looked up, bilinearly.

    Args:
        column: (P,) from the left, 0 = the middle of the first pixel.
        row: (P,) from the top.
    """

    def __init__(self, column: NDArray[np.float32], row: NDArray[np.float32]) -> None:
        self._count = len(column)
        lines = max(1, -(-self._count // _LINE))
        maps = np.zeros((2, lines * _LINE), dtype=np.float32)
        maps[0, : self._count], maps[1, : self._count] = column, row
        self._maps = maps.reshape(2, lines, _LINE)

    def of(self, picture: NDArray[Any], around: bool = False) -> NDArray[Any]:
        """The picture's values (P,) or (P, C) there; ``around``: it repeats, else its edge goes on for ever."""
        border = cv2.BORDER_WRAP if around else cv2.BORDER_REPLICATE
        values = cv2.remap(picture, self._maps[0], self._maps[1], cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(values).reshape(-1, *picture.shape[2:])[: self._count]


def split(image: Image) -> list[NDArray[np.uint8]]:
    """The three channels of an image, each (H, W) in one piece."""
    return [np.asarray(part) for part in cv2.split(image)]


def merge(planes: Planes) -> Image:
    """An image again: rounded, clipped."""
    # Nothing is below 0 here, and convertScaleAbs rounds and saturates in one go.
    whole = cv2.merge(list(np.maximum(planes, 0.0, out=planes)))
    return np.asarray(cv2.convertScaleAbs(whole, alpha=255.0), dtype=np.uint8)
