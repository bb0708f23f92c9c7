"""A vehicle: controls in, motion out."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from envs.carla.frames import Place, Triple
from envs.carla.server import limits
from envs.carla.server.protocol import layouts
from envs.carla.server.world import physics
from envs.carla.server.world.actors import ZERO, Actor, tilted
from envs.carla.server.world.blueprints import Blueprint
from envs.carla.server.world.ground import Footing, Ground
from envs.carla.server.world.motion import Motion

UNKNOWN_LIGHT = 4


class Control(NamedTuple):
    """CARLA's VehicleControl; ``steer`` is positive to the right, as there."""

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    manual: bool = False
    gear: int = 0


class Ackermann(NamedTuple):
    """CARLA's VehicleAckermannControl: rad (positive to the right), rad/s, m/s, m/s^2, m/s^3."""

    steer: float
    steer_speed: float
    speed: float
    acceleration: float
    jerk: float


ACKERMANN_SETTINGS = [0.15, 0.0, 0.25, 0.01, 0.0, 0.01]
"""CARLA's first settings of the controller: speed and acceleration, each proportional, integral, derivative."""


class Vehicle(Actor):
    """A vehicle of any kind.

    Attributes:
        motion: its state in the plane.
        footing: the ground under it.
        control: what it was told last.
        ackermann: what it was told last in the other way, or None.
        lights: CARLA's flags.
        light: (state, actor id) of the traffic light that it stands at, or None.
    """

    def __init__(
        self, identity: int, blueprint: Blueprint, attributes: dict[str, str], place: Place, ground: Ground
    ) -> None:
        super().__init__(identity, blueprint, attributes, place)
        self.motion = Motion(physics.parameters(blueprint))
        self.physics_control = physics.control_of(self.motion.car.parameters, blueprint)
        self.control = Control()
        self.ackermann: Ackermann | None = None
        self.ackermann_settings = list(ACKERMANN_SETTINGS)
        self._steer = 0.0
        self.lights = 0
        self.light: tuple[int, int] | None = None
        self.failure = 0
        self._ground = ground
        self.footing: Footing = ground.under(place.x, place.y, place.z)
        self.before = place
        """Where it was before this tick."""
        self.motion.place(place.x, place.y, place.yaw)
        self.place = tilted(place, self.footing)

    @property
    def mass(self) -> float:
        """kg."""
        return self.motion.car.parameters.mass

    def move(self, place: Place) -> None:
        """Put it somewhere else; with physics it then stands on the ground there."""
        self.motion.place(place.x, place.y, place.yaw)
        self.footing = self._ground.under(place.x, place.y, place.z)
        self.place = tilted(place, self.footing) if self.simulates else place

    def set_velocity(self, velocity: Triple) -> None:
        """Give it this velocity, m/s, world."""
        self.velocity = velocity
        self.motion.set_velocity(velocity[0], velocity[1])

    def set_spin(self, spin: Triple) -> None:
        """Give it this angular velocity; what a car has of it is the yaw rate."""
        self.spin = (0.0, 0.0, spin[2])
        self.motion.car.yaw_rate = spin[2]

    def set_simulates(self, on: bool) -> None:
        """Physics on or off."""
        self.simulates = on
        self.motion.stop()
        self.velocity = self.spin = self.acceleration = ZERO
        if on:
            self.move(self.place)

    def set_physics_control(self, control: list[Any]) -> None:
        """Another VehiclePhysicsControl, already checked; see `physics.apply_control`."""
        self.physics_control = control
        car = self.motion.car
        car.parameters = physics.apply_control(car.parameters, self.blueprint, control)

    def advance(self, dt: float) -> None:
        """Drive for ``dt`` s."""
        self.before = self.place
        if not self.simulates:
            self.velocity = self.spin = self.acceleration = ZERO
            return
        try:
            self._move(dt)
        except (ArithmeticError, ValueError):
            # Physics that a client made impossible (a car of 1 kg, say) must not stop the world: that car stands.
            self.motion.stop()
            self.velocity = self.spin = self.acceleration = ZERO
            self.move(self.before)

    def _move(self, dt: float) -> None:
        motion, car = self.motion, self.motion.car
        was = self.velocity
        if self.constant is not None:
            self._keep_velocity(self.constant, dt)
        else:
            control = self.control if self.ackermann is None else self._drive(self.ackermann, dt)
            backwards = control.reverse or (control.manual and control.gear < 0)
            motion.advance(
                control.throttle, control.brake, -control.steer, backwards, control.hand_brake,
                math.tan(self.place.pitch), dt,
            )  # fmt: skip
        if not abs(car.x) + abs(car.y) + abs(car.heading) < 4.0 * limits.COORDINATE:
            raise ValueError("the car has left every map")
        self.footing = self._ground.under(car.x, car.y, self.place.z, self.footing.station)
        self.place = tilted(Place(car.x, car.y, 0.0, car.heading), self.footing)
        vx, vy = motion.velocity
        vz = motion.speed * math.sin(self.place.pitch)
        self.velocity = (vx, vy, vz)
        self.spin = (0.0, 0.0, car.yaw_rate)
        self.acceleration = ((vx - was[0]) / dt, (vy - was[1]) / dt, (vz - was[2]) / dt)

    def _keep_velocity(self, constant: Triple, dt: float) -> None:
        car = self.motion.car
        cosine, sine = math.cos(car.heading), math.sin(car.heading)
        vx, vy = constant[0] * cosine - constant[1] * sine, constant[0] * sine + constant[1] * cosine
        car.x += vx * dt
        car.y += vy * dt
        car.heading += car.yaw_rate * dt
        self.motion.set_velocity(vx, vy)

    def _drive(self, wanted: Ackermann, dt: float) -> Control:
        """Pedals and steering that follow an Ackermann command.

        CARLA turns the command into pedals by two PID loops tuned to its own engines; our model knows its engine, so
        the acceleration is asked for directly and the settings are only kept.
        """
        p = self.motion.car.parameters
        limit = p.steering_max
        angle = max(-limit, min(limit, wanted.steer))
        if wanted.steer_speed > 0.0:
            step = wanted.steer_speed * dt
            angle = self._steer + max(-step, min(step, angle - self._steer))
        self._steer = angle
        speed = self.motion.speed
        back = wanted.speed < 0.0
        missing = abs(wanted.speed) - (-speed if back else speed)
        bound = wanted.acceleration if wanted.acceleration > 0.0 else 3.0
        asked = max(-max(bound, 3.0), min(bound, missing / max(dt, 0.1)))
        if abs(wanted.speed) < 1e-3 and abs(speed) < 0.1:
            return Control(0.0, angle / limit, 1.0)
        asked += p.resistance(abs(speed)) if asked > -0.5 else 0.0
        pedal = p.pedal_for(asked)
        return Control(max(0.0, pedal), angle / limit, max(0.0, -pedal), reverse=back)

    def state(self) -> bytes:
        """Controls, speed limit, the traffic light that it stands at."""
        c = self.control
        colour, light = self.light or (UNKNOWN_LIGHT, 0)
        return layouts.VEHICLE_STATE.pack(
            c.throttle, c.steer, c.brake, c.hand_brake, c.reverse, c.manual, c.gear,
            self.footing.station.limit, colour, self.light is not None, light, self.failure,
        )  # fmt: skip
