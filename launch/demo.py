"""``liquid-pilot demo``: from nothing to a report about 19 neurons on roads that they have never seen."""

from __future__ import annotations

import time
from pathlib import Path

from launch.console import complain, say
from launch.evaluate import Outcome, evaluate
from launch.folder import open_output
from launch.progress import progress_bar
from launch.record import record
from launch.train import DrivingCheck, recipe, train
from launch.versions import versions

SCENARIOS = ("train-mixed", "train-passes", "train-streets")
"""Generated roads of every kind, and more of the two hardest: many roads teach more than many metres of one."""
HELDOUT = (
    "heldout-country",
    "heldout-generated",
    "heldout-hairpins",
    "heldout-hills",
    "heldout-lane",
    "heldout-motorway",
    "heldout-s-bends",
    "heldout-town",
)
"""The roads that decide. Corners and avenues are left out: to learn those as well takes more than five minutes."""
FRAMES = 15_000
EPISODES = 3
"""Of each held-out scenario."""
FILM_S = 12.0
"""Length of each video; a whole episode takes longer to film than to drive."""
CHECK = DrivingCheck(episodes=6, length_m=300.0)
CANDIDATES = 2


def run_demo(out: Path, *, seed: int = 0, workers: int | None = None) -> Path:
    """Record, train and evaluate below ``out``; gives the path of the report.

    Every part goes on where it stopped when the same command is given again.
    """
    began = time.monotonic()
    drives, run, results = out / "drives", out / "runs" / "ncp19", out / "results"
    job = {"command": "demo", "seed": seed, "frames": FRAMES, "episodes": EPISODES, "versions": versions()}
    with open_output(out, job, owns=["drives", "runs", "results"]) as folder:
        complain(f"1 of 3: the expert drives {', '.join(SCENARIOS)} -> {drives}")
        with progress_bar("record", "frames") as progress:
            record(SCENARIOS, drives, frames=FRAMES, seed=seed, workers=workers, progress=progress)
        complain(f"2 of 3: 19 liquid neurons learn from it -> {run}")
        config = recipe(seed=seed).model_copy(update={"candidates": CANDIDATES})
        train(drives, run, config=config, check=CHECK, workers=workers)
        complain(f"3 of 3: they drive roads that they have never seen -> {results}")
        outcome = _judge(run, results, seed, workers)
        if not folder.already_finished:
            folder.finish(seconds=round(time.monotonic() - began, 1))
    for line in outcome.headlines:
        say(line)
    complain(f"done in {time.monotonic() - began:.0f} s")
    return outcome.report


def _judge(run: Path, results: Path, seed: int, workers: int | None) -> Outcome:
    return evaluate(
        [str(run)],
        HELDOUT,
        results,
        episodes=EPISODES,
        seed=seed,
        film_s=FILM_S,
        workers=workers,
        title="19 liquid neurons on roads that they have never seen",
    )
