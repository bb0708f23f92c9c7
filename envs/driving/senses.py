"""What the sensors and the actuators of a car make of the truth in one episode: weather, faults and their timing.

In clear weather without faults nothing here costs anything or changes a bit: the picture is the renderer's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from envs.driving.ride import CONTROL_PERIOD
from envs.render.pose import Pose
from liquid_pilot.randomness import derive_seed
from scenarios.weather import CLEAR, Weather

if TYPE_CHECKING:
    from envs.driving.ride import Ride
    from envs.driving.world import DrivingWorld
    from envs.effects import Moment, SensorLine
    from envs.render.renderer import Frame
    from scenarios.schema import CameraSpec, Scenario

    Draw = Callable[[CameraSpec, Pose, frozenset[str]], Frame]

Image = npt.NDArray[np.uint8]

GRIP_LOST = 0.3
"""Share of the tyres' friction that a wholly wet road takes: peak values on asphalt are 0.8 to 0.9 dry and 0.5 to 0.7
wet (J. Y. Wong, Theory of Ground Vehicles, 4th ed. 2008, table 1.3)."""


class Senses:
    """The camera, the speedometer and the actuators of one episode.

    Args:
        scenario: its camera, weather and faults.
        world: where the car is.
        seed: of the episode; every draw of weather and faults follows from it, the fault's name and the frame.
        mount: the camera's place in the car's frame.
        draw: gives the clear picture of a camera: ``draw(spec, eye, more channels)``.

    Attributes:
        render_seconds: time spent in the renderer, s.
        effect_seconds: time spent on weather and faults, s.
    """

    def __init__(self, scenario: Scenario, world: DrivingWorld, seed: int, mount: Pose, draw: Draw) -> None:
        self._scenario, self._world, self._seed, self._mount, self._draw = scenario, world, seed, mount, draw
        self._weather_seed = derive_seed(seed, "weather")
        self._seen: tuple[int, Image, float] | None = None
        self.render_seconds = 0.0
        self.effect_seconds = 0.0

    @cached_property
    def _line(self) -> SensorLine | None:
        if not self._scenario.faults:
            return None
        from envs.effects import SensorLine

        line = SensorLine(self._scenario.faults, self._seed, CONTROL_PERIOD)
        return line if line.active else None

    def weather(self, ride: Ride) -> Weather:
        """The weather of this moment."""
        plan = self._scenario.weather
        return plan.constant if plan.constant is not None else plan.at(*moment_of(ride)[1:])

    def grip(self, ride: Ride) -> float:
        """Share of the dry road's friction that the tyres find here: 1 unless the scenario says ``wet_grip``."""
        if not self._scenario.wet_grip:
            return 1.0
        return 1.0 - GRIP_LOST * max(0.0, self.weather(ride).wetness) / 100.0

    def look(self, ride: Ride, car: Pose) -> tuple[Image, float]:
        """(the picture that arrives in this frame, seconds since the last one was taken). Once a frame: what delays
        pictures has to see every one of them; asking again gives the same."""
        if self._seen is None or self._seen[0] != ride.frame:
            image, elapsed = self._capture(ride, car), CONTROL_PERIOD
            if self._line is not None:
                image, elapsed = self._line.deliver(image, moment_of(ride))
            self._seen = ride.frame, image, elapsed
        # A copy: what the caller does to its picture must not come back to it as a delayed one.
        return self._seen[1].copy(), self._seen[2]

    def speed(self, ride: Ride) -> float:
        """What the speedometer says, m/s."""
        return ride.car.speed if self._line is None else self._line.speed(ride.car.speed, moment_of(ride))

    def action(self, ride: Ride, steering: float, pedal: float) -> tuple[float, float]:
        """What the actuators make of an action, each in [-1, 1]."""
        if self._line is None:
            return steering, pedal
        done: list[Any] = self._line.action(np.array((steering, pedal)), moment_of(ride)).tolist()
        return done[0], done[1]

    def _capture(self, ride: Ride, car: Pose) -> Image:
        """The picture that the camera takes now: another pose if it was knocked, weather, faults of the picture."""
        began = time.perf_counter()
        weather, line = self.weather(ride), self._line
        clear = weather == CLEAR
        channels = frozenset[str]() if clear else self._world.look.needs(weather)
        eye = car.compose(self._mount)
        shift = None if line is None else line.camera_shift(moment_of(ride))
        if shift is not None:
            eye = eye.compose(Pose.from_angles(0.0, shift.left_m, shift.up_m, shift.yaw, shift.pitch, shift.roll))
        drawing = time.perf_counter()
        frame = self._draw(self._scenario.camera, eye, channels)
        drawn = time.perf_counter() - drawing
        self.render_seconds += drawn
        image = frame.rgb
        assert image is not None  # the rgb channel is always there
        if not clear:
            image = self._under(weather, image, frame, eye, ride)
        if line is not None:
            image = line.image(image, moment_of(ride))
        self.effect_seconds += time.perf_counter() - began - drawn
        return image

    def _under(self, weather: Weather, image: Image, frame: Frame, eye: Pose, ride: Ride) -> Image:
        from envs.effects import Key
        from envs.effects.weather import View

        camera, car = self._scenario.camera, ride.car
        focal = camera.width / (2.0 * math.tan(math.radians(camera.fov_deg) / 2.0))
        cosine, sine = math.cos(car.heading), math.sin(car.heading)
        velocity = np.array(
            (
                car.speed * cosine - car.lateral_velocity * sine,
                car.speed * sine + car.lateral_velocity * cosine,
                0.0,
            )
        )
        view = View(camera.width, camera.height, focal, eye.position, eye.rotation, velocity)
        key = Key(self._weather_seed, ride.frame)
        return self._world.look.apply(image, frame.depth, frame.segmentation, view, weather, key)


def moment_of(ride: Ride) -> Moment:
    """Where in its episode a ride is, for schedules and keyframes."""
    from envs.effects import Moment

    driven = ride.place.s - ride.begin
    share = driven / (ride.finish - ride.begin)
    return Moment(ride.frame, ride.frame * CONTROL_PERIOD, max(0.0, driven), max(0.0, min(1.0, share)))
