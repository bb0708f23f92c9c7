"""The border between CARLA's frame and ours.

CARLA: left-handed, x forward, y right, z up, degrees, yaw clockwise from above. Ours: right-handed, x forward, y left,
z up, radians. Positions differ in the sign of y, angles in the sign of yaw; pitch (nose up) and roll (left side up) are
the same in both. Angular velocities turn round the same axes with opposite sign, but for the one of y.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.render.pose import Pose


class Place(NamedTuple):
    """A position and a direction in our frame: metres and radians (yaw left, pitch nose up, roll left side up)."""

    x: float
    y: float
    z: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def pose(self) -> Pose:
        """The same as a matrix."""
        return Pose.from_angles(self.x, self.y, self.z, self.yaw, self.pitch, self.roll)

    @classmethod
    def of(cls, pose: Pose) -> Place:
        """The angles of a pose. Looking straight up or down, roll is 0."""
        (fx, lx, _), (fy, ly, _), (fz, lz, uz) = pose.rotation.tolist()
        x, y, z = pose.position.tolist()
        pitch = math.asin(max(-1.0, min(1.0, fz)))
        if abs(fz) > 1.0 - 1e-9:
            return cls(x, y, z, math.atan2(-lx, ly), pitch, 0.0)
        return cls(x, y, z, math.atan2(fy, fx), pitch, math.atan2(lz, uz))


Triple = tuple[float, float, float]


def from_carla(location: Triple, rotation: Triple) -> Place:
    """CARLA's location (m) and rotation (pitch, yaw, roll in degrees) in our frame."""
    pitch, yaw, roll = rotation
    return Place(location[0], -location[1], location[2], -math.radians(yaw), math.radians(pitch), math.radians(roll))


def to_carla(place: Place) -> tuple[Triple, Triple]:
    """CARLA's location and rotation (pitch, yaw, roll in degrees) of a place of ours."""
    return (place.x, -place.y, place.z), (
        math.degrees(place.pitch),
        -math.degrees(math.remainder(place.yaw, 2.0 * math.pi)),
        math.degrees(place.roll),
    )


def flip(vector: Triple) -> Triple:
    """A position, velocity, acceleration or force from the one frame into the other."""
    return vector[0], -vector[1], vector[2]


def flip_turn(vector: Triple) -> Triple:
    """An angular velocity (same unit) from the one frame into the other: mirrored axes turn the other way round."""
    return -vector[0], vector[1], -vector[2]


def flip_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (N, 3) from the one frame into the other."""
    return np.asarray(points * np.array((1.0, -1.0, 1.0)))
