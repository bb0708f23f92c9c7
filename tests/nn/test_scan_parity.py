"""The fused scan against ncps, against finite differences, and in float32 against the float64 truth."""

import copy
import math
from typing import Any

import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_pilot.nn import LTC, from_ncps, ncp19, random_wiring
from liquid_pilot.nn.scan.library import VARIABLE, Library, found

LIBRARY = found()
pytestmark = pytest.mark.skipif(not isinstance(LIBRARY, Library), reason=f"no fused scan here: {LIBRARY}")
F = 32


@pytest.fixture(autouse=True)
def _forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "c")


def values(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape))


@pytest.fixture(scope="module")
def network() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return ncps.torch.LTC(F, ncps.wirings.NCP(12, 6, 1, 6, 4, 6, 6, seed=20190120)).double()


def gradients(outputs: Tensor, last: Tensor, of: list[Tensor]) -> tuple[Tensor, ...]:
    weights = values(4, *outputs.shape).to(outputs), values(5, *last.shape).to(last)
    return torch.autograd.grad((outputs * weights[0]).sum() + (last * weights[1]).sum(), of)


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
@pytest.mark.parametrize("steps", [1, 2, 33])
@pytest.mark.parametrize("regular", [True, False])
def test_equals_ncps_run_step_by_step(network: Any, batch: int, steps: int, regular: bool) -> None:
    ours = from_ncps(network)
    features, state = values(1, batch, steps, F, high=2.0).requires_grad_(), values(2, batch, 19).requires_grad_()
    elapsed = values(3, batch, steps, low=0.01, high=3.0)
    elapsed = (torch.ones_like(elapsed) if regular else elapsed).requires_grad_()
    arguments = [features, state, elapsed]

    cell, theirs, x = network.rnn_cell, [], state
    for t in range(steps):
        output, x = cell(features[:, t], x, elapsed[:, t : t + 1])
        theirs.append(output)
    names = [name for name, _ in ours.named_parameters()]
    parameters = dict(cell.named_parameters())
    expected = gradients(torch.stack(theirs, 1), x, [*arguments, *(parameters[name] for name in names)])
    outputs, last = ours(*arguments)
    found_ = gradients(outputs, last, [*arguments, *ours.parameters()])

    assert (outputs - torch.stack(theirs, 1)).abs().max() <= 1e-10
    assert (last - x).abs().max() <= 1e-10
    for name, mine, other in zip(("features", "state", "elapsed", *names), found_, expected, strict=True):
        if name.startswith("sensory_"):
            other = other[ours.sensory_source, ours.sensory_target]
        elif name in ("w", "mu", "sigma", "erev"):
            other = other[ours.source, ours.target]
        assert (mine - other).abs().max() <= 1e-10, name
        assert other.abs().max() > 0, name


@pytest.mark.parametrize("batch", [2, 6])
@pytest.mark.parametrize("positivity", ["softplus", "clip"])
def test_gradcheck(batch: int, positivity: Any) -> None:
    wiring = random_wiring(2, 5, 1, sparsity=0.4, seed=3)
    layer = LTC(2, wiring, "paper", unfolds=2, positivity=positivity).double()
    arguments = [values(0, batch, 2, 2), values(1, batch, 5), values(2, batch, 2, low=0.1, high=2.0)]
    arguments += [parameter.detach().clone() for parameter in layer.parameters()]
    names = [name for name, _ in layer.named_parameters()]

    def run(features: Tensor, state: Tensor, elapsed: Tensor, *given: Tensor) -> Any:
        parameters = dict(zip(names, given, strict=True))
        return torch.func.functional_call(layer, parameters, (features, state, elapsed))

    assert torch.autograd.gradcheck(run, [one.requires_grad_() for one in arguments])


@pytest.mark.parametrize("batch", [1, 64])
def test_float32_is_near_the_float64_truth(network: Any, batch: int) -> None:
    double = from_ncps(network)
    single = copy.deepcopy(double).float()
    arguments = [values(1, batch, 33, F), values(2, batch, 19), values(3, batch, 33, low=0.01, high=3.0)]
    given = [one.float().requires_grad_() for one in arguments]
    exact = [one.detach().double().requires_grad_() for one in given]
    outputs, last = single(*given)
    truth, end = double(*exact)
    assert outputs.dtype == last.dtype == torch.float32
    assert (outputs - truth).abs().max() < 1e-5
    assert (last - end).abs().max() < 1e-5
    mine = gradients(outputs, last, [*given, *single.parameters()])
    expected = gradients(truth, end, [*exact, *double.parameters()])
    for one, other in zip(mine, expected, strict=True):
        assert (one - other).abs().max() < 1e-5 * max(1.0, other.abs().max().item())


@pytest.mark.parametrize("batch", [1, 5, 6, 20])
def test_only_the_gradients_that_are_wanted(batch: int) -> None:
    layer = LTC(F, ncp19(F)).double()
    features, state = values(1, batch, 4, F), values(2, batch, 19)
    with torch.no_grad():
        outputs, last = layer(features, state)
    assert not outputs.requires_grad
    assert not last.requires_grad
    # Of the features alone, from the state alone: a gradient that is None comes in, and none leave for the rest.
    given = features.clone().requires_grad_()
    layer(given, state)[1].sum().backward()
    complete = given.grad
    assert complete is not None
    for parameter in layer.parameters():
        parameter.grad = None
        parameter.requires_grad_(False)
    given = features.clone().requires_grad_()
    layer(given, state)[1].sum().backward()
    assert given.grad is not None
    assert torch.equal(given.grad, complete)
    assert all(parameter.grad is None for parameter in layer.parameters())
    layer.mu.requires_grad_(True)
    outputs, _ = layer(features, state)
    outputs.sum().backward()
    assert layer.mu.grad is not None
    assert layer.mu.grad.abs().sum() > 0
    assert layer.sigma.grad is None


@pytest.mark.parametrize("batch", [1, 3, 6, 17])
def test_zero_elapsed_and_nan_features_stay_with_their_sample(batch: int) -> None:
    layer = LTC(F, ncp19(F), "ncps")
    state, features = values(2, batch, 19).float(), values(1, batch, 6, F).float()
    with torch.no_grad():
        assert torch.equal(layer(features, state, torch.zeros(batch, 6))[1], state)
        clean = layer.readout(features, state)
        features[batch - 1, 3] = math.nan
        spoilt = layer.readout(features, state)
    assert spoilt.states[batch - 1, 3:].isnan().all()
    assert torch.equal(spoilt.states[: batch - 1], clean.states[: batch - 1])
    assert torch.equal(spoilt.states[batch - 1, :3], clean.states[batch - 1, :3])


@pytest.mark.parametrize("batch", [1, 4, 9])
def test_stepping_equals_the_scan(batch: int) -> None:
    layer = LTC(F, ncp19(F), "ncps", nominal_elapsed=0.05).eval()
    features, elapsed = values(1, batch, 40, F).float(), values(2, batch, 40, low=0.0, high=0.2).float()
    with torch.no_grad():
        expected, last = layer(features, None, elapsed)
        layer.freeze()
        state = None
        for t in range(40):
            output, state = layer(features[:, t : t + 1], state, elapsed[:, t : t + 1].contiguous())
            assert torch.equal(output[:, 0], expected[:, t])
        assert state is not None
        assert torch.equal(state, last)
        assert torch.equal(copy.deepcopy(layer)(features, None, elapsed)[0], expected)
    # A frozen layer still gives gradients to what comes in.
    features.requires_grad_()
    layer(features, None, elapsed)[0].sum().backward()
    assert features.grad is not None
    assert features.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_torch_transforms_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LTC(F, ncp19(F), "ncps").double()
    features, state = values(1, 1, 2, F), values(2, 1, 19)
    monkeypatch.delenv(VARIABLE)  # they take the plain path by themselves
    jacobian = torch.func.jacrev(lambda x: layer(features, x)[1][0])(state)[:, 0]
    expected = torch.autograd.functional.jacobian(lambda x: layer(features, x)[1][0], state)[:, 0]
    assert torch.allclose(jacobian, expected, rtol=0, atol=1e-12)


def test_training_ends_at_the_same_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = values(1, 16, 12, F).float(), values(2, 16, 12, 2).float()

    def train(path: str) -> list[float]:
        monkeypatch.setenv(VARIABLE, path)
        layer = LTC(F, ncp19(F, 2), "ncps", seed=4)
        optimiser = torch.optim.Adam(layer.parameters(), 0.01)
        losses = []
        for _ in range(50):
            optimiser.zero_grad()
            loss = (layer(features)[0] - labels).square().mean()
            loss.backward()
            optimiser.step()
            layer.constrain()
            losses.append(loss.item())
        return losses

    plain, fused = train("torch"), train("c")
    assert fused == pytest.approx(plain, rel=1e-3)
    assert plain[-1] < 0.8 * plain[0]
    assert train("c") == fused
