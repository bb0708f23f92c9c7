"""What a liquid network costs beside ncps, an LSTM and its own torch path: training, single steps, memory, size.

::

    python -m benchmarks.ltc                   # a minute or two; writes benchmarks/results/ltc.json
    python -m benchmarks.ltc --picture docs/liquid-speed.png

Everything is a ratio of medians of interleaved runs, so that other work on the machine slows all rivals alike; one
thread is measured in processor time, two on the clock (which on a busy machine says little). Training is zero
gradients, forward, ``sum().backward()``. Nothing here fails; tests are elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.control import control_steps
from benchmarks.environment import say

INPUTS = 32
CASES = ((1, 1), (1, 32), (1, 256), (16, 32), (16, 64), (16, 256), (64, 32), (64, 256))
"""(B, T) of training."""
CASES_OF_TWO = ((1, 256), (16, 32), (64, 256))
"""The same with two threads."""
MEMORY_CASE = (64, 256)
RESULTS = Path(__file__).parent / "results" / "ltc.json"
ROUNDS = 7
PARTS = ["training", "steps", "control", "memory", "sizes"]


@contextlib.contextmanager
def path(name: str) -> Iterator[None]:
    """Force a path of our layer."""
    from liquid_pilot.nn.scan.library import VARIABLE

    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = name
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def rivals() -> dict[str, tuple[Any, str]]:
    """Modules with 19 neurons (LSTMs also 64) on 32 inputs, and the path that they run on."""
    import ncps.torch
    import ncps.wirings
    import torch

    from liquid_pilot.nn import LTC, ncp2020

    torch.manual_seed(0)
    ours = LTC(INPUTS, ncp2020(INPUTS), "ncps")
    theirs = ncps.torch.LTC(INPUTS, ncps.wirings.NCP(12, 6, 1, 6, 4, 6, 6, seed=20190120))
    return {
        "c": (ours, "c"),
        "torch": (ours, "torch"),
        "ncps": (theirs, "torch"),
        "lstm19": (torch.nn.LSTM(INPUTS, 19, batch_first=True), "torch"),
        "lstm64": (torch.nn.LSTM(INPUTS, 64, batch_first=True), "torch"),
    }


def train_step(module: Any, features: Any) -> None:
    """One forward and backward pass."""
    for parameter in module.parameters():
        parameter.grad = None
    module(features)[0].sum().backward()


def interleaved(
    runs: dict[str, Callable[[], None]], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Median seconds of each run; every round times all of them, each for some milliseconds."""
    least = 0.004
    counts: dict[str, int] = {}
    for name, run in runs.items():
        run()
        began = clock()
        run()
        counts[name] = max(1, round(least / max(clock() - began, 1e-6)))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = clock()
            for _ in range(counts[name]):
                run()
            times[name].append((clock() - began) / counts[name])
    return {name: statistics.median(values) for name, values in times.items()}


def on(name: str, run: Callable[[], None]) -> Callable[[], None]:
    """The run with its path forced (which costs a microsecond)."""

    def forced() -> None:
        with path(name):
            run()

    return forced


def alone(run: Callable[[], None], threads: int) -> Callable[[], None]:
    """The run on one thread, where the others have ``threads``."""
    import torch

    def with_one() -> None:
        torch.set_num_threads(1)
        run()
        torch.set_num_threads(threads)

    return with_one


def training(threads: int, rounds: int) -> list[dict[str, Any]]:
    """Times of training steps; ratios above 1 mean that the fused scan is faster."""
    import torch

    torch.set_num_threads(threads)
    networks, rows = rivals(), []
    say(f"training, {threads} thread(s): ms of ours, and how many times longer the others take")
    clock = time.process_time if threads == 1 else time.perf_counter
    for batch, steps in CASES if threads == 1 else CASES_OF_TWO:
        features = torch.randn(batch, steps, INPUTS, generator=torch.Generator().manual_seed(1))
        runs = {name: on(kind, partial(train_step, module, features)) for name, (module, kind) in networks.items()}
        slow = {name: runs.pop(name) for name in ("ncps", "torch")}
        if threads > 1:  # operations this small suffer from a second thread: 12 s for one step of ncps were seen
            slow = {"ncps": slow["ncps"]} if batch * steps <= 512 else {}
            runs["c, 1 thread"] = alone(runs["c"], threads)
        # The slow ones a few times only, with ours beside them: their ratios are in the hundreds anyway.
        medians = interleaved(runs, rounds, clock)
        beside = interleaved(slow | {"c": runs["c"]}, min(3, rounds), clock)
        ratios = {name: beside[name] / beside["c"] for name in slow}
        ratios |= {name: medians[name] / medians["c"] for name in runs if name != "c"}
        rows.append({"batch": batch, "steps": steps, "threads": threads, "ms": medians["c"] * 1e3, "ratios": ratios})
        text = "  ".join(f"{name} {ratio:6.2f}" for name, ratio in ratios.items())
        say(f"  B {batch:3} T {steps:3}  {medians['c'] * 1e3:8.3f} ms   {text}")
    return rows


def quantiles(run: Callable[[], Any], count: int) -> tuple[float, float]:
    """Median and 99th percentile of single calls, microseconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1e6)
    times.sort()
    return times[count // 2], times[int(count * 0.99)]


def single_steps(count: int) -> dict[str, dict[str, float]]:
    """One step of one sample without gradients, microseconds."""
    import torch

    from liquid_pilot.nn import PilotConfig, PilotNetwork

    torch.set_num_threads(1)
    networks = rivals()
    features, state, elapsed = torch.randn(1, 1, INPUTS), torch.zeros(1, 19), torch.full((1, 1), 0.05)
    cell, hidden = torch.nn.LSTMCell(INPUTS, 64), (torch.zeros(1, 64), torch.zeros(1, 64))
    lstm_state = tuple(part[None] for part in hidden)
    pilot = PilotNetwork(PilotConfig.build(controller="ncp19")).eval()
    measured, pilot_state = torch.zeros(1, 1, len(pilot.config.measurements)), pilot.initial_state(1)
    encoded = torch.randn(1, 1, pilot.head.output_size)
    ours, theirs, lstm = networks["c"][0].eval(), networks["ncps"][0], networks["lstm64"][0]
    runs: dict[str, tuple[str, Callable[[], Any]]] = {
        "c": ("c", lambda: ours(features, state, elapsed)),
        "torch": ("torch", lambda: ours(features, state, elapsed)),
        "ncps": ("c", lambda: theirs(features, state)),
        "lstm64": ("c", lambda: lstm(features, lstm_state)),
        "lstm64 cell": ("c", lambda: cell(features[0], hidden)),
        "control: liquid part": ("c", lambda: pilot.control(encoded, measured, pilot_state, elapsed)),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    with torch.no_grad():
        for _ in range(5):
            for name, (kind, run) in runs.items():
                with path(kind):
                    ours.freeze()
                    pilot.freeze()
                    quantiles(run, 20)
                    found[name].append(quantiles(run, count))
    rows = {}
    say("single step, 1 thread, microseconds (p50, p99)")
    for name, values in found.items():
        p50, p99 = (statistics.median(one) for one in zip(*values, strict=True))
        rows[name] = {"p50": p50, "p99": p99}
        say(f"  {name:32} {p50:9.1f} {p99:9.1f}")
    return rows


def peak(name: str) -> float:
    """MiB that a training step of `MEMORY_CASE` takes beyond what was there before; in this process, once."""
    import torch

    torch.set_num_threads(1)
    module, kind = rivals()[name]
    features = torch.randn(*MEMORY_CASE, INPUTS)
    with path(kind):
        train_step(module, features[:1, :1])
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = _status("VmRSS")
        train_step(module, features)
        return _status("VmHWM") - before


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def memory() -> dict[str, float]:
    """Peak extra memory of each rival, MiB, each in a process of its own; empty where there is no /proc."""
    if not Path("/proc/self/clear_refs").exists():
        return {}
    say(f"peak extra memory of a training step, B {MEMORY_CASE[0]} T {MEMORY_CASE[1]}, MiB")
    found = {}
    for name in ("c", "torch", "ncps", "lstm19", "lstm64"):
        command = [sys.executable, "-m", "benchmarks.ltc", "--peak", name]
        found[name] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        say(f"  {name:8} {found[name]:8.1f}")
    return found


def sizes(rounds: int) -> dict[str, list[dict[str, float]]]:
    """How the cost of training grows with the steps and with the synapses (fully connected networks), ms."""
    import torch

    from liquid_pilot.nn import LTC, fully_connected, ncp2020

    torch.set_num_threads(1)
    over_time, over_synapses = [], []
    layer, lstm = LTC(INPUTS, ncp2020(INPUTS), "ncps"), torch.nn.LSTM(INPUTS, 64, batch_first=True)

    def measure(module: Any, other: Any, steps: int) -> dict[str, float]:
        features = torch.randn(16, steps, INPUTS)
        medians = interleaved(
            {
                "c": on("c", lambda: train_step(module, features)),
                "torch": on("torch", lambda: train_step(module, features)),
                "lstm": on("torch", lambda: train_step(other, features)),
            },
            rounds,
        )
        return {name: value * 1e3 for name, value in medians.items()}

    for steps in (1, 4, 16, 64, 256):
        over_time.append({"steps": steps, **measure(layer, lstm, steps)})
    for units in (4, 8, 16, 32, 64, 128):
        wiring = fully_connected(INPUTS, units, 2)
        other = torch.nn.LSTM(INPUTS, units, batch_first=True)
        row = measure(LTC(INPUTS, wiring, "ncps"), other, 8)
        over_synapses.append({"units": units, "synapses": wiring.synapse_count, **row})
    say("cost over steps (B 16, 252 synapses) and over synapses (B 16, T 8, fully connected), ms: c, torch, LSTM")
    for row in (*over_time, *over_synapses):
        what = f"T {row['steps']:4}" if "steps" in row else f"{row['units']:4} units, {row['synapses']:6} synapses"
        say(f"  {what:28} {row['c']:9.3f} {row['torch']:9.3f} {row['lstm']:9.3f}")
    return {"steps": over_time, "synapses": over_synapses}


def draw(found: dict[str, list[dict[str, float]]], target: Path) -> None:
    """Both curves side by side, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    names = {"torch": "LTC, torch path", "lstm": "LSTM", "c": "LTC, fused scan"}
    for axis, (key, rows) in zip(axes, found.items(), strict=True):
        for name, label in names.items():
            axis.plot([row[key] for row in rows], [row[name] for row in rows], "o-", label=label)
        axis.set(xscale="log", yscale="log", ylabel="forward + backward, ms (B 16, 1 thread)")
        axis.grid(alpha=0.3)
    axes[0].set(xlabel="steps T (19 neurons, 252 synapses; LSTM: 64 units)")
    axes[1].set(xlabel="synapses (fully connected, T 8; LSTM of as many units)")
    axes[0].legend()
    figure.savefig(target, dpi=110)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark, or one part of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds")
    parser.add_argument(
        "--only", choices=["training", "steps", "control", "memory", "sizes"], help="one part, kept with the rest"
    )
    parser.add_argument("--threads", type=int, choices=[1, 2], help="train with as many only (both otherwise)")
    parser.add_argument("--picture", type=Path, help="also draw the curves here")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.peak:
        sys.stdout.write(f"{peak(given.peak)}\n")
        return 0

    import torch

    from liquid_pilot.files import write_json
    from liquid_pilot.nn.scan.library import Library, found

    library = found()
    if not isinstance(library, Library):
        say(f"nothing to measure: {library}")
        return 0
    table: dict[str, Any] = json.loads(RESULTS.read_text()) if given.only and RESULTS.exists() else {}
    table["machine"] = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
        "instructions": library.instructions,
    }
    say(", ".join(f"{key} {value}" for key, value in table["machine"].items()))
    if given.only in (None, "training"):
        for threads in (1, 2) if given.threads is None else (given.threads,):
            rows = [row for row in table.get("training", []) if row["threads"] != threads]
            table["training"] = rows + training(threads, given.rounds)
    if given.only in (None, "steps"):
        table["single step, us"] = single_steps(300)
    if given.only in (None, "control"):
        table["control step, ms"] = control_steps(60)
    if given.only in (None, "memory"):
        table["memory, MiB"] = memory()
    if given.only in (None, "sizes"):
        table["size, ms"] = sizes(given.rounds)
    if given.picture and "size, ms" in table:
        draw(table["size, ms"], given.picture)
    RESULTS.parent.mkdir(exist_ok=True)
    write_json(RESULTS, _rounded(table))
    say(f"written to {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}")
    return 0


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    return names[0].split(":")[1].strip() if names else platform.machine()


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
