"""Rays into the world, for lidar and radar: depth pictures looked up along them.

On a plane the inverse of the depth is linear in the pixel, so interpolating it between four neighbours gives flat
ground and walls exactly; where the four do not belong together the nearest counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.carla.server.sensors.studio import MOVABLE, owners
from envs.render.pose import Pose

if TYPE_CHECKING:
    from envs.carla.server.sensors import Lab
    from envs.carla.server.world.actors import Sensor

WIDTH = 384
_FOV = 92.0
_MOST_ROWS = 768
_JUMP = 0.12
"""Relative spread of four neighbours' inverse depths beyond which they lie on different things."""

Array = NDArray[np.float64]


class Hits(NamedTuple):
    """Where rays hit something, in the order of the rays; rays that hit nothing are missing."""

    ray: NDArray[np.intp]
    """(K,) number of the ray."""
    distance: Array
    """(K,) m."""
    points: Array
    """(K, 3) in the sensor's frame (ours)."""
    cosine: Array
    """(K,) of the angle between the ray and the surface's normal, 0..1."""
    label: NDArray[np.uint8]
    """(K,) CARLA's tags; zeros unless asked for."""
    owner: NDArray[np.uint32]
    """(K,) actor ids, 0 for none; zeros unless asked for."""


def rows_for(steepest: float) -> int:
    """Height of the pictures that hold rays up to this elevation, rad; what is steeper sees nothing."""
    focal = WIDTH / (2.0 * math.tan(math.radians(_FOV) / 2.0))
    tangent = math.tan(min(abs(steepest), math.radians(80.0)))
    return min(_MOST_ROWS, 2 * math.ceil(focal * tangent * math.sqrt(2.0)) + 4)


def cast(lab: Lab, sensor: Sensor, azimuth: Array, elevation: Array, reach: float, named: bool) -> Hits:
    """Follow rays.

    Args:
        lab: where.
        sensor: the sensor at which they begin.
        azimuth: (N,) rad to the LEFT of the sensor's axis.
        elevation: (N,) rad upwards.
        reach: m.
        named: whether labels and owners are wanted.
    """
    rows = rows_for(float(np.abs(elevation).max(initial=0.0)))
    focal = WIDTH / (2.0 * math.tan(math.radians(_FOV) / 2.0))
    flat = np.cos(elevation)
    directions = np.stack((flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)), 1)
    sector = np.round(azimuth / (0.5 * math.pi)).astype(np.int64) % 4
    distance = np.full(len(azimuth), np.inf)
    cosine, label = np.zeros(len(azimuth)), np.zeros(len(azimuth), dtype=np.uint8)
    channels = frozenset({"depth", "segmentation"} if named else {"depth"})
    pose = sensor.place.pose()
    for number in np.unique(sector).tolist():
        rays = np.flatnonzero(sector == number)
        turned = Pose.from_angles(0.0, 0.0, 0.0, 0.5 * math.pi * number)
        local = directions[rays] @ turned.rotation
        frame = lab.studio.shoot(lab.world, pose.compose(turned), sensor.parent, WIDTH, rows, _FOV, channels)
        assert frame.depth is not None
        column = WIDTH / 2 - focal * local[:, 1] / local[:, 0] - 0.5
        row = rows / 2 - focal * local[:, 2] / local[:, 0] - 0.5
        seen = (row > 0.0) & (row < rows - 1) & (column > 0.0) & (column < WIDTH - 1)
        rays, local, column, row = rays[seen], local[seen], column[seen], row[seen]
        inverse, slope_left, slope_up = _inverse_depth(frame.depth, column, row, focal)
        with np.errstate(divide="ignore"):
            distance[rays] = 1.0 / (inverse * local[:, 0])
        left, up = local[:, 1] / local[:, 0], local[:, 2] / local[:, 0]
        normal = np.stack((inverse - slope_left * left - slope_up * up, slope_left, slope_up), 1)
        length = np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
        cosine[rays] = np.minimum(1.0, np.abs((normal * local).sum(1)) / length)
        if frame.segmentation is not None:
            label[rays] = frame.segmentation[np.rint(row).astype(np.int64), np.rint(column).astype(np.int64)]
    hit = np.flatnonzero(distance <= reach)
    points = directions[hit] * distance[hit, None]
    owner = np.zeros(len(hit), dtype=np.uint32)
    if named:
        # The road between a lorry's wheels lies in its box, but is not the lorry.
        movable = np.flatnonzero(np.isin(label[hit], MOVABLE))
        owner[movable] = owners(lab.world, pose.to_world(points[movable]), sensor.parent)
    return Hits(hit, distance[hit], points, cosine[hit], label[hit], owner)


def _inverse_depth(depth: NDArray[np.float32], column: Array, row: Array, focal: float) -> tuple[Array, Array, Array]:
    """1 / depth at pixel positions, and its change per unit of left / forward and up / forward."""
    inverse = np.divide(1.0, depth, dtype=np.float64)
    c, r = column.astype(np.int64), row.astype(np.int64)
    fc, fr = column - c, row - r
    a, b, d, e = inverse[r, c], inverse[r, c + 1], inverse[r + 1, c], inverse[r + 1, c + 1]
    low, high = np.minimum(np.minimum(a, b), np.minimum(d, e)), np.maximum(np.maximum(a, b), np.maximum(d, e))
    smooth = (1 - fr) * ((1 - fc) * a + fc * b) + fr * ((1 - fc) * d + fc * e)
    nearest = np.where(fr < 0.5, np.where(fc < 0.5, a, b), np.where(fc < 0.5, d, e))
    value = np.where(high - low > _JUMP * high, nearest, smooth)
    return value, -focal * 0.5 * (b - a + e - d), -focal * 0.5 * (d - a + e - b)
