"""A vehicle in CARLA under the names of the embedded world's, so that the same ride, metrics and experts serve both."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envs.carla.client.sensors import Camera, Events, transform
from envs.carla.client.session import OWN_CAR, Session
from envs.carla.errors import ServerRefused
from envs.carla.frames import Place, flip, from_carla
from envs.driving.ride import CONTROL_PERIOD
from envs.driving.vehicle import Vehicle, VehicleParameters

if TYPE_CHECKING:
    from envs.render.pose import Pose
    from scenarios.schema import CameraSpec

REAL_CAR = "vehicle.lincoln.mkz_2020"
"""Driven where the server has no `OWN_CAR`: CARLA's own servers."""
GROUND = ("road", "roadline", "sidewalk", "ground", "terrain")
"""What CARLA calls ``static.`` and a car only drives onto: no collision."""
_ABOVE = 0.3
"""Metres above the road at which CARLA wants vehicles to be put."""
_SETTLED = 0.02
"""m/s below which a car stands."""
_SETTLING = 60
"""Ticks in which it must."""


class CarlaCar(Vehicle):
    """The car: placed like the embedded one, moved by the server.

    Args:
        session: the connection.
        kind: blueprint; None: `OWN_CAR` where the server has it, else `REAL_CAR`.

    Attributes:
        collided: it has run into something in the last control period.
        crossed: it has crossed a lane mark in the last control period, says CARLA.
        cameras: whose pictures are fetched after every tick.
        waiting: s spent waiting for pictures so far.
    """

    def __init__(self, session: Session, kind: str | None = None) -> None:
        self._session = session
        self.kind = kind or (OWN_CAR if session.own else REAL_CAR)
        self._actor: Any = None
        self._grip = 1.0
        self.collided = self.crossed = False
        self.cameras: list[Camera] = []
        self.waiting = 0.0
        super().__init__(VehicleParameters())

    # The base's attribute; on a server it is the friction of the tyres.
    @property
    def grip(self) -> float:
        """Share of the dry road's friction."""
        return self._grip

    @grip.setter
    def grip(self, value: float) -> None:
        if self._actor is None or abs(value - self._grip) < 0.005:
            return
        self._grip = value
        with self._session.speaking("apply_physics_control"):
            control = self._actor.get_physics_control()
            wheels = control.wheels
            for wheel, dry in zip(wheels, self._friction, strict=True):
                wheel.tire_friction = dry * value
            control.wheels = wheels
            self._actor.apply_physics_control(control)

    def begin(self, height: float) -> None:
        """Put the car into the world where `place` has put it, standing, its wheels turned as for its curve.

        Args:
            height: of the road, m.

        Raises ServerRefused (the place is taken), ServerLost.
        """
        session = self._session
        place = Place(self.x, self.y, height + _ABOVE, self.heading)
        blueprint = session.blueprint(self.kind)
        try:
            self._actor = session.spawn(blueprint, transform(session.carla, place))
        except ServerRefused as error:
            raise ServerRefused(
                f"{error}; something stands at x {self.x:.1f}, y {-self.y:.1f} (CARLA's): another client's actor, or "
                "what a dead run has left: reload the map or restart the server"
            ) from error
        self._hits = Events(session, "sensor.other.collision", self._actor)
        self._marks = Events(session, "sensor.other.lane_invasion", self._actor)
        with session.speaking("get_physics_control"):
            self._learn(self._actor.get_physics_control())
            steering = self.steering_angle / VehicleParameters().steering_max
            turning = math.ceil(abs(self.steering_angle) / self.parameters.steering_rate / CONTROL_PERIOD)
            # Poses read (0, 0, 0) before the first tick; and CARLA's cars fall to the ground first.
            for number in range(_SETTLING):
                self._control(steering, -1.0, 0.0)
                session.tick()
                fast = self._actor.get_velocity().length() > _SETTLED
                if number >= turning and not fast:
                    break
        self._hits.take()
        self._marks.take()

    def roll(self) -> None:
        """Let it go: the speed that `place` gave it counts from the next tick on. Call it after the first pictures."""
        carla, cosine, sine = self._session.carla, math.cos(self.heading), math.sin(self.heading)
        velocity = flip(
            (
                self.speed * cosine - self.lateral_velocity * sine,
                self.speed * sine + self.lateral_velocity * cosine,
                0.0,
            )
        )
        with self._session.speaking("set_target_velocity"):
            self._actor.set_target_velocity(carla.Vector3D(*velocity))
            self._actor.set_target_angular_velocity(carla.Vector3D(0.0, 0.0, -math.degrees(self.yaw_rate)))

    def add_camera(self, spec: CameraSpec, mount: Pose) -> Camera:
        """A camera on this car; its first picture comes with the next tick."""
        camera = Camera(self._session, spec, self._actor, mount)
        self.cameras.append(camera)
        return camera

    def tick(self) -> None:
        """A control period passes, and its pictures are fetched."""
        frame = self._session.tick()
        began = time.perf_counter()
        for camera in self.cameras:
            camera.fetch(frame)
        self.waiting += time.perf_counter() - began

    def advance(self, steering: float, pedal: float, duration: float, slope: float = 0.0, substeps: int = 5) -> None:  # noqa: ARG002
        """One control period on the server, whatever ``duration`` and ``substeps`` say; its road has slopes itself."""
        self._control(steering, pedal, self.speed)
        self.tick()
        self.collided = any(_is_collision(event) for event in self._hits.take())
        self.crossed = bool(self._marks.take())
        with self._session.speaking("to read the car"):
            self._read()

    def _control(self, steering: float, pedal: float, speed: float) -> None:
        """Steering is an angle of the wheels, whatever car it is: CARLA's is a fraction of its own greatest one."""
        if self.kind == OWN_CAR:
            steer = -steering
        else:
            angle = steering * VehicleParameters().steering_max
            steer = -max(-1.0, min(1.0, angle / (self.parameters.steering_max * self._steering_share(speed))))
        control = self._session.carla.VehicleControl(
            throttle=max(0.0, pedal), steer=steer, brake=max(0.0, -pedal), hand_brake=False, reverse=False
        )
        self._actor.apply_control(control)

    def _learn(self, control: Any) -> None:
        """What the judge needs to know of another car than the embedded one."""
        self._friction = [wheel.tire_friction for wheel in control.wheels]
        self._curve = [(point.x, point.y) for point in control.steering_curve]
        if self.kind == OWN_CAR:
            return
        extent = self._actor.bounding_box.extent
        length = 2.0 * extent.x
        self.parameters = replace(
            self.parameters,
            mass=control.mass,
            length=length,
            width=2.0 * extent.y,
            # CARLA's wheel positions are in world coordinates and hundredths of a metre; shares of the length will do
            # for judging whether a wheel is over the edge.
            to_front=0.29 * length,
            to_rear=0.29 * length,
            steering_max=math.radians(max([wheel.max_steer_angle for wheel in control.wheels], default=45.0)),
            steering_rate=2.0,
        )

    def _steering_share(self, speed: float) -> float:
        """CARLA turns the wheels less at speed: the share of the greatest angle at ``speed`` m/s."""
        kmh, share = 3.6 * speed, 1.0
        points = sorted(self._curve)
        for (low, one), (high, two) in itertools.pairwise(points):
            if low <= kmh <= high and high > low:
                share = one + (two - one) * (kmh - low) / (high - low)
        if points and kmh > points[-1][0]:
            share = points[-1][1]
        return max(0.05, share)

    def _read(self) -> None:
        actor = self._actor
        there, velocity, pull = actor.get_transform(), actor.get_velocity(), actor.get_acceleration()
        rotation = there.rotation
        place = from_carla(
            (there.location.x, there.location.y, there.location.z), (rotation.pitch, rotation.yaw, rotation.roll)
        )
        self.x, self.y = place.x, place.y
        self.heading += math.remainder(place.yaw - self.heading, 2.0 * math.pi)
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        self.speed = max(0.0, velocity.x * cosine - velocity.y * sine)
        self.lateral_velocity = -velocity.y * cosine - velocity.x * sine
        self.acceleration = pull.x * cosine - pull.y * sine
        self.lateral_acceleration = -pull.y * cosine - pull.x * sine
        self.yaw_rate = -math.radians(actor.get_angular_velocity().z)
        front = self._session.carla.VehicleWheelLocation.FL_Wheel
        self.steering_angle = -math.radians(actor.get_wheel_steer_angle(front))


def _is_collision(event: Any) -> bool:
    kind = event.other_actor.type_id if event.other_actor is not None else ""
    return not (kind.startswith("static.") and kind.removeprefix("static.").lower() in GROUND)
