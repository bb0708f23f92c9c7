"""What the tests of the drone's environment make their environments with."""

from typing import Any

import numpy as np

from envs.drone.env import FlyToTargetEnv
from scenarios import FlightScenario

Info = dict[str, Any]


def flight_of(**changes: Any) -> FlightScenario:
    data = {"description": "x", "world": {"trees_per_hectare": 20}, "wind": {"full_mps": 0.0}}
    return FlightScenario.from_dict(data | changes, name="changed")


def make(scenario: str | FlightScenario | None = None, **arguments: Any) -> FlyToTargetEnv:
    return FlyToTargetEnv(scenario or flight_of(), **{"observation_mode": "state", **arguments})


def hold(env: FlyToTargetEnv, *action: float, steps: int = 10_000) -> list[Info]:
    """Infos of the steps to the end, or so many, with one action held; each has its reward in it."""
    infos: list[Info] = []
    while len(infos) < steps and not (infos and infos[-1]["end"]):
        _, reward, _, _, info = env.step(np.array(action, dtype=np.float32))
        infos.append(info | {"reward": reward})
    return infos


def approach(env: FlyToTargetEnv, info: Info) -> list[Info]:
    """Infos of a flight straight at the target, slowing down before it."""
    infos = [info | {"reward": 0.0}]
    while not infos[-1]["end"]:
        last = infos[-1]
        speed = min(0.8, max(0.0, 0.3 * (last["distance"] - 2.0)))
        climb = max(-0.6, min(0.6, 0.8 * (last["target_z"] - last["z"])))
        ahead, left = speed * np.cos(last["bearing"]), speed * np.sin(last["bearing"])
        action = np.array((ahead, left, climb, 0.8 * last["bearing"]), dtype=np.float32)
        infos += hold(env, *action.clip(-1, 1).tolist(), steps=1)
    return infos
