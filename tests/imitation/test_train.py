from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from liquid_pilot.drives import BrokenDrive, DriveNotFound, EmptyDrives, MixedDrives
from liquid_pilot.errors import FolderInUse
from liquid_pilot.imitation import (
    Augmentation,
    ClosedLoopScore,
    JointStage,
    LiquidStage,
    PerceptionStage,
    Progress,
    TrainConfig,
    train,
)
from liquid_pilot.imitation.errors import DifferentTraining, DrivesDoNotFit, TooFewDrives
from liquid_pilot.imitation.result import TrainResult
from liquid_pilot.nn import PilotNetwork, load_checkpoint
from liquid_pilot.nn.checkpoint import read_camera
from liquid_pilot.nn.config import PilotConfig
from tests.imitation.conftest import write_drive

Config = Callable[..., TrainConfig]
SMALL = PilotConfig(image_height=16, image_width=32)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).state_dict()


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(scope="module")
def trained(drives: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, list[Progress]]:
    """The staged recipe on a task that can be learned."""
    config = TrainConfig(
        network=SMALL,
        stages=(
            PerceptionStage(epochs=12.0, batch=48, learning_rate=4e-3),
            LiquidStage(steps=400, batch=16, window=6, learning_rate=0.03),
            JointStage(epochs=4.0, batch=8, window=6, learning_rate=1e-3, controller_learning_rate=5e-3),
        ),
        augmentation=Augmentation(noise_share=0.3, noise=0.2),
        truth=("cross_track_error",),
        truth_weight=0.3,
        validation_share=0.3,  # two roads: the speeds of three drives alone may hardly differ
        threads=1,
        precision="float32",
    )
    reports: list[Progress] = []
    return train(config, drives, tmp_path_factory.mktemp("run"), progress=reports.append), reports


def test_it_learns_what_the_drives_show(trained: tuple[TrainResult, list[Progress]]):
    result, _ = trained
    assert result.validation.share("steering") < 0.35
    assert result.validation.share("acceleration") < 0.35
    assert result.plateaus == ()
    assert result.split_by == "road"
    assert result.frames == {"training": 288, "validation": 144}


def test_it_leaves_checkpoints_and_curves_and_nothing_else(trained: tuple[TrainResult, list[Progress]]):
    result, _ = trained
    names = {entry.name for entry in result.folder.iterdir()}
    assert names == {"best", "last", "curves.csv", "curves.png", "training.json"}
    assert load_checkpoint(result.best).config == SMALL
    assert "288 frames" in (result.best / "card.md").read_text()
    assert read_camera(result.best) == read_camera(result.last) == {"pitch_deg": -8.0}
    assert (result.folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    with (result.folder / "curves.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(dict.fromkeys(row["stage"] for row in rows)) == ["1-perception", "2-liquid", "3-joint"]
    for stage, steps in result.steps.items():
        part = [row for row in rows if row["stage"] == stage]
        assert int(part[-1]["step"]) == steps
        assert sum(row["validation_loss"] != "" for row in part) == 4
        assert float(part[-1]["loss"]) < float(part[0]["loss"])
    saved = json.loads((result.folder / "training.json").read_text())
    assert TrainResult.from_dict(result.folder, saved["result"]) == result
    assert TrainConfig.model_validate(saved["config"]).network == SMALL


def test_reports_run_through_all_phases_and_count_down(trained: tuple[TrainResult, list[Progress]]):
    _, reports = trained
    phases = list(dict.fromkeys(report.phase for report in reports))
    assert phases == ["frames", "1-perception", "2-liquid/features", "2-liquid", "3-joint"]
    for phase in phases:
        part = [report for report in reports if report.phase == phase]
        assert part[-1].done == part[-1].total
        assert [report.done for report in part] == sorted(report.done for report in part)
    assert reports[-1].seconds_left == 0.0
    assert reports[-1].frames_per_second > 0


def test_the_same_recipe_gives_the_same_network_and_another_seed_another(config: Config, drives: Path, tmp_path: Path):
    state = torch.get_rng_state()
    one = train(config(), drives, tmp_path / "1")
    assert torch.equal(torch.get_rng_state(), state)
    two = train(config(threads=2), drives, tmp_path / "2")
    assert equal(weights(one.last), weights(two.last))
    assert one.validation == two.validation
    other = train(config(seed=1), drives, tmp_path / "3")
    assert not equal(weights(one.last), weights(other.last))


def test_drives_of_several_cameras_have_no_camera(config: Config, make_drives, tmp_path: Path):
    folder = make_drives(["a", "b", "c"])
    write_drive(folder / "test-003.mcap", "d", 3, pitch=-16.0)
    assert read_camera(train(config(stages=(LiquidStage(steps=2),)), folder, tmp_path / "out").best) is None


def test_what_is_not_learned_is_said(config: Config, make_drives, tmp_path: Path):
    folder = make_drives([f"road-{number}" for number in range(8)], learnable=False)
    notes: list[str] = []
    result = train(config(), folder, tmp_path / "run", progress=lambda report: notes.extend(report.notes))
    assert "acceleration" in result.plateaus
    assert any("acceleration is not being learned" in note and "variance" in note for note in notes)
    assert "acceleration was not learned" in (result.best / "card.md").read_text()


def test_the_best_driver_is_chosen_not_the_least_loss(config: Config, drives: Path, tmp_path: Path):
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def drive(network: PilotNetwork, step: int) -> ClosedLoopScore:
        assert not network.training
        seen[step] = {name: value.clone() for name, value in network.state_dict().items()}
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()  # whatever is done to it must not reach the checkpoint
        good = len(seen) == 2
        return ClosedLoopScore(1.0 if good else 0.5, 1.0, 0.1, 4)

    result = train(config(), drives, tmp_path / "run", validate_closed_loop=drive)
    steps = list(seen)
    assert len(steps) == 3
    assert result.step == steps[1]
    assert equal(weights(result.best), seen[steps[1]])
    assert equal(weights(result.last), seen[steps[2]])
    assert "100% of 4 episodes" in (result.best / "card.md").read_text()


def test_without_driving_the_least_loss_is_chosen(config: Config, drives: Path, tmp_path: Path):
    losses: dict[int, float] = {}

    def note(report: Progress) -> None:
        if report.validation is not None and report.phase == "3-joint":
            losses[report.done] = report.validation.loss

    result = train(config(), drives, tmp_path / "run", progress=note)
    assert result.step == min(losses, key=losses.__getitem__)
    assert result.validation.loss == losses[result.step]


def test_early_stopping_ends_a_stage_without_improvement(config: Config, drives: Path, tmp_path: Path):
    stage = LiquidStage(steps=60, batch=4, window=4, learning_rate=1e-9)
    recipe = config(stages=(stage,), validations=20, patience=3)
    result = train(recipe, drives, tmp_path / "run")
    assert result.steps["1-liquid"] < 60
    assert result.steps["1-liquid"] % 3 == 0


@pytest.mark.parametrize("controller", ["cfc", "lstm", "gru", "ctrnn", "cnn", "ltc", "ncp2020"])
def test_every_controller_trains(controller: str, config: Config, drives: Path, tmp_path: Path):
    network = PilotConfig.build(controller=controller, image_height=16, image_width=32)
    stages = (LiquidStage(steps=3, batch=4, window=4), JointStage(epochs=0.1, batch=4, window=4))
    result = train(config(network=network, stages=stages, validations=1), drives, tmp_path / "run")
    assert load_checkpoint(result.best).config.controller == controller
    assert set(result.validation.error) == set(network.actions)


def test_mirrored_and_burnt_in_training_runs(config: Config, drives: Path, tmp_path: Path):
    stages = (
        LiquidStage(steps=3, batch=4, window=6, burn_in=2, noisy_copies=2),
        JointStage(epochs=0.1, batch=4, window=6, burn_in=2),
    )
    recipe = config(stages=stages, augmentation={"mirror_share": 0.5})
    assert train(recipe, drives, tmp_path / "run").validation.loss > 0


def test_frames_can_be_shared_by_trainings(config: Config, drives: Path, tmp_path: Path):
    stages = (LiquidStage(steps=2, batch=4, window=4),)
    train(config(stages=stages), drives, tmp_path / "1", cache=tmp_path / "cache")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    train(config(stages=stages, seed=3), drives, tmp_path / "2", cache=tmp_path / "cache")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == before
    assert len(before) == 2


def test_a_folder_with_a_training_is_not_taken_for_another(config: Config, drives: Path, tmp_path: Path):
    recipe = config(stages=(LiquidStage(steps=2, batch=4, window=4),))
    result = train(recipe, drives, tmp_path / "run")
    with pytest.raises(FolderInUse, match="--resume"):
        train(recipe, drives, tmp_path / "run")
    with pytest.raises(DifferentTraining, match="another recipe"):
        train(recipe.model_copy(update={"seed": 5}), drives, tmp_path / "run", resume=True)
    assert train(recipe, drives, tmp_path / "run", resume=True) == result


def test_what_does_not_fit_is_said_before_any_training(config: Config, make_drives, tmp_path: Path):
    two = make_drives(["a", "b"])
    out = tmp_path / "run"
    with pytest.raises(DriveNotFound):
        train(config(), tmp_path / "nowhere", out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyDrives):
        train(config(), tmp_path / "empty", out)
    with pytest.raises(DrivesDoNotFit, match="32 x 16 pixels"):
        train(config(network=PilotConfig()), two, out)
    with pytest.raises(DrivesDoNotFit, match="brake"):
        train(config(network=SMALL.model_copy(update={"actions": ("steering", "brake")})), two, out)
    with pytest.raises(DrivesDoNotFit, match="3 numbers for 1 measurements"):
        train(config(augmentation=Augmentation(measured_offset=(0.1, 0.1, 0.1))), two, out)
    with pytest.raises(TooFewDrives, match="24 frames but a training window has 30"):
        train(config(stages=(JointStage(window=30),)), two, out)
    with pytest.raises(TooFewDrives, match="record more"):
        train(config(), next(two.iterdir()), out)
    assert not out.exists()


def test_bad_drives_leave_nothing_behind(config: Config, make_drives, tmp_path: Path):
    folder = make_drives(["a", "b", "c"])
    path = folder / "test-001.mcap"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BrokenDrive, match=r"test-001\.mcap"):
        train(config(), folder, tmp_path / "run")
    make_drives(["a"], hz=10.0)
    with pytest.raises(MixedDrives, match="control hz"):
        train(config(), folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()
