"""What the tests of the lane-keeping environment make their environments with."""

from typing import Any

import numpy as np

import scenarios
from envs.driving.env import LaneKeepingEnv
from scenarios import Scenario


def make(scenario: str | Scenario = "train-mixed", **arguments: Any) -> LaneKeepingEnv:
    return LaneKeepingEnv(scenario, **{"observation_mode": "state", **arguments})


def scenario_of(**changes: Any) -> Scenario:
    data = scenarios.load("heldout-motorway").to_dict()
    return Scenario.from_dict(data | changes, name="changed")


def idle(env: LaneKeepingEnv, steering: float = 0.0, pedal: float = 0.0) -> list[dict[str, Any]]:
    """Infos of every step to the end with one action held."""
    infos = []
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step(np.array([steering, pedal], dtype=np.float32))
        infos.append(info)
        over = terminated or truncated
    return infos
