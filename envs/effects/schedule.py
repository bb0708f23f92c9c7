"""When a fault is there: a pure function of time for one seed."""

from __future__ import annotations

import math

from liquid_pilot.randomness import generator
from scenarios.faults import Schedule

_WINDOW = 60.0
"""Seconds; bursts are drawn minute by minute, so that an episode of any length can be asked at any moment."""


class Switch:
    """A schedule with its random bursts drawn.

    Args:
        schedule: as the scenario says it.
        seed: of this very fault; decides the bursts.
    """

    def __init__(self, schedule: Schedule, seed: int) -> None:
        self._schedule = schedule
        self._seed = seed
        self._begins: dict[int, list[float]] = {}

    def on(self, time_s: float) -> bool:
        """Whether the fault is there at this time, s since the episode began. No burst begins before 0."""
        plan = self._schedule
        if plan.bursts_per_minute is None or plan.burst_s is None:
            return (plan.from_s or 0.0) <= time_s < (math.inf if plan.to_s is None else plan.to_s)
        since = time_s - plan.burst_s
        first, last = max(0, math.floor(since / _WINDOW)), math.floor(time_s / _WINDOW)
        return any(since < begin <= time_s for window in range(first, last + 1) for begin in self._window(window))

    def _window(self, number: int) -> list[float]:
        """When bursts begin within one minute, s: a Poisson process."""
        if number not in self._begins:
            rng = generator(self._seed, "bursts", number)
            count = rng.poisson(self._schedule.bursts_per_minute or 0.0)
            self._begins[number] = (_WINDOW * (number + rng.random(count))).tolist()
        return self._begins[number]
