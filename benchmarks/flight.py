"""How fast the drone flies: control steps/s of one core, physics at 240 Hz and controller included.

::

    python -m benchmarks.flight              # a minute
    python -m benchmarks.flight --long       # and 200,000 camera steps over 200 worlds in one process

Per second of processor time, so that other work on the machine does not show (much: cores share caches and power);
medians over scenarios, and their ratio to what is asked for. Nothing here fails; tests are elsewhere.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from typing import Any

from benchmarks.environment import resident_megabytes, say

STATE_GOAL = 5_000.0
"""Control steps/s asked for without pictures."""
CAMERA_GOAL = 1_500.0
"""Control steps/s asked for with the 200 x 78 camera."""


def physics(wind: Any, steps: int, seed: int) -> float:
    """Control steps/s of the drone alone in the air, over ``steps`` steps of commands that keep changing."""
    from envs.drone.flight import Flight
    from envs.render.pose import Pose

    commands = [
        (math.sin(0.05 * i), 0.3 * math.cos(0.03 * i), 0.3 * math.sin(0.02 * i), math.sin(0.01 * i))
        for i in range(steps)
    ]
    with Flight() as flight:
        flight.reset(Pose.from_angles(0.0, 0.0, 50.0), seed=seed, wind=wind)
        began = time.process_time()
        for command in commands:
            flight.advance(command)
        return steps / (time.process_time() - began)


def fly(scenario: Any, mode: str, steps: int, seed: int) -> tuple[float, float, float]:
    """(steps/s of env.step, share of the renderer, seconds of a reset) over ``steps`` steps that the expert flies.

    Every episode has another seed, and with it, where the scenario has a family of them, another world.
    """
    from envs.drone.env import FlyToTargetEnv
    from policies.pilot import ExpertPilot

    env, expert = FlyToTargetEnv(scenario, observation_mode=mode), ExpertPilot()  # type: ignore[arg-type]
    busy = drawn = begun = 0.0
    episodes = 0
    observation: Any = None
    info: dict[str, Any] = {"end": "not begun"}
    for _ in range(steps):
        if info["end"]:
            before = time.process_time()
            observation, info = env.reset(seed=seed + episodes)
            begun += time.process_time() - before
            expert.reset()
            episodes += 1
        action = expert.act(observation, info)
        before_drawn, before = env.render_seconds, time.process_time()
        observation, _, _, _, info = env.step(action)
        busy += time.process_time() - before
        drawn += env.render_seconds - before_drawn
    env.close()
    return steps / busy, drawn / busy, begun / episodes


def speed(names: list[str], steps: int) -> None:
    """Steps/s of the physics alone, of the environment without and with pictures."""
    from envs.drone.wind import CALM, Wind

    for name, wind in (("calm", CALM), ("gusts", Wind(speed=4.0))):
        rates = [physics(wind, 2000, seed) for seed in range(5)]
        say(f"physics {name:7} {statistics.median(rates):7.0f} steps/s ({min(rates):.0f} to {max(rates):.0f})")
    for mode, goal in (("state", STATE_GOAL), ("camera", CAMERA_GOAL)):
        flown = [fly(name, mode, steps * (5 if mode == "state" else 1), seed=1) for name in names]
        rates, shares, begins = (list(column) for column in zip(*flown, strict=True))
        rate = statistics.median(rates)
        say(
            f"{mode:7} {rate:8.0f} steps/s ({min(rates):.0f} to {max(rates):.0f} over {len(names)} scenarios), "
            f"{rate / goal:.2f} of the goal; renderer {statistics.median(shares):.0%}, "
            f"{1e3 * statistics.median(begins):.0f} ms to begin in another world"
        )


def endurance(worlds: int, steps_each: int) -> None:
    """Many worlds one after the other in one process: does it stay as fast and as small as it began?"""
    import scenarios

    rates: list[float] = []
    sizes: list[float] = []
    land = {"theme": "train", "trees_per_hectare": 60, "recolour": 0.8}
    for index in range(worlds):
        data = {"description": "one of many", "world": land | {"seed": index}}
        rates.append(fly(scenarios.FlightScenario.from_dict(data), "camera", steps_each, seed=index)[0])
        sizes.append(resident_megabytes())
        if (index + 1) % max(1, worlds // 10) == 0:
            say(f"  world {index + 1}: {statistics.median(rates[-10:]):.0f} steps/s, {sizes[-1]:.0f} MB")
    # The first worlds fill the cache and the shared textures, so "as it began" means after them.
    tenth = max(1, worlds // 10)
    fast = statistics.median(rates[-tenth:]) / statistics.median(rates[:tenth])
    small = max(sizes[-tenth:]) / max(sizes[:tenth])
    say(
        f"{worlds * steps_each} camera steps over {worlds} worlds: "
        f"last tenth {fast:.2f} x as fast, {small:.2f} x as big as the first"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks."""
    import scenarios

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="camera steps per scenario (state: five times as many)")
    parser.add_argument("--long", action="store_true", help="200,000 camera steps over 200 worlds (some minutes)")
    given = parser.parse_args(arguments)
    speed(scenarios.catalogue("fly-heldout"), given.steps)
    if given.long:
        endurance(200, 1000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
