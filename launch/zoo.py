"""``make zoo``: trains the policies that we ship, from nothing, and writes them into ``policies/zoo``.

In two rounds: a network learns from the expert's drives; then it drives itself, the expert answers what it would have
done there, and the network that is shipped learns from both (DAgger). Takes about three quarters of an hour on two
cores. Recordings, runs and results stay in ``runs/zoo``; a second call goes on where the first one stopped.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import policies
from launch.console import complain, run_command_line, say
from launch.evaluate import evaluate
from launch.progress import progress_bar
from launch.record import record
from launch.tasks.lane_keeping import DrivingRecording
from launch.train import DrivingCheck, Trained, recipe, train
from liquid_pilot.analysis.results import EpisodeResult, aggregate
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
WIDE = DrivingRecording(heading_slip_m=1.5, speed_high=1.35, steering_pulse_gain=2.0)
"""How the expert is recorded: with all that can go wrong before a corner."""
OWN_FRAMES = 40_000
"""Of the second round."""
OWN = DrivingRecording(
    frames=64,
    lateral_m=0.5,
    heading_rad=0.05,
    heading_slip_m=0.5,
    speed_low=0.9,
    speed_high=1.1,
    uniform_share=0.1,
    curvature_ahead_m=20.0,
    steering_pulse=0.05,
    steering_pulse_gain=2.0,
    acceleration_pulse=0.2,
)
"""How the network is recorded: it shall get into its own trouble, so it begins well and drives 3 s into the curve."""
SEED = 1
STAGES = (PerceptionStage(epochs=4.0), LiquidStage(steps=8000))
CHECK = DrivingCheck(episodes=16, length_m=600.0)
EPISODES = 12
"""Of each held-out scenario, for the card."""
FIRST_SEED = 300
"""Of those episodes: the places and roads of lower seeds were looked at while the recipe was chosen."""
WORK = Path("runs/zoo")


def make(work: Path = WORK) -> Path:
    """Record, train, choose by driving; gives the folder of the new zoo entry (an older one is replaced)."""
    drives, own = work / "drives", work / "own-drives"
    _record(drives, FRAMES, WIDE)
    first = _train([drives], work / "first")
    _record(own, OWN_FRAMES, OWN, driver=str(first.result.best))
    trained = _train([drives, own], work / NAME)
    outcome = evaluate(
        [str(trained.result.best)], ["heldout"], work / "results", episodes=EPISODES, seed=FIRST_SEED, videos=False
    )
    target = policies.ZOO / NAME
    fresh = target.with_name(f"{NAME}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(trained.result.best, fresh)
    with (fresh / "card.md").open("a", encoding="utf-8") as card:
        card.write(_results_section([episode.result for episode in outcome.episodes]))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def _record(out: Path, frames: int, recording: DrivingRecording, driver: str | None = None) -> None:
    complain(f"recording -> {out}")
    with progress_bar("record", "frames") as progress:
        record(SCENARIOS, out, frames=frames, seed=SEED, recording=recording, driver=driver, progress=progress)


def _train(drives: Sequence[Path], run: Path) -> Trained:
    complain(f"training -> {run}")
    config = recipe(seed=SEED).model_copy(update={"stages": STAGES})
    trained = train(drives, run, config=config, check=CHECK)
    say(trained.summary)
    return trained


def _results_section(results: Sequence[EpisodeResult]) -> str:
    """The table of a card: every held-out scenario with n and intervals."""
    lines = [
        "",
        "## On held-out roads",
        f"`liquid-pilot evaluate {NAME} --scenario heldout --episodes {EPISODES} --seed {FIRST_SEED}`",
        "",
        "| scenario | n | completed, % (95 % interval) | off centre RMS, m | p95, m |",
        "|---|---|---|---|---|",
    ]
    for row in aggregate(results):
        rate = row.success_rate
        lines.append(
            f"| {row.scenario} | {row.n} | {100 * rate.mean:.0f} ({100 * rate.low:.0f} to {100 * rate.high:.0f}) "
            f"| {row.metrics['cte_rms_m'].mean:.2f} | {row.metrics['cte_p95_m'].mean:.2f} |"
        )
    return "\n".join([*lines, ""])


def _main() -> int:
    say(f"written: {make()}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command_line(_main))
