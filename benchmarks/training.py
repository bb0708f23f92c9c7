"""How fast training is, and where its time goes.

::

    python -m benchmarks.training              # a minute
    python -m benchmarks.training --threads 1 --precision float32

Synthetic drives of 200 x 78 pictures go through the real `train`: decoding, drawing and augmenting windows, Lightning,
optimiser, saving. The same steps without Lightning, and the head alone, show what the rest costs. Nothing here fails.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

GOAL = 700.0
"""Frames/s asked for from end-to-end training on two cores."""
OVERHEAD_GOAL = 0.03
"""Share of a step that Lightning may take."""
HEIGHT, WIDTH = 78, 200


def write_drives(folder: Path, count: int, frames: int) -> None:
    """Drives of smooth moving pictures, about as compressible as rendered ones; labels that follow from them."""
    from liquid_pilot.drives import DriveInfo, DriveWriter, Step
    from liquid_pilot.randomness import generator

    for number in range(count):
        rng = generator(0, "benchmark-drive", number)
        coarse = rng.uniform(30, 220, (14, 60, 3))
        ground = np.kron(coarse, np.ones((6, 6, 1)))[:HEIGHT] + rng.normal(0.0, 2.0, (HEIGHT, 360, 3))
        info = DriveInfo("driving", {"road": number}, "benchmark", number, number, "expert",
                         ("steering", "acceleration"), 20.0, {})  # fmt: skip
        with DriveWriter(folder / f"benchmark-{number:04d}.mcap", info) as drive:
            for frame in range(frames):
                left = round(80 + 70 * np.sin(0.1 * frame + number))
                action = np.array([0.1 * (left - 80) / 70, rng.normal(0.0, 0.2)], np.float32)
                image = np.ascontiguousarray(ground[:, left : left + WIDTH].clip(0, 255).astype(np.uint8))
                observation = {"speed": float(rng.uniform(5, 15)), "elapsed": 0.05}
                drive.add(Step(0.05 * (frame + 1), image, observation, action, action, {"cross_track_error": 0.0}))
            drive.finish(end="cut", success=False)


def whole_training(config: Any, drives: Path, out: Path) -> Any:
    """Train with all stages; say the speed of each."""
    from liquid_pilot.imitation import Progress, train

    last: dict[str, Progress] = {}
    began = time.perf_counter()
    decoded = 0.0

    def report(progress: Progress) -> None:
        nonlocal decoded
        if progress.phase == "frames":
            decoded = progress.done / (time.perf_counter() - began)
        last[progress.phase] = progress

    result = train(config, drives, out, progress=report)
    say(f"decoding         {decoded:8.0f} frames/s")
    for phase, progress in last.items():
        if progress.frames_per_second:
            goal = f", {progress.frames_per_second / GOAL:.2f} of the goal" if "joint" in phase else ""
            say(f"{phase:16} {progress.frames_per_second:8.0f} frames/s{goal}")
    return result


def joint_parts(config: Any, drives: Path, folder: Path, steps: int) -> None:
    """Where the time of a joint step goes, and what Lightning adds to it; interleaved medians."""
    import torch

    from liquid_pilot.drives import find_drives, read_infos
    from liquid_pilot.imitation.cache import open_frames
    from liquid_pilot.imitation.interrupt import StopRequest
    from liquid_pilot.imitation.loop import run_stage
    from liquid_pilot.imitation.material import prepare, split_for
    from liquid_pilot.imitation.stages import make_ready
    from liquid_pilot.nn import PilotNetwork

    torch.set_num_threads(1)
    paths = find_drives(drives)
    infos = read_infos(paths)
    frames = open_frames(paths, infos, folder, [("speed", 0)], config.truth, lambda *_: None)
    material = prepare(frames, split_for(infos, config), config)
    number = len(config.stages) - 1
    ready = make_ready(number, config.stages[number], PilotNetwork(config.network), config, material, None)
    module, optimizer = ready.module, ready.module.configure_optimizers()
    spent: dict[str, list[float]] = {"batch": [], "forward": [], "backward": [], "optimiser": []}
    whole: list[float] = []
    for step in range(steps):
        marks = [time.perf_counter()]
        batch = ready.batch(step)
        marks.append(time.perf_counter())
        loss = module.loss(batch)
        marks.append(time.perf_counter())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        marks.append(time.perf_counter())
        module.configure_gradient_clipping(optimizer)
        optimizer.step()
        module.network.constrain()
        marks.append(time.perf_counter())
        for name, begin, end in zip(spent, marks, marks[1:], strict=False):
            spent[name].append(end - begin)
        whole.append(marks[-1] - marks[0])
    plain = statistics.median(whole)
    parts = ", ".join(f"{name} {statistics.median(times) / plain:.1%}" for name, times in spent.items())
    say(f"joint, by hand   {ready.frames_per_step / plain:8.0f} frames/s: {parts}")

    times: list[float] = []
    stage = config.stages[number].model_copy(
        update={"epochs": steps * ready.frames_per_step / material.training_frames}
    )
    quick = config.model_copy(update={"stages": (stage,), "validations": 1, "checkpoint_steps": 10**9})
    again = make_ready(0, stage, PilotNetwork(config.network), quick, material, None)
    inner = again.batch

    def stamped(step: int) -> Any:
        times.append(time.perf_counter())
        return inner(step)

    object.__setattr__(again, "batch", stamped)
    run_stage(again, quick, folder / "state", StopRequest(), lambda *_: None, lambda _: None)
    with_lightning = statistics.median(np.diff(times).tolist())
    share = with_lightning / plain - 1.0
    say(f"Lightning adds   {share:8.1%} to a joint step ({share / OVERHEAD_GOAL:.2f} of what is allowed)")


def say(text: str) -> None:
    """Print now, also into a pipe."""
    print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=4096, help="synthetic frames to train on")
    parser.add_argument("--steps", type=int, default=40, help="joint steps to take apart")
    parser.add_argument("--threads", type=int, default=2, help="cores for the head")
    parser.add_argument("--precision", choices=["auto", "bfloat16", "float32"], default="auto")
    parser.add_argument("--controller", default="ncp19")
    given = parser.parse_args(arguments)

    from liquid_pilot.imitation import JointStage, LiquidStage, PerceptionStage, TrainConfig
    from liquid_pilot.imitation.head import bfloat16_pays
    from liquid_pilot.imitation.memory import keep_freed_memory
    from liquid_pilot.nn.config import PilotConfig

    kept = keep_freed_memory()
    say(f"bfloat16 in hardware: {bfloat16_pays()}; freed memory is kept: {kept}; threads: {given.threads}")
    config = TrainConfig(
        network=PilotConfig.build(controller=given.controller),
        stages=(PerceptionStage(epochs=2.0), LiquidStage(steps=200), JointStage(epochs=2.0)),
        threads=given.threads,
        precision=given.precision,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_drives(folder / "drives", given.frames // 64, 64)
        whole_training(config, folder / "drives", folder / "run")
        joint_parts(config, folder / "drives", folder / "parts", given.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
