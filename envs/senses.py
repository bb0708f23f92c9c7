"""What the sensors and the actuators of a vehicle make of the truth in one episode: weather, faults and their timing.

The same for everything that drives or flies. In clear weather without faults nothing here costs anything or changes a
bit: the picture is the renderer's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from envs.moment import Moment
from envs.render.pose import Pose
from liquid_pilot.randomness import derive_seed
from scenarios.weather import CLEAR, Weather

if TYPE_CHECKING:
    from envs.effects import SensorLine
    from envs.effects.weather import WeatherLook
    from envs.render.renderer import Frame
    from scenarios.faults import FaultSpec
    from scenarios.schema import CameraSpec
    from scenarios.weather import WeatherPlan

    Draw = Callable[[CameraSpec, Pose, frozenset[str]], Frame]

Image = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float64]


class Place(Protocol):
    """A world that knows what weather makes of its pictures."""

    @property
    def look(self) -> WeatherLook:
        """Made at the first call, in weather that is not clear."""


class Conditions(Protocol):
    """What a scenario of any kind says of its sensors."""

    @property
    def camera(self) -> CameraSpec:
        """The camera."""

    @property
    def weather(self) -> WeatherPlan:
        """The weather of the episode."""

    @property
    def faults(self) -> tuple[FaultSpec, ...]:
        """What is wrong."""


class Senses:
    """The camera, the measured speed and the actuators of one episode.

    Args:
        scenario: its camera, weather and faults.
        world: where the vehicle is.
        seed: of the episode; every draw of weather and faults follows from it, the fault's name and the frame.
        draw: gives the clear picture of a camera: ``draw(spec, eye, more channels)``.
        period: seconds between two frames.

    Attributes:
        render_seconds: time spent in the renderer, s.
        effect_seconds: time spent on weather and faults, s.
    """

    def __init__(self, scenario: Conditions, world: Place, seed: int, draw: Draw, period: float) -> None:
        self._scenario, self._world, self._seed, self._draw, self._period = scenario, world, seed, draw, period
        self._mount = camera_mount(scenario.camera)
        self._weather_seed = derive_seed(seed, "weather")
        self._seen: tuple[int, Image, float] | None = None
        self.render_seconds = 0.0
        self.effect_seconds = 0.0

    @cached_property
    def _line(self) -> SensorLine | None:
        if not self._scenario.faults:
            return None
        from envs.effects import SensorLine

        line = SensorLine(self._scenario.faults, self._seed, self._period)
        return line if line.active else None

    def weather(self, moment: Moment) -> Weather:
        """The weather of this moment."""
        return self._constant[0] or self._scenario.weather.at(*moment[1:])

    @cached_property
    def _constant(self) -> tuple[Weather | None, bool]:
        """The weather that stays all the way, and whether it is clear."""
        constant = self._scenario.weather.constant
        return constant, constant == CLEAR

    def look(self, moment: Moment, body: Pose, velocity: Vector) -> tuple[Image, float]:
        """The picture that arrives in this frame, and the seconds since the last one was taken.

        Once a frame: what delays pictures has to see every one of them; asking again gives the same.

        Args:
            moment: now.
            body: pose of the vehicle.
            velocity: (3,) m/s, world; decides how rain slants.
        """
        if self._seen is None or self._seen[0] != moment.frame:
            image, elapsed = self._capture(moment, body, velocity), self._period
            if self._line is not None:
                image, elapsed = self._line.deliver(image, moment)
            self._seen = moment.frame, image, elapsed
        # A copy: what the caller does to its picture must not come back to it as a delayed one.
        return self._seen[1].copy(), self._seen[2]

    def mount(self, moment: Moment) -> Pose:
        """The camera's place on the vehicle at this moment: another one if it was knocked. For worlds whose camera is
        moved before the picture is taken."""
        shift = None if self._line is None else self._line.camera_shift(moment)
        if shift is None:
            return self._mount
        return self._mount.compose(Pose.from_angles(0.0, shift.left_m, shift.up_m, shift.yaw, shift.pitch, shift.roll))

    def speed(self, moment: Moment, speed: float) -> float:
        """What the speedometer says of a speed, m/s."""
        return speed if self._line is None else self._line.speed(speed, moment)

    def velocity(self, moment: Moment, velocity: Vector) -> Vector:
        """What is measured of a velocity (3,), m/s, in any frame."""
        return velocity if self._line is None else self._line.velocity(velocity, moment)

    def action(self, moment: Moment, action: tuple[float, ...]) -> tuple[float, ...]:
        """What the actuators make of an action, each component in [-1, 1]; the one that steers comes first."""
        if self._line is None:
            return action
        done: list[Any] = self._line.action(np.array(action), moment).tolist()
        return tuple(done)

    def _capture(self, moment: Moment, body: Pose, velocity: Vector) -> Image:
        """The picture that the camera takes now: another pose if it was knocked, weather, faults of the picture."""
        began = time.perf_counter()
        weather, line = self.weather(moment), self._line
        clear = self._constant[1] or weather == CLEAR
        channels = frozenset[str]() if clear else self._world.look.needs(weather)
        eye = body.compose(self._mount)
        shift = None if line is None else line.camera_shift(moment)
        if shift is not None:
            eye = eye.compose(Pose.from_angles(0.0, shift.left_m, shift.up_m, shift.yaw, shift.pitch, shift.roll))
        drawing = time.perf_counter()
        frame = self._draw(self._scenario.camera, eye, channels)
        drawn = time.perf_counter() - drawing
        self.render_seconds += drawn
        image = frame.rgb
        assert image is not None  # the rgb channel is always there
        if not clear:
            image = self._under(weather, image, frame, eye, velocity, moment.frame)
        if line is not None:
            image = line.image(image, moment)
        self.effect_seconds += time.perf_counter() - began - drawn
        return image

    def _under(self, weather: Weather, image: Image, frame: Frame, eye: Pose, velocity: Vector, number: int) -> Image:
        from envs.effects import Key
        from envs.effects.weather import View

        camera = self._scenario.camera
        focal = camera.width / (2.0 * math.tan(math.radians(camera.fov_deg) / 2.0))
        view = View(camera.width, camera.height, focal, eye.position, eye.rotation, velocity)
        key = Key(self._weather_seed, number)
        return self._world.look.apply(image, frame.depth, frame.segmentation, view, weather, key)


def camera_mount(camera: CameraSpec) -> Pose:
    """The camera's place in the frame of what carries it."""
    return Pose.from_angles(camera.x_m, 0.0, camera.z_m, pitch=math.radians(camera.pitch_deg))
