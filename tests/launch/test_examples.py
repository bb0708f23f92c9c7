"""Every example that a command's help prints works as printed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (
    ("doctor",),
    ("scenarios",),
    ("record",),
    ("drives", "info"),
    ("drives", "verify"),
    ("replay",),
    ("train",),
    ("evaluate",),
    ("export",),
)
"""In an order in which each finds what it needs.

`demo` is `make demo` and takes minutes, `view` opens a window, `serve` serves until it is stopped.
"""


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "launch.cli", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def example(command: tuple[str, ...], folder: Path) -> list[str]:
    shown = run([*command, "--help"], folder)
    assert shown.returncode == 0
    found = re.search(r"Example: (liquid-pilot .*?)\n\n", shown.stdout, re.DOTALL)
    assert found, f"the help of {' '.join(command)} has no example"
    return shlex.split(found.group(1))[1:]


@pytest.mark.timeout(600)
def test_examples_work_as_printed(tmp_path: Path) -> None:
    for command in COMMANDS:
        arguments = example(command, tmp_path)
        assert tuple(arguments[: len(command)]) == command
        answer = run(arguments, tmp_path)
        assert answer.returncode == 0, f"{' '.join(arguments)}\n{answer.stderr}"
        assert answer.stdout
    assert (tmp_path / "results/first/report.html").is_file()
    assert (tmp_path / "runs/mine/best/weights.safetensors").is_file()
    assert (tmp_path / "ncp19-lane.onnx").is_file()
    assert len(list((tmp_path / "drives/mine").glob("*.mcap"))) == 40


def test_the_other_commands_have_examples_too(tmp_path: Path) -> None:
    for command in (("demo",), ("view",), ("serve",)):
        assert example(command, tmp_path)[0] == command[0]
