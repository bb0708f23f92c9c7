"""One contract for all controllers; what the baselines owe beyond it."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_pilot.nn import CONTROLLERS, Controller, PilotConfig, PilotNetwork
from liquid_pilot.nn.baselines import CTRNN, GRU, LSTM, FeedForward
from liquid_pilot.nn.cfc import CfC
from liquid_pilot.nn.controllers import build_controller
from liquid_pilot.nn.errors import BadConfig, BadElapsed, BadInput, BadWiring, UnknownController
from liquid_pilot.nn.wirings import ncp19

F = 36
STATES = {"ncp19": 19, "ncp2020": 19, "ltc": 19, "cfc": 19, "lstm": 128, "gru": 64, "ctrnn": 64, "cnn": 0}


def make(name: str, seed: int = 0) -> Controller:
    return build_controller(PilotConfig(controller=name, seed=seed), F)


def random(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32))


@pytest.mark.parametrize("name", CONTROLLERS)
def test_shapes_and_the_passing_of_state(name: str) -> None:
    controller = make(name)
    features, elapsed = random(0, 4, 7, F), random(1, 4, 7, low=0.02, high=0.2)
    outputs, state = controller(features, None, elapsed)
    assert outputs.shape == (4, 7, controller.output_size)
    assert controller.output_size == (1 if name == "ncp2020" else 2)
    assert state.shape == (4, controller.state_size) == (4, STATES[name])
    # In two halves, with the state handed over: the same.
    first, middle = controller(features[:, :3], None, elapsed[:, :3])
    second, last = controller(features[:, 3:], middle, elapsed[:, 3:])
    assert torch.allclose(torch.cat([first, second], 1), outputs, atol=1e-6)
    assert torch.allclose(last, state, atol=1e-6)
    # Rows do not know of each other.
    alone, _ = controller(features[1:2], None, elapsed[1:2])
    assert torch.allclose(alone, outputs[1:2], atol=1e-6)
    # Everything learns.
    outputs.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in controller.parameters())


@pytest.mark.parametrize("name", CONTROLLERS)
def test_wrong_arguments_are_named(name: str) -> None:
    controller = make(name)
    with pytest.raises(BadInput, match="features"):
        controller(random(0, 4, F))
    with pytest.raises(BadInput, match="state"):
        controller(random(0, 4, 2, F), torch.zeros(4, 5))
    with pytest.raises(BadElapsed):
        controller(random(0, 4, 2, F), None, torch.full((4, 2), -1.0))
    with pytest.raises(BadElapsed):
        controller(random(0, 4, 2, F), None, torch.ones(4, 3))


@pytest.mark.parametrize("name", CONTROLLERS)
def test_initial_values_come_from_the_seed_alone(name: str) -> None:
    before = torch.get_rng_state()
    first, second, third = make(name, 3), make(name, 3), make(name, 4)
    assert torch.equal(torch.get_rng_state(), before)
    for (key, one), two in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.isfinite(one).all()
        assert torch.equal(one, two), key
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), third.parameters(), strict=True))


@pytest.mark.parametrize("name", ["ncp19", "ncp2020", "ltc", "cfc", "ctrnn"])
def test_continuous_controllers_stand_still_at_elapsed_zero(name: str) -> None:
    controller = make(name)
    start = random(3, 4, controller.state_size)
    _, state = controller(random(0, 4, 3, F), start, torch.zeros(4, 3))
    assert torch.equal(state, start)
    _, later = controller(random(0, 4, 3, F), start, torch.full((4, 3), 0.001))
    _, latest = controller(random(0, 4, 3, F), start, torch.full((4, 3), 0.05))
    assert not torch.allclose(later, latest, atol=1e-3)  # and time matters


@pytest.mark.parametrize("name", ["lstm", "gru", "cnn"])
def test_step_counters_ignore_the_time(name: str) -> None:
    controller = make(name)
    slow, _ = controller(random(0, 4, 3, F), None, torch.full((4, 3), 9.0))
    assert torch.equal(slow, controller(random(0, 4, 3, F))[0])


def test_ctrnn_solves_its_linear_part_exactly() -> None:
    controller = CTRNN(3, 1, 5, nominal_elapsed=0.05)
    torch.nn.init.zeros_(controller.recurrent.weight)
    features = random(0, 1, 1, 3)
    tau = torch.nn.functional.softplus(controller.tau) * 0.05
    assert tau.min() >= 0.2 * 0.05 - 1e-6
    assert tau.max() <= 0.05 + 1e-6
    for elapsed in (0.01, 0.05, 0.4):
        start = random(1, 1, 5)
        _, state = controller(features, start, torch.full((1, 1), elapsed))
        target = torch.tanh(controller.drive(features[:, 0]))
        assert torch.allclose(state, target + (start - target) * torch.exp(-elapsed / tau), atol=1e-5)


def test_ctrnn_is_bounded_at_any_step() -> None:
    controller = CTRNN(3, 1, 5)
    with torch.no_grad():
        controller.recurrent.weight *= 50
    _, state = controller(100 * random(0, 8, 20, 3), None, torch.full((8, 20), 1e4))
    assert state.abs().max() <= 1 + 1e-6


def test_lstm_forget_gates_start_open() -> None:
    controller = LSTM(3, 1, 4)
    bias = controller.cell.bias_ih_l0.detach()
    assert bias[4:8].min() > 0.4
    assert torch.cat([bias[:4], bias[8:]]).abs().max() <= 0.5


def test_cfc_state_stands_for_zero_and_jumps_to_the_limit_for_long_times() -> None:
    controller = CfC(3, 1, 6, mode="default")
    start = random(0, 2, 6)
    assert torch.equal(controller(random(1, 2, 1, 3), start, torch.zeros(2, 1))[1], start)
    _, long = controller(random(1, 2, 1, 3), start, torch.full((2, 1), 1e9))
    assert long.abs().max() <= 1


@pytest.mark.parametrize("build", [LSTM, GRU, CTRNN, FeedForward])
def test_no_units_is_named(build: type[LSTM]) -> None:
    with pytest.raises(BadConfig, match="units"):
        build(3, 2, 0)


def test_other_mistakes_are_named() -> None:
    with pytest.raises(BadConfig, match="mode"):
        CfC(3, 2, mode="mine")  # type: ignore[arg-type]
    with pytest.raises(BadConfig, match="backbone"):
        CfC(3, 2, backbone_layers=0)
    with pytest.raises(UnknownController, match="did you mean ncp19"):
        PilotConfig.build(controller="npc19")
    with pytest.raises(BadWiring, match="36 inputs"):
        build_controller(PilotConfig(), F, ncp19(35))
    with pytest.raises(BadWiring, match="no wiring"):
        build_controller(PilotConfig(controller="gru"), F, ncp19(F))


def test_liquid_neurons_learn_both_actions() -> None:
    """A small imitation task with the default speed coding: steering and acceleration leave their plateaus."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(2, 32))
    network = PilotNetwork(PilotConfig())
    optimiser = torch.optim.AdamW(network.controller.parameters(), lr=0.015, weight_decay=0)
    losses = []
    for _ in range(70):
        wish = rng.normal(size=(32, 1, 2)).repeat(3, 1)  # curvature and wanted speed, constant over three frames
        speed = 11.5 + 3 * wish[..., 1:] + 2.5 * rng.normal(size=(32, 1, 1))
        features = torch.from_numpy(np.maximum(wish @ basis, 0)).float()
        labels = np.concatenate([0.1 * wish[..., :1], 0.1 * (11.5 + 3 * wish[..., 1:] - speed)], -1)
        targets = network.scale_actions(torch.from_numpy(labels.clip(-1, 1)).float())
        outputs, _ = network.control(features, torch.from_numpy(speed).float())
        errors = (outputs - targets).square().mean((0, 1))
        losses.append((errors / targets.var((0, 1))).detach())
        optimiser.zero_grad()
        errors.sum().backward()
        torch.nn.utils.clip_grad_norm_(network.controller.parameters(), 1.0)
        optimiser.step()
    assert all(math.isfinite(value) for value in losses[-1])
    assert torch.stack(losses[-10:]).mean(0).max() < 0.5
