"""``make zoo``: trains the policies that we ship, from nothing, and writes them into ``policies/zoo``.

Takes about half an hour on two cores. Recordings and runs stay in ``runs/zoo``; a second call goes on where the first
one stopped.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import policies
from launch.console import complain, run_command_line, say
from launch.progress import progress_bar
from launch.record import record
from launch.train import DrivingCheck, recipe, train
from liquid_pilot.imitation import LiquidStage, PerceptionStage

NAME = "ncp19-lane"
SCENARIOS = (
    "train-mixed",
    "train-passes",
    "train-streets",
    "train-lanes",
    "train-avenue",
    "train-avenue-right",
    # Right-angled corners are what is hardest to learn: with a seventh of the frames every one of them was missed.
    *["train-corners"] * 4,
)
FRAMES = 120_000
SEED = 1
STAGES = (PerceptionStage(epochs=4.0), LiquidStage(steps=8000))
CHECK = DrivingCheck(episodes=16, length_m=600.0)
WORK = Path("runs/zoo")


def make(work: Path = WORK) -> Path:
    """Record, train, choose by driving; gives the folder of the new zoo entry (an older one is replaced)."""
    drives, run = work / "drives", work / NAME
    complain(f"recording -> {drives}")
    with progress_bar("record", "frames") as progress:
        record(SCENARIOS, drives, frames=FRAMES, seed=SEED, progress=progress)
    complain(f"training -> {run}")
    trained = train(drives, run, config=recipe(seed=SEED).model_copy(update={"stages": STAGES}), check=CHECK)
    say(trained.summary)
    target = policies.ZOO / NAME
    fresh = target.with_name(f"{NAME}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(trained.result.best, fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def _main() -> int:
    say(f"written: {make()}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command_line(_main))
