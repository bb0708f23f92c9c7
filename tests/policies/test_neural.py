"""NeuralPolicy: rows that do not know of each other, memory per row, clear complaints; and policies.load."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import policies
from liquid_pilot.deploy.engine import Engine, missing
from liquid_pilot.nn import Measurement, PilotConfig, PilotNetwork, save_checkpoint
from liquid_pilot.nn.errors import BadElapsed, CheckpointMissing
from policies.errors import BadObservation, NonFiniteOutput, UnknownPolicy
from policies.neural import NeuralPolicy

needs_extra = pytest.mark.skipif(missing() is not None, reason=str(missing()))
HEIGHT, WIDTH = 26, 50
SMALL: dict[str, Any] = {"image_height": HEIGHT, "image_width": WIDTH}
Observation = dict[str, npt.NDArray[Any]]


def checkpoint(folder: Path, **changes: Any) -> Path:
    return save_checkpoint(folder, PilotNetwork(PilotConfig(**(SMALL | changes))), "# For a test")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "net", init="ncps")  # ncps: with a memory worth the name


def observation(world: int, step: int) -> Observation:
    rng = np.random.default_rng([world, step])
    return {
        "image": rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        "speed": rng.uniform(3, 20, 1).astype(np.float32),
        "elapsed": rng.uniform(0.02, 0.1, 1).astype(np.float32),
    }


def drive(policy: NeuralPolicy, groups: list[dict[int, int]]) -> dict[int, list[npt.NDArray[np.float32]]]:
    """Steps the worlds of each group (row: world) together, and gives the actions of every world."""
    actions: dict[int, list[npt.NDArray[np.float32]]] = {}
    policy.reset(sorted({row for group in groups for row in group}))
    for step, group in enumerate(groups):
        rows = list(group)
        answer = policy.act_rows(rows, [observation(world, step) for world in group.values()], [{}] * len(rows))
        assert answer.shape == (len(rows), 2)
        assert answer.dtype == np.float32
        for world, action in zip(group.values(), answer, strict=True):
            actions.setdefault(world, []).append(action)
    return actions


@pytest.mark.parametrize("engine", ["torch", pytest.param("onnxruntime", marks=needs_extra)])
@pytest.mark.parametrize("controller", ["ncp19", "lstm"])
def test_a_row_does_not_depend_on_its_company(controller: str, engine: Engine, tmp_path: Path) -> None:
    policy = NeuralPolicy(checkpoint(tmp_path / "net", controller=controller), engine=engine)
    alone = drive(policy, [{0: 7}] * 5)[7]
    for rows in (2, 3, 8, 9, 21):
        # World 7 in another row, among others, some of which end early.
        full = {row: (7 if row == rows - 1 else 100 + row) for row in range(rows)}
        fewer = {row: world for row, world in full.items() if row % 2 == 0 or world == 7}
        backwards = dict(reversed(full.items()))
        among = drive(policy, [full, full, backwards, fewer, fewer])[7]
        assert np.array_equal(np.stack(alone), np.stack(among)), rows


def test_actions_are_those_of_the_network(saved: Path) -> None:
    policy = NeuralPolicy(saved)
    found = np.stack(drive(policy, [{0: 3}] * 4)[3])
    steps = [observation(3, step) for step in range(4)]
    network = PilotNetwork(PilotConfig(init="ncps", **SMALL)).eval()
    with torch.no_grad():
        expected, _ = network(
            torch.from_numpy(np.stack([step["image"] for step in steps]))[None],
            torch.from_numpy(np.stack([step["speed"] for step in steps]))[None],
            None,
            torch.from_numpy(np.stack([step["elapsed"] for step in steps]))[None, :, 0],
        )
    assert np.abs(found - expected[0].clamp(-1, 1).numpy()).max() < 1e-5
    assert np.ptp(found, 0).min() > 1e-3


def test_reset_forgets_these_rows_only(saved: Path) -> None:
    policy = NeuralPolicy(saved)
    policy.reset([0, 1])
    for step in range(3):
        last = policy.act_rows([0, 1], [observation(5, step)] * 2, [{}] * 2)
    policy.reset([0])
    fresh, old = policy.act_rows([0, 1], [observation(5, 3)] * 2, [{}] * 2)
    policy.reset([1, 0])
    again = policy.act_rows([1], [observation(5, 3)], [{}])[0]
    assert not np.array_equal(fresh, old)
    assert np.array_equal(fresh, again)
    assert np.array_equal(last[0], last[1])
    policy.reset()
    assert np.array_equal(policy.act(observation(5, 3)), fresh)


@pytest.mark.parametrize("engine", ["torch", pytest.param("onnxruntime", marks=needs_extra)])
def test_a_copy_goes_on_by_itself(engine: Engine, saved: Path) -> None:
    policy = NeuralPolicy(saved, engine=engine)
    policy.reset()
    policy.act(observation(1, 0))
    copies = [copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))]
    policy.act(observation(2, 0))
    one, two = (other.act(observation(1, 1)) for other in copies)
    policy.reset()
    policy.act(observation(1, 0))
    assert np.array_equal(one, two)
    assert np.array_equal(one, policy.act(observation(1, 1)))


def test_a_refused_row_does_not_spoil_the_next_call(saved: Path) -> None:
    policy = NeuralPolicy(saved)
    policy.reset([0, 1])
    expected = policy.act(observation(5, 0))
    policy.reset([0, 1])
    with pytest.raises(BadElapsed):
        policy.act_rows([0, 1], [observation(5, 0), observation(5, 0) | {"elapsed": np.array([-1.0])}], [{}] * 2)
    assert np.array_equal(policy.act(observation(5, 0)), expected)


def test_nothing_learns_and_threads_stay(saved: Path) -> None:
    threads = torch.get_num_threads()
    policy = NeuralPolicy(saved)
    policy.reset()
    policy.act(observation(0, 0))
    assert not policy.network.training
    assert all(parameter.grad is None for parameter in policy.network.parameters())
    assert torch.get_num_threads() == threads
    assert not policy.privileged
    assert policy.name == "net"


def test_actions_are_clipped(saved: Path) -> None:
    policy = NeuralPolicy(saved)
    with torch.no_grad():
        policy.network.target_scale.mul_(1e-4)
    policy.reset()
    assert np.abs(policy.act(observation(0, 0))).max() == 1.0


def test_a_steering_network_holds_its_cruise_speed(tmp_path: Path) -> None:
    policy = NeuralPolicy(checkpoint(tmp_path / "net", controller="ncp2020"), cruise_speed=6.0)
    policy.reset()
    seen = observation(0, 0)
    for speed, acceleration in ((6.0, 0.0), (5.0, 0.25), (30.0, -1.0)):
        action = policy.act(seen | {"speed": np.array([speed], np.float32)})
        assert action.shape == (2,)
        assert action[1] == pytest.approx(acceleration)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"image": None}, BadObservation, "reads 'image'"),
        ({"speed": None}, BadObservation, "reads 'speed'"),
        ({"elapsed": None}, BadObservation, "reads 'elapsed'"),
        ({"speed": np.zeros(0)}, BadObservation, "element 0 of 'speed'"),
        ({"speed": np.array([np.nan])}, BadObservation, "'speed' of the observation is nan"),
        ({"image": np.zeros((HEIGHT, WIDTH, 4), np.uint8)}, BadObservation, "reads images of shape"),
        ({"image": np.zeros((HEIGHT, WIDTH, 3), np.float32)}, BadObservation, "type uint8"),
        ({"elapsed": np.array([-0.1])}, BadElapsed, "elapsed"),
    ],
)
def test_unusable_observations_are_named(
    saved: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    policy = NeuralPolicy(saved)
    policy.reset()
    seen = {key: value for key, value in (observation(0, 0) | change).items() if value is not None}
    with pytest.raises(error, match=message):
        policy.act(seen)


def test_broken_weights_are_named(saved: Path) -> None:
    policy = NeuralPolicy(saved, engine="torch")  # another engine has weights of its own
    with torch.no_grad():
        policy.network.head.bias.fill_(float("nan"))
    policy.reset()
    with pytest.raises(NonFiniteOutput, match="net answers with NaN"):
        policy.act(observation(0, 0))


def test_load_by_path_by_run_and_by_zoo_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint(tmp_path / "runs" / "first" / "best")
    checkpoint(tmp_path / "zoo" / "ncp19-lane")
    monkeypatch.setattr(policies, "ZOO", tmp_path / "zoo")
    for where, name in (
        (tmp_path / "runs" / "first", "first"),
        (str(tmp_path / "runs" / "first" / "best"), "first"),
        ("ncp19-lane", "ncp19-lane"),
    ):
        policy = policies.load(where)
        assert isinstance(policy, NeuralPolicy)
        assert policy.name == name
    assert policies.zoo_names() == ["ncp19-lane"]
    monkeypatch.chdir(tmp_path / "runs" / "first")
    assert policies.load("best").name == "first"


def test_load_names_what_is_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint(tmp_path / "runs" / "first" / "best")
    checkpoint(tmp_path / "zoo" / "ncp19-lane")
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(policies, "ZOO", tmp_path / "zoo")
    monkeypatch.chdir(tmp_path)
    for wrong, hint in (
        ("ncp19-lan", r"did you mean ncp19-lane\?"),
        ("exprt", r"did you mean expert\?"),
        ("runs/frist", r"did you mean runs/first\?"),
        ("zzz", "one of expert, ncp19-lane"),
        ("empty", "empty holds no trained policy"),
    ):
        with pytest.raises(UnknownPolicy, match=hint) as caught:
            policies.load(wrong)
        assert "\n" not in str(caught.value)
    (tmp_path / "runs" / "first" / "best" / "weights.safetensors").unlink()
    with pytest.raises(CheckpointMissing):
        policies.load("runs/first")


def test_the_expert_loads_without_torch() -> None:
    import subprocess
    import sys

    code = "import sys, policies; print(policies.load('expert').privileged, 'torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "True False\n"


def test_codes_of_several_measurements_are_those_of_the_network(tmp_path: Path) -> None:
    measurements = (
        Measurement(observation="velocity", index=2, ranges=((0.0, 1.5), (1.0, 0.7))),
        Measurement(observation="yaw_rate", ranges=((-1.0, 1.3),)),
        Measurement(observation="velocity", index=0, ranges=((0.5, 2.0),)),
    )
    changes: dict[str, Any] = {
        "measurements": measurements,
        "actions": ("vx", "vy", "vz", "yaw_rate"),
        "target_scale": (1.5, 3.0, 2.0, 0.7),
        "init": "ncps",
    }
    policy = NeuralPolicy(checkpoint(tmp_path / "net", **changes), engine="torch")
    network = PilotNetwork(PilotConfig(**SMALL, **changes)).eval()
    network.freeze()
    rng = np.random.default_rng(3)
    policy.reset()
    state = None
    for step in range(5):
        seen = observation(1, step) | {
            "velocity": rng.normal(0, 2, 3).astype(np.float32),
            "yaw_rate": rng.normal(0, 2, 1).astype(np.float32),
        }
        measured = np.array([seen["velocity"][2], seen["yaw_rate"][0], seen["velocity"][0]], np.float32)
        with torch.no_grad():
            expected, state = network(
                torch.from_numpy(seen["image"])[None, None],
                torch.from_numpy(measured)[None, None],
                state,
                torch.from_numpy(seen["elapsed"])[None],
            )
        assert np.abs(policy.act(seen) - expected[0, 0].clamp(-1, 1).numpy()).max() < 1e-6
