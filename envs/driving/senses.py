"""The sensors and actuators of a car: `envs.senses` for a ride, and the road that gets slippery."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from envs.driving.ride import CONTROL_PERIOD
from envs.moment import Moment
from envs.senses import Image
from envs.senses import Senses as AnySenses

if TYPE_CHECKING:
    from envs.driving.ride import Ride
    from envs.driving.stage import Stage
    from envs.render.pose import Pose
    from envs.senses import Draw
    from scenarios.schema import Scenario
    from scenarios.weather import Weather

GRIP_LOST = 0.3
"""Share of the tyres' friction that a wholly wet road takes: peak values on asphalt are 0.8 to 0.9 dry and 0.5 to 0.7
wet (J. Y. Wong, Theory of Ground Vehicles, 4th ed. 2008, table 1.3)."""


class Senses:
    """The camera, the speedometer and the actuators of one ride; the arguments are those of `envs.senses.Senses`."""

    def __init__(self, scenario: Scenario, world: Stage, seed: int, draw: Draw) -> None:
        self._wet_grip = scenario.wet_grip
        self._senses = AnySenses(scenario, world, seed, draw, CONTROL_PERIOD)

    @property
    def render_seconds(self) -> float:
        """Time spent in the renderer, s."""
        return self._senses.render_seconds

    @property
    def effect_seconds(self) -> float:
        """Time spent on weather and faults, s."""
        return self._senses.effect_seconds

    def weather(self, ride: Ride) -> Weather:
        """The weather of this moment."""
        return self._senses.weather(moment_of(ride))

    def grip(self, ride: Ride) -> float:
        """Share of the dry road's friction that the tyres find here: 1 unless the scenario says ``wet_grip``."""
        if not self._wet_grip:
            return 1.0
        return 1.0 - GRIP_LOST * max(0.0, self.weather(ride).wetness) / 100.0

    def look(self, ride: Ride, car: Pose) -> tuple[Image, float]:
        """(the picture that arrives in this frame, seconds since the last one was taken); see `envs.senses`."""
        return self._senses.look(moment_of(ride), car, _velocity(ride))

    def mount(self, moment: Moment) -> Pose:
        """The camera's place on the car at this moment."""
        return self._senses.mount(moment)

    def speed(self, ride: Ride) -> float:
        """What the speedometer says, m/s."""
        return self._senses.speed(moment_of(ride), ride.car.speed)

    def action(self, ride: Ride, steering: float, pedal: float) -> tuple[float, float]:
        """What the actuators make of an action, each in [-1, 1]."""
        steering, pedal = self._senses.action(moment_of(ride), (steering, pedal))
        return steering, pedal


def _velocity(ride: Ride) -> npt.NDArray[np.float64]:
    """(3,) m/s, world."""
    car = ride.car
    cosine, sine = math.cos(car.heading), math.sin(car.heading)
    return np.array(
        (
            car.speed * cosine - car.lateral_velocity * sine,
            car.speed * sine + car.lateral_velocity * cosine,
            0.0,
        )
    )


def moment_of(ride: Ride) -> Moment:
    """Where in its episode a ride is, for schedules and keyframes."""
    driven = ride.place.s - ride.begin
    share = driven / (ride.finish - ride.begin)
    return Moment(ride.frame, ride.frame * CONTROL_PERIOD, max(0.0, driven), max(0.0, min(1.0, share)))
