"""Memory, curves, choice, the clock, feature normalisation."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from liquid_pilot.imitation import ClosedLoopScore, TrainConfig, Validation
from liquid_pilot.imitation.choice import Candidate, choose
from liquid_pilot.imitation.config import JOINT, STAGED, JointStage, LiquidStage, PerceptionStage
from liquid_pilot.imitation.curves import draw_curves, write_table
from liquid_pilot.imitation.material import Material
from liquid_pilot.imitation.memory import keep_freed_memory
from liquid_pilot.imitation.progress import Clock
from liquid_pilot.imitation.trainer import _dead_notes
from liquid_pilot.nn.config import PilotConfig


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has these settings")
def test_the_allocator_takes_the_settings_and_takes_them_again():
    assert keep_freed_memory()
    assert keep_freed_memory()


def validation(loss: float) -> Validation:
    return Validation(loss, {"steering": loss}, {"steering": 1.0})


def test_choice_goes_by_driving_then_by_loss():
    candidates = [Candidate(10, validation(0.3)), Candidate(20, validation(0.1)), Candidate(30, validation(0.2))]
    score = ClosedLoopScore
    assert choose(candidates, {}).step == 20
    assert choose(candidates, {10: score(1.0, 1.0, 0.3, 8), 20: score(0.9, 1.0, 0.1, 8)}).step == 10
    assert choose(candidates, {10: score(0.5, 0.8, 0.3, 8), 30: score(0.5, 0.7, 0.1, 8)}).step == 10
    assert choose(candidates, {10: score(1.0, 1.0, 0.3, 8), 30: score(1.0, 1.0, 0.2, 8)}).step == 30
    assert choose(candidates, {step: score(1.0, 1.0, 0.2, 8) for step in (10, 20, 30)}).step == 30


def test_a_plateau_is_an_error_near_the_variance():
    learned = Validation(0.1, {"a": 0.5, "b": 0.95}, {"a": 1.0, "b": 1.0})
    assert learned.plateaus == ("b",)
    assert "95%" in learned.summary()
    assert Validation(**learned.to_dict()) == learned


def test_a_head_that_has_died_is_told():
    features = torch.rand(40, 32, generator=torch.Generator().manual_seed(0))
    material = SimpleNamespace(training=[(0, 16), (20, 36)])
    features[:, 16:] = 0.25
    assert _dead_notes(features, material) == ()
    features[:36, 6:] = 0.25
    (note,) = _dead_notes(features, material)
    assert note.startswith("26 of 32 features are the same for every picture: the head has died; ")


def test_validation_windows_are_as_long_as_the_shortest_drive_that_is_learned_from():
    # Segments of an expert, drives of a network, and one that ended too early to hold a window.
    material = SimpleNamespace(validation=[(0, 16), (16, 32), (32, 96), (96, 101)])
    assert Material.validation_frames(material, 16, 999)[:, 0].tolist() == [0, 16, 32, 48, 64, 80]
    assert Material.validation_frames(material, 8, 48).tolist() == [[*range(k, k + 16)] for k in (0, 32, 80)]
    assert Material.validation_frames(material, 1, 101).tolist() == [[k] for k in range(101)]
    drives = SimpleNamespace(validation=[(0, 70), (70, 170)])
    assert Material.validation_frames(drives, 16, 999).shape == (5, 32)


def test_the_clock_weighs_phases_by_their_work():
    now = [0.0]
    clock = Clock({"a": 100.0, "b": 300.0}, now=lambda: now[0])
    assert clock.at("a", 0.0) is None
    now[0] = 10.0
    assert clock.at("a", 0.5) == pytest.approx(70.0)
    now[0] = 20.0
    assert clock.at("a", 1.0) == pytest.approx(60.0)
    now[0] = 80.0
    assert clock.at("b", 1.0) == 0.0


def test_work_that_was_done_before_does_not_make_the_clock_hurry():
    now = [0.0]
    clock = Clock({"a": 100.0, "b": 300.0}, now=lambda: now[0])
    clock.skip("a")
    clock.at("b", 0.0)
    now[0] = 10.0
    assert clock.at("b", 0.1) == pytest.approx(90.0)


def test_steps_follow_from_epochs_and_frames():
    config = TrainConfig()
    assert config.steps(PerceptionStage(epochs=2.0, batch=64), 6400) == 200
    assert config.steps(JointStage(epochs=1.5, batch=16, window=8), 1280) == 15
    assert config.steps(JointStage(epochs=0.01, batch=16, window=8), 10) == 1
    assert config.steps(LiquidStage(steps=7), 10**6) == 7


def test_a_recipe_comes_back_from_json_and_refuses_unknown_keys():
    for stages in (JOINT, STAGED):
        config = TrainConfig(stages=stages, seed=3, network=PilotConfig(controller="lstm"))
        assert TrainConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValueError, match="noize"):
        TrainConfig.model_validate({"augmentation": {"noize": 1}})


def test_curves_hold_every_row_and_show_every_stage(tmp_path: Path):
    rows = [
        {"stage": "1-a", "step": 5, "loss": 2.0},
        {"stage": "1-a", "step": 10, "loss": 1.0, "validation_loss": 1.5, "share/steering": 0.5},
        {"stage": "2-b", "step": 4, "loss": 0.5, "validation_loss": 0.7, "share/steering": 0.3},
    ]
    with write_table(tmp_path, rows).open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["step"] for row in table] == ["5", "10", "4"]
    assert table[0]["validation_loss"] == ""
    assert float(table[2]["share/steering"]) == 0.3
    from matplotlib.image import imread

    picture = imread(draw_curves(tmp_path, rows))
    assert picture.shape[0] > 400
    assert picture.std() > 0.05
    # A second stage is to the right of the first: its point changes pixels that one stage alone leaves white.
    (tmp_path / "one").mkdir()
    assert (imread(draw_curves(tmp_path / "one", rows[:2])) != picture).any()


def test_normalised_features_are_in_the_middle_of_the_sigmoids():
    from types import SimpleNamespace

    from liquid_pilot.imitation.features import normalise_input_map
    from liquid_pilot.nn import LTC, PilotNetwork

    network = PilotNetwork(PilotConfig(image_height=16, image_width=32))
    noise = torch.Generator().manual_seed(0)
    features = torch.rand(200, 32, generator=noise) * torch.linspace(0.5, 8.0, 32) + 3.0
    features[:, 5] = 7.0  # a dead feature
    features[100:] += 50.0  # not training frames
    normalise_input_map(network, features, SimpleNamespace(training=[(0, 60), (60, 100)]))
    assert isinstance(network.controller, LTC)
    assert network.controller.input_w is not None
    mapped = (features[:100] * network.controller.input_w[:32] + network.controller.input_b[:32]).detach()
    alive = [number for number in range(32) if number != 5]
    torch.testing.assert_close(mapped[:, alive].mean(0), torch.full((31,), 0.5), atol=1e-4, rtol=0.0)
    torch.testing.assert_close(mapped[:, alive].std(0), torch.full((31,), 0.5), atol=1e-4, rtol=0.0)
    assert torch.isfinite(mapped).all()
    assert mapped[:, 5].std() < 1e-3
    assert torch.equal(network.controller.input_w[32:], torch.ones(4))
    assert torch.equal(network.controller.input_b[32:], torch.zeros(4))
