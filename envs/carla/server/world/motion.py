"""How a vehicle moves: the embedded world's single-track car, and what CARLA's cars do beyond it.

Forwards it is `envs.driving.vehicle.Vehicle`, step for step, so that a policy drives the same car in both worlds.
Backwards, where that model does not go, it is a kinematic car: nobody backs fast.
"""

from __future__ import annotations

import math

from envs.driving.vehicle import Vehicle, VehicleParameters

SUBSTEP = 0.01
"""s of physics at a time."""
_REVERSE_LIMIT = 12.0
"""m/s backwards."""
_TURNABLE = 0.05
"""m/s below which gears may change direction."""


class Motion:
    """A vehicle's state in the plane.

    Attributes:
        car: the model while it goes forwards, and the parameters.
        backing: speed backwards, m/s, >= 0; above 0 only while ``car.speed`` is 0.
    """

    def __init__(self, parameters: VehicleParameters) -> None:
        self.car = Vehicle(parameters)
        self.backing = 0.0

    def place(self, x: float, y: float, heading: float) -> None:
        """Put it down somewhere else, moving as before."""
        car = self.car
        car.x, car.y, car.heading = x, y, heading

    def stop(self) -> None:
        """Take all speed away."""
        self.set_velocity(0.0, 0.0)
        self.car.yaw_rate = 0.0

    @property
    def speed(self) -> float:
        """Forward velocity, m/s, negative backwards."""
        return self.car.speed - self.backing

    @property
    def velocity(self) -> tuple[float, float]:
        """World velocity in the plane, m/s."""
        car, forward = self.car, self.speed
        cosine, sine = math.cos(car.heading), math.sin(car.heading)
        return (
            forward * cosine - car.lateral_velocity * sine,
            forward * sine + car.lateral_velocity * cosine,
        )

    def set_velocity(self, vx: float, vy: float) -> None:
        """Give it this world velocity, m/s."""
        car = self.car
        cosine, sine = math.cos(car.heading), math.sin(car.heading)
        forward = vx * cosine + vy * sine
        car.speed, self.backing = max(0.0, forward), max(0.0, -forward)
        car.lateral_velocity = vy * cosine - vx * sine

    def advance(
        self, throttle: float, brake: float, steering: float, reverse: bool, hand_brake: bool, slope: float, dt: float
    ) -> None:
        """Move on by ``dt`` s.

        Args:
            throttle, brake: 0..1.
            steering: -1..1, + left.
            reverse: whether the gear is reverse.
            hand_brake: full brake.
            slope: rise per metre ahead.
            dt: s.
        """
        car = self.car
        p = car.parameters
        if hand_brake:
            throttle, brake = 0.0, 1.0
        substeps = max(1, math.ceil(dt / SUBSTEP - 1e-6))
        moves_back = self.backing > 0.0 or (reverse and car.speed < _TURNABLE)
        if not moves_back:
            # In reverse gear at speed the motor drags.
            pull = throttle * p.motor_acceleration * (0.0 if reverse else 1.0)
            car.advance(steering, p.pedal_for(pull - brake * p.brake_acceleration), dt, slope, substeps)
            return
        if not reverse:
            # The motor pulls forwards against a car that rolls backwards: to that car it is a brake.
            brake += throttle * p.motor_acceleration / p.brake_acceleration
        self._back(throttle if reverse else 0.0, brake, steering, slope, dt)
        if not reverse and self.backing < _TURNABLE:
            self.backing = 0.0

    def _back(self, throttle: float, brake: float, steering: float, slope: float, dt: float) -> None:
        car = self.car
        p = car.parameters
        wanted = steering * p.steering_max
        turn = p.steering_rate * dt
        car.steering_angle += max(-turn, min(turn, wanted - car.steering_angle))
        was = self.backing
        drive = throttle * p.motor_acceleration
        hold = brake * p.brake_acceleration + p.resistance(was)
        change = drive + 9.81 * slope
        change = change - math.copysign(min(hold, abs(change)), change) if was == 0.0 else change - hold
        self.backing = min(_REVERSE_LIMIT, max(0.0, was + change * dt))
        distance = -0.5 * (was + self.backing) * dt
        tangent = math.tan(car.steering_angle)
        slip = math.atan(p.to_rear / p.wheelbase * tangent)
        car.yaw_rate = -self.backing * math.cos(slip) * tangent / p.wheelbase
        course = car.heading + slip + 0.5 * car.yaw_rate * dt
        car.x += distance * math.cos(course)
        car.y += distance * math.sin(course)
        car.heading += car.yaw_rate * dt
        car.speed = 0.0
        car.lateral_velocity = -self.backing * math.sin(slip)
        car.acceleration = -(self.backing - was) / dt
        car.lateral_acceleration = 0.0
