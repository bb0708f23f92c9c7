"""How the command line answers: one line, the right exit code, several values for one option."""

import errno
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.exceptions import Exit

from launch.console import run_command_line, spread_options
from liquid_pilot.errors import LiquidPilotError

ROOT = Path(__file__).parents[2]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "launch.cli", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        (["evaluate", "p", "--scenario", "a", "b"], ["evaluate", "p", "--scenario", "a", "--scenario", "b"]),
        (["--scenario", "a", "--seed", "3"], ["--scenario", "a", "--seed", "3"]),
        (["x", "--scenario", "a", "b", "--out", "o"], ["x", "--scenario", "a", "--scenario", "b", "--out", "o"]),
        (["p", "q", "--out", "o"], ["p", "q", "--out", "o"]),
        (["--scenario=a", "b"], ["--scenario=a", "b"]),
        ([], []),
    ],
)
def test_options_take_several_values(typed: list[str], understood: list[str]) -> None:
    assert spread_options(typed, frozenset({"--scenario"})) == understood


def raiser(error: BaseException) -> Callable[[], object]:
    def run() -> object:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (LiquidPilotError("three\nlines\nof text"), 2, "three lines of text"),
        (KeyboardInterrupt(), 130, "goes on where it was"),
        (OSError(errno.ENOSPC, "No space left on device", "/somewhere"), 2, "no space left"),
        (Exit(1), 1, ""),
    ],
)
def test_errors_become_one_line(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(raiser(error)) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") <= 1


def test_our_own_defects_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command_line(raiser(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recrod"], "Did you mean 'record'?"),
        (["record", "train-mixd", "--out", "nowhere"], "train-mixed"),
        (["record", "train-mixed"], "--out"),
        (["train", "no-such-drives", "--out", "nowhere", "--controller", "npc19"], "ncp19"),
        (["train", "no-such-drives", "--out", "nowhere"], "no-such-drives"),
        (["evaluate", "exprt", "--out", "nowhere"], "expert"),
        (["evaluate", "expert", "--scenario", "heldout-hils", "--out", "nowhere"], "heldout-hills"),
        (["evaluate", "expert", "--weather", "HardRainNon", "--out", "nowhere"], "HardRainNoon"),
        (["evaluate", "expert", "--fault", "gausian_noise:2", "--out", "nowhere"], "gaussian_noise"),
        (["evaluate", "expert", "--fault", "none", "gaussian_noise:2,7", "--out", "nowhere"], "0 to 5"),
        (["replay", "no-such.mcap", "--check"], "no-such.mcap"),
        (["replay", "no-such.mcap"], "--policy"),
        (["replay", "no-such.mcap", "--policy", "expert"], "--out"),
        (["replay", "no-such.mcap", "--check", "--weather", "night"], "--check"),
        (["replay", "no-such.mcap", "--policy", "expert", "--out", "nowhere"], "no-such.mcap"),
        (["scenarios", "--sheet", "sheet.pdf"], ".png"),
        (["drives", "info", "no-such"], "no-such"),
        (["scenarios", "--show", "heldout-hils"], "heldout-hills"),
    ],
)
def test_bad_usage_is_one_line_with_the_cure_and_leaves_nothing(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    arguments = [str(tmp_path / "out") if a == "nowhere" else a for a in arguments]
    answer = command(*arguments)
    assert answer.returncode == 2, answer.stderr
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert answer.stderr.startswith("liquid-pilot: ")
    assert words in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_commands_and_is_quick() -> None:
    began = time.perf_counter()
    answer = command("--help")
    assert answer.returncode == 0
    for name in ("demo", "record", "train", "evaluate", "replay", "view", "scenarios", "drives", "doctor"):
        assert f"\n  {name} " in answer.stdout
    # The promise is one second; five leave room for a machine that is busy with other tests.
    assert time.perf_counter() - began < 5.0
