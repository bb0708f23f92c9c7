"""Where and how fast an episode begins: drawn from the scenario, or given by ``reset(options=...)``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.errors import BadResetOption
from envs.reset_options import duration, numbers, refuse_unknown
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from envs.driving.world import Way
    from envs.road import Route
    from scenarios.schema import StartSpec

LATERAL_ACCELERATION = 2.2
"""m/s^2 in a curve at the target speed; like the four below it is the expert's (policies/expert.py)."""
SPEED_MAX = 12.0
"""m/s."""
SPEED_MIN = 4.0
"""m/s."""
BRAKING = 1.5
"""m/s^2 before a curve."""
HORIZON = 60.0
"""Metres of road that decide."""

_START_KEYS = ("position_m", "lateral_m", "heading_rad", "speed")
_KEYS = ("start", "duration_s")


@dataclass(frozen=True)
class Start:
    """The state of the car when an episode begins.

    Attributes:
        position: metres along the route.
        lateral: metres left of the lane centre.
        heading: radians to the left of the lane's direction.
        speed: m/s.
    """

    position: float
    lateral: float
    heading: float
    speed: float


@dataclass(frozen=True)
class ResetOptions:
    """What ``reset(options=...)`` may hold: ``{"start": {position_m, lateral_m, heading_rad, speed}, "duration_s"}``.

    Attributes:
        start: what replaces the scenario's draw; any subset of the keys.
        duration: time limit in s that replaces the scenario's; None = the scenario's.
    """

    start: Mapping[str, float]
    duration: float | None

    @classmethod
    def parse(cls, options: Mapping[str, Any] | None) -> ResetOptions:
        """Raises BadResetOption for unknown keys and values that are no finite numbers."""
        given = dict(options or {})
        refuse_unknown(given, _KEYS, "options")
        start = numbers(given.get("start"), _START_KEYS, "start")
        if start.get("speed", 0.0) < 0.0:
            raise BadResetOption(f"reset option start.speed must not be negative, got {start['speed']:g}")
        return cls(start, duration(given))


def draw_start(spec: StartSpec, way: Way, seed: int, options: ResetOptions) -> Start:
    """The start of the episode with this seed.

    Every number has its own place in the stream, so that fixing one leaves the others as they were.
    Raises BadResetOption when a given position is not on the route.
    """
    where, lateral, heading = generator(seed, "start-pose").uniform(size=3).tolist()
    given = options.start
    position = given.get("position_m", where * way.begin_last if spec.position == "random" else 0.0)
    if not 0.0 <= position < way.route.length:
        raise BadResetOption(
            f"reset option start.position_m = {position:g} is not on the route, which is {way.route.length:.1f} m long"
        )
    speed = given.get("speed", target_speed(way.route, position) if spec.speed == "target" else spec.speed)
    return Start(
        position=position,
        lateral=given.get("lateral_m", (2.0 * lateral - 1.0) * spec.lateral_m),
        heading=given.get("heading_rad", (2.0 * heading - 1.0) * math.radians(spec.heading_deg)),
        speed=speed,
    )


def target_speed(route: Route, position: float) -> float:
    """What a comfortable driver does there, m/s: slow enough for this curve, and for braking before the next ones."""
    distances = np.arange(0.0, HORIZON, 1.0)
    curvature = route.ahead(position, distances)[2]
    allowed = LATERAL_ACCELERATION / np.maximum(np.abs(curvature), 1e-6)
    allowed = np.clip(allowed, SPEED_MIN**2, SPEED_MAX**2) + 2.0 * BRAKING * distances
    return min(SPEED_MAX, math.sqrt(float(allowed.min())))
