"""Where the time of an evaluation goes, in clear and other weather, and with a fault of every family.

::

    python -m benchmarks.evaluation                   # two minutes; writes benchmarks/results/evaluation.json
    python -m benchmarks.evaluation --only clear HardRainNoon gaussian_noise

Each condition is driven in lock step, as `evaluate` does it, with the shipped policy. The parts of a step:

* world: the vehicle, its route and all else in the environment's ``step``;
* renderer: drawing the picture with the channels that its weather wants;
* weather: laying the weather over it. It makes the picture of the world, as the passes after drawing do in any
  renderer of games (in CARLA they run inside the simulator), so it belongs to the renderer's time; it stands beside it
  here, and "+ weather" says what the share outside would be if it did not;
* network: the policy;
* faults: what is done to the finished picture, the speed and the action;
* loop: what running in lock step itself costs.

Outside of world, renderer and network are faults and loop: at most a tenth is asked for. Shares are medians over
rounds, in each of which every condition is driven once, so that other work on the machine strikes all alike. Nothing
here fails; tests are elsewhere.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GOAL = 0.10
"""Of an evaluation's time, what may be spent outside of world, renderer and network."""
ROADS = ("heldout-country", "heldout-s-bends")
WEATHERS = ("HardRainNoon", "dense_fog", "night", "stormy_night")
FAMILIES = (
    "gaussian_noise", "shot_noise", "gaussian_blur", "defocus_blur", "motion_blur", "brightness", "jpeg", "dead_pixels",
    "lens_drops", "occlusion", "camera_shift", "delayed_frame", "speed_noise", "action_delay",
)  # fmt: skip
"""Of every family of faults the most costly ones: these are driven unless others are asked for."""
SEVERITY = 3
RESULTS = Path(__file__).parent / "results" / "evaluation.json"
PARTS = ("world", "renderer", "weather", "network", "faults", "loop")


def conditions() -> dict[str, dict[str, Any]]:
    """What of a scenario each condition changes: clear, every fault at `SEVERITY` in clear weather, some weathers."""
    from scenarios.faults import FAULTS

    found: dict[str, dict[str, Any]] = {"clear": {"weather": "clear", "faults": []}}
    for name in FAULTS:
        found[name] = {"weather": "clear", "faults": [{"fault": name, "severity": SEVERITY}]}
    return found | {name: {"weather": name, "faults": []} for name in WEATHERS}


def drive(policy: Any, changes: Mapping[str, Any], worlds: int, seconds: float) -> dict[str, float]:
    """Milliseconds of each of `PARTS` per step of one world, resets not counted."""
    import scenarios
    from envs.driving.env import LaneKeepingEnv
    from envs.lockstep import DrivenEpisode, Episode, LockStep

    under = [scenarios.Scenario.from_dict(scenarios.load(name).to_dict() | dict(changes)) for name in ROADS]
    episodes = [Episode(under[i % len(under)], i, {"duration_s": seconds}) for i in range(worlds)]
    ends: list[DrivenEpisode] = []
    times = LockStep(worlds, LaneKeepingEnv).run(policy, episodes, ends.append)
    # A condition has either another weather or a fault: the effects' time is that of the one that it has.
    clear = changes["weather"] == "clear"
    spent = (
        times.world, times.render, 0.0 if clear else times.effects, times.policy, times.effects if clear else 0.0,
        times.overhead,
    )  # fmt: skip
    return {name: 1e3 * part / times.steps for name, part in zip(PARTS, spent, strict=True)}


def shares(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Medians: ms per step, share of every part and of what is ``outside``, and the same with the weather."""
    totals = [sum(one.values()) for one in rounds]
    result = {"ms per step": statistics.median(totals)}
    for name in PARTS:
        result[name] = statistics.median(one[name] / total for one, total in zip(rounds, totals, strict=True))
    outside = [(one["faults"] + one["loop"]) / total for one, total in zip(rounds, totals, strict=True)]
    result["outside"] = statistics.median(outside)
    with_weather = [part + one["weather"] / total for part, one, total in zip(outside, rounds, totals, strict=True)]
    return result | {"outside + weather": statistics.median(with_weather)}


def say(text: str) -> None:
    """Print now, also into a pipe."""
    print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    import policies
    from liquid_pilot.files import write_json
    from liquid_pilot.imitation.memory import keep_freed_memory

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", default="ncp19-lane", help="what drives: a zoo name, a run folder, or expert")
    parser.add_argument("--worlds", type=int, default=8, help="worlds side by side")
    parser.add_argument("--seconds", type=float, default=2.0, help="simulated seconds of each episode")
    parser.add_argument("--rounds", type=int, default=3, help="times that each condition is driven")
    parser.add_argument("--only", nargs="+", choices=conditions(), help="these; nothing is written")
    given = parser.parse_args(arguments)
    keep_freed_memory()  # as the workers of `evaluate` do
    policy = policies.load(given.policy)
    chosen = given.only or ("clear", *FAMILIES, *WEATHERS)
    wanted = {name: changes for name, changes in conditions().items() if name in chosen}
    # Worlds, tables and banks are made once per world, episode or process: in an evaluation of whole routes that is
    # nothing, in these short episodes it would be half of an effect.
    for changes in wanted.values():
        drive(policy, changes, given.worlds, 0.2)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in wanted}
    for _ in range(given.rounds):
        for name, changes in wanted.items():
            rounds[name].append(drive(policy, changes, given.worlds, given.seconds))
    table = {name: shares(driven) for name, driven in rounds.items()}
    say(f"{policy.name}, {given.worlds} worlds; faults at severity {SEVERITY}; shares of a step")
    say(f"{'':18}{'ms/step':>8}{''.join(f'{part:>10}' for part in PARTS)}{'outside':>10}{'+ weather':>10}")
    for name, row in table.items():
        columns = "".join(f"{row[part]:10.1%}" for part in (*PARTS, "outside", "outside + weather"))
        say(f"{name:18}{row['ms per step']:8.2f}{columns}{'  over' if row['outside'] > GOAL else ''}")
    worst = max(table, key=lambda name: table[name]["outside"])
    say(f"most outside: {worst}, {table[worst]['outside'] / GOAL:.2f} of what is allowed")
    if given.only is None:
        rounded = {name: {part: round(value, 4) for part, value in row.items()} for name, row in table.items()}
        machine: dict[str, Any] = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        machine["load"] = round(os.getloadavg()[0], 1)
        write_json(RESULTS, {"machine": machine, "policy": policy.name, "worlds": given.worlds, "shares": rounded})
    return 0


if __name__ == "__main__":
    sys.exit(main())
