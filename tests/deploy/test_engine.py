"""The fast engine: chosen by itself, forced, named; and the same drive as torch."""

import logging
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import policies
import scenarios
from launch.doctor import Finding, examine
from launch.tasks import task_of
from launch.versions import results_versions
from liquid_pilot.deploy import engine
from liquid_pilot.deploy.engine import VARIABLE, FastHead, chosen, missing
from liquid_pilot.deploy.errors import Differs, EngineChoice, ExtraMissing
from liquid_pilot.deploy.export import TOLERANCE
from liquid_pilot.nn.perception import ConvHead

needs_extra = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "missing", lambda: "onnxruntime is not here")


@pytest.fixture
def fresh_log() -> Iterator[None]:
    engine.say_once.cache_clear()
    yield
    engine.say_once.cache_clear()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Beside other work two threads wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _not_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def perception_line() -> Finding:
    return next(finding for finding in examine() if finding.subject == "perception")


@needs_extra
def test_chosen_by_itself_and_said_once(caplog: pytest.LogCaptureFixture, fresh_log: None) -> None:
    with caplog.at_level(logging.INFO, "liquid_pilot"):
        loaded: Any = [policies.load("ncp19-lane") for _ in range(2)]
    assert [one.engine for one in loaded] == ["onnxruntime"] * 2
    assert [record.getMessage() for record in caplog.records if "perception runs on onnxruntime" in record.getMessage()]
    assert len(caplog.records) == 1
    assert results_versions()["engine"].startswith("onnxruntime ")
    assert perception_line().state == "good"


def test_torch_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "torch")
    loaded: Any = policies.load("ncp19-lane")
    assert loaded.engine == "torch"
    assert results_versions()["engine"].startswith("torch ")
    assert VARIABLE in perception_line().cure


def test_an_unknown_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "openvino")
    with pytest.raises(EngineChoice, match="choose torch or onnxruntime"):
        policies.load("ncp19-lane")
    assert perception_line().state == "bad"


@pytest.mark.usefixtures("without")
def test_without_the_extra_torch_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: Any = policies.load("ncp19-lane")
    assert loaded.engine == "torch"
    assert "liquid-pilot[fast]" in perception_line().cure
    monkeypatch.setenv(VARIABLE, "onnxruntime")
    with pytest.raises(ExtraMissing, match="not here"):
        chosen()
    with pytest.raises(ExtraMissing):
        policies.load("ncp19-lane", engine="onnxruntime")


@needs_extra
def test_a_head_that_is_translated_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    FastHead(ConvHead(26, 50, seed=1))
    right = engine.blocked_head
    other = ConvHead(26, 50, seed=2)
    monkeypatch.setattr(engine, "blocked_head", lambda graph, _, image, width: right(graph, other, image, width))
    with pytest.raises(Differs, match=VARIABLE):
        FastHead(ConvHead(26, 50, seed=1))


@needs_extra
@pytest.mark.parametrize(
    ("name", "where"), [("ncp19-lane", "heldout-hairpins"), ("ncp19-flight", "fly-heldout-meadow")]
)
@pytest.mark.usefixtures("one_thread")
def test_a_whole_drive_is_that_of_torch(name: str, where: str) -> None:
    """Torch drives; both engines see every picture of it, each with its own memory from start to end."""
    scenario: Any = scenarios.load(where)
    env: Any = task_of(scenario).make(scenario)
    both = {one: policies.load(name, scenario.kind, engine=one) for one in engine.ENGINES}
    for policy in both.values():
        policy.reset()
    observation, _ = env.reset(seed=3, options={"duration_s": 60.0})
    differences, over = [], False
    while not over:
        answers = {one: policy.act(observation) for one, policy in both.items()}
        differences.append(np.abs(answers["torch"] - answers["onnxruntime"]).max())
        observation, _, terminated, truncated, _ = env.step(answers["torch"])
        over = terminated or truncated
    env.close()
    assert len(differences) > (1000 if scenario.kind == "driving" else 80)
    assert max(differences) < TOLERANCE


@needs_extra
def test_threads_and_copies_do_not_change_a_bit() -> None:
    perception = ConvHead(78, 200, seed=1)
    images = np.random.default_rng(2).integers(0, 256, (3, 78, 200, 3), dtype=np.uint8)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            fast = FastHead(perception)
            found += [np.stack([one(image) for image in images]) for one in (fast, pickle.loads(pickle.dumps(fast)))]
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(found[0], other) for other in found)
    assert np.ptp(found[0]) > 0.1
