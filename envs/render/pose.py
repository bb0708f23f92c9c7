"""Where a body is and how it is turned.

Frames are right-handed everywhere: the world has z up; a body (car, drone, camera) has x forward, y left, z up. A
camera is a body that looks along its own x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A rigid placement of a body in the world.

    Args:
        position: (3,) float64, metres, world frame.
        rotation: (3, 3) float64, body to world: its columns are the body's forward, left and up axes in the world.
    """

    position: FloatArray
    rotation: FloatArray

    @classmethod
    def from_angles(cls, x: float, y: float, z: float, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Pose:
        """The pose at (x, y, z) metres, turned by yaw, then pitch, then roll (radians; about the moved axes).

        yaw > 0 turns to the left (counter-clockwise from above), pitch > 0 lifts the nose, roll > 0 lifts the left
        side. Note that pitch is therefore a turn about the body's *right* axis.
        """
        cy, sy = math.cos(yaw), math.sin(yaw)
        cp, sp = math.cos(pitch), math.sin(pitch)
        cr, sr = math.cos(roll), math.sin(roll)
        rotation = np.array(
            (
                (cy * cp, -sy * cr - cy * sp * sr, sy * sr - cy * sp * cr),
                (sy * cp, cy * cr - sy * sp * sr, -cy * sr - sy * sp * cr),
                (sp, cp * sr, cp * cr),
            )
        )
        return cls(np.array((x, y, z), dtype=np.float64), rotation)

    @classmethod
    def from_quaternion(cls, position: ArrayLike, wxyz: ArrayLike) -> Pose:
        """The pose at ``position`` (3,) with the body-to-world unit quaternion (w, x, y, z); it is normalised here."""
        w, x, y, z = np.asarray(wxyz, dtype=np.float64) / np.linalg.norm(np.asarray(wxyz, dtype=np.float64))
        rotation = np.array(
            (
                (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
                (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
                (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
            )
        )
        return cls(np.array(position, dtype=np.float64), rotation)

    @classmethod
    def looking_at(cls, eye: ArrayLike, target: ArrayLike) -> Pose:
        """The upright pose at ``eye`` (3,) that looks at ``target`` (3,); straight up or down keeps yaw 0."""
        start = np.asarray(eye, dtype=np.float64)
        dx, dy, dz = (float(d) for d in np.asarray(target, dtype=np.float64) - start)
        flat = math.hypot(dx, dy)
        x, y, z = (float(p) for p in start)
        return cls.from_angles(x, y, z, math.atan2(dy, dx), math.atan2(dz, flat))

    def compose(self, inner: Pose) -> Pose:
        """The world pose of ``inner``, which is given in this body's frame (e.g. a camera on a car)."""
        return Pose(self.rotation @ inner.position + self.position, self.rotation @ inner.rotation)

    def to_body(self, points: ArrayLike) -> FloatArray:
        """World points (..., 3) seen from the body: (..., 3) metres forward, left, up."""
        return np.asarray((np.asarray(points, dtype=np.float64) - self.position) @ self.rotation)

    def to_world(self, points: ArrayLike) -> FloatArray:
        """Body points (..., 3) in the world frame."""
        return np.asarray(np.asarray(points, dtype=np.float64) @ self.rotation.T + self.position)
