"""ONNX files: they answer as torch does, say what they are, and are whole or not there."""

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import policies
from launch.export import export_policy
from liquid_pilot.deploy import export as exporting
from liquid_pilot.deploy.engine import missing, open_session
from liquid_pilot.deploy.errors import Differs, ExtraMissing, FileThere, NotExportable
from liquid_pilot.deploy.export import TOLERANCE, compare, export
from liquid_pilot.deploy.graph import Graph, head
from liquid_pilot.deploy.model import build
from liquid_pilot.nn import CONTROLLERS, CfC, PilotConfig, PilotNetwork, load_checkpoint, save_checkpoint
from liquid_pilot.nn.perception import ConvHead
from policies.errors import UnknownPolicy

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def network(controller: str = "ncp19", **changes: Any) -> PilotNetwork:
    """Small, and with a memory; every bias and map moved away from its start."""
    made = PilotNetwork(
        PilotConfig.build(controller=controller, image_height=26, image_width=50, init="ncps", **changes)
    )
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.03 * torch.from_numpy(rng.standard_normal(parameter.shape).astype(np.float32))
    return made.eval()


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_every_controller_answers_as_in_torch(controller: str) -> None:
    made = network(controller)
    found = compare(made, build(made).SerializeToString(), steps=80)
    assert max(found.action, found.state) < 1e-5


@pytest.mark.parametrize("mode", ["no_gate", "pure"])
def test_every_form_of_cfc(mode: Any) -> None:
    made = network("cfc")
    made.controller = CfC(made.controller.input_size, 2, mode=mode, backbone_layers=2, nominal_elapsed=0.05, seed=3)
    assert compare(made, build(made).SerializeToString(), steps=80).state < 1e-5


@pytest.mark.parametrize("name", ["ncp19-lane", "ncp19-flight"])
def test_the_zoo_over_a_thousand_steps(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, found = export_policy(name, tmp_path / "new" / f"{name}.onnx")
    assert found.steps == 1000
    assert max(found.action, found.state) < TOLERANCE
    assert [file.name for file in path.parent.iterdir()] == [f"{name}.onnx"]
    session = open_session(path.read_bytes(), 1)
    told = session.get_modelmeta().custom_metadata_map
    config = load_checkpoint(policies.ZOO / name).config
    assert [action["name"] for action in json.loads(told["actions"])] == list(config.actions)
    assert all(action["meaning"] for action in json.loads(told["actions"]))
    observations = json.loads(told["observations"])
    assert observations["image"]["shape"] == [78, 200, 3]
    assert all(one["unit"] for one in observations.values())
    assert {one.name for one in session.get_inputs()} == {*observations, "state"}
    assert float(told["dt"]) == config.nominal_elapsed
    assert PilotConfig.build(json.loads(told["network"])) == config
    assert json.loads(told["check"])["steps"] == 1000
    assert told["version"]
    if name == "ncp19-lane":
        monkeypatch.chdir(path.parent)
        answer = runpy.run_path(str(example(tmp_path)))
        assert answer["names"] == ["steering", "acceleration"]
        assert answer["action"].shape == (1, 2)


def example(folder: Path) -> Path:
    """What docs/deployment.md tells people to write."""
    page = Path(__file__).parents[2] / "docs" / "deployment.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    script = folder / "example.py"
    script.write_text(block)
    return script


def test_rows_of_a_batch_are_those_of_a_policy(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "net", network(), "# For a test")
    path, _ = export_policy(str(folder), tmp_path / "net.onnx")
    session, policy = open_session(path.read_bytes(), 1), policies.load(folder, engine="torch")
    rng = np.random.default_rng(1)
    state = np.zeros((3, 19), np.float32)
    policy.reset(range(3))
    for _ in range(6):
        rows = [
            {
                "image": rng.integers(0, 256, (26, 50, 3), dtype=np.uint8),
                "speed": rng.uniform(0, 40, 1).astype(np.float32),
                "elapsed": rng.uniform(0, 0.2, 1).astype(np.float32),
            }
            for _ in range(3)
        ]
        batch = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        action, state = session.run(["action", "next_state"], {**batch, "state": state})
        assert np.abs(action - policy.act_rows(range(3), rows, [{}] * 3)).max() < 1e-5
    assert np.ptp(action, 0).min() > 1e-4


def test_a_picture_of_one_colour_is_no_accident() -> None:
    perception = ConvHead(26, 50, seed=2)
    graph = Graph()
    features = head(graph, perception, "image")
    model = graph.model({"image": (np.uint8, (1, 26, 50, 3))}, {"features": (features, (1, 32))})
    grey = np.full((1, 26, 50, 3), 77, np.uint8)
    with torch.no_grad():
        expected = perception(torch.from_numpy(grey)).numpy()
    found = open_session(model.SerializeToString(), 1).run(None, {"image": grey})[0]
    assert np.abs(found - expected).max() < 1e-6


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_text("precious")
    with pytest.raises(FileThere, match="exists already"):
        export(network(), path, name="net")
    assert path.read_text() == "precious"


def other_weights(made: PilotNetwork) -> PilotNetwork:
    with torch.no_grad():
        made.head.bias += 0.01
    return made


def other_state(made: PilotNetwork) -> PilotNetwork:
    with torch.no_grad():
        made.controller.get_parameter("vleak")[-1] += 0.01
    return made


def broken(made: PilotNetwork) -> PilotNetwork:
    with torch.no_grad():
        made.head.bias.fill_(float("nan"))
    return made


@pytest.mark.parametrize("change", [other_weights, other_state, broken])
def test_what_differs_is_not_left_behind(
    change: Callable[[PilotNetwork], PilotNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "build", lambda made: build(change(network())))
    with pytest.raises(Differs, match="nothing was written"):
        export(network(), tmp_path / "net.onnx", name="net")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotExportable, match="expert is a program"):
        export_policy("expert", None)
    with pytest.raises(UnknownPolicy, match=r"did you mean ncp19-lane"):
        export_policy("ncp19-lan", None)
    (tmp_path / "config.json").write_text('{"agent": {"kind": "flight", "algorithm": "PPO"}, "format": 1}')
    with pytest.raises(NotExportable, match="Stable-Baselines3"):
        export_policy(str(tmp_path), None)
    made = network()
    made.head = torch.nn.Identity()  # type: ignore[assignment]
    with pytest.raises(NotExportable, match="Identity"):
        build(made)
    made = network()
    made.controller = torch.nn.Identity()  # type: ignore[assignment]
    with pytest.raises(NotExportable, match="Identity"):
        build(made)
    monkeypatch.setattr("liquid_pilot.deploy.engine.missing", lambda: "no onnxruntime: pip install it")
    with pytest.raises(ExtraMissing, match="pip install"):
        export(network(), tmp_path / "net.onnx", name="net")
