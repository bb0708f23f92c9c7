from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from liquid_pilot.imitation import ClosedLoopScore, Progress, TrainConfig, loop, train
from liquid_pilot.imitation.errors import BrokenTrainingState, DifferentTraining
from liquid_pilot.nn import PilotNetwork, load_checkpoint

Config = Callable[..., TrainConfig]

FORK = multiprocessing.get_context("fork")
"""A forked victim has torch and Lightning loaded already; the tests' single thread makes that safe."""


def victim(config: TrainConfig, drives: Path, out: Path, moment: str, number: signal.Signals) -> int:
    """Exit code of a training that sends itself a signal at "PHASE DONE"."""
    phase, done = moment.split()

    def run() -> None:
        sent = False

        def report(progress: Progress) -> None:
            nonlocal sent
            if progress.phase == phase and progress.done >= int(done) and not sent:
                sent = True
                os.kill(os.getpid(), number)

        loop.REPORT_S = 0.0  # every step is reported, so that it can be killed at any
        train(config, drives, out, resume=True, progress=report, validate_closed_loop=good)

    process = FORK.Process(target=run)
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


def good(network: PilotNetwork, step: int) -> ClosedLoopScore:
    del network, step
    return ClosedLoopScore(1.0, 1.0, 0.1, 1)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).state_dict()


def assert_equal(one: Path, two: Path) -> None:
    for kind in ("best", "last"):
        left, right = weights(one / kind), weights(two / kind)
        for name, value in left.items():
            assert torch.equal(value, right[name]), f"{kind}: {name}"


def without_times(folder: Path) -> list[list[str]]:
    rows = [line.split(",") for line in (folder / "curves.csv").read_text().splitlines()]
    seconds = rows[0].index("seconds")
    return [row[:seconds] + row[seconds + 1 :] for row in rows]


@pytest.fixture(scope="module")
def untouched(config: Config, drives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a training that nobody interrupted."""
    return train(config(), drives, tmp_path_factory.mktemp("whole") / "run", validate_closed_loop=good).folder


MOMENTS = [
    "frames 240",
    "1-perception 1",
    "1-perception 7",
    "2-liquid/features 300",
    "2-liquid 5",
    "3-joint 6",
    "3-joint 8",
    "driving 1",
]
"""The stages have 9 steps each; the state is saved after steps 3, 6 and 9."""


def test_killed_at_several_moments_it_ends_with_the_same_bits(
    config: Config, drives: Path, untouched: Path, tmp_path: Path
):
    """Kill -9 one training again and again, each time at a later moment, and resume it."""
    out = tmp_path / "run"
    for moment in MOMENTS:
        assert victim(config(), drives, out, moment, signal.SIGKILL) == -signal.SIGKILL, moment
        assert not (out / "best").exists()
    train(config(), drives, out, resume=True, validate_closed_loop=good)
    assert_equal(out, untouched)
    assert without_times(out) == without_times(untouched)
    assert {entry.name for entry in out.iterdir()} == {entry.name for entry in untouched.iterdir()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_saves_the_step_in_hand(
    number: signal.Signals,
    config: Config,
    drives: Path,
    untouched: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(loop, "REPORT_S", 0.0)
    out = tmp_path / "run"
    recipe = config(checkpoint_steps=1000)  # only the signal saves
    expected = 128 + signal.SIGTERM if number == signal.SIGTERM else 1  # a KeyboardInterrupt that nobody caught
    assert victim(recipe, drives, out, "3-joint 5", number) == expected
    steps: list[int] = []
    train(
        recipe,
        drives,
        out,
        resume=True,
        progress=lambda report: steps.append(report.done) if report.phase != "driving" else None,
        validate_closed_loop=good,
    )
    assert min(steps) == 6
    assert_equal(out, untouched)


def test_nobody_drives_twice(config: Config, drives: Path, tmp_path: Path):
    asked: list[int] = []

    def drive(network: PilotNetwork, step: int) -> ClosedLoopScore:
        del network
        asked.append(step)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return ClosedLoopScore(1.0, 1.0, 0.1 * len(asked), 1)

    with pytest.raises(KeyboardInterrupt):
        train(config(), drives, tmp_path / "run", validate_closed_loop=drive)
    result = train(config(), drives, tmp_path / "run", resume=True, validate_closed_loop=drive)
    assert len(asked) == 4
    assert asked[1] == asked[2]
    assert len(set(asked)) == 3
    assert result.step == asked[0]


def unfinished(config: TrainConfig, drives: Path, out: Path) -> None:
    """Leave a training in the middle of its second stage."""

    def stop(report: object) -> None:
        if getattr(report, "phase", "") == "2-liquid":
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(config, drives, out, progress=stop)


def test_unfinished_work_is_not_continued_with_something_else(
    config: Config, drives: Path, make_drives, tmp_path: Path
):
    out = tmp_path / "run"
    unfinished(config(), drives, out)
    with pytest.raises(DifferentTraining, match="recipe"):
        train(config(seed=9), drives, out, resume=True)
    with pytest.raises(DifferentTraining, match="drives"):
        train(config(), make_drives(["a", "b", "c"]), out, resume=True)


def test_a_damaged_state_is_named(config: Config, drives: Path, tmp_path: Path):
    out = tmp_path / "run"
    unfinished(config(), drives, out)
    end = out / "state" / "1-perception-end.safetensors"
    end.write_bytes(end.read_bytes()[:-100])
    with pytest.raises(BrokenTrainingState, match="1-perception-end"):
        train(config(), drives, out, resume=True)
    (out / "state" / "training.json").write_text(json.dumps([1])[:-1])
    with pytest.raises(BrokenTrainingState, match="training"):
        train(config(), drives, out, resume=True)
