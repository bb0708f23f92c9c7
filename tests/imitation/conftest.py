"""Tiny drives whose right answers are known, and a recipe that learns them in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from liquid_pilot.drives import DriveInfo, DriveWriter, Step
from liquid_pilot.imitation import JointStage, LiquidStage, PerceptionStage, TrainConfig
from liquid_pilot.nn.config import PilotConfig
from liquid_pilot.randomness import generator

HEIGHT, WIDTH = 16, 32


def picture(where: float, seed: int, frame: int) -> np.ndarray:
    """A bright column on a dark, slightly noisy ground: ``where`` in [-1, 1], +1 is the left edge."""
    image = generator(seed, "test-picture", frame).integers(20, 40, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    column = round((1.0 - where) / 2.0 * (WIDTH - 5))
    image[:, column : column + 4] = 230
    return image


def write_drive(
    path: Path,
    road: str,
    seed: int,
    frames: int = 24,
    learnable: bool = True,
    hz: float = 20.0,
    pitch: float = -8.0,
) -> None:
    """Steering is 0.3 x where the column is; acceleration 0.1 x (10 - speed), or noise if it is not learnable."""
    rng = generator(seed, "test-drive")
    info = DriveInfo(
        kind="driving",
        scenario={"road": {"map": road}, "camera": {"pitch_deg": pitch}},
        scenario_name="test",
        seed=seed,
        episode=seed,
        policy="expert",
        action_names=("steering", "acceleration"),
        control_hz=hz,
        versions={},
    )
    where, speed = rng.uniform(-1.0, 1.0), rng.uniform(6.0, 14.0)
    with DriveWriter(path, info) as drive:
        for frame in range(frames):
            where = float(np.clip(where + rng.normal(0.0, 0.15), -1.0, 1.0))
            speed = float(np.clip(speed + rng.normal(0.0, 0.3), 6.0, 14.0))
            pedal = 0.1 * (10.0 - speed) if learnable else rng.uniform(-0.4, 0.4)
            action = np.array([0.3 * where, pedal], np.float32)
            drive.add(
                Step(
                    time=0.05 * (frame + 1),
                    image=picture(where, seed, frame),
                    observation={"speed": speed, "elapsed": 0.05},
                    action=action,
                    applied=action,
                    truth={"cross_track_error": where, "frame": frame},
                )
            )
        drive.finish(end="cut", success=False)


MakeDrives = Callable[..., Path]


@pytest.fixture(scope="session")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen drives of 24 frames on six roads."""
    folder = tmp_path_factory.mktemp("drives")
    for seed in range(18):
        write_drive(folder / f"test-{seed:03d}.mcap", f"road-{seed % 6}", seed)
    return folder


@pytest.fixture
def make_drives(tmp_path: Path) -> MakeDrives:
    """make_drives(roads, **options of write_drive) -> folder with one drive for each of the roads."""

    def make(roads: list[str], **options: object) -> Path:
        folder = tmp_path / "own-drives"
        for seed, road in enumerate(roads):
            write_drive(folder / f"test-{seed:03d}.mcap", road, seed, **options)  # type: ignore[arg-type]
        return folder

    return make


def small_config(**changes: object) -> TrainConfig:
    """All three stages, 8 steps or so each."""
    values: dict[str, object] = {
        "network": PilotConfig(image_height=HEIGHT, image_width=WIDTH),
        "stages": (
            PerceptionStage(epochs=0.6, batch=24),
            LiquidStage(steps=9, batch=8, window=8),
            JointStage(epochs=0.6, batch=4, window=6),
        ),
        "validations": 3,
        "checkpoint_steps": 3,
        "threads": 1,
        "precision": "float32",
    }
    return TrainConfig.model_validate(values | changes)


@pytest.fixture(scope="session")
def config() -> Callable[..., TrainConfig]:
    """config(**changes) -> a recipe of a second."""
    return small_config


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
