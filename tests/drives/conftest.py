"""Small synthetic drives; the numbers are chosen to be awkward for text: many digits, negative zero, tiny and huge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot.drives import DriveInfo, DriveWriter, Step
from liquid_pilot.randomness import generator

INFO = DriveInfo(
    kind="driving",
    scenario={"description": "Straße für Tests", "road": {"map": "bends-1"}, "limits": {"off_lane": 1.0}},
    scenario_name="bends",
    seed=2**62 + 1,
    episode=3,
    policy="expert",
    action_names=("steering", "acceleration"),
    control_hz=20.0,
    versions={"liquid-pilot": "0.1.0", "panda3d": "1.10.16"},
    options={"reset": {"start": {"position_m": 12.345678901234567, "speed": np.float64(7.1)}}},
)


def make_steps(frames: int, height: int = 6, width: int = 8, seed: int = 5) -> Iterator[Step]:
    """Steps with noise as images and awkward numbers."""
    for number in range(frames):
        rng = generator(seed, "steps", number)
        yield Step(
            time=0.05 * number,
            image=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
            observation={"speed": float(np.float32(rng.normal(10))), "elapsed": float(np.float32(0.05))},
            action=rng.uniform(-1, 1, 2).astype(np.float32),
            applied=rng.uniform(-1, 1, 2).astype(np.float32),
            truth={
                "x": float(rng.normal()) * 1e-300,
                "y": -0.0,
                "cross_track_error": float(rng.normal()) * 10.0 ** rng.integers(-12, 12),
                "lane_invasion": bool(rng.integers(2)),
                "clipped_actions": int(rng.integers(2**60)),
            },
        )


@pytest.fixture
def steps() -> Callable[..., list[Step]]:
    return lambda *args, **kwargs: list(make_steps(*args, **kwargs))


@pytest.fixture
def info() -> DriveInfo:
    return INFO


@pytest.fixture
def write() -> Callable[..., Path]:
    """``write(path, frames, height, width, **header fields) -> path``."""

    def function(path: Path, frames: int = 5, height: int = 6, width: int = 8, **changes: object) -> Path:
        with DriveWriter(path, replace(INFO, **changes)) as drive:  # type: ignore[arg-type]
            for step in make_steps(frames, height, width):
                drive.add(step)
            drive.finish(end="completed", success=True)
        return path

    return function
