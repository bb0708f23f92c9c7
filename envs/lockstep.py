"""Many episodes in one process: several worlds side by side, one batch through the policy at every step.

A network is far cheaper per picture in a batch than alone, and worlds of one process share textures and maps. Workers
that each run a `LockStep` are how evaluation fills a machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from scenarios.loader import AnyScenario

Observation = dict[str, npt.NDArray[Any]]


class World(Protocol):
    """What is driven in; `LaneKeepingEnv` and `FlyToTargetEnv` are such worlds."""

    action_names: tuple[str, ...]
    """Of the elements of an action."""
    render_seconds: float
    """Time spent on drawing observations so far, s."""
    effect_seconds: float
    """Time spent on weather and faults so far, s."""

    @property
    def scenario(self) -> Any:
        """What happens in this world."""

    def reset(
        self, *, seed: int | None = ..., options: dict[str, Any] | None = ...
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode."""

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """One control period."""

    def render(self) -> npt.NDArray[np.uint8] | None:
        """A picture for people."""

    def close(self) -> None:
        """Give everything back."""


class Driver(Protocol):
    """What drives; every `policies.Policy` is one (it cannot be named here: environments know no policies)."""

    def reset(self, rows: Sequence[int] = ...) -> None:
        """New episodes begin in these rows."""

    def act_rows(
        self,
        rows: Sequence[int],
        observations: Sequence[Mapping[str, npt.NDArray[Any]]],
        infos: Sequence[Mapping[str, Any]],
    ) -> npt.NDArray[np.float32]:
        """Actions (len(rows), A) for these rows."""


@dataclass(frozen=True)
class Episode:
    """One episode to drive: a scenario, the seed, and reset options (see the environment's ``reset``)."""

    scenario: AnyScenario
    seed: int
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class DrivenEpisode:
    """What happened in one episode.

    Attributes:
        number: its place in the order in which the episodes were given, from 0.
        episode: what was asked for.
        columns: float64 (T,) for every number of ``info`` after each step, for every action after clipping under its
            name (with ``_action`` behind it where ``info`` has a number of that name), and ``inference_seconds`` (the
            step's share of the batch's time).
        actions: float32 (T, A) as the policy gave them.
        end: why it ended.
        success: whether the route was completed, or the target reached.
        route_length: m.
        road: the name of the road or land.
    """

    number: int
    episode: Episode
    columns: Mapping[str, npt.NDArray[np.float64]]
    actions: npt.NDArray[np.float32]
    end: str
    success: bool
    route_length: float
    road: str


@dataclass(frozen=True)
class Moment:
    """One step of one episode, as it is handed to a watcher (for videos): state after the action.

    ``observation`` and ``info`` are the environment's; ``environment`` may be asked for more, e.g. a picture.
    """

    number: int
    episode: Episode
    environment: World
    observation: Observation
    action: npt.NDArray[np.float32]
    info: Mapping[str, Any]


@dataclass
class TimeSplit:
    """Where the time went, s."""

    steps: int = 0
    total: float = 0.0
    render: float = 0.0
    """Drawing the observations."""
    effects: float = 0.0
    """Weather and faults."""
    world: float = 0.0
    """Physics, routes and all else in ``step``."""
    reset: float = 0.0
    """Building worlds and beginning episodes."""
    policy: float = 0.0
    callbacks: float = 0.0
    """In the caller's own functions."""

    @property
    def overhead(self) -> float:
        """What running in lock step itself costs."""
        accounted = self.render + self.effects + self.world + self.reset + self.policy + self.callbacks
        return self.total - accounted


@dataclass
class _Row:
    """One world side by side with the others, and the episode in it."""

    index: int
    number: int
    episode: Episode
    environment: World
    observation: Observation
    info: dict[str, Any]
    start: dict[str, Any]
    names: tuple[str, ...]
    numbers: list[list[float]] = field(default_factory=list)
    actions: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def driven(self) -> DrivenEpisode:
        table = np.array(self.numbers, dtype=np.float64)
        actions = np.array(self.actions, dtype=np.float32)
        columns = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(self.names)}
        for i, name in enumerate(self.environment.action_names):
            columns[f"{name}_action" if name in columns else name] = np.clip(actions[:, i], -1.0, 1.0).astype(
                np.float64
            )
        return DrivenEpisode(
            self.number,
            self.episode,
            columns,
            actions,
            str(self.info["end"]),
            bool(self.info["success"]),
            float(self.start["route_length"]),
            str(self.start["road"]),
        )


class LockStep:
    """Runs episodes ``worlds`` at a time.

    Args:
        worlds: how many run side by side.
        make: makes the environment of a scenario.
    """

    def __init__(self, worlds: int, make: Callable[[Any], World]) -> None:
        if worlds < 1:
            raise ValueError(f"worlds must be at least 1, got {worlds}")
        self.worlds = worlds
        self._make = make

    def run(
        self,
        driver: Driver,
        episodes: Iterable[Episode],
        finished: Callable[[DrivenEpisode], None],
        watch: Callable[[Moment], None] | None = None,
    ) -> TimeSplit:
        """Drive all episodes; each goes to ``finished`` as soon as it is over (not in the order of asking).

        A row whose episode is over begins the next one at once, so that the batch stays full to the end of the list.
        ``watch`` sees every step. Errors of the environment, the driver or the callbacks end the run.
        """
        times = TimeSplit()
        began = time.perf_counter()
        waiting = iter(enumerate(episodes))
        rows: list[_Row] = []
        try:
            for index in range(self.worlds):
                self._fill(rows, index, waiting, driver, times)
            while rows:
                self._step(rows, driver, watch, times)
                for row in [row for row in rows if row.info["end"]]:
                    _timed(times, "callbacks", finished, row.driven())
                    rows.remove(row)
                    self._fill(rows, row.index, waiting, driver, times, row.environment)
        finally:
            for row in rows:
                row.environment.close()
            times.total = time.perf_counter() - began
        return times

    def _fill(
        self,
        rows: list[_Row],
        index: int,
        waiting: Iterator[tuple[int, Episode]],
        driver: Driver,
        times: TimeSplit,
        environment: World | None = None,
    ) -> None:
        """Begin the next episode in this row, in the environment that is there when the scenario is the same."""
        number, episode = next(waiting, (-1, None))
        if environment is not None and (episode is None or environment.scenario is not episode.scenario):
            environment.close()
            environment = None
        if episode is None:
            return
        began = time.perf_counter()
        if environment is None:
            environment = self._make(episode.scenario)
        drawn, altered = environment.render_seconds, environment.effect_seconds
        options = dict(episode.options) if episode.options is not None else None
        try:
            observation, info = environment.reset(seed=episode.seed, options=options)
        except BaseException:
            environment.close()
            raise
        drawn, altered = environment.render_seconds - drawn, environment.effect_seconds - altered
        times.render += drawn
        times.effects += altered
        times.reset += time.perf_counter() - began - drawn - altered
        names = tuple(name for name, value in info.items() if isinstance(value, bool | int | float))
        names = tuple(name for name in names if name not in ("seed", "route_length"))
        row = _Row(index, number, episode, environment, observation, info, info, (*names, "inference_seconds"))
        _timed(times, "policy", driver.reset, (index,))
        rows.append(row)
        rows.sort(key=lambda other: other.index)

    def _step(self, rows: list[_Row], driver: Driver, watch: Callable[[Moment], None] | None, times: TimeSplit) -> None:
        before = time.perf_counter()
        actions = driver.act_rows([r.index for r in rows], [r.observation for r in rows], [r.info for r in rows])
        taken = time.perf_counter() - before
        times.policy += taken
        share = taken / len(rows)
        for row, action in zip(rows, actions, strict=True):
            environment = row.environment
            drawn, altered = environment.render_seconds, environment.effect_seconds
            before = time.perf_counter()
            row.observation, _, _, _, info = environment.step(action)
            taken = time.perf_counter() - before
            drawn, altered = environment.render_seconds - drawn, environment.effect_seconds - altered
            times.render += drawn
            times.effects += altered
            times.world += taken - drawn - altered
            times.steps += 1
            row.info = info
            info["inference_seconds"] = share
            row.numbers.append([info[name] for name in row.names])
            row.actions.append(action)
            if watch is not None:
                moment = Moment(row.number, row.episode, environment, row.observation, action, info)
                _timed(times, "callbacks", watch, moment)


def _timed(times: TimeSplit, name: str, function: Callable[[Any], Any], argument: Any) -> None:
    began = time.perf_counter()
    function(argument)
    setattr(times, name, getattr(times, name) + time.perf_counter() - began)
