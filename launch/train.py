"""``liquid-pilot train``: imitation of recorded drives, and the choice of the checkpoint by driving."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import scenarios
from launch.closed_loop import Competitor, assignments, drive_all
from launch.console import complain
from launch.errors import BadSelection, NothingToResume
from launch.folder import JOB_FILE, named_write_errors, open_output
from launch.progress import Report, progress_bar
from launch.tasks import TASKS, Task
from launch.versions import results_versions
from liquid_pilot.imitation import (
    ClosedLoopScore,
    LiquidStage,
    PerceptionStage,
    Progress,
    Stage,
    TrainConfig,
    TrainResult,
)
from scenarios.loader import AnyScenario

if TYPE_CHECKING:
    from liquid_pilot.nn import PilotNetwork

OWNED = ("best", "last", "state", "cache", "check", "training.json", "curves.csv", "curves.png")
CHECK_SEED = 0
PHASES = {"frames": "decode", "driving": "check"}


@dataclass(frozen=True)
class DrivingCheck:
    """How candidates drive against each other at the end of a training.

    Attributes:
        episodes: of the task's validation scenario, each in a world of its own that training never saw.
        length_m: length of each route; shorter than in an evaluation, because here only the best of few is wanted.
    """

    episodes: int = 12
    length_m: float = 500.0

    def scenario(self, task: Task) -> AnyScenario:
        """The task's validation scenario, as long as this check wants it."""
        scenario: AnyScenario = task.shortened(scenarios.load(task.check_scenario), self.length_m)
        return scenario


@dataclass(frozen=True)
class Trained:
    """A finished training and what to tell about it."""

    result: TrainResult

    @property
    def summary(self) -> str:
        """One line: where the network is, how it drove, what to do next."""
        result = self.result
        score = result.scores.get(result.step)
        drove = f", {score.success:.0%} of {score.episodes} validation episodes" if score else ""
        return f"{result.folder}: {result.validation.summary()}{drove}"


def recipe(
    controller: str = "ncp19", *, seed: int = 0, epochs: float | None = None, kind: str = "driving"
) -> TrainConfig:
    """The default recipe for a controller and a kind of drives; ``epochs`` is how often the head sees every frame.

    The controller's steps grow in the same proportion.

    Raises:
        UnknownController: with the nearest name.
    """
    config = TASKS[kind].recipe(controller, seed)
    if epochs is None:
        return config
    factor = epochs / next(stage.epochs for stage in config.stages if isinstance(stage, PerceptionStage))
    return config.model_copy(update={"stages": tuple(_scaled(stage, factor) for stage in config.stages)})


def kind_of(drives: Path | Sequence[Path]) -> str:
    """Of what kind the drives in these folders are; raises NoDrives, BrokenDrive, BadSelection."""
    from liquid_pilot.drives import find_drives, read_info

    folder = drives if isinstance(drives, Path) else drives[0]
    path = find_drives(folder)[0]
    kind = read_info(path).kind
    if kind not in TASKS:  # a file may say anything
        raise BadSelection(f"{path}: a drive of the kind {kind!r}; this version learns from {', '.join(TASKS)}")
    return kind


def _scaled(stage: Stage, factor: float) -> Stage:
    if isinstance(stage, LiquidStage):
        return stage.model_copy(update={"steps": max(1, round(stage.steps * factor))})
    return stage.model_copy(update={"epochs": stage.epochs * factor})


def train(
    drives: Path | Sequence[Path],
    out: Path,
    *,
    config: TrainConfig,
    resume: bool = False,
    check: DrivingCheck | None = DrivingCheck(),
    workers: int | None = None,
) -> Trained:
    """Train, choose by driving, and write ``best/``, ``last/`` and the curves into ``out``.

    The same call goes on where it stopped; ``resume`` only insists that there is something to go on with.

    Raises:
        NothingToResume, FolderInUse, DifferentTraining, and what `liquid_pilot.imitation.train` raises.
    """
    from liquid_pilot.imitation import train as learn

    if resume and not (out / JOB_FILE).exists():
        raise NothingToResume(f"{out}: there is no training to go on with; leave --resume out to begin one")
    job = {"command": "train", "recipe": config.model_dump(mode="json")}
    with open_output(out, job, owns=OWNED) as folder, named_write_errors(out), _shown() as show:
        driving = None
        if check is not None:
            task = TASKS[kind_of(drives)]
            driving = _driving_check(task, check, out / "check", workers or os.cpu_count() or 1)
        result = learn(config, drives, out, resume=True, progress=show, validate_closed_loop=driving)
        shutil.rmtree(out / "check", ignore_errors=True)
        if not folder.already_finished:
            # Written at the end: a training may go on with newer packages than it began with.
            folder.finish(step=result.step, seconds=result.seconds, versions=results_versions())
    return Trained(result)


def _driving_check(task: Task, check: DrivingCheck, folder: Path, workers: int) -> Any:
    """What `liquid_pilot.imitation.train` calls with every candidate."""
    scenario = check.scenario(task)

    def drive(network: PilotNetwork, step: int) -> ClosedLoopScore:
        from liquid_pilot.nn.checkpoint import save_checkpoint

        checkpoint = folder / f"step-{step}"
        if not checkpoint.exists():
            save_checkpoint(checkpoint, network, "A candidate that is being tried.")
        candidate = Competitor(f"step-{step}", str(checkpoint))
        plan = assignments([candidate], [(scenario.name, [scenario])], check.episodes, CHECK_SEED)
        driven = drive_all(plan, folder / "episodes", workers=workers)
        return ClosedLoopScore(
            success=float(np.mean([d.result.success for d in driven])),
            completion=float(np.mean([d.result.metrics["route_completion"] for d in driven])),
            error=float(np.sqrt(np.mean([d.result.metrics[task.error] ** 2 for d in driven]))),
            episodes=len(driven),
        )

    return drive


@contextmanager
def _shown() -> Iterator[Any]:
    """Turn a training's reports into one progress bar per phase."""
    bars: list[Any] = []
    current: list[tuple[str, Report]] = []
    told: set[str] = set()

    def show(progress: Progress) -> None:
        if not current or current[0][0] != progress.phase:
            close()
            heading = PHASES.get(progress.phase, progress.phase)
            bar = progress_bar(heading, "")
            bars.append(bar)
            current[:] = [(progress.phase, bar.__enter__())]
        current[0][1](progress.done, progress.total, _note(progress))
        for note in progress.notes:
            if note not in told:
                told.add(note)
                complain(note)

    def close() -> None:
        while bars:
            bars.pop().__exit__(None, None, None)

    try:
        yield show
    finally:
        close()


def _note(progress: Progress) -> str:
    parts: Sequence[str | None] = (
        f"{progress.frames_per_second:,.0f} frames/s" if progress.frames_per_second else None,
        f"loss {progress.loss:.4f}" if progress.loss is not None else None,
        f"{progress.seconds_left:.0f} s left in all" if progress.seconds_left is not None else None,
    )
    return "  ".join(part for part in parts if part)
