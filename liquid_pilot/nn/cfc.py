"""Closed-form continuous-time network (Hasani et al., Nature Machine Intelligence 2022), unwired, as in ncps."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from liquid_pilot.nn.controller import Controller, uniform
from liquid_pilot.nn.errors import BadConfig, BadInput

Mode = Literal["default", "no_gate", "pure"]


class CfC(Controller):
    """One backbone, then the closed form of the liquid neuron with a time gate; a linear readout gives the outputs.

    With x = backbone([u, h]), g = tanh(ff1 x), h2 = tanh(ff2 x), gate = sigmoid(a(x) t + b(x)), t = elapsed / nominal:

    - ``default``: h' = g (1 - gate) + h2 gate       - ``no_gate``: h' = g + h2 gate
    - ``pure``:    h' = A - A exp(-t (|w_tau| + |ff1 x|)) ff1 x

    Where no time passed (t = 0) the state stays as it is. The closed form alone would jump there, because its gate is
    sigmoid(b(x)), not 0; ncps lets it jump.

    Args:
        input_size, output_size: F and M.
        units: N, the state.
        mode: one of the three forms above.
        backbone_units, backbone_layers: the shared layers (LeCun tanh), at least one.
        nominal_elapsed: the time in seconds that counts as t = 1.
        seed: of all initial values (Glorot uniform weights, as in ncps). No global random state is used.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        units: int = 19,
        *,
        mode: Mode = "default",
        backbone_units: int = 128,
        backbone_layers: int = 1,
        nominal_elapsed: float = 1.0,
        seed: int = 0,
    ) -> None:
        if mode not in ("default", "no_gate", "pure"):
            raise BadConfig(f"CfC mode is {mode!r}: choose one of default, no_gate, pure")
        if min(units, backbone_units, backbone_layers) < 1:
            raise BadConfig("a CfC needs at least one unit and one backbone layer of at least one unit")
        super().__init__(input_size, output_size, units, nominal_elapsed)
        self.mode = mode
        self.blocks = 1 if mode == "pure" else 4
        """Linear maps of the backbone's output that the form needs: ff1, ff2, time_a, time_b; they are one matrix."""
        sizes = [input_size + units] + [backbone_units] * backbone_layers
        self.backbone = nn.ParameterList()
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            self.backbone.extend(_linear(seed, f"backbone{layer}", fan_in, fan_out))
        self.heads = nn.ParameterList(_linear(seed, "heads", backbone_units, units, self.blocks))
        self.readout = nn.ParameterList(_linear(seed, "readout", units, output_size))
        if mode == "pure":
            self.w_tau = nn.Parameter(torch.zeros(units))
            self.amplitude = nn.Parameter(torch.ones(units))

    def forward(
        self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, M) and the state (B, N) after the last step; see `Controller.forward`."""
        features, state, elapsed = self._checked(features, state, elapsed)
        if features.shape[1] == 0:
            raise BadInput("features hold no step at all: T is 0")
        time = None if elapsed is None else (elapsed / self.nominal_elapsed).unsqueeze(-1)
        weight, bias = self.backbone[0], self.backbone[1]
        # The inputs' share of the first layer does not depend on the state: all steps at once.
        driven = F.linear(features, weight[:, : self.input_size], bias)
        recurrent = weight[:, self.input_size :]
        states = []
        for step, drive in enumerate(driven.unbind(1)):
            x = _lecun_tanh(drive + F.linear(state, recurrent))
            for layer in range(2, len(self.backbone), 2):
                x = _lecun_tanh(F.linear(x, self.backbone[layer], self.backbone[layer + 1]))
            heads = F.linear(x, self.heads[0], self.heads[1])
            if time is None:
                state = self._closed_form(heads, None)
            else:
                t = time[:, step]
                state = torch.where(t == 0, state, self._closed_form(heads, t))
            states.append(state)
        return F.linear(torch.stack(states, 1), self.readout[0], self.readout[1]), state

    def _closed_form(self, heads: Tensor, t: Tensor | None) -> Tensor:
        if self.mode == "pure":
            rate = self.w_tau.abs() + heads.abs()
            return self.amplitude - self.amplitude * torch.exp(-rate if t is None else -t * rate) * heads
        g, h2, a, b = heads.chunk(4, 1)
        gate = torch.sigmoid(a + b if t is None else a * t + b)
        g, h2 = torch.tanh(g), torch.tanh(h2)
        return g + gate * h2 if self.mode == "no_gate" else g * (1.0 - gate) + gate * h2


def _lecun_tanh(x: Tensor) -> Tensor:
    return 1.7159 * torch.tanh(0.666 * x)


def _linear(seed: int, name: str, fan_in: int, fan_out: int, blocks: int = 1) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight (blocks * fan_out, fan_in), Glorot uniform for each block, and bias U(+-1 / sqrt(fan_in))."""
    glorot, bound = math.sqrt(6.0 / (fan_in + fan_out)), 1.0 / math.sqrt(fan_in)
    weight = uniform(seed, f"cfc/{name}/weight")(-glorot, glorot, (blocks * fan_out, fan_in))
    bias = uniform(seed, f"cfc/{name}/bias")(-bound, bound, (blocks * fan_out,))
    return nn.Parameter(weight), nn.Parameter(bias)
