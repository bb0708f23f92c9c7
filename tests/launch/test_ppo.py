"""Agents of Stable-Baselines3: learned in our environments as they are, kept without pickle, judged like any policy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import policies
from launch import ppo
from launch.evaluate import evaluate
from launch.tasks import TASKS
from liquid_pilot.nn.errors import CheckpointCorrupt, CheckpointMismatch, CheckpointVersion
from policies.errors import BadObservation

SMALL = """\
kind: flight
description: a small land
world: {seed: 7100, radius_m: 15, trees_per_hectare: 30}
target: {distance_m: [6, 9], bearing_deg: [0, 20]}
limits: {time_limit_s: 6}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ppo")
    (folder / "small.yaml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ppo, "WORLDS", 2)
        patch.setattr(ppo, "ROLLOUT", 128)
        ppo.train_agent(str(folder / "small.yaml"), folder / "run", steps=512, seed=3)
    return folder / "run"


def test_an_agent_learns_and_is_a_policy(run: Path) -> None:
    assert (run / "curves.csv").read_text().startswith("steps,return,success,episodes\n")
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (run / "best").iterdir()) == ["card.md", "config.json", "weights.safetensors"]
    agent = policies.load(run, "flight")
    env = TASKS["flight"].make("fly-validation-meadow", pictures=False)
    observation, info = env.reset(seed=1)
    action = agent.act(observation, info)
    assert action.shape == (4,)
    assert np.abs(action).max() <= 1.0
    assert np.array_equal(action, policies.load(run / "best", "flight").act(observation, info))
    with pytest.raises(BadObservation, match=r"reads .*state.*observation_mode"):
        agent.act({key: value for key, value in observation.items() if key != "state"}, info)
    env.close()


def test_it_is_evaluated_beside_the_others(run: Path, tmp_path: Path) -> None:
    names, scenario = [str(run), "straight"], str(run.parent / "small.yaml")
    outcome = evaluate(names, [scenario], tmp_path / "results", episodes=2, workers=1, videos=False)
    assert outcome.headlines[1].startswith("straight reached the target in 2 of 2 episodes")
    assert len(outcome.episodes) == 4


def test_an_agent_for_something_else_or_with_other_bytes_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatch, match="kind 'flight', not driving"):
        policies.load(run, "driving")
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (run / "best").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    weights = bytearray((copy / "weights.safetensors").read_bytes())
    weights[-3] ^= 1
    (copy / "weights.safetensors").write_bytes(weights)
    with pytest.raises(CheckpointCorrupt, match="altered"):
        policies.load(copy, "flight")
    config = json.loads((copy / "config.json").read_text())
    for change, error in (
        ({"format": 9}, CheckpointVersion),
        ({"agent": {**config["agent"], "layers": [64, "x"]}}, CheckpointCorrupt),
        ({"agent": {**config["agent"], "layers": [64, 32]}}, CheckpointMismatch),
    ):
        (copy / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(error):
            policies.load(copy, "flight")
