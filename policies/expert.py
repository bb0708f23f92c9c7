"""The expert driver: knows where its lane goes (privileged ``info``), and is what the networks learn to imitate.

Steering is pure pursuit (R. C. Coulter, "Implementation of the Pure Pursuit Path Tracking Algorithm", CMU-RI-TR-92-01)
from the car's centre, with the sideslip of the centre taken into account, so that it is exact on any circle. Speed
follows from the curvature ahead: the greatest lateral acceleration that is comfortable, and comfortable braking.

It was chosen over tracking controllers that cancel the cross-track error itself (Stanley, LQR), because it looks at a
point of the road ahead, which a camera sees too: its actions can be learnt from the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from policies.policy import Action, Info, Observation, Policy

GRAVITY = 9.81
"""m/s^2."""


@dataclass(frozen=True)
class DriverParameters:
    """How the expert drives, and what it knows of its car (the embedded world's; see envs/driving/vehicle.py)."""

    lateral_acceleration: float = 2.2
    """Greatest lateral acceleration that it plans with, m/s^2."""
    speed_max: float = 12.0
    """m/s. From 15 m/s a hairpin must be seen 45 m ahead, where it is five rows of the camera's picture below the
    horizon; networks that learnt from such drives braked too late. From 12 m/s it is 30 m."""
    speed_min: float = 4.0
    """It never plans to be slower than this, m/s."""
    braking: float = 1.5
    """Deceleration that it plans with before curves, m/s^2."""
    acceleration_max: float = 1.8
    """Strongest acceleration that it asks for, m/s^2."""
    braking_max: float = 5.0
    """Strongest deceleration that it asks for when too fast, m/s^2."""
    reaction: float = 0.8
    """Time in which it wants to be at its target speed, s."""
    lookahead_time: float = 0.55
    """Seconds ahead of the point that it steers to."""
    lookahead_min: float = 3.0
    """That point is never nearer than this, m."""
    correction_max: float = 5.0
    """Lateral acceleration beyond which it does not turn the wheel further, m/s^2."""
    wheelbase: float = 2.5789128
    """m."""
    to_rear: float = 1.4227170936
    """Centre of mass to rear axle, m."""
    cornering: float = 21.92
    """Cornering stiffness of the rear axle per newton of load, 1/rad."""
    steering_max: float = 0.5
    """Wheel angle of steering action 1, rad."""
    motor_acceleration: float = 4.0
    """m/s^2 of acceleration action +1."""
    brake_acceleration: float = 8.0
    """m/s^2 of acceleration action -1."""
    air_drag: float = 0.00035672
    """Deceleration by air per speed squared, 1/m."""
    rolling_drag: float = 0.11772
    """Deceleration by rolling resistance, m/s^2."""


class ExpertDriver(Policy):
    """Keeps the lane with what ``info`` tells: path_ahead, speed, yaw_rate, slope, heading_error. Has no memory."""

    name = "expert"
    privileged = True

    def __init__(self, parameters: DriverParameters | None = None) -> None:
        self.parameters = DriverParameters() if parameters is None else parameters

    def reset(self, rows: Sequence[int] = (0,)) -> None:
        """Nothing to forget."""

    def act_rows(
        self,
        rows: Sequence[int],
        observations: Sequence[Observation],  # noqa: ARG002
        infos: Sequence[Info],
    ) -> Action:
        """Actions (len(rows), 2): steering, acceleration. The observations are not looked at."""
        actions = np.empty((len(rows), 2), dtype=np.float32)
        for index, info in enumerate(infos):
            path: npt.NDArray[np.float64] = info["path_ahead"]
            speed = float(info["speed"])
            actions[index, 0] = self.steering(path, speed)
            wanted = self.acceleration(path, speed, speed * float(info["yaw_rate"]))
            uphill = float(info["slope"]) * math.cos(float(info["heading_error"]))
            actions[index, 1] = self.pedal(wanted, speed, uphill)
        return actions

    def steering(self, path: npt.NDArray[np.float64], speed: float) -> float:
        """Steering action in [-1, 1] towards the look-ahead point.

        With d the distance of that point and theta its direction from the car's axis, the circle through both that is
        tangent to the *velocity* (turned from the axis by the sideslip beta) has curvature k = 2 sin(theta - beta) / d.
        The car's point that has no sideslip lies ``c = to_rear - v^2 / (cornering g)`` behind the centre, so that on a
        circle sin(beta) = c k. Solved for k: sin(theta) / sqrt((d / 2 + c cos(theta))^2 + (c sin(theta))^2).

        Args:
            path: (K, 4) float64, columns distance ahead, x, y (m, car frame), curvature (1/m); evenly spaced.
            speed: m/s.
        """
        p = self.parameters
        x, y = _point_at(path, max(p.lookahead_min, p.lookahead_time * speed))
        distance = math.hypot(x, y)
        behind = p.to_rear - speed * speed / (p.cornering * GRAVITY)
        sine, cosine = y / distance, x / distance
        curvature = sine / math.hypot(0.5 * distance + behind * cosine, behind * sine)
        limit = p.correction_max / max(speed * speed, 1e-6)
        curvature = max(-limit, min(limit, curvature))
        # Front and rear tyres of this car slip alike (neutral steer): the wheel angle is that of the geometry.
        angle = math.atan(p.wheelbase * curvature)
        return max(-1.0, min(1.0, angle / p.steering_max))

    def target_speed(self, path: npt.NDArray[np.float64], ahead: float = 0.0) -> float:
        """The speed in m/s that this driver wants to have ``ahead`` metres from here."""
        p = self.parameters
        allowed = p.lateral_acceleration / np.maximum(np.abs(_smooth_curvature(path)), 1e-6)
        np.clip(allowed, p.speed_min * p.speed_min, p.speed_max * p.speed_max, out=allowed)
        allowed += (2.0 * p.braking) * np.maximum(path[:, 0] - ahead, 0.0)
        return min(p.speed_max, math.sqrt(float(allowed.min())))

    def acceleration(self, path: npt.NDArray[np.float64], speed: float, lateral: float = 0.0) -> float:
        """Wanted acceleration in m/s^2: to be at the target speed of the place that it reaches in ``reaction`` s.

        ``lateral`` is the present lateral acceleration: while the car corners it accelerates less, in such a way that
        the whole acceleration stays in an ellipse. Leaving a curve it therefore picks up speed as the wheel unwinds,
        not at a blow where the map says that the curve ends.
        """
        p = self.parameters
        wanted = (self.target_speed(path, speed * p.reaction) - speed) / p.reaction
        share = 1.0 - (lateral / p.lateral_acceleration) ** 2
        limit = p.acceleration_max * math.sqrt(share) if share > 0.0 else 0.0
        return max(-p.braking_max, min(limit, wanted))

    def pedal(self, acceleration: float, speed: float, uphill: float) -> float:
        """Acceleration action in [-1, 1] that gives this acceleration (m/s^2) in spite of drag and slope."""
        p = self.parameters
        gravity = GRAVITY * uphill / math.sqrt(1.0 + uphill * uphill)
        force = acceleration + p.air_drag * speed * speed + p.rolling_drag + gravity
        return max(-1.0, min(1.0, force / (p.motor_acceleration if force > 0.0 else p.brake_acceleration)))


def _point_at(path: npt.NDArray[np.float64], distance: float) -> tuple[float, float]:
    """(x, y) of the lane ``distance`` metres ahead, on the Catmull-Rom curve through the samples.

    Its tangents come from the samples themselves; bending the chords by the curvature column instead would make the
    wheel twitch where a curve begins without a transition.
    """
    step = float(path[1, 0]) - float(path[0, 0])
    index = max(1, min(int(distance / step), len(path) - 3))
    t = min(max(distance / step - index, -1.0), 2.0)
    a = 0.5 * t * (t * (2.0 - t) - 1.0)
    b = 0.5 * (t * t * (3.0 * t - 5.0) + 2.0)
    c = 0.5 * t * (t * (4.0 - 3.0 * t) + 1.0)
    d = 0.5 * t * t * (t - 1.0)
    (ax, bx, cx, dx), (ay, by, cy, dy) = path[index - 1 : index + 3, 1:3].T.tolist()
    return a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy


def _smooth_curvature(path: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(K,) curvature as the turn of the path at each sample.

    This is the true curvature averaged with a triangle of +- one step. Plain samples would see an arc that begins
    without a transition jump nearer by a whole step at a time, and the car would nod.
    """
    step = float(path[1, 0]) - float(path[0, 0])
    dx, dy = np.diff(path[:, 1]), np.diff(path[:, 2])
    turn = np.arctan2(dx[:-1] * dy[1:] - dy[:-1] * dx[1:], dx[:-1] * dx[1:] + dy[:-1] * dy[1:])
    curvature = path[:, 3].copy()
    curvature[1:-1] = turn / step
    return curvature
