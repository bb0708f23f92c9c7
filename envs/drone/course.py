"""Where a flight begins and where its target stands: drawn from the scenario, or given by ``reset(options=...)``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.errors import BadResetOption
from envs.reset_options import duration, numbers, refuse_unknown
from liquid_pilot.randomness import generator
from scenarios.errors import ScenarioError

if TYPE_CHECKING:
    from envs.drone.hulls import Cylinders
    from envs.drone.land import Line
    from scenarios.flight import FlightScenario

_TRIES = 2000
_START_KEYS = ("x", "y", "z", "heading_rad", "speed", "speed_left", "speed_up")
_TARGET_KEYS = ("x", "y", "z")
_KEYS = ("start", "target", "duration_s")


@dataclass(frozen=True)
class Course:
    """The beginning of an episode; metres, rad, m/s, world frame.

    Attributes:
        x, y, z: where the drone starts.
        heading: where its nose points.
        speed: m/s ahead.
        target_x, target_y, target_z: the target's middle at the beginning.
        phase: where on its circle a moving target begins, and how a chair is turned, rad.
        speed_left, speed_up: m/s, besides.
    """

    x: float
    y: float
    z: float
    heading: float
    speed: float
    target_x: float
    target_y: float
    target_z: float
    phase: float
    speed_left: float = 0.0
    speed_up: float = 0.0


@dataclass(frozen=True)
class ResetOptions:
    """What ``reset(options=...)`` may hold: ``{"start": {x, y, z, heading_rad, speed, speed_left, speed_up},
    "target": {x, y, z}, "duration_s"}``.

    Attributes:
        start, target: what replaces the draw; any subset of the keys.
        duration: time limit in s that replaces the scenario's; None = the scenario's.
    """

    start: Mapping[str, float]
    target: Mapping[str, float]
    duration: float | None

    @classmethod
    def parse(cls, options: Mapping[str, Any] | None) -> ResetOptions:
        """Raises BadResetOption for unknown keys and values that are no finite numbers or make no sense."""
        given = dict(options or {})
        refuse_unknown(given, _KEYS, "options")
        start = numbers(given.get("start"), _START_KEYS, "start")
        target = numbers(given.get("target"), _TARGET_KEYS, "target")
        for key, place in (("start.z", start), ("target.z", target)):
            if place.get("z", 1.0) <= 0.0:
                raise BadResetOption(f"reset option {key} must be above the ground, got {place['z']:g}")
        return cls(start, target, duration(given))

    def applied(self, course: Course) -> Course:
        """The course with what is given here instead of what was drawn."""
        start = {("heading" if key == "heading_rad" else key): value for key, value in self.start.items()}
        return replace(course, **start, **{f"target_{key}": value for key, value in self.target.items()})


def draw_line(scenario: FlightScenario, seed: int) -> Line:
    """Start and target (x, y) of a course on which obstacles will stand: within the world, wherever that is."""
    rng = generator(seed, "line")
    radius = scenario.world.radius_m - 2.0
    for _ in range(_TRIES):
        x, y = rng.uniform(-radius, radius, 2).tolist()
        angle, distance = rng.uniform(-math.pi, math.pi), rng.uniform(*scenario.target.distance_m)
        to_x, to_y = x + distance * math.cos(angle), y + distance * math.sin(angle)
        if math.hypot(x, y) < radius and math.hypot(to_x, to_y) < radius:
            return (x, y), (to_x, to_y)
    raise ScenarioError(f"scenario {scenario.name!r}", "no room for such a flight: give world.radius_m more")


def draw_course(scenario: FlightScenario, cylinders: Cylinders, line: Line | None, seed: int) -> Course:
    """The course of an episode: the line between start and target is free but for the obstacles that belong on it.

    Args:
        scenario: target, start and world.
        cylinders: the obstacles of the world.
        line: start and target when the world was planted around them, else None.
        seed: of the draws.

    Raises:
        ScenarioError: there is no free line in this world.
    """
    target, start = scenario.target, scenario.start
    rng = generator(seed, "course")
    turn, side, z, target_z, speed, phase = rng.random(6).tolist()
    bearing = math.radians(within(target.bearing_deg, turn)) * (1.0 if side < 0.5 else -1.0)
    height, middle = within(start.height_m, z), within(target.height_m, target_z)
    phase *= 2.0 * math.pi
    swing = 0.0 if target.moves is None else target.moves.radius_m
    for number in range(1 if line is not None else _TRIES):
        (x, y), (to_x, to_y) = line if line is not None else draw_line(scenario, seed + number)
        hub = np.array((to_x - swing * math.cos(phase), to_y - swing * math.sin(phase), middle))
        eye, end = np.array((x, y, height)), np.array((to_x, to_y, middle))
        free = cylinders.clearance(x, y, height) > 1.0 and math.hypot(hub[0], hub[1]) + swing < scenario.world.radius_m
        free = free and cylinders.clearance(*hub.tolist()) > swing + 0.5 * target.size_m + 1.0
        if line is not None or (free and not cylinders.blocks(eye, end, 0.6)):
            heading = math.remainder(math.atan2(to_y - y, to_x - x) - bearing, 2.0 * math.pi)
            return Course(x, y, height, heading, within(start.speed, speed), to_x, to_y, middle, phase)
    what = "no free line to a target in this world: fewer trees_per_hectare or buildings, or nearer targets"
    raise ScenarioError(f"scenario {scenario.name!r}", what)


def within(interval: tuple[float, float], share: float) -> float:
    """What lies this share (0..1) of the way from the least to the most."""
    return interval[0] + share * (interval[1] - interval[0])
