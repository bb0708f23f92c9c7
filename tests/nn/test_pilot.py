"""The assembled network and its configuration."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_pilot.nn import LTC, Measurement, PilotConfig, PilotNetwork, ncp, ncp19, ncp2020
from liquid_pilot.nn.errors import BadConfig, BadInput

SMALL: dict[str, Any] = {"image_height": 16, "image_width": 24}
DRONE: dict[str, Any] = {
    "actions": ("vx", "vy", "vz", "yaw_rate"),
    "target_scale": (1.5, 3.0, 2.0, 1.5),
    "measurements": [
        {"observation": "velocity", "index": 0, "ranges": [(1.2, 1.0)] * 2},
        {"observation": "velocity", "index": 1, "ranges": [(0.0, 0.6)] * 2},
        {"observation": "velocity", "index": 2, "ranges": [(0.0, 0.4)] * 2},
        {"observation": "yaw_rate", "index": 0, "ranges": [(0.3, 0.6)] * 2},
    ],
}


def pictures(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (*shape, 16, 24, 3), dtype=np.uint8))


def test_the_published_network_has_its_numbers() -> None:
    network = PilotNetwork(PilotConfig(controller="ncp2020"))
    assert network.config.actions == ("steering",)
    assert network.wiring == ncp2020(32)
    maps = 2 * 32 + 2
    assert network.parameter_counts == {"head": 79_420, "controller": 1065 + maps, "total": 79_420 + 1065 + maps}
    outputs, _ = network(torch.zeros(1, 1, 78, 200, 3, dtype=torch.uint8), torch.zeros(1, 1, 1))
    assert outputs.shape == (1, 1, 1)


def test_the_car_has_twelve_five_two() -> None:
    network = PilotNetwork(PilotConfig(**SMALL))
    assert network.wiring == ncp19(36)
    assert [network.wiring.roles.count(role) for role in ("inter", "command", "motor")] == [12, 5, 2]


def test_a_drone_fits_without_another_class() -> None:
    network = PilotNetwork(PilotConfig.build(DRONE, **SMALL))
    assert network.wiring is not None
    assert [network.wiring.roles.count(role) for role in ("inter", "command", "motor")] == [10, 5, 4]
    assert network.controller.input_size == 32 + 8
    measured = torch.tensor([[[2.2, 0.6, -0.2, 0.9]]])
    codes = network.inputs(torch.zeros(1, 1, 32), measured)[0, 0, 32:]
    assert codes.tolist() == pytest.approx([1, 1, 1, 1, -0.5, -0.5, 1, 1], abs=1e-6)
    actions, state = network(pictures(2, 3), measured.expand(2, 3, 4))
    assert actions.shape == (2, 3, 4)
    assert state.shape == (2, 19)


def test_speed_is_coded_in_staggered_ranges() -> None:
    network = PilotNetwork(PilotConfig(**SMALL))
    speeds = torch.tensor([[[0.0], [5.0], [11.0], [20.0], [300.0]]])
    codes = network.inputs(torch.zeros(1, 5, 32), speeds)[0, :, 32:]
    expected = [[-0.6, -1, -1, -1], [0.4, -0.4, -1, -1], [1.6, 0.8, 0, -0.8], [2, 2, 1.8, 1], [2, 2, 2, 2]]
    assert torch.allclose(codes, torch.tensor(expected), atol=1e-6)
    # Every speed from 3 to 20 m/s lies where at least one code tells speeds apart: between 0 and 1.
    fine = network.inputs(torch.zeros(1, 171, 32), torch.linspace(3, 20, 171)[None, :, None])[0, :, 32:]
    assert ((fine >= -1e-6) & (fine <= 1 + 1e-6)).any(1).all()


def test_features_enter_at_the_gain_and_codes_whole() -> None:
    network = PilotNetwork(PilotConfig(**SMALL))
    assert isinstance(network.controller, LTC)
    assert network.controller.input_w is not None
    assert network.controller.input_w.tolist() == pytest.approx([0.3] * 32 + [1.0] * 4)


@pytest.mark.parametrize("controller", ["ncp19", "lstm", "cnn"])
def test_forward_is_encode_control_and_scaling(controller: str) -> None:
    network = PilotNetwork(PilotConfig(controller=controller, **SMALL)).eval()
    images, speed, elapsed = pictures(2, 3), torch.full((2, 3, 1), 9.0), torch.full((2, 3), 0.05)
    with torch.no_grad():
        actions, state = network(images, speed, None, elapsed)
        features = torch.stack([network.encode(images[:, step]) for step in range(3)], 1)
        outputs, same = network.control(features, speed, network.initial_state(2), elapsed)
    assert torch.allclose(actions * torch.tensor([4.0, 2.0]), outputs, atol=1e-5)
    assert torch.allclose(network.scale_actions(actions), outputs, atol=1e-5)
    assert torch.allclose(state, same, atol=1e-5)


def test_wrong_arguments_are_named() -> None:
    network = PilotNetwork(PilotConfig(**SMALL))
    with pytest.raises(BadInput, match=r"speed\[0\]"):
        network.control(torch.zeros(2, 3, 32), torch.zeros(2, 3))
    with pytest.raises(BadInput, match="height, width"):
        network(pictures(3), torch.zeros(1, 3, 1))


def test_a_wiring_may_be_given() -> None:
    wiring = ncp(36, 8, 4, 2, sensory_fanout=3, inter_fanout=2, recurrent=2, motor_fanin=2)
    assert PilotNetwork(PilotConfig(**SMALL), wiring).wiring == wiring
    assert PilotNetwork(PilotConfig(wiring_seed=5, **SMALL)).wiring == ncp19(36, seed=5)
    paper = PilotNetwork(PilotConfig(wiring_algorithm="paper", **SMALL)).wiring
    assert paper == ncp19(36, algorithm="paper") != ncp19(36)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"contoller": "ltc"}, r"contoller: unknown key \(did you mean controller\?\)"),
        ({"measurements": [{"observaton": "speed"}]}, "did you mean observation"),
        ({"measurements": [{"ranges": [(3, 0)]}]}, "above 0"),
        ({"actions": ("steering",)}, "target_scale"),
        ({"actions": ("a", "a")}, "each once"),
        ({"controller": "ncp2020", "actions": ("a", "b"), "target_scale": (1, 1)}, "one motor neuron"),
        ({"controller": "ncp19", "units": 12}, "19 neurons"),
        ({"actions": tuple("abcdefghi"), "target_scale": (1.0,) * 9}, "at most 8"),
        ({"nominal_elapsed": 0}, "nominal_elapsed"),
        ({"target_scale": (float("nan"), 1.0)}, "target_scale"),
        ({"image_height": 3}, "image_height"),
    ],
)
def test_mistakes_in_a_configuration_are_one_clear_line(value: dict[str, Any], message: str) -> None:
    with pytest.raises(BadConfig, match=message) as caught:
        PilotConfig.build(value)
    assert "\n" not in str(caught.value)


def test_a_configuration_is_a_frozen_value_and_survives_json() -> None:
    config = PilotConfig.build(DRONE, **SMALL)
    assert PilotConfig.model_validate_json(config.model_dump_json()) == config
    assert hash(config) == hash(PilotConfig.build(DRONE, **SMALL))
    assert isinstance(config.measurements[0], Measurement)
    with pytest.raises(Exception, match="frozen"):
        config.seed = 3  # type: ignore[misc]
