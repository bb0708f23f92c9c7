"""The liquid time-constant network on a wiring: one parameter set per existing synapse, none for absent ones.

Each neuron i is a leaky capacitor that its synapses charge towards their reversal potentials E (NCP paper, Methods,
equations 1 to 3; LTC paper, equation 1):

    C_i dx_i/dt = g_i (vleak_i - x_i) + sum_j w_ij s_ij(x_j) (E_ij - x_i) + sum_k w_ik s_ik(u_k) (E_ik - x_i)
    s(v) = sigmoid(sigma (v - mu)),    tau_i = C_i / (g_i + sum w s)

The step is the fused semi-implicit Euler step of the LTC paper (algorithm 1), ``unfolds`` times per frame: implicit in
x_i, explicit in the sigmoids. Every new state is a weighted mean of the old one, vleak and the E's, so that
|x| <= max(|x0|, |vleak|, |E|) for any input. Sensory sums do not depend on the state: they are taken once per frame.

The step is written out here in torch, to be read, and to run wherever torch does. On the CPU the fused scan in C
(`liquid_pilot.nn.scan`) computes the same numbers and gradients many times faster, and is used when it is there.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from liquid_pilot.nn.controller import Controller, uniform
from liquid_pilot.nn.errors import BadConfig, BadInput, BadWiring, KernelChoice
from liquid_pilot.nn.scan import function as scan
from liquid_pilot.nn.scan.library import active, forced
from liquid_pilot.nn.scan.plan import Plan
from liquid_pilot.nn.wiring import Wiring

Init = Literal["paper", "ncps"]
Positivity = Literal["softplus", "clip"]
Mapping = Literal["affine", "linear", "none"]

PAPER_CM_T = 0.5
"""The paper's code initialises C / dt (dt: one unfold) with this; it knows no elapsed time."""
CLIP = {"w": (1e-3, 100.0), "sensory_w": (1e-3, 100.0), "gleak": (1e-3, 100.0), "cm_t": (1e-4, 1000.0)}
"""The legal ranges that the paper's code clips to after every optimiser step."""


class Readout(NamedTuple):
    """Everything about a run of the network, for every step."""

    outputs: Tensor
    """(B, T, M), as `LTC.forward` gives them."""
    states: Tensor
    """(B, T, N), the state after each step."""
    time_constants: Tensor
    """(B, T, N) seconds: tau = C / (g + sum w s) at the state after the step and the input of the step."""
    state: Tensor
    """(B, N), the state after the last step."""


class Packed(NamedTuple):
    """All that a step needs from the parameters; columns of the ``_out`` matrices: N numerators, N denominators."""

    sensory_gain: Tensor  # (S,)
    sensory_bias: Tensor  # (S,)
    sensory_out: Tensor  # (S, 2N)
    gain: Tensor  # (N, R): column r holds sigma_r in the row of its source
    bias: Tensor  # (R,)
    out: Tensor  # (R, 2N)
    leak: Tensor  # (2N,)
    capacitance: Tensor  # (N,), in units of the nominal elapsed time


class LTC(Controller):
    """A liquid time-constant layer on a frozen `Wiring`; `forward` and `readout` integrate over true elapsed times.

    Parameters, one value per synapse (sorted by target) or neuron: ``w``, ``mu``, ``sigma``, ``erev`` (R,); the same
    with ``sensory_`` (S,); ``gleak``, ``vleak``, ``cm`` (N,); ``input_w``, ``input_b`` (F,), ``output_w``,
    ``output_b`` (M,). Outputs are the motor neurons' states, mapped affinely.

    Args:
        input_size: features per step; must be the wiring's.
        wiring: the synapses; its ``output_size`` motor neurons are the outputs.
        init: ``"paper"`` starts as the published code does (C/dt 0.5, g 1, w 0.1 to 1: hardly any memory),
            ``"ncps"`` as ncps 1.0.1 does (slower: about a quarter of the state survives a frame).
        nominal_elapsed: the usual time between two steps in seconds. Capacitances are held in this unit, so that
            networks for 0.05 s and for 1 s start, and learn, identically at their own pace.
        seed: of all initial values. No global random state is used.
        unfolds: solver steps per frame.
        positivity: how w, g and C stay positive: ``"softplus"`` of the parameter, or ``"clip"``, where the parameter
            is the value and `constrain` must follow every optimiser step (as in the paper's code).
        input_map, output_map: ``"affine"``, ``"linear"`` or ``"none"``.
        epsilon: added to the denominator, as in ncps.

    Raises `BadWiring` when input size and wiring disagree, `BadConfig` for an unknown choice.
    """

    sensory_source: Tensor
    sensory_target: Tensor
    source: Tensor
    target: Tensor
    sensory_w: nn.Parameter
    sensory_mu: nn.Parameter
    sensory_sigma: nn.Parameter
    sensory_erev: nn.Parameter
    w: nn.Parameter
    mu: nn.Parameter
    sigma: nn.Parameter
    erev: nn.Parameter
    input_w: nn.Parameter | None
    input_b: nn.Parameter | None
    output_w: nn.Parameter | None
    output_b: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        wiring: Wiring,
        init: Init = "paper",
        *,
        nominal_elapsed: float = 1.0,
        seed: int = 0,
        unfolds: int = 6,
        positivity: Positivity = "softplus",
        input_map: Mapping = "affine",
        output_map: Mapping = "affine",
        epsilon: float = 1e-8,
    ) -> None:
        if wiring.input_size != input_size:
            raise BadWiring(f"the wiring has {wiring.input_size} inputs, but the layer is to read {input_size}")
        for name, value, choices in (
            ("init", init, ("paper", "ncps")),
            ("positivity", positivity, ("softplus", "clip")),
            ("input_map", input_map, ("affine", "linear", "none")),
            ("output_map", output_map, ("affine", "linear", "none")),
        ):
            if value not in choices:
                raise BadConfig(f"{name} is {value!r}: choose one of {', '.join(choices)}")
        if unfolds < 1:
            raise BadConfig(f"unfolds is {unfolds}: the solver needs at least one step per frame")
        super().__init__(input_size, wiring.output_size, wiring.units, nominal_elapsed)
        self.wiring = wiring
        self.unfolds = unfolds
        self.positivity = positivity
        self.epsilon = epsilon
        self._frozen: Packed | None = None
        self._stepper: scan.Stepper | None = None
        self._plan = Plan(wiring)

        for prefix, edges in (("sensory_", wiring.sensory_edges), ("", wiring.recurrent_edges)):
            # The wiring is the truth; these are its columns where the parameters are.
            self.register_buffer(f"{prefix}source", torch.from_numpy(edges.source), persistent=False)
            self.register_buffer(f"{prefix}target", torch.from_numpy(edges.target), persistent=False)
            self._initialise_synapses(prefix, edges.polarity, init, seed)
        self._initialise_neurons(wiring.units, init, seed)
        for name, mapping, size in (("input", input_map, input_size), ("output", output_map, wiring.output_size)):
            weight = nn.Parameter(torch.ones(size)) if mapping != "none" else None
            offset = nn.Parameter(torch.zeros(size)) if mapping == "affine" else None
            self.register_parameter(f"{name}_w", weight)
            self.register_parameter(f"{name}_b", offset)

    def _initialise_synapses(self, prefix: str, polarity: npt.NDArray[np.int64], init: Init, seed: int) -> None:
        shape = polarity.shape

        def draw(name: str, low: float, high: float) -> Tensor:
            return uniform(seed, prefix + name)(low, high, shape)

        weight = self._raw(draw("w", 0.1, 1.0)) if init == "paper" else draw("w", 0.001, 1.0)
        self.register_parameter(f"{prefix}w", nn.Parameter(weight))
        self.register_parameter(f"{prefix}mu", nn.Parameter(draw("mu", 0.3, 0.8)))
        self.register_parameter(f"{prefix}sigma", nn.Parameter(draw("sigma", 3.0, 8.0)))
        self.register_parameter(f"{prefix}erev", nn.Parameter(torch.from_numpy(polarity.astype(np.float32))))

    def _initialise_neurons(self, units: int, init: Init, seed: int) -> None:
        shape = (units,)
        self.vleak = nn.Parameter(uniform(seed, "vleak")(-0.2, 0.2, shape))
        if init == "paper":
            self.gleak = nn.Parameter(self._raw(torch.ones(shape)))
            # The nominal time cancels: C / (nominal / unfolds) is to be 0.5, and C is in units of nominal.
            self.cm = nn.Parameter(self._raw(torch.full(shape, PAPER_CM_T / self.unfolds)))
        else:
            self.gleak = nn.Parameter(uniform(seed, "gleak")(0.001, 1.0, shape))
            self.cm = nn.Parameter(uniform(seed, "cm")(0.4, 0.6, shape))

    def _raw(self, value: Tensor) -> Tensor:
        """The parameter whose positive value is ``value``."""
        return torch.log(torch.expm1(value)) if self.positivity == "softplus" else value

    def _positive(self, parameter: Tensor) -> Tensor:
        return F.softplus(parameter) if self.positivity == "softplus" else parameter

    def forward(
        self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, M) and the state (B, N) after the last step; see `Controller.forward`.

        A step of elapsed 0 leaves the state exactly as it is. Runs in the parameters' type even under autocast:
        the recurrence is too cheap to be worth bfloat16's rounding.

        A NaN among the features makes the states of its sample NaN from that step on, and no other sample's. Raises
        `BadInput` also for an empty batch or no step at all, `KernelUnavailable` and `KernelChoice` when
        ``LIQUID_PILOT_KERNEL=c`` forces the fused scan where it is not to be had.
        """
        if self._stepper is not None and forced() != "torch":
            stepped = self._stepper.run(features, state, elapsed)
            if stepped is not None:
                return stepped
        layer = self._scan_layer(features)
        if layer is not None:
            result = self._scan(layer, features, state, elapsed)
            return result.outputs, result.state
        states, state, _ = self._run(features, state, elapsed)
        return self._outputs(states), state

    def readout(self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None) -> Readout:
        """As `forward`, with the states and the time constants (seconds) of every neuron at every step."""
        layer = self._scan_layer(features)
        if layer is None:
            states, last, base = self._run(features, state, elapsed)
            outputs = self._outputs(states)
        else:
            outputs, last, kept = self._scan(layer, features, state, elapsed, keep_states=True)
            assert kept is not None
            states, base = kept, self._base(features.to(kept.dtype))
        packed = self.packed()
        with _full_precision(states):
            activation = torch.sigmoid(states @ packed.gain + packed.bias)
            total = base + activation @ packed.out
            constants = packed.capacitance * self.nominal_elapsed / total[..., self.state_size :]
        return Readout(outputs, states, constants, last)

    def _admitted(
        self, features: Tensor, state: Tensor | None, elapsed: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """As `_checked`, and neither empty nor of another place than the parameters, nor complex."""
        for name, tensor in (("features", features), ("state", state), ("elapsed", elapsed)):
            if tensor is not None and (tensor.device != self.w.device or tensor.is_complex()):
                raise BadInput(f"{name}: {tensor.dtype} on {tensor.device}, not real numbers on {self.w.device}")
        if 0 in features.shape[:2]:
            what = "no sample: B" if features.shape[0] == 0 else "no step at all: T"
            raise BadInput(f"features hold {what} is 0")
        return self._checked(features, state, elapsed)

    def _scan_layer(self, features: Tensor) -> scan.Layer | None:
        """The layer as the fused scan takes it; None when the plain path is to run."""
        library = active()
        if library is None or scan.recorded():
            return None
        # Plain tensors on the CPU in one of two types; functional_call may have put others in the parameters' place.
        if not (self.w.device.type == features.device.type == "cpu" and self.w.dtype in (torch.float32, torch.float64)):
            if forced() == "c":
                raise KernelChoice(
                    f"LIQUID_PILOT_KERNEL=c, but the parameters are {self.w.dtype} on {self.w.device} and the features "
                    f"a {type(features).__name__} on {features.device}: the fused scan takes plain tensors of float32 "
                    "or float64 on the CPU"
                )
            return None
        soft = self.positivity == "softplus"
        return scan.Layer(library, self._plan, self.unfolds, self.nominal_elapsed, self.epsilon, soft, library.chosen)

    def _scan(
        self,
        layer: scan.Layer,
        features: Tensor,
        state: Tensor | None,
        elapsed: Tensor | None,
        keep_states: bool = False,
    ) -> scan.Result:
        features, state, elapsed = self._admitted(features, state, elapsed)
        parameters = tuple(getattr(self, name) for name in scan.NAMES)
        packed = None if self._stepper is None else self._stepper.packed
        return scan.scan(layer, features, state, elapsed, parameters, packed, keep_states=keep_states)

    def _run(self, features: Tensor, state: Tensor | None, elapsed: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """States (B, T, N), the last of them, and the sums (B, T, 2N) of leak and sensory synapses."""
        features, state, elapsed = self._admitted(features, state, elapsed)
        with _full_precision(features):
            packed, base = self.packed(), self._base(features)
            step = 1.0 / (self.nominal_elapsed * self.unfolds)
            if elapsed is None:
                duration = features.new_full((1, 1, 1), 1.0 / self.unfolds).expand(*features.shape[:2], 1)
            else:
                duration = (elapsed * step).unsqueeze(-1)
            states = []
            for sums, dt in zip(base.unbind(1), duration.unbind(1), strict=True):
                for _ in range(self.unfolds):
                    state = _unfold(state, sums, dt, packed)
                states.append(state)
            return torch.stack(states, 1), state, base

    def _base(self, features: Tensor) -> Tensor:
        """The sums (B, T, 2N) of leak and sensory synapses."""
        packed = self.packed()
        with _full_precision(features):
            inputs = features if self.input_w is None else features * self.input_w
            inputs = inputs if self.input_b is None else inputs + self.input_b
            drive = torch.addcmul(packed.sensory_bias, inputs[..., self.sensory_source], packed.sensory_gain)
            return torch.sigmoid(drive) @ packed.sensory_out + packed.leak

    def _outputs(self, states: Tensor) -> Tensor:
        outputs = states[..., : self.output_size]
        if self.output_w is not None:
            outputs = outputs * self.output_w
        return outputs if self.output_b is None else outputs + self.output_b

    def packed(self) -> Packed:
        """What the plain path makes of the parameters: from `freeze` if it was called, else fresh, with gradients."""
        return self._frozen if self._frozen is not None else self._pack()

    def _pack(self) -> Packed:
        sensory_w, w = self._positive(self.sensory_w), self._positive(self.w)
        gleak, capacitance = self._positive(self.gleak), self._positive(self.cm)
        # A neuron whose softplus underflows to C = 0 would make elapsed 0 a division 0 / 0.
        capacitance = capacitance.clamp_min(torch.finfo(capacitance.dtype).tiny)
        gain = w.new_zeros(self.state_size, w.shape[0]).scatter(0, self.source[None], self.sigma[None])
        return Packed(
            self.sensory_sigma,
            -self.sensory_sigma * self.sensory_mu,
            self._spread(sensory_w, self.sensory_erev, self.sensory_target),
            gain,
            -self.sigma * self.mu,
            self._spread(w, self.erev, self.target),
            torch.cat([gleak * self.vleak, gleak + self.epsilon]),
            capacitance,
        )

    def _spread(self, w: Tensor, erev: Tensor, target: Tensor) -> Tensor:
        """Matrix (synapses, 2N) that sums w E into the numerators and w into the denominators of the targets."""
        # A product with a mostly empty matrix: at 19 neurons several times faster than index_add, also backwards.
        columns = torch.stack([target, target + self.state_size], 1)
        values = torch.stack([w * erev, w], 1)
        return w.new_zeros(w.shape[0], 2 * self.state_size).scatter(1, columns, values)

    def set_input_map(self, gain: Tensor, offset: Tensor | None = None) -> None:
        """Overwrite the input map's values: inputs become ``gain * features + offset``, both (F,).

        Raises `BadInput` when the layer has no such map or the sizes differ.
        """
        for name, parameter, value in (("gain", self.input_w, gain), ("offset", self.input_b, offset)):
            if value is None:
                continue
            if parameter is None or parameter.shape != value.shape:
                raise BadInput(f"cannot set an input {name} of shape {tuple(value.shape)} on this layer's input map")
            with torch.no_grad():
                parameter.copy_(value)
        self._thaw()

    @torch.no_grad()
    def constrain(self) -> None:
        """Clip w, g and C to the paper's ranges when ``positivity="clip"``; otherwise there is nothing to do."""
        if self.positivity == "clip":
            self.w.clamp_(*CLIP["w"])
            self.sensory_w.clamp_(*CLIP["sensory_w"])
            self.gleak.clamp_(*CLIP["gleak"])
            self.cm.clamp_(*(bound / self.unfolds for bound in CLIP["cm_t"]))

    @torch.no_grad()
    def freeze(self) -> None:
        """Pack the parameters once; see `Controller.freeze`."""
        self._frozen = self._pack()
        layer = self._scan_layer(self.w)
        if layer is not None:
            packed = scan.pack(layer, tuple(getattr(self, name) for name in scan.NAMES))
            self._stepper = scan.Stepper(layer, packed)

    def _thaw(self) -> None:
        self._frozen = None
        self._stepper = None

    def train(self, mode: bool = True) -> LTC:
        """As in torch; also undoes `freeze`."""
        self._thaw()
        super().train(mode)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> LTC:
        self._thaw()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._thaw()
        super()._load_from_state_dict(*args, **kwargs)

    def extra_repr(self) -> str:
        """One line for torch's printout."""
        return f"{self.input_size} inputs, {self.state_size} neurons, {self.wiring.synapse_count} synapses"


def _unfold(state: Tensor, sums: Tensor, dt: Tensor, packed: Packed) -> Tensor:
    """One semi-implicit step of duration ``dt`` (B, 1) (in nominal times) from state (B, N)."""
    activation = torch.sigmoid(torch.addmm(packed.bias, state, packed.gain))
    pull, conductance = torch.addmm(sums, activation, packed.out).chunk(2, 1)
    # (C x + dt pull) / (C + dt conductance), written as a change of x: with dt = 0 the change is 0 to the last bit,
    # and unlike ncps's C / dt it has no infinity, so that gradients stay finite too.
    change = dt * torch.addcmul(pull, conductance, state, value=-1.0)
    return torch.addcdiv(state, change, torch.addcmul(packed.capacitance, dt, conductance))


def _full_precision(tensor: Tensor) -> torch.autocast:
    return torch.autocast(tensor.device.type, enabled=False)
