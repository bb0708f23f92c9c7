"""The fused scan and the plain torch path are the same function: outputs, states, gradients, errors."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from liquid_pilot.nn import LTC, Wiring, ncp19
from liquid_pilot.nn.errors import BadElapsed, BadInput
from liquid_pilot.nn.scan.library import VARIABLE, Library, found

LIBRARY = found()
needs_library = pytest.mark.skipif(not isinstance(LIBRARY, Library), reason=f"no fused scan here: {LIBRARY}")
INSTRUCTIONS = LIBRARY.all_instructions if isinstance(LIBRARY, Library) else ()
pytestmark = needs_library


@pytest.fixture(autouse=True)
def _forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "c")


@pytest.fixture(params=INSTRUCTIONS)
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    assert isinstance(LIBRARY, Library)
    LIBRARY.choose(request.param)
    yield request.param
    LIBRARY.choose(LIBRARY.all_instructions[-1])


def values(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape))


def random_wiring(seed: int, inputs: int, units: int, outputs: int, density: float) -> Wiring:
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], (inputs + units, units)) * (rng.random((inputs + units, units)) < density)
    return Wiring.from_matrices(signs[:inputs], signs[inputs:], outputs)


def shaken(layer: LTC, seed: int) -> LTC:
    """The layer with every parameter moved, maps included."""
    with torch.no_grad():
        for k, parameter in enumerate(layer.parameters()):
            parameter += 0.2 * values(seed + k, *parameter.shape).to(parameter.dtype)
        if layer.positivity == "clip":
            layer.constrain()
    return layer


def everything(layer: LTC, arguments: list[Tensor | None], path: str) -> dict[str, Tensor]:
    """Outputs, the state, and the gradients of everything, along one path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, path)
        layer.zero_grad()
        given = [None if one is None else one.detach().clone().requires_grad_() for one in arguments]
        outputs, state = layer(*given)
        weights = values(91, *outputs.shape).to(outputs), values(92, *state.shape).to(state)
        ((outputs * weights[0]).sum() + (state * weights[1]).sum()).backward()
    named = zip(("features", "state", "elapsed"), given, strict=True)
    gradients = {name: one.grad for name, one in named if one is not None}
    gradients |= {name: parameter.grad for name, parameter in layer.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    return {"outputs": outputs.detach(), "last": state.detach(), **gradients}  # type: ignore[dict-item]


def compare(layer: LTC, arguments: list[Tensor | None], tolerance: float) -> None:
    reference, fused = everything(layer, arguments, "torch"), everything(layer, arguments, "c")
    for name, expected in reference.items():
        scale = max(1.0, expected.abs().max().item() if expected.numel() else 0.0)
        assert (fused[name] - expected).abs().amax().item() <= tolerance * scale if expected.numel() else True, name


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 24), st.floats(0, 1)),
    batch=st.sampled_from([1, 2, 5, 6, 7, 17, 40]),
    steps=st.integers(1, 5),
    unfolds=st.sampled_from([1, 2, 6]),
    init=st.sampled_from(["paper", "ncps"]),
    positivity=st.sampled_from(["softplus", "clip"]),
    maps=st.tuples(*[st.sampled_from(["affine", "linear", "none"])] * 2),
    extras=st.tuples(st.booleans(), st.booleans()),
    instructions=st.sampled_from(INSTRUCTIONS or ("none",)),
)
def test_random_wirings_agree_with_the_torch_path(
    seed: int,
    sizes: Any,
    batch: int,
    steps: int,
    unfolds: int,
    init: Any,
    positivity: Any,
    maps: Any,
    extras: Any,
    instructions: str,
) -> None:
    assert isinstance(LIBRARY, Library)
    inputs, units, density = sizes
    wiring = random_wiring(seed, inputs, units, 1 + seed % units, density)
    layer = LTC(
        *(inputs, wiring, init),
        seed=seed,
        unfolds=unfolds,
        positivity=positivity,
        input_map=maps[0],
        output_map=maps[1],
        nominal_elapsed=0.05,
    ).double()
    shaken(layer, seed)
    state = values(seed + 60, batch, units) if extras[0] else None
    elapsed = values(seed + 61, batch, steps, low=0.0, high=0.2) if extras[1] else None
    LIBRARY.choose(instructions)
    try:
        compare(layer, [values(seed + 62, batch, steps, inputs, high=2.0), state, elapsed], 1e-11)
    finally:
        LIBRARY.choose(LIBRARY.all_instructions[-1])


@pytest.mark.parametrize("batch", [1, 2, 5, 6, 33])
def test_features_may_be_any_view(batch: int, instructions: str) -> None:
    layer = shaken(LTC(32, ncp19(32), "ncps", seed=3).double(), 1)
    whole = values(5, 32, batch, 2 * 7)
    view = whole.permute(1, 2, 0)[:, ::2]
    with torch.no_grad():
        expected, last = layer(view.contiguous())
        outputs, state = layer(view)
        assert torch.equal(outputs, expected)
        assert torch.equal(state, last)
        wide = values(6, batch, 9, 40)[:, 1:8, 3:35]
        assert torch.equal(layer(wide)[0], layer(wide.contiguous())[0])


def test_threads_do_not_change_a_bit(instructions: str) -> None:
    layer = shaken(LTC(32, ncp19(32), "ncps").float(), 1)
    arguments: list[Tensor | None] = [values(1, 200, 40, 32).float(), None, values(2, 200, 40, low=0.0).float()]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = everything(layer, arguments, "c")
        torch.set_num_threads(3)
        three = everything(layer, arguments, "c")
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one[name], three[name]) for name in one)


def test_bad_input_is_named() -> None:
    layer = LTC(32, ncp19(32))
    with pytest.raises(BadInput, match="no sample"):
        layer(torch.zeros(0, 3, 32))
    with pytest.raises(BadInput, match="no step"):
        layer(torch.zeros(3, 0, 32))
    with pytest.raises(BadElapsed, match="from -0"):
        layer(torch.zeros(1, 2, 32), None, torch.tensor([[0.5, -0.5]]))


@pytest.mark.parametrize("path", ["c", "torch"])
def test_other_places_and_types_are_named(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, path)
    layer, features = LTC(32, ncp19(32)), torch.zeros(2, 3, 32)
    for frozen in (False, True):
        if frozen:
            layer.eval().freeze()
        with pytest.raises(BadInput, match=r"state: .* on meta"):
            layer(features, torch.zeros(2, 19, device="meta"))
        with pytest.raises(BadInput, match=r"elapsed: .* on meta"):
            layer(features, None, torch.zeros(2, 3, device="meta"))
        with pytest.raises(BadInput, match=r"features: torch\.complex64"):
            layer(features.to(torch.complex64))
        with pytest.raises(BadInput, match="shape"):
            layer(torch.zeros(2, 3, 31))
        with pytest.raises(BadInput, match="shape"):
            layer(features, torch.zeros(1, 19))
        assert len(layer(features.long())) == 2  # integers are numbers


def test_foreign_parameters_are_named() -> None:
    layer = LTC(32, ncp19(32))
    for name, value in (("mu", torch.zeros(3)), ("sigma", layer.sigma.detach().double()), ("vleak", torch.zeros(20))):
        with pytest.raises(BadInput, match=f"parameter {name} is"):
            torch.func.functional_call(layer, {name: value}, (torch.zeros(2, 3, 32),))
