"""Driving many episodes closed loop in worker processes; what is finished is on disk at once and never driven twice.

Used by ``evaluate``, and by ``train`` to choose a checkpoint by driving.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch.backend import EMBEDDED, Backend
from launch.progress import Report
from launch.tasks import task_of
from launch.workers import Send, Work, WorkerPool
from liquid_pilot.analysis.judging import JUDGING
from liquid_pilot.analysis.report import DrivenEpisode
from liquid_pilot.analysis.results import EpisodeResult
from liquid_pilot.analysis.trace import COLUMNS, EpisodeTrace
from scenarios.loader import AnyScenario
from scenarios.weather import CLEAR

if TYPE_CHECKING:
    from envs.lockstep import DrivenEpisode as Driven

WORLDS = 8
"""Worlds side by side in a worker: the head runs in chunks, and more worlds only take more memory."""
BLOCK = 8
"""Episodes handed to a worker at a time: small enough that the last workers do not wait long for each other."""
MESSAGE_EVERY = 200
"""Control steps between two messages about progress."""


@dataclass(frozen=True)
class Competitor:
    """A policy that is judged: the name in tables, and what `policies.load` takes."""

    name: str
    source: str


@dataclass(frozen=True)
class Assignment:
    """One episode that is to be driven."""

    competitor: Competitor
    scenario: AnyScenario
    scenario_name: str
    seed: int

    @property
    def weather(self) -> str:
        """The weather's name in tables."""
        return self.scenario.weather.label

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults' names in tables."""
        return tuple(fault.label for fault in self.scenario.faults)

    @property
    def conditions(self) -> str:
        """Weather and faults in words; empty in clear weather without faults."""
        weather = () if self.scenario.weather.constant == CLEAR else (self.weather,)
        return ", ".join((*weather, *self.faults))

    @property
    def file_name(self) -> str:
        """Where its trace lies below the folder of episodes."""
        under = f"@{file_safe(self.conditions)}" if self.conditions else ""
        return f"{file_safe(self.competitor.name)}/{file_safe(self.scenario_name)}{under}-{self.seed}.npz"

    def __str__(self) -> str:
        under = f" ({self.conditions})" if self.conditions else ""
        return f"{self.competitor.name} on {self.scenario_name}{under}, seed {self.seed}"


def assignments(
    competitors: Sequence[Competitor],
    scenarios: Sequence[tuple[str, Sequence[AnyScenario]]],
    episodes: int,
    seed: int,
) -> list[Assignment]:
    """Every competitor in every scenario with the same seeds: ``seed``, ``seed + 1``, ...

    Args:
        competitors: who drives.
        scenarios: name and variants (the same road under several conditions) of each scenario. Variants of one episode
            stand together, so that a worker builds their world once.
        episodes: of each variant.
        seed: of the first episode.
    """
    return [
        Assignment(competitor, scenario, name, seed + number)
        for competitor in competitors
        for name, variants in scenarios
        for number in range(episodes)
        for scenario in variants
    ]


def drive_all(
    plan: Sequence[Assignment],
    folder: Path,
    *,
    workers: int,
    progress: Report | None = None,
    backend: Backend = EMBEDDED,
) -> list[DrivenEpisode]:
    """Drive every assignment whose trace is not in ``folder`` yet; gives all episodes in the order of the plan.

    Every episode's trace is written by its worker the moment it is over.
    """
    missing = [a for a in plan if not (folder / a.file_name).exists()]
    blocks = list(_blocks(missing))
    steps = dict.fromkeys(range(len(blocks)), 0)
    done = len(plan) - len(missing)
    driven_steps = 0

    def show() -> None:
        if progress is not None:
            note = f"{done} of {len(plan)} episodes"
            progress(done, len(plan), note)

    def on_message(_: int, message: Any) -> None:
        nonlocal done, driven_steps
        done += int(message)
        show()

    show()
    if blocks:
        count = min(backend.workers(workers), len(blocks))
        with WorkerPool[tuple[Assignment, ...], int](_make_driver, (folder, backend), count) as pool:
            for index, taken in pool.run(blocks, on_message):
                steps[index] = taken
                driven_steps += taken
    return [_read(a, folder) for a in plan]


def _read(assignment: Assignment, folder: Path) -> DrivenEpisode:
    trace = EpisodeTrace.load(folder / assignment.file_name)
    result = EpisodeResult(
        policy=assignment.competitor.name,
        scenario=assignment.scenario_name,
        seed=assignment.seed,
        success=trace.success,
        end=trace.end,
        steps=len(trace),
        metrics=JUDGING[trace.kind].metrics(trace),
        weather=assignment.weather,
        faults=assignment.faults,
    )
    return DrivenEpisode(result, trace)


def _blocks(missing: Sequence[Assignment]) -> Iterator[tuple[Assignment, ...]]:
    """Cut into blocks of one competitor each, since a block shares one batch through its network."""
    block: list[Assignment] = []
    for assignment in missing:
        if block and (len(block) == BLOCK or assignment.competitor != block[0].competitor):
            yield tuple(block)
            block = []
        block.append(assignment)
    if block:
        yield tuple(block)


def _make_driver(shared: tuple[Path, Backend]) -> Work:
    """In a worker: what drives a block of assignments."""
    import policies
    from envs.lockstep import Episode, LockStep
    from liquid_pilot.imitation.memory import keep_freed_memory

    # A forward pass frees and takes the same megabytes at every step, as training does.
    keep_freed_memory()
    folder, backend = shared
    loaded: dict[str, Any] = {}

    def drive(block: tuple[Assignment, ...], send: Send) -> int:
        source, task = block[0].competitor.source, task_of(block[0].scenario)
        if source not in loaded:
            loaded.clear()
            loaded[source] = policies.load(source, task.kind)
        steps = 0

        def finished(driven: Driven) -> None:
            nonlocal steps
            steps += len(driven.actions)
            trace_of(driven).save(folder / block[driven.number].file_name)
            send(1)

        policy = loaded[source]
        # Who looks at the truth alone needs no pictures drawn: twenty times as fast, and the same drive.
        make = partial(backend.make, pictures=not policy.privileged)
        episodes = [Episode(a.scenario, a.seed) for a in block]
        LockStep(backend.worlds(min(WORLDS, len(block))), make).run(policy, episodes, finished)
        return steps

    return drive


def trace_of(driven: Driven) -> EpisodeTrace:
    """What the lock step saw of an episode, as a trace."""
    kind = driven.episode.scenario.kind
    return EpisodeTrace(
        columns={name: driven.columns[name] for name in COLUMNS[kind]},
        end=driven.end,
        success=driven.success,
        route_length=driven.route_length,
        actions=driven.actions,
        kind=kind,
    )


def file_safe(name: str) -> str:
    """A name as one path element."""
    return re.sub(r"[^\w.-]+", "_", name)
