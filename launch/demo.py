"""``liquid-pilot demo``: from nothing to a report about 19 neurons in worlds that they have never seen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from launch.console import complain, say
from launch.evaluate import Outcome, evaluate
from launch.folder import open_output
from launch.progress import progress_bar
from launch.record import record
from launch.train import recipe, train
from launch.versions import versions
from liquid_pilot.imitation import Augmentation, LiquidStage, PerceptionStage, Stage

FILM_S = 12.0
"""Length of each video; a whole episode takes longer to film than to drive."""


@dataclass(frozen=True)
class Plan:
    """What a demo does.

    Attributes:
        scenarios: recorded, as often as they are named.
        frames: of all recordings. More frames that are seen once and a half teach more than fewer that are seen often.
        stages: of the training.
        augmentation: of its pictures; None: as the task's recipe says.
        heldout: scenarios that decide.
        episodes: of each of them.
        title: of the report.
    """

    scenarios: tuple[str, ...]
    frames: int
    stages: tuple[Stage, ...]
    augmentation: Augmentation | None
    heldout: tuple[str, ...]
    episodes: int
    title: str


PLANS = {
    # Generated roads of every kind, and more of what is hardest and rarest: many roads teach more than many metres of
    # one.
    # Corners and avenues are left out: to learn those as well takes longer.
    "driving": Plan(
        scenarios=("train-mixed", "train-mixed", "train-mixed", "train-passes", "train-streets", "train-motorways"),
        frames=36_000,
        stages=(PerceptionStage(epochs=1.6), LiquidStage(steps=8000)),
        # With the noise and light that make networks sturdy the same training kept its lane on 38 of 40 validation
        # roads, 0.23 m RMS off its centre; with this, on 40, 0.17 m. The demo is driven in clear weather.
        augmentation=Augmentation(noise_share=0.1, light_share=0.25),
        heldout=(
            "heldout-country",
            "heldout-generated",
            "heldout-hairpins",
            "heldout-hills",
            "heldout-lane",
            "heldout-motorway",
            "heldout-s-bends",
            "heldout-town",
        ),
        episodes=3,
        title="19 liquid neurons on roads that they have never seen",
    ),
    "flight": Plan(
        scenarios=("fly-train-meadow",) * 3 + ("fly-train-search", "fly-train-obstacles"),
        frames=36_000,
        stages=(PerceptionStage(epochs=2.5, learning_rate=2.5e-3), LiquidStage(steps=8000)),
        augmentation=None,
        heldout=(
            "fly-heldout-meadow",
            "fly-heldout-forest",
            "fly-heldout-town",
            "fly-heldout-autumn",
            "fly-heldout-colours",
            "fly-task-search",
        ),
        episodes=10,
        title="19 liquid neurons fly to a target in worlds that they have never seen",
    ),
}
"""By kind."""


def run_demo(out: Path, *, kind: str = "driving", seed: int = 0, workers: int | None = None) -> Path:
    """Record, train and evaluate below ``out``; gives the path of the report.

    Every part goes on where it stopped when the same command is given again.
    """
    began, plan = time.monotonic(), PLANS[kind]
    drives, run, results = out / "drives", out / "runs" / "ncp19", out / "results"
    job = {"command": "demo", "kind": kind, "seed": seed, "frames": plan.frames, "episodes": plan.episodes}
    job["versions"] = versions()
    with open_output(out, job, owns=["drives", "runs", "results"]) as folder:
        complain(f"1 of 3: the expert shows how it is done in {', '.join(dict.fromkeys(plan.scenarios))} -> {drives}")
        with progress_bar("record", "frames") as progress:
            record(plan.scenarios, drives, frames=plan.frames, seed=seed, workers=workers, progress=progress)
        complain(f"2 of 3: 19 liquid neurons learn from it -> {run}")
        changes: dict[str, object] = {"stages": plan.stages}
        if plan.augmentation is not None:
            changes["augmentation"] = plan.augmentation
        # Chosen by validation loss: letting the last networks drive against each other takes half a minute.
        train(drives, run, config=recipe(seed=seed, kind=kind).model_copy(update=changes), check=None, workers=workers)
        complain(f"3 of 3: they are judged in worlds that they have never seen -> {results}")
        outcome = _judge(plan, run, results, seed, workers)
        if not folder.already_finished:
            folder.finish(seconds=round(time.monotonic() - began, 1))
    for line in outcome.headlines:
        say(line)
    complain(f"done in {time.monotonic() - began:.0f} s")
    return outcome.report


def _judge(plan: Plan, run: Path, results: Path, seed: int, workers: int | None) -> Outcome:
    return evaluate(
        [str(run)],
        plan.heldout,
        results,
        episodes=plan.episodes,
        seed=seed,
        film_s=FILM_S,
        workers=workers,
        title=plan.title,
    )
