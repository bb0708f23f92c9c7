from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from liquid_pilot.imitation import ClosedLoopScore, Progress, TrainConfig, train
from liquid_pilot.imitation.errors import BrokenTrainingState, DifferentTraining
from liquid_pilot.nn import PilotNetwork, load_checkpoint

Config = Callable[..., TrainConfig]

VICTIM = """
import os, signal, sys
from pathlib import Path
from liquid_pilot.imitation import TrainConfig, train
config, drives, out, when, number = sys.argv[1:]
phase, done = when.split(":")
def report(progress):
    if progress.phase == phase and progress.done >= int(done):
        os.kill(os.getpid(), int(number))
from liquid_pilot.imitation import loop
loop.REPORT_S = 0.0
train(TrainConfig.model_validate_json(config), Path(drives), Path(out), resume=True, progress=report)
"""


def run_victim(config: TrainConfig, drives: Path, out: Path, when: str, number: int) -> int:
    command = [sys.executable, "-c", VICTIM, config.model_dump_json(), str(drives), str(out), when, str(int(number))]
    return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=120, check=False).returncode


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).state_dict()


@pytest.fixture(scope="module")
def untouched(drives: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainConfig, dict[str, torch.Tensor]]:
    """The weights of a training that nobody interrupted."""
    from tests.imitation.conftest import small_config

    config = small_config()
    return config, weights(train(config, drives, tmp_path_factory.mktemp("whole") / "run").last)


def test_placeholder() -> None:
    assert time
    assert ClosedLoopScore
    assert Progress
    assert BrokenTrainingState
    assert DifferentTraining
    assert PilotNetwork
    assert signal
