"""How fast the driving world is, and where its time goes.

::

    python -m benchmarks.environment                  # a minute
    python -m benchmarks.environment --long           # and 200,000 camera steps over 200 worlds in one process
    python -m benchmarks.environment --policy ncp19-lane

Steps/s are per second of processor time of one core, so that other work on the machine does not show; medians over
scenarios, and their ratio to what is asked for. Nothing here fails; tests are elsewhere.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

STATE_GOAL = 10_000.0
"""Steps/s asked for without pictures."""
CAMERA_GOAL = 1_200.0
"""Steps/s asked for with the 200 x 78 camera."""
OVERHEAD_GOAL = 0.10
"""Share of its time that lock step itself may take."""


def drive(scenario: Any, mode: str, steps: int, seed: int) -> tuple[float, float]:
    """(steps/s of env.step, share of the renderer) over ``steps`` steps that the expert drives; resets not counted."""
    from envs.driving.env import LaneKeepingEnv
    from policies.expert import ExpertDriver

    env, expert = LaneKeepingEnv(scenario, observation_mode=mode), ExpertDriver()  # type: ignore[arg-type]
    observation, info = env.reset(seed=seed)
    inside = busy = drawn = 0.0
    for _ in range(steps):
        action = expert.act(observation, info)
        before_drawn, before_busy, before = env.render_seconds, time.process_time(), time.perf_counter()
        observation, _, terminated, truncated, info = env.step(action)
        inside += time.perf_counter() - before
        busy += time.process_time() - before_busy
        drawn += env.render_seconds - before_drawn
        if terminated or truncated:
            seed += 1
            observation, info = env.reset(seed=seed)
    env.close()
    return steps / busy, drawn / inside


def physics_seconds(calls: int = 5000) -> float:
    """Seconds of one control step of the car alone (five physics steps)."""
    from envs.driving.vehicle import Vehicle

    car = Vehicle()
    car.place(0.0, 0.0, 0.0, 12.0)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for i in range(calls):
            car.advance(0.05 if i % 40 < 20 else -0.05, 0.05, 0.05)
        best = min(best, (time.perf_counter() - began) / calls)
    return best


def speed(names: list[str], steps: int) -> None:
    """Steps/s with and without pictures, and the shares of renderer and physics."""
    physics = physics_seconds()
    for mode, goal in (("state", STATE_GOAL), ("camera", CAMERA_GOAL)):
        rates, shares = [], []
        for name in names:
            rate, share = drive(name, mode, steps * (5 if mode == "state" else 1), seed=1)
            rates.append(rate)
            shares.append(share)
        rate, share = statistics.median(rates), statistics.median(shares)
        say(
            f"{mode:7} {rate:8.0f} steps/s ({min(rates):.0f} to {max(rates):.0f} over {len(names)} scenarios), "
            f"{rate / goal:.2f} of the goal; renderer {share:.0%}, physics {physics * rate:.0%}"
        )


def lock_step(names: list[str], policy_name: str, worlds: int, seconds: float) -> None:
    """Where the time of an evaluation goes."""
    import policies
    import scenarios
    from envs.driving.env import LaneKeepingEnv
    from envs.lockstep import DrivenEpisode, Episode, LockStep

    loaded = [scenarios.load(name) for name in names]
    episodes = [Episode(loaded[i % len(loaded)], i, {"duration_s": seconds}) for i in range(2 * worlds)]
    policy: Any = policies.load(policy_name)
    ends: list[DrivenEpisode] = []
    times = LockStep(worlds, LaneKeepingEnv).run(policy, episodes, ends.append)
    driving = times.total - times.reset
    say(
        f"lock step, {policy.name}, {worlds} worlds, {times.steps} steps: {times.steps / driving:.0f} steps/s; "
        f"renderer {times.render / driving:.0%}, world {times.world / driving:.0%}, "
        f"policy {times.policy / driving:.0%}, overhead {times.overhead / driving:.1%} "
        f"({times.overhead / driving / OVERHEAD_GOAL:.2f} of what is allowed); worlds built in {times.reset:.1f} s"
    )


def endurance(worlds: int, steps_each: int) -> None:
    """Many worlds one after the other in one process: does it stay as fast and as small as it began?"""
    import scenarios

    road = {"generate": {"seed": {"first": 0, "count": worlds}, "style": "mixed", "length_m": 1600.0}}
    family = scenarios.Scenario.from_dict({"description": "many worlds", "road": road, "start": {"position": "random"}})
    rates, sizes = [], []
    for index in range(worlds):
        rates.append(drive(family, "camera", steps_each, seed=index)[0])
        sizes.append(resident_megabytes())
        if (index + 1) % max(1, worlds // 10) == 0:
            say(f"  world {index + 1}: {statistics.median(rates[-10:]):.0f} steps/s, {sizes[-1]:.0f} MB")
    # The first worlds fill the cache and the shared textures, so "as it began" means after them.
    tenth = max(1, worlds // 10)
    fast = statistics.median(rates[-tenth:]) / statistics.median(rates[:tenth])
    small = max(sizes[-tenth:]) / max(sizes[:tenth])
    total = worlds * steps_each
    say(
        f"{total} camera steps over {worlds} worlds: last tenth {fast:.2f} x as fast, {small:.2f} x as big as the first"
    )


def resident_megabytes() -> float:
    """Memory of this process, MB; nan where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def say(text: str) -> None:
    """Print now, also into a pipe."""
    print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks."""
    import scenarios

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="camera steps per scenario (state: five times as many)")
    parser.add_argument("--policy", default="expert", help="what drives in lock step: expert, a zoo name, a run folder")
    parser.add_argument("--worlds", type=int, default=8, help="worlds side by side in lock step")
    parser.add_argument("--long", action="store_true", help="200,000 camera steps over 200 worlds (some minutes)")
    given = parser.parse_args(arguments)
    names = scenarios.catalogue("heldout")
    speed(names, given.steps)
    lock_step(names, given.policy, given.worlds, seconds=20.0)
    if given.long:
        endurance(200, 1000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
