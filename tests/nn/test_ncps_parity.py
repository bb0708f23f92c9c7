"""Against ncps 1.0.1 in float64: outputs, states and every gradient agree to 1e-10, at irregular times too.

ncps is stepped through its cell with times (B, 1): its own batched ``timespans`` raise, or are silently wrong.
"""

from typing import Any

import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_pilot.nn import LTC, CfC, from_ncps, fully_connected, ncp19
from liquid_pilot.nn.errors import NotConvertible

TOLERANCE = 1e-10
B, T, F = 3, 7, 36


def values(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape)).requires_grad_()


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    with torch.random.fork_rng():  # ncps draws its initial weights from torch's global generator
        torch.manual_seed(5)
        yield


def make(kind: str) -> Any:
    wiring = {
        "ncp": lambda: ncps.wirings.NCP(12, 5, 2, 6, 4, 6, 4, seed=22222),
        "fully": lambda: ncps.wirings.FullyConnected(9, 2),
        "random": lambda: ncps.wirings.Random(9, 2, 0.7),
    }[kind]()
    return ncps.torch.LTC(F, wiring).double()


def step_ncps(cell: Any, features: Tensor, state: Tensor, elapsed: Tensor) -> tuple[Tensor, Tensor]:
    outputs = []
    for t in range(features.shape[1]):
        output, state = cell(features[:, t], state, elapsed[:, t : t + 1])
        outputs.append(output)
    return torch.stack(outputs, 1), state


def compare_gradients(ours: LTC, cell: Any) -> None:
    theirs = dict(cell.named_parameters())
    for name, parameter in ours.named_parameters():
        gradient = theirs[name].grad
        if name.startswith("sensory_"):
            gradient = gradient[ours.sensory_source, ours.sensory_target]
        elif name in ("w", "mu", "sigma", "erev"):
            gradient = gradient[ours.source, ours.target]
        assert parameter.grad is not None
        assert (parameter.grad - gradient).abs().max() <= TOLERANCE, name
        assert gradient.abs().max() > 0, name


@pytest.mark.parametrize("kind", ["ncp", "fully", "random"])
@pytest.mark.parametrize("implicit", [True, False])
def test_outputs_state_and_all_gradients(kind: str, implicit: bool) -> None:
    layer = make(kind)
    cell = layer.rnn_cell
    if not implicit:
        cell._implicit_param_constraints = False
        cell.make_positive_fn = torch.nn.Identity()
    ours = from_ncps(layer)
    inputs = [
        [values(1, B, T, F, high=2.0), values(2, B, ours.state_size), values(3, B, T, low=0.01, high=3.0)]
        for _ in range(2)
    ]
    weights = values(4, B, T, 2).detach(), values(5, B, ours.state_size).detach()
    results = []
    for (features, state, elapsed), run in zip(inputs, (ours, lambda *a: step_ncps(cell, *a)), strict=True):
        outputs, last = run(features, state, elapsed)
        ((outputs * weights[0]).sum() + (last * weights[1]).sum()).backward()
        results.append((outputs, last))
    for mine, theirs in zip(*results, strict=True):
        assert (mine - theirs).abs().max() <= TOLERANCE
    for mine, theirs in zip(*inputs, strict=True):
        assert (mine.grad - theirs.grad).abs().max() <= TOLERANCE
        assert theirs.grad.abs().max() > 0
    compare_gradients(ours, cell)


def test_regular_times_equal_the_ncps_layer_itself() -> None:
    layer = make("ncp")
    ours = from_ncps(layer)
    features = values(1, B, T, F)
    with torch.no_grad():
        for mine, theirs in zip(ours(features), layer(features), strict=True):
            assert (mine - theirs).abs().max() <= TOLERANCE


def test_float32_is_near_the_float64_truth() -> None:
    layer = make("ncp")
    ours = from_ncps(layer)
    features, elapsed = values(1, B, T, F), values(3, B, T, low=0.01, high=3.0)
    with torch.no_grad():
        truth, _ = ours(features, None, elapsed)
        single, _ = ours.float()(features, None, elapsed)
    assert single.dtype == torch.float32
    assert (single.double() - truth).abs().max() < 3e-6


def test_the_wiring_is_taken_over() -> None:
    layer = make("ncp")
    assert from_ncps(layer).wiring == ncp19(F)
    assert from_ncps(layer.rnn_cell).wiring == ncp19(F)
    assert from_ncps(make("fully")).wiring == fully_connected(F, 9, 2)
    # Building the wiring again adds synapses to it that the layer does not have.
    layer.rnn_cell._wiring.build(F)
    rebuilt = from_ncps(layer)
    assert {(s.source, s.target) for s in rebuilt.wiring.recurrent} == {
        (s.source, s.target) for s in ncp19(F).recurrent
    }


@pytest.mark.parametrize(("input_map", "output_map"), [("linear", None), (None, "linear")])
def test_mappings_are_taken_over(input_map: Any, output_map: Any) -> None:
    wiring = ncps.wirings.AutoNCP(12, 2)
    layer = ncps.torch.LTC(4, wiring, input_mapping=input_map, output_mapping=output_map, ode_unfolds=3).double()
    ours = from_ncps(layer)
    features = values(1, B, T, 4)
    assert ours.unfolds == 3
    assert (ours(features)[0] - layer(features)[0]).abs().max() <= TOLERANCE


def test_what_cannot_be_taken_over_is_named() -> None:
    with pytest.raises(NotConvertible, match="mixed_memory"):
        from_ncps(ncps.torch.LTC(4, 5, mixed_memory=True))
    with pytest.raises(NotConvertible, match="Linear"):
        from_ncps(torch.nn.Linear(3, 3))


@pytest.mark.parametrize("mode", ["default", "no_gate", "pure"])
@pytest.mark.parametrize("layers", [1, 2])
def test_cfc_equals_ncps(mode: Any, layers: int) -> None:
    theirs = ncps.torch.CfC(5, 8, proj_size=2, mode=mode, backbone_units=16, backbone_layers=layers).double()
    cell = theirs.rnn_cell
    ours = CfC(5, 2, 8, mode=mode, backbone_units=16, backbone_layers=layers).double()
    names = ("ff1",) if mode == "pure" else ("ff1", "ff2", "time_a", "time_b")
    with torch.no_grad():
        linears = [module for module in cell.backbone if isinstance(module, torch.nn.Linear)]
        for parameter, value in zip(
            ours.backbone, [tensor for linear in linears for tensor in (linear.weight, linear.bias)], strict=True
        ):
            parameter.copy_(value)
        ours.heads[0].copy_(torch.cat([getattr(cell, name).weight for name in names]))
        ours.heads[1].copy_(torch.cat([getattr(cell, name).bias for name in names]))
        ours.readout[0].copy_(theirs.fc.weight)
        ours.readout[1].copy_(theirs.fc.bias)
        if mode == "pure":
            ours.w_tau.copy_(cell.w_tau[0])
            ours.amplitude.copy_(cell.A[0])
    features, state, elapsed = values(1, B, T, 5), values(2, B, 8), values(3, B, T, low=0.1, high=3.0)
    expected_outputs, expected_state = step_ncps(cell, features, state, elapsed)
    outputs, last = ours(features, state, elapsed)
    assert (last - expected_state).abs().max() <= TOLERANCE
    assert (outputs - theirs.fc(expected_outputs)).abs().max() <= TOLERANCE
    mine = torch.autograd.grad(outputs.sum(), [features, state, elapsed], retain_graph=True)
    other = torch.autograd.grad(theirs.fc(expected_outputs).sum(), [features, state, elapsed])
    for one, two in zip(mine, other, strict=True):
        assert (one - two).abs().max() <= TOLERANCE
    assert (ours(features)[0] - theirs(features)[0]).abs().max() <= TOLERANCE
