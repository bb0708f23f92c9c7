"""A dynamic single-track car in plain Python floats: what moves in the driving world, about 2 us per 10 ms step.

The model is the single-track model of M. Althoff, M. Koschi and S. Manzinger, "CommonRoad: Composable benchmarks for
motion planning on roads", IV 2017 (document "CommonRoad: Vehicle Models" 2020a, section 7, load transfer included),
with three changes:

* tyre forces saturate, ``F = F_max tanh(C alpha / F_max)``, and share one friction circle with drive and brake; in the
  linear range they are CommonRoad's;
* motor power, brakes, air drag, rolling resistance, the drag of turned front wheels and gravity along the slope;
* lateral velocity and yaw rate take an implicit Euler step on the tyres' secant stiffness. Tyre forces grow stiff as
  1 / speed, so an explicit step explodes below 1 m/s, and the usual switch to a kinematic model is a step in the yaw
  rate. The implicit step needs no switch: as the speed falls it turns into the kinematic model by itself.

The reference point is the centre of mass. Frames: x forward, y left, angles counter-clockwise, SI units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

GRAVITY = 9.81
"""Acceleration of gravity, m/s^2."""

AIR_DENSITY = 1.2
"""kg/m^3."""


@dataclass(frozen=True)
class VehicleParameters:
    """A car. The defaults are CommonRoad's vehicle 2 (BMW 320i) with our own steering, motor and brake limits."""

    mass: float = 1093.2952334674046
    """kg."""
    yaw_inertia: float = 1791.5995300122856
    """About the vertical axis, kg m^2."""
    to_front: float = 1.1561957064
    """Centre of mass to front axle, m."""
    to_rear: float = 1.4227170936
    """Centre of mass to rear axle, m."""
    centre_height: float = 0.61373004
    """Height of the centre of mass above ground, m; it makes braking and accelerating move load between the axles."""
    length: float = 4.508
    """Outer length, m."""
    width: float = 1.61
    """Outer width, m."""
    cornering: float = 21.92
    """Cornering stiffness of an axle per newton of its load, 1/rad (CommonRoad: -p_ky1 = mu C_S)."""
    friction: float = 1.0489
    """Greatest tyre force per newton of load on a dry road (CommonRoad: p_dy1)."""
    steering_max: float = 0.5
    """Largest angle of the front wheels, rad."""
    steering_rate: float = 0.7
    """Fastest change of that angle, rad/s."""
    motor_acceleration: float = 4.0
    """What the motor gives at full pedal, m/s^2, as long as its power lasts. It drives the rear axle."""
    motor_power: float = 100e3
    """W."""
    brake_acceleration: float = 8.0
    """What the brakes take at full pedal, m/s^2; split between the axles in proportion to their load."""
    drag_area: float = 0.65
    """Drag coefficient times frontal area, m^2."""
    rolling_resistance: float = 0.012
    """Rolling drag per newton of load."""
    load_transfer: bool = True
    """Whether braking and accelerating move load between the axles."""

    @property
    def wheelbase(self) -> float:
        """Distance between the axles, m."""
        return self.to_front + self.to_rear

    def resistance(self, speed: float) -> float:
        """Deceleration by air and rolling drag at this speed on the flat, m/s^2."""
        return 0.5 * AIR_DENSITY * self.drag_area * speed * speed / self.mass + self.rolling_resistance * GRAVITY

    def pedal_for(self, acceleration: float) -> float:
        """The pedal in [-1, 1] whose motor or brake force alone gives this acceleration, m/s^2."""
        limit = self.motor_acceleration if acceleration > 0.0 else self.brake_acceleration
        return max(-1.0, min(1.0, acceleration / limit))


_CREEP = 0.05
# m/s. Below this speed slip is referred to it instead of to the speed, which would divide by zero.


def _secant(stiffness: float, limit: float, point: float, go: float) -> float:
    """Sideways force of an axle per ``point - go``: the tangents of where its wheels point and where they move."""
    slip = point - go
    if -1e-9 < slip < 1e-9:
        return stiffness / (1.0 + point * point)
    return limit * math.tanh(stiffness * (math.atan(point) - math.atan(go)) / limit) / slip


class Vehicle:
    """One car's state and its motion.

    Attributes are plain floats: ``x``, ``y`` (m), ``heading`` (rad, not wrapped), ``speed`` (forward velocity of the
    body, m/s, never negative), ``lateral_velocity`` (m/s, left), ``yaw_rate`` (rad/s), ``steering_angle`` (rad at the
    front wheels, left positive), and what the last step felt: ``acceleration`` (all forces along the car / mass, m/s^2)
    and ``lateral_acceleration`` (tyre forces across the car / mass, m/s^2). ``grip`` scales the tyres' friction (1 = a
    dry road): a slippery road lowers the limit of a tyre's force, not its stiffness at small slip.
    """

    __slots__ = (
        "acceleration",
        "grip",
        "heading",
        "lateral_acceleration",
        "lateral_velocity",
        "parameters",
        "speed",
        "steering_angle",
        "x",
        "y",
        "yaw_rate",
    )

    def __init__(self, parameters: VehicleParameters | None = None) -> None:
        self.parameters = VehicleParameters() if parameters is None else parameters
        self.grip = 1.0
        self.place(0.0, 0.0, 0.0)

    def place(self, x: float, y: float, heading: float, speed: float = 0.0, curvature: float = 0.0) -> None:
        """Put the car down, already rolling along a circle of this curvature (1/m, 0 = straight on)."""
        p = self.parameters
        self.x, self.y, self.heading = float(x), float(y), float(heading)
        self.speed = max(0.0, float(speed))
        self.steering_angle = max(-p.steering_max, min(p.steering_max, math.atan(p.wheelbase * curvature)))
        self.yaw_rate = self.speed * math.tan(self.steering_angle) / p.wheelbase
        # Steady cornering asks for a slip of lateral / (cornering g) at the rear axle: the body turns into the curve.
        self.lateral_acceleration = self.speed * self.yaw_rate
        slip = self.lateral_acceleration / (p.cornering * GRAVITY)
        self.lateral_velocity = p.to_rear * self.yaw_rate - self.speed * slip
        self.acceleration = 0.0

    def advance(self, steering: float, pedal: float, duration: float, slope: float = 0.0, substeps: int = 5) -> None:
        """Move on by ``duration`` seconds in equal substeps; 10 ms each are enough.

        Args:
            steering: wanted wheel angle as a fraction of ``steering_max``, in [-1, 1], + left.
            pedal: + is the fraction of ``motor_acceleration``, - of ``brake_acceleration``, in [-1, 1].
            duration: s.
            slope: rise per metre along the car's heading; gravity pulls the car down it.
            substeps: how many.
        """
        p = self.parameters
        dt = duration / substeps
        mass, front, rear, cornering = p.mass, p.to_front, p.to_rear, p.cornering
        wheelbase = front + rear
        wanted_angle = steering * p.steering_max
        turn = p.steering_rate * dt
        weight = mass * GRAVITY / math.sqrt(1.0 + slope * slope)
        downhill = weight * slope
        rolling = p.rolling_resistance * weight
        air = 0.5 * AIR_DENSITY * p.drag_area
        transfer = mass * p.centre_height / wheelbase if p.load_transfer else 0.0
        friction = p.friction * self.grip
        motor = mass * p.motor_acceleration * pedal if pedal > 0.0 else 0.0
        brake = -mass * p.brake_acceleration * pedal if pedal < 0.0 else 0.0
        x, y, heading, angle = self.x, self.y, self.heading, self.steering_angle
        v, w, r = self.speed, self.lateral_velocity, self.yaw_rate
        along, across = self.acceleration, self.lateral_acceleration

        for _ in range(substeps):
            missing = wanted_angle - angle
            angle += turn if missing > turn else -turn if missing < -turn else missing
            if v == 0.0 and motor - downhill <= brake + rolling:
                w = r = along = across = 0.0  # at rest, and nothing strong enough to move it: exactly still
                continue

            # Loads, then drive and brake forces, which take their part of each axle's friction circle first
            # (the wheels never lock). A car that lifts its nose or tail stays on the ground here.
            load_front = max(0.0, min(weight, weight * rear / wheelbase - transfer * along))
            load_rear = weight - load_front
            limit_front = friction * load_front
            limit_rear = friction * load_rear
            drive = motor if motor * v <= p.motor_power else p.motor_power / v
            pull_front = -min(limit_front, brake * load_front / weight)
            pull_rear = max(-limit_rear, min(limit_rear, drive - brake * load_rear / weight))
            side_front = math.sqrt(limit_front * limit_front - pull_front * pull_front) + 1.0
            side_rear = math.sqrt(limit_rear * limit_rear - pull_rear * pull_rear) + 1.0

            # Tyres: force = k * (point - go), which is exact now and linear in the next w and r.
            base = v if v > _CREEP else _CREEP
            tangent = math.tan(angle)
            cosine = 1.0 / math.sqrt(1.0 + tangent * tangent)
            point = v * tangent / base
            k_front = _secant(cornering * load_front, side_front, point, (w + front * r) / base)
            k_rear = _secant(cornering * load_rear, side_rear, 0.0, (w - rear * r) / base)

            # Implicit Euler for (w, r): (1 - dt A) new = old + dt b, by Cramer's rule.
            k_side = k_front * cosine
            gain_w = dt / (mass * base)
            gain_r = dt / (p.yaw_inertia * base)
            coupling = front * k_side - rear * k_rear
            a11 = 1.0 + gain_w * (k_side + k_rear)
            a12 = gain_w * coupling + dt * v
            a21 = gain_r * coupling
            a22 = 1.0 + gain_r * (front * front * k_side + rear * rear * k_rear)
            push = (k_side * point + pull_front * tangent * cosine) * base
            b1 = w + gain_w * push
            b2 = r + gain_r * front * push
            determinant = a11 * a22 - a12 * a21
            r_old = r
            w = (b1 * a22 - a12 * b2) / determinant
            r = (a11 * b2 - a21 * b1) / determinant

            force_front = k_front * (point - (w + front * r) / base)
            force_rear = -k_rear * (w - rear * r) / base
            across = (force_front * cosine + pull_front * tangent * cosine + force_rear) / mass
            pull = (pull_front - force_front * tangent) * cosine + pull_rear
            along = (pull - rolling - downhill - air * v * v) / mass

            half_turn = 0.25 * (r_old + r) * dt
            course = heading + half_turn
            heading += 2.0 * half_turn
            v_old = v
            v = max(0.0, v + (along + w * r) * dt)
            v_mid = 0.5 * (v_old + v)
            x += (v_mid * math.cos(course) - w * math.sin(course)) * dt
            y += (v_mid * math.sin(course) + w * math.cos(course)) * dt

        self.x, self.y, self.heading, self.steering_angle = x, y, heading, angle
        self.speed, self.lateral_velocity, self.yaw_rate = v, w, r
        self.acceleration, self.lateral_acceleration = along, across
