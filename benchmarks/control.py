"""The whole control step of a policy, picture in, action out, on one thread: torch and ONNX Runtime beside each other.

Part of ``python -m benchmarks.ltc`` (``--only control``). On the clock for p50 and p99, and in processor time, which is
what is left of a busy machine's p50 when its other work is taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.environment import say

GOALS = {"torch": 2.0, "onnxruntime": 1.0}
"""Asked for: at most so many ms, median."""
POLICIES = {"ncp19-lane": "driving", "ncp19-flight": "flight"}
IN_A_ROW = 10


def control_steps(rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds by policy and engine, and of the heads alone; interleaved, ``rounds`` times `IN_A_ROW` each."""
    import numpy as np
    import torch

    import policies
    from liquid_pilot.deploy.engine import FastHead, chosen

    torch.set_num_threads(1)
    engines = ["torch"] if chosen() == "torch" else ["torch", "onnxruntime"]
    rng = np.random.default_rng(0)
    observation: dict[str, Any] = {
        "image": rng.integers(0, 256, (78, 200, 3), dtype=np.uint8),
        "speed": np.array([9.0], np.float32),
        "velocity": np.array([1.0, 0.1, 0.0], np.float32),
        "yaw_rate": np.array([0.1], np.float32),
        "elapsed": np.array([0.05], np.float32),
    }
    runs: dict[str, Callable[[], Any]] = {}
    for name, kind in POLICIES.items():
        for engine in engines:
            policy: Any = policies.load(name, kind, engine=engine)  # type: ignore[arg-type]
            policy.reset()
            runs[f"{name}, {engine}"] = partial(policy.act, observation)
    head, image = policy.network.head, observation["image"]
    runs["head alone, torch"] = partial(head, torch.from_numpy(image)[None])
    if "onnxruntime" in engines:
        runs["head alone, onnxruntime"] = partial(FastHead(head), image)
    return _report(_measure(runs, rounds))


def _measure(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    import torch

    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    with torch.inference_mode():
        for turn in range(rounds + 1):
            for name, run in runs.items():
                for _ in range(IN_A_ROW):
                    busy, began = time.process_time(), time.perf_counter()
                    run()
                    ended = time.perf_counter() - began, time.process_time() - busy
                    if turn:  # the first round warms up
                        times[name].append(ended)
    return times


def _report(times: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, float]]:
    rows = {}
    say("control step, 1 thread, ms: p50, p99, and p50 and least of processor time")
    for name, both in times.items():
        clock, busy = (sorted(one) for one in zip(*both, strict=True))
        row = {
            "p50": clock[len(clock) // 2] * 1e3,
            "p99": clock[int(len(clock) * 0.99)] * 1e3,
            "processor p50": busy[len(busy) // 2] * 1e3,
            "processor least": busy[0] * 1e3,
        }
        rows[name] = row
        goal = GOALS[name.split(", ")[1]]
        said = f"   {row['processor p50'] / goal:.2f} of what is allowed" if name.startswith("ncp") else ""
        say(f"  {name:28} {'  '.join(f'{value:7.3f}' for value in row.values())}{said}")
    return rows
