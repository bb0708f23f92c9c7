"""The LTC keeps its own laws: bounded, exact at elapsed 0, true to its equation, independent of the unit of time.

Both of its paths do: the fused scan and the plain one.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from torch import Tensor

from liquid_pilot.nn import LTC, Synapse, Wiring, fully_connected, ncp, ncp19, ncp2020
from liquid_pilot.nn.errors import BadConfig, BadElapsed, BadInput, BadWiring
from liquid_pilot.nn.scan.library import VARIABLE, Library, found


@pytest.fixture(scope="module", params=["c", "torch"], autouse=True)
def _path(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "c" and not isinstance(found(), Library):
        pytest.skip(f"no fused scan here: {found()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, request.param)
        yield


def small(seed: int = 0, inputs: int = 3) -> Wiring:
    return ncp(inputs, 4, 3, 2, sensory_fanout=2, inter_fanout=2, recurrent=3, motor_fanin=2, seed=seed)


def random(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape))


@pytest.mark.parametrize("wiring", [ncp2020(32), ncp19(36), fully_connected(5, 7, 2)])
def test_only_existing_synapses_are_parameters(wiring: Wiring) -> None:
    layer = LTC(wiring.input_size, wiring)
    maps = 2 * wiring.input_size + 2 * wiring.output_size
    count = sum(parameter.numel() for parameter in layer.parameters())
    assert count == wiring.parameter_count + maps
    if wiring == ncp2020(32):
        assert count - maps == 1065
        assert layer.w.numel() + layer.sensory_w.numel() == 252


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    gain=st.floats(0, 1e4),
    state=st.floats(0, 3),
    reversal=st.floats(0.1, 5),
    elapsed=st.sampled_from([0.0, 1e-6, 0.05, 1.0, 100.0, 1e6]),
    init=st.sampled_from(["paper", "ncps"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_state_stays_within_its_bound(
    seed: int, gain: float, state: float, reversal: float, elapsed: float, init: Any, dtype: torch.dtype
) -> None:
    layer = LTC(3, small(seed), init, seed=seed, nominal_elapsed=0.05).to(dtype)
    with torch.no_grad():
        for parameter in (layer.erev, layer.sensory_erev):
            parameter *= reversal
        for parameter in (layer.w, layer.sensory_w, layer.gleak, layer.cm):
            parameter += 3 * random(seed, *parameter.shape).to(dtype)
        start = state * random(seed + 1, 5, 9).to(dtype)
        features = gain * random(seed + 2, 5, 4, 3).to(dtype)
        states = layer.readout(features, start, torch.full((5, 4), elapsed)).states
    constants = [layer.vleak, layer.erev, layer.sensory_erev]
    bound = torch.stack([start.abs().amax(), *(parameter.detach().abs().amax() for parameter in constants)]).amax()
    assert states.abs().amax() <= bound * (1 + 100 * torch.finfo(dtype).eps)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), capacitance=st.floats(-200, 3), steps=st.integers(1, 4))
def test_elapsed_zero_leaves_the_state_to_the_last_bit(seed: int, capacitance: float, steps: int) -> None:
    layer = LTC(3, small(seed), seed=seed)
    torch.nn.init.constant_(layer.cm, capacitance)
    start = random(seed, 4, 9).float()
    features = random(seed + 1, 4, steps, 3, low=-50, high=50).float()
    _, state = layer(features, start, torch.zeros(4, steps))
    assert torch.equal(state, start)
    # One frozen sample beside moving ones.
    elapsed = torch.full((4, steps), 0.7)
    elapsed[2] = 0
    _, mixed = layer(features, start, elapsed)
    assert torch.equal(mixed[2], start[2])


def test_gradients_at_elapsed_zero_are_finite() -> None:
    layer = LTC(3, small()).double()
    elapsed = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    outputs, state = layer(random(0, 2, 3, 3), random(1, 2, 9), elapsed)
    (outputs.sum() + state.sum()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in layer.parameters())
    assert elapsed.grad is not None
    assert torch.isfinite(elapsed.grad).all()
    assert elapsed.grad.abs().sum() > 0


@pytest.mark.parametrize("bad", [-0.01, math.nan, math.inf, -math.inf])
def test_impossible_times_are_named(bad: float) -> None:
    layer = LTC(3, small())
    elapsed = torch.full((2, 4), 0.05)
    elapsed[1, 2] = bad
    with pytest.raises(BadElapsed, match="elapsed times run from"):
        layer(torch.zeros(2, 4, 3), None, elapsed)
    with pytest.raises(BadElapsed, match="shape"):
        layer(torch.zeros(2, 4, 3), None, torch.ones(2, 1))
    with pytest.raises(BadElapsed, match="nominal_elapsed"):
        LTC(3, small(), nominal_elapsed=bad)


def test_wrong_arguments_are_named() -> None:
    layer = LTC(3, small())
    with pytest.raises(BadInput, match="features"):
        layer(torch.zeros(2, 4, 5))
    with pytest.raises(BadInput, match="state"):
        layer(torch.zeros(2, 4, 3), torch.zeros(3, 9))
    with pytest.raises(BadInput, match="no step"):
        layer(torch.zeros(2, 0, 3))
    with pytest.raises(BadWiring, match="3 inputs"):
        LTC(4, small())
    with pytest.raises(BadConfig, match="unfolds"):
        LTC(3, small(), unfolds=0)
    with pytest.raises(BadConfig, match="init"):
        LTC(3, small(), "mine")  # type: ignore[arg-type]


def parameters_of(layer: LTC) -> dict[str, np.ndarray[Any, Any]]:
    values = {name: value.detach().double().numpy() for name, value in layer.named_parameters()}
    for name in ("w", "sensory_w", "gleak", "cm"):
        values[name] = np.log1p(np.exp(values[name]))
    return values


def synapses(
    wiring: tuple[Synapse, ...], p: dict[str, np.ndarray[Any, Any]], prefix: str, v: Any
) -> list[tuple[int, float, float]]:
    """(target, conductance, reversal) of every synapse, one by one, as the paper's equations have them."""
    return [
        (
            s.target,
            p[prefix + "w"][k] / (1 + np.exp(-p[prefix + "sigma"][k] * (v[s.source] - p[prefix + "mu"][k]))),
            p[prefix + "erev"][k],
        )
        for k, s in enumerate(wiring)
    ]


def slopes(layer: LTC, inputs: Any, x: Any) -> tuple[Any, Any]:
    """dx/dt and the time constants, written out neuron by neuron."""
    p = parameters_of(layer)
    current = p["gleak"] * (p["vleak"] - x)
    conductance = p["gleak"].copy()
    for target, g, reversal in synapses(layer.wiring.sensory, p, "sensory_", inputs) + synapses(
        layer.wiring.recurrent, p, "", x
    ):
        current[target] += g * (reversal - x[target])
        conductance[target] += g
    capacitance = p["cm"] * layer.nominal_elapsed
    return current / capacitance, capacitance / conductance


@pytest.mark.parametrize("init", ["paper", "ncps"])
def test_many_unfolds_solve_the_differential_equation(init: Any) -> None:
    layer = LTC(3, small(3), init, unfolds=3000, nominal_elapsed=0.05, seed=5).double()
    if init == "paper":  # its C shrinks with the unfolds: bring it back to a real time scale
        torch.nn.init.constant_(layer.cm, 0.5)
    features, start = random(1, 1, 2, 3, high=2.0), random(2, 1, 9)
    times = torch.tensor([[0.03, 0.08]], dtype=torch.float64)
    with torch.no_grad():
        states = layer.readout(features, start, times).states[0].numpy()
    x = start[0].numpy()
    for step in range(2):
        u = features[0, step].numpy()
        solution = solve_ivp(
            lambda _, y, u=u: slopes(layer, u, y)[0], (0, times[0, step].item()), x, rtol=1e-8, atol=1e-9
        )
        x = solution.y[:, -1]
        assert np.abs(x - start[0].numpy()).max() > 0.05  # it moves at all
        assert states[step] == pytest.approx(x, abs=2e-4)


def test_readout_gives_states_and_time_constants_of_every_step() -> None:
    layer = LTC(3, small(), "ncps", nominal_elapsed=0.05).double()
    features, elapsed = random(0, 2, 5, 3), random(1, 2, 5, low=0.0, high=0.2)
    with torch.no_grad():
        readout = layer.readout(features, None, elapsed)
        outputs, state = layer(features, None, elapsed)
    assert torch.equal(readout.outputs, outputs)
    assert torch.equal(readout.state, state)
    assert torch.equal(readout.states[:, -1], state)
    assert readout.states.shape == readout.time_constants.shape == (2, 5, 9)
    for sample in range(2):
        for step in range(5):
            x, u = readout.states[sample, step].numpy(), features[sample, step].numpy()
            expected = slopes(layer, u, x)[1]
            assert readout.time_constants[sample, step].numpy() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("init", ["paper", "ncps"])
def test_the_unit_of_time_does_not_matter(init: Any) -> None:
    slow, fast = (LTC(3, small(), init, nominal_elapsed=nominal, seed=2).double() for nominal in (1.0, 0.05))
    features, elapsed = random(0, 2, 6, 3), random(1, 2, 6, low=0.2, high=3.0)
    one, other = slow.readout(features, None, elapsed), fast.readout(features, None, elapsed * 0.05)
    assert torch.allclose(one.states, other.states, rtol=0, atol=1e-13)
    assert torch.allclose(one.time_constants * 0.05, other.time_constants, rtol=1e-12)
    one.outputs.sum().backward()
    other.outputs.sum().backward()
    for first, second in zip(slow.parameters(), fast.parameters(), strict=True):
        assert torch.allclose(first.grad, second.grad, rtol=0, atol=1e-12)  # they learn alike too
    unsaid, _ = fast(features)
    said, _ = fast(features, None, torch.full((2, 6), 0.05))
    assert torch.allclose(unsaid, said, rtol=0, atol=1e-7)  # 0.05 in float32


def test_initialisations_are_those_named() -> None:
    paper, ncps = LTC(36, ncp19(36)), LTC(36, ncp19(36), "ncps")
    values = parameters_of(paper)
    assert values["cm"] * 6 == pytest.approx(0.5)  # C over the duration of one unfold
    assert values["gleak"] == pytest.approx(1.0)
    for prefix in ("", "sensory_"):
        assert values[prefix + "w"].min() >= 0.1 - 1e-6
        assert values[prefix + "w"].max() <= 1.0 + 1e-6
        assert set(values[prefix + "erev"]) == {-1.0, 1.0}
        for name, low, high in (("sigma", 3, 8), ("mu", 0.3, 0.8)):
            assert values[prefix + name].min() >= low
            assert values[prefix + name].max() <= high
            assert np.ptp(values[prefix + name]) > 0.8 * (high - low)
    assert 0.4 <= ncps.cm.min().item() <= ncps.cm.max().item() <= 0.6

    def memory(layer: LTC) -> float:
        """Mean share of a neuron's own state that survives one frame."""
        features = random(0, 1, 1, 36, low=0.0).float()
        jacobian = torch.autograd.functional.jacobian(lambda x: layer(features, x)[1][0], torch.zeros(1, 19))[:, 0]
        return float(jacobian.diagonal().mean())

    assert memory(paper) < 0.005 < 0.02 < memory(ncps) < 0.2


def test_initial_values_depend_on_the_seed_and_on_nothing_global() -> None:
    before = torch.get_rng_state()
    first, second, third = (LTC(36, ncp19(36), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.w, third.w)


def test_gradcheck() -> None:
    layer = LTC(2, small(inputs=2), "ncps", unfolds=2).double()
    features, state = random(0, 2, 2, 2).requires_grad_(), random(1, 2, 9).requires_grad_()
    elapsed = random(2, 2, 2, low=0.1, high=2.0).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def run(features: Tensor, state: Tensor, elapsed: Tensor, *values: Tensor) -> Any:
        # Through functional_call: replaced parameters must be seen (ncps ignores them).
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, parameters, (features, state, elapsed))

    values = [parameter.detach().clone().requires_grad_() for parameter in layer.parameters()]
    assert torch.autograd.gradcheck(run, (features, state, elapsed, *values))


def test_autocast_does_not_touch_the_recurrence() -> None:
    layer = LTC(3, small())
    features = random(0, 2, 5, 3).float()
    plain, _ = layer(features)
    with torch.autocast("cpu", torch.bfloat16):
        cast, _ = layer(features)
    assert cast.dtype == torch.float32
    assert torch.equal(plain, cast)


def test_freezing_changes_nothing_and_ends_by_itself() -> None:
    layer = LTC(3, small()).eval()
    features = random(0, 2, 5, 3).float()
    with torch.no_grad():
        plain, _ = layer(features)
        layer.freeze()
        assert torch.equal(layer(features)[0], plain)
        for thaw in (layer.train, layer.double, lambda: layer.load_state_dict(layer.state_dict())):
            layer.float().freeze()
            layer.erev.mul_(-1)
            thaw()
            layer.float()
            fresh = LTC(3, small())
            fresh.load_state_dict(layer.state_dict())
            assert torch.allclose(layer(features)[0], fresh(features)[0])


def test_clip_keeps_parameters_legal() -> None:
    layer = LTC(3, small(), positivity="clip")
    soft = LTC(3, small())
    features = random(0, 2, 5, 3).float()
    assert torch.allclose(layer(features)[0], soft(features)[0], atol=1e-6)  # the same network at the start
    with torch.no_grad():
        layer.w -= 5
        layer.cm += 1e6
    layer.constrain()
    assert layer.w.min().item() == pytest.approx(1e-3)
    assert layer.cm.max().item() == pytest.approx(1000 / 6)
    before = soft.w.clone()
    soft.constrain()
    assert torch.equal(before, soft.w)


def test_input_map_can_be_set() -> None:
    layer = LTC(3, small())
    features = random(0, 2, 5, 3).float()
    expected, _ = layer(features * 0.3 + 0.1)
    layer.eval()
    layer.freeze()
    layer.set_input_map(torch.full((3,), 0.3), torch.full((3,), 0.1))
    assert torch.allclose(layer(features)[0], expected, atol=1e-6)
    with pytest.raises(BadInput, match="gain"):
        layer.set_input_map(torch.ones(4))
    with pytest.raises(BadInput, match="offset"):
        LTC(3, small(), input_map="linear").set_input_map(torch.ones(3), torch.zeros(3))
