"""Where a camera is while the weather falls upon its picture: pixel rays, distances, the road's plane."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

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

    def __init__(
        self, image: Image, depth: Plane | None, segmentation: NDArray[np.uint8] | None, view: View
    ) -> None:
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
        seen = (self.labels == Label.ROADS) & (self.depth < _ROAD_REACH)
        indices = np.flatnonzero(seen)
        # Some hundred points are as good as all.
        indices = indices[:: max(1, len(indices) // 300)]
        level = Ground(tuple(float(a) for a in self.view.rotation[2]), _USUAL_HEIGHT)  # type: ignore[arg-type]
        if len(indices) < _FEWEST:
            return level
        depth = self.depth.ravel()[indices].astype(np.float64)
        left, up = (self.rays.body[axis].ravel()[indices] for axis in (1, 2))
        # up * d = a d + b left * d + c, each point with weight 1 / d: near ones are measured best.
        design = np.stack((np.ones_like(depth), left, 1.0 / depth))
        normal_equations = design @ design.T
        if np.linalg.det(normal_equations) < 1e-9:
            return level
        a, b, c = np.linalg.solve(normal_equations, design @ up).tolist()
        length = float(np.sqrt(1.0 + a * a + b * b))
        return Ground((-a / length, -b / length, 1.0 / length), max(0.2, -c / length))


def mirrored(source: Planes, column: Plane, row: Plane) -> Planes:
    """``source`` at these pixel positions (each (H', W)), (3, H', W); beyond its edges what is at the edge."""
    return np.stack(
        [cv2.remap(part, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in source]
    )


def split(image: Image) -> list[NDArray[np.uint8]]:
    """The three channels of an image, each (H, W) in one piece."""
    return list(cv2.split(image))  # type: ignore[arg-type]


def merge(planes: Planes) -> Image:
    """An image again: rounded, clipped."""
    # Nothing is below 0 here, and convertScaleAbs rounds and saturates in one go.
    whole = cv2.merge(list(np.maximum(planes, 0.0, out=planes)))
    return np.asarray(cv2.convertScaleAbs(whole, alpha=255.0), dtype=np.uint8)
