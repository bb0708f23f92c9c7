"""``make zoo``: trains the policies that we ship, from nothing, and writes them into ``policies/zoo``.

``ncp19-lane`` in three rounds: a network learns from the expert's drives; then it drives itself, the expert answers
what it would have done there, and the next network learns from all drives so far (DAgger, Ross et al. 2011).
``ncp19-flight`` in one. Takes about three quarters of an hour and half an hour on two cores;
``python -m launch.zoo NAME`` makes one of them.
Recordings, runs and results stay in ``runs/zoo``; a second call goes on where the first one stopped.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import policies
from launch.console import complain, run_command_line, say
from launch.errors import BadSelection
from launch.evaluate import Outcome, evaluate
from launch.progress import progress_bar
from launch.record import record
from launch.recording import Recording
from launch.tasks.fly_to_target import FlightRecording
from launch.tasks.lane_keeping import DrivingRecording
from launch.train import DrivingCheck, Trained, kind_of, recipe, train
from liquid_pilot.analysis.judging import JUDGING
from liquid_pilot.analysis.results import aggregate
from liquid_pilot.imitation import LiquidStage, PerceptionStage, Stage

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
FRAMES = 80_000
WIDE = DrivingRecording(heading_slip_m=1.5, speed_high=1.35, steering_pulse_gain=2.0)
"""How the expert is recorded: with all that can go wrong before a corner."""
OWN_FRAMES = 40_000
"""Of each round in which a network drives."""
ROUNDS = 2
"""In which a network drives."""
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
QUICK = (PerceptionStage(epochs=1.5), LiquidStage(noisy_copies=0))
"""For the networks that only show where they get lost: nobody sees them."""
STAGES = (PerceptionStage(epochs=4.0), LiquidStage(steps=8000))
CHECK = DrivingCheck(episodes=16, length_m=600.0)
EPISODES = 12
"""Of each held-out scenario, for the card."""
FIRST_SEED = 300
"""Of those episodes: the places and roads of lower seeds were looked at while the recipe was chosen."""
FLIGHTS = ("fly-train-meadow", "fly-train-meadow", "fly-train-search", "fly-train-obstacles", "fly-train-moving")
FLIGHT_FRAMES = 60_000
FLIGHT_STAGES = (PerceptionStage(epochs=3.0, learning_rate=2.5e-3), LiquidStage(steps=8000))
FLIGHT_CHECK = DrivingCheck(episodes=40)
FLIGHT_EPISODES = 100
WORK = Path("runs/zoo")


def make_lane(work: Path = WORK) -> Path:
    """Record, train, choose by driving; gives the folder of the new zoo entry (an older one is replaced)."""
    name = "ncp19-lane"
    drives = [work / "drives"]
    _record(SCENARIOS, drives[0], FRAMES, WIDE)
    for number in range(1, ROUNDS + 1):
        driver = _train(drives, work / f"round-{number}", QUICK, None).result.best
        drives.append(work / f"own-drives-{number}")
        _record(SCENARIOS, drives[-1], OWN_FRAMES, OWN, seed=SEED + number, driver=str(driver))
    trained = _train(drives, work / name, STAGES, CHECK)
    return _ship(name, trained, work / "results", ["heldout"], EPISODES)


def make_flight(work: Path = WORK) -> Path:
    """The drone's, in the same way."""
    name = "ncp19-flight"
    drives = work / "flights"
    _record(FLIGHTS, drives, FLIGHT_FRAMES, FlightRecording())
    trained = _train([drives], work / name, FLIGHT_STAGES, FLIGHT_CHECK)
    return _ship(name, trained, work / "flight-results", ["fly-heldout", "fly-task"], FLIGHT_EPISODES)


ENTRIES: Mapping[str, Callable[[], Path]] = {"ncp19-lane": make_lane, "ncp19-flight": make_flight}


def _record(
    scenarios: Sequence[str],
    out: Path,
    frames: int,
    recording: Recording,
    *,
    seed: int = SEED,
    driver: str | None = None,
) -> None:
    complain(f"recording -> {out}")
    with progress_bar("record", "frames") as progress:
        record(scenarios, out, frames=frames, seed=seed, recording=recording, driver=driver, progress=progress)


def _train(drives: Sequence[Path], run: Path, stages: tuple[Stage, ...], check: DrivingCheck | None) -> Trained:
    complain(f"training -> {run}")
    config = recipe(seed=SEED, kind=kind_of(drives)).model_copy(update={"stages": stages})
    trained = train(drives, run, config=config, check=check)
    say(trained.summary)
    return trained


def _ship(name: str, trained: Trained, results: Path, scenarios: Sequence[str], episodes: int) -> Path:
    """Judge the network, put it into the zoo with its card, and what the judgement was into the card."""
    best = str(trained.result.best)
    outcome = evaluate([best], scenarios, results, episodes=episodes, seed=FIRST_SEED, videos=False)
    target = policies.ZOO / name
    fresh = target.with_name(f"{name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(trained.result.best, fresh)
    command = f"liquid-pilot evaluate {name} --scenario {' '.join(scenarios)} --episodes {episodes} --seed {FIRST_SEED}"
    with (fresh / "card.md").open("a", encoding="utf-8") as card:
        card.write(_results_section(outcome, command))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def _results_section(outcome: Outcome, command: str) -> str:
    """The table of a card: every held-out scenario with n and intervals."""
    judging = JUDGING[outcome.episodes[0].trace.kind]
    first, second = judging.columns[:2]
    lines = [
        "",
        "## Held out",
        f"`{command}`",
        "",
        f"| scenario | n | success, % (95 % interval) | {first.heading} | {second.heading} |",
        "|---|---|---|---|---|",
    ]
    for row in aggregate([episode.result for episode in outcome.episodes]):
        rate = row.success_rate
        lines.append(
            f"| {row.scenario} | {row.n} | {100 * rate.mean:.0f} ({100 * rate.low:.0f} to {100 * rate.high:.0f}) "
            f"| {first.of(row)[0]} | {second.of(row)[0]} |"
        )
    return "\n".join([*lines, ""])


def _main() -> int:
    unknown = [name for name in sys.argv[1:] if name not in ENTRIES]
    if unknown:
        raise BadSelection(f"the zoo has no recipe for {', '.join(unknown)}; there are {', '.join(ENTRIES)}")
    for name in sys.argv[1:] or ENTRIES:
        say(f"written: {ENTRIES[name]()}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command_line(_main))
