"""The fused scan as a torch function: the same numbers and gradients as the plain path of `liquid_pilot.nn.ltc`."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from liquid_pilot.nn.controller import check_elapsed
from liquid_pilot.nn.errors import BadInput, KernelFailed
from liquid_pilot.nn.scan.library import Library
from liquid_pilot.nn.scan.plan import Plan

NAMES = (
    *("w", "mu", "sigma", "erev", "sensory_w", "sensory_mu", "sensory_sigma", "sensory_erev"),
    *("gleak", "vleak", "cm", "input_w", "input_b", "output_w", "output_b"),
)
"""The parameters, in the order of scan.h."""
OK, BAD_ELAPSED = 0, 1
SIGMOIDS_PER_THREAD = 200_000
"""Some 100 us of work: below it, a thread costs more than it saves."""

# The three parts of lp_job.
_LAYER = struct.Struct("@9q2d6QQ")
_RUN = struct.Struct("@3qQ2q4Q")
_TRAINING = struct.Struct("@2Q6Qq30Q")
_NO_TRAINING = bytes(_TRAINING.size)
_NONE = (0,) * 15


class Layer(NamedTuple):
    """What a layer is, apart from its parameters."""

    library: Library
    plan: Plan
    unfolds: int
    nominal_elapsed: float
    epsilon: float
    softplus: bool
    instructions: int
    """Of the library; the backward pass must use the forward pass's."""

    def threads(self, batch: int, steps: int) -> int:
        """As many as torch is set to, but small work stays on one."""
        sensory, recurrent = self.plan.sigmoids
        work = batch * steps * (sensory + self.unfolds * recurrent)
        return min(torch.get_num_threads(), 1 + work // SIGMOIDS_PER_THREAD)


class Result(NamedTuple):
    """What a scan gives; see `liquid_pilot.nn.ltc.LTC`."""

    outputs: Tensor
    """(B, T, M)"""
    state: Tensor
    """(B, N)"""
    states: Tensor | None
    """(B, T, N), when asked for."""


def scan(
    layer: Layer,
    features: Tensor,
    state: Tensor,
    elapsed: Tensor | None,
    parameters: tuple[Tensor | None, ...],
    packed: Tensor | None = None,
    *,
    keep_states: bool = False,
) -> Result:
    """Run the layer over features (B, T, F) from state (B, N) with elapsed (B, T) seconds, all of one type on the CPU.

    ``parameters`` are in the order of `NAMES`; ``packed``, if given, is what `pack` made of them, and no gradient
    flows to them then. Raises `BadElapsed` for a negative or non-finite time, `KernelFailed` without memory.
    """
    learned = () if packed is not None else parameters
    if torch.is_grad_enabled() and _any_requires_grad(features, state, elapsed, *learned):
        return Result(*_Scan.apply(layer, packed, keep_states, features, state, elapsed, *parameters))  # type: ignore[no-untyped-call]
    if packed is None:
        packed = pack(layer, parameters)
    return _forward(layer, packed, features, state, elapsed, keep_states, None)


def pack(layer: Layer, parameters: tuple[Tensor | None, ...]) -> Tensor:
    """The parameters as the kernel reads them: positive, sorted, padded, the input map inside.

    Raises `BadInput` for a parameter of another shape, type or place than the first one's (put there by hand or by
    ``functional_call``): the kernel would read beyond its end.
    """
    like = parameters[0]
    assert like is not None
    for name, size, tensor in zip(NAMES, layer.plan.parameter_sizes, parameters, strict=True):
        if tensor is not None and (tensor.shape != (size,) or tensor.dtype is not like.dtype or not tensor.is_cpu):
            raise BadInput(
                f"parameter {name} is {tuple(tensor.shape)} of {tensor.dtype} on {tensor.device}, not ({size},) of "
                f"{like.dtype} on the CPU"
            )
    values = [None if tensor is None else tensor.detach().contiguous() for tensor in parameters]
    addresses = _addresses(values)
    job = _job(layer, like, (0, 0), raw=addresses)
    packed = torch.empty(layer.library.packed_size(job), dtype=like.dtype)
    _check(layer.library.pack(_job(layer, like, (0, 0), packed=packed.data_ptr(), raw=addresses)), None)
    return packed


def _forward(
    layer: Layer,
    packed: Tensor,
    features: Tensor,
    state: Tensor,
    elapsed: Tensor | None,
    keep_states: bool,
    trace: Tensor | None,
) -> Result:
    batch, steps, _ = features.shape
    wiring = layer.plan.wiring
    features, state, elapsed = _readable(features), state.contiguous(), _contiguous(elapsed)
    outputs = features.new_empty(batch, steps, wiring.output_size)
    last = features.new_empty(batch, wiring.units)
    states = features.new_empty(batch, steps, wiring.units) if keep_states else None
    job = _job(
        layer,
        features,
        (batch, steps),
        packed=packed.data_ptr(),
        data=(features.data_ptr(), *features.stride()[:2], state.data_ptr(), _address(elapsed)),
        results=(outputs.data_ptr(), last.data_ptr(), _address(states), _address(trace)),
    )
    _check(layer.library.forward(job), elapsed)
    return Result(outputs, last, states)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        layer: Layer,
        frozen: Tensor | None,
        keep_states: bool,
        features: Tensor,
        state: Tensor,
        elapsed: Tensor | None,
        *parameters: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        packed = pack(layer, parameters) if frozen is None else frozen
        job = _job(layer, features, (features.shape[0], features.shape[1]))
        trace = features.new_empty(layer.library.trace_size(job))
        result = _forward(layer, packed, features, state, elapsed, keep_states, trace)
        ctx.layer, ctx.frozen = layer, frozen is not None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(packed, trace, features, state, elapsed, *parameters)
        return result

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_outputs: Tensor | None, d_last: Tensor | None, d_states: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        packed, trace, features, state, elapsed, *parameters = ctx.saved_tensors
        _, _, _, *wanted = ctx.needs_input_grad
        if ctx.frozen:
            wanted[3:] = [False] * len(parameters)
        features, state, elapsed = _readable(features), state.contiguous(), _contiguous(elapsed)
        values = [_contiguous(tensor) for tensor in parameters]
        incoming = [_contiguous(tensor) for tensor in (d_outputs, d_last, d_states)]
        gradients = [
            torch.empty(tensor.shape, dtype=tensor.dtype) if want else None
            for tensor, want in zip((features, state, elapsed, *values), wanted, strict=True)
        ]
        addresses = _addresses(gradients)
        job = _job(
            ctx.layer,
            features,
            (features.shape[0], features.shape[1]),
            packed=packed.data_ptr(),
            data=(features.data_ptr(), *features.stride()[:2], state.data_ptr(), _address(elapsed)),
            results=(0, 0, 0, trace.data_ptr()),
            gradients=(*_addresses(incoming), *addresses[:3], any(wanted[3:])),
            raw=_addresses(values),
            d_raw=addresses[3:],
        )
        _check(ctx.layer.library.backward(job), elapsed)
        return None, None, None, *gradients


class Stepper:
    """A layer with packed parameters, for control: one call after the other as fast as Python can.

    Args:
        layer: what to run.
        packed: its parameters, from `pack`.
    """

    def __init__(self, layer: Layer, packed: Tensor) -> None:
        self.layer, self.packed = layer, packed
        wiring = layer.plan.wiring
        self._sizes = wiring.input_size, wiring.units, wiring.output_size
        self._dtype = packed.dtype
        self._header = layer_part(layer, packed.dtype, packed.data_ptr())
        self._zeros = packed.new_zeros(1, wiring.units)

    def __deepcopy__(self, memo: dict[int, Any]) -> Stepper:
        return self  # immutable

    def __reduce__(self) -> tuple[Any, ...]:
        return _no_stepper, ()

    def run(self, features: Tensor, state: Tensor | None, elapsed: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """Outputs (B, T, M) and state (B, N), as `scan`; None for arguments that need a closer look, or gradients."""
        if recorded() or (torch.is_grad_enabled() and _any_requires_grad(features, state, elapsed)):
            return None
        inputs, units, outputs = self._sizes
        shape, dtype = features.shape, self._dtype
        if len(shape) != 3 or features.dtype is not dtype or not features.is_cpu or type(features) is not Tensor:
            return None
        batch, steps, width = shape
        batch_stride, step_stride, stride = features.stride()
        if width != inputs or stride != 1 or not batch or not steps:
            return None
        if state is None:
            state = self._zeros if batch == 1 else features.new_zeros(batch, units)
        elif state.shape != (batch, units) or not _plain(state, dtype):
            return None
        if elapsed is not None and (elapsed.shape != (batch, steps) or not _plain(elapsed, dtype)):
            return None
        result = torch.empty((batch, steps, outputs), dtype=dtype)
        last = torch.empty((batch, units), dtype=dtype)
        threads = self.layer.threads(batch, steps) if batch * steps > 1 else 1
        run = _RUN.pack(
            *(batch, steps, threads, features.data_ptr(), batch_stride, step_stride),
            *(state.data_ptr(), 0 if elapsed is None else elapsed.data_ptr(), result.data_ptr(), last.data_ptr()),
        )
        code = self.layer.library.forward(self._header + run + _NO_TRAINING)
        if code:
            _check(code, elapsed)
        return result, last


def _no_stepper() -> None:
    """What a stored stepper becomes: its layer packs anew."""


def recorded() -> bool:
    """Whether torch records or transforms operations one by one, where a call of C would be missing."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[no-untyped-call,attr-defined]
        or torch._C._are_functorch_transforms_active()
    )


def _any_requires_grad(*tensors: Tensor | None) -> bool:
    return any(tensor is not None and tensor.requires_grad for tensor in tensors)


def _plain(tensor: Tensor, dtype: torch.dtype) -> bool:
    return type(tensor) is Tensor and tensor.dtype is dtype and tensor.is_cpu and tensor.is_contiguous()


def _job(
    layer: Layer,
    like: Tensor,
    shape: tuple[int, int],
    *,
    packed: int = 0,
    data: tuple[int, ...] = (0,) * 5,
    results: tuple[int, ...] = (0,) * 4,
    gradients: tuple[int, ...] = (0,) * 7,
    raw: tuple[int, ...] = _NONE,
    d_raw: tuple[int, ...] = _NONE,
) -> bytes:
    """An ``lp_job`` (scan.h)."""
    header = layer_part(layer, like.dtype, packed)
    run = _RUN.pack(*shape, layer.threads(*shape), *data, *results[:2])
    return header + run + _TRAINING.pack(*results[2:], *gradients, *raw, *d_raw)


def layer_part(layer: Layer, dtype: torch.dtype, packed: int) -> bytes:
    """The part of ``lp_job`` that no run changes."""
    plan, wiring = layer.plan, layer.plan.wiring
    return _LAYER.pack(
        *(layer.instructions, dtype.itemsize, wiring.input_size, wiring.units, wiring.output_size),
        *(plan.sensory, plan.recurrent, layer.unfolds, layer.softplus),
        *(1.0 / (layer.nominal_elapsed * layer.unfolds), layer.epsilon),
        *plan.addresses,
        packed,
    )


def _check(code: int, elapsed: Tensor | None) -> None:
    if code == OK:
        return
    if code == BAD_ELAPSED and elapsed is not None:
        check_elapsed(elapsed)
    raise KernelFailed("the scan found no memory: use fewer samples or steps at a time")


def _readable(features: Tensor) -> Tensor:
    """With its last axis contiguous; the others may be any views."""
    return features if features.stride(-1) == 1 else features.contiguous()


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _addresses(tensors: Any) -> tuple[int, ...]:
    return tuple([0 if tensor is None else tensor.data_ptr() for tensor in tensors])
