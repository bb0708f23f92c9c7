"""What the liquid networks are compared with: LSTM, GRU, continuous-time RNN and a memoryless network.

All keep the contract of `Controller`. LSTM, GRU and the memoryless network count steps, not seconds: ``elapsed`` is
checked and otherwise ignored.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from liquid_pilot.nn.controller import Controller, fill_uniform, uniform, without_init
from liquid_pilot.nn.errors import BadConfig, BadInput


class LSTM(Controller):
    """Long short-term memory with a linear readout; the state is hidden and cell side by side, N = 2 units.

    Forget gates start at a bias of +1 (Jozefowicz et al. 2015), as in ncps's own LSTM.
    """

    def __init__(
        self, input_size: int, output_size: int, units: int = 64, *, nominal_elapsed: float = 1.0, seed: int = 0
    ) -> None:
        _at_least_one(units)
        super().__init__(input_size, output_size, 2 * units, nominal_elapsed)
        self.units = units
        self.cell: nn.LSTM = without_init(nn.LSTM, input_size, units, batch_first=True)
        self.readout: nn.Linear = without_init(nn.Linear, units, output_size)
        bound = 1.0 / math.sqrt(units)
        fill_uniform(self.cell, seed, "lstm", bound)
        fill_uniform(self.readout, seed, "lstm/readout", bound)
        with torch.no_grad():
            self.cell.bias_ih_l0[units : 2 * units] += 1.0

    def forward(
        self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, M) and the state (B, 2 units) after the last step; see `Controller.forward`."""
        features, state, _ = self._checked(features, state, elapsed)
        hidden, cell = state.unsqueeze(0).chunk(2, 2)
        states, (hidden, cell) = self.cell(features, (hidden.contiguous(), cell.contiguous()))
        return self.readout(states), torch.cat([hidden[0], cell[0]], 1)


class GRU(Controller):
    """Gated recurrent unit with a linear readout; N = units."""

    def __init__(
        self, input_size: int, output_size: int, units: int = 64, *, nominal_elapsed: float = 1.0, seed: int = 0
    ) -> None:
        _at_least_one(units)
        super().__init__(input_size, output_size, units, nominal_elapsed)
        self.cell: nn.GRU = without_init(nn.GRU, input_size, units, batch_first=True)
        self.readout: nn.Linear = without_init(nn.Linear, units, output_size)
        bound = 1.0 / math.sqrt(units)
        fill_uniform(self.cell, seed, "gru", bound)
        fill_uniform(self.readout, seed, "gru/readout", bound)

    def forward(
        self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, M) and the state (B, N) after the last step; see `Controller.forward`."""
        features, state, _ = self._checked(features, state, elapsed)
        states, last = self.cell(features, state.unsqueeze(0).contiguous())
        return self.readout(states), last[0]


class CTRNN(Controller):
    """Continuous-time RNN, tau dx/dt = tanh(W x + U u + b) - x, with a linear readout; N = units.

    Each unfold solves the linear part exactly (x moves by the share 1 - exp(-dt / tau) towards the tanh), so that no
    time step is unstable, |x| stays below max(|x0|, 1), and elapsed 0 leaves the state exactly as it is. The explicit
    Euler step with a fixed tau of the LTC paper's comparison is neither. Taus are learned, in nominal times, from 0.2
    to 1 at the start.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        units: int = 64,
        *,
        unfolds: int = 6,
        nominal_elapsed: float = 1.0,
        seed: int = 0,
    ) -> None:
        _at_least_one(units)
        super().__init__(input_size, output_size, units, nominal_elapsed)
        self.unfolds = unfolds
        bound = 1.0 / math.sqrt(units)
        self.drive: nn.Linear = without_init(nn.Linear, input_size, units)
        self.recurrent: nn.Linear = without_init(nn.Linear, units, units, bias=False)
        self.readout: nn.Linear = without_init(nn.Linear, units, output_size)
        fill_uniform(self.drive, seed, "ctrnn/drive", 1.0 / math.sqrt(input_size))
        fill_uniform(self.recurrent, seed, "ctrnn/recurrent", bound)
        fill_uniform(self.readout, seed, "ctrnn/readout", bound)
        self.tau = nn.Parameter(torch.log(torch.expm1(uniform(seed, "ctrnn/tau")(0.2, 1.0, (units,)))))

    def forward(
        self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, M) and the state (B, N) after the last step; see `Controller.forward`."""
        features, state, elapsed = self._checked(features, state, elapsed)
        if features.shape[1] == 0:
            raise BadInput("features hold no step at all: T is 0")
        duration = features.new_ones(features.shape[:2]) if elapsed is None else elapsed / self.nominal_elapsed
        share = -torch.expm1(-duration.unsqueeze(-1) / (self.unfolds * F.softplus(self.tau)))
        states = []
        for drive, part in zip(self.drive(features).unbind(1), share.unbind(1), strict=True):
            for _ in range(self.unfolds):
                state = state + part * (torch.tanh(self.recurrent(state) + drive) - state)
            states.append(state)
        return self.readout(torch.stack(states, 1)), state


class FeedForward(Controller):
    """No memory: one hidden tanh layer on each step alone; the state is empty, (B, 0)."""

    def __init__(
        self, input_size: int, output_size: int, units: int = 64, *, nominal_elapsed: float = 1.0, seed: int = 0
    ) -> None:
        _at_least_one(units)
        super().__init__(input_size, output_size, 0, nominal_elapsed)
        self.hidden: nn.Linear = without_init(nn.Linear, input_size, units)
        self.readout: nn.Linear = without_init(nn.Linear, units, output_size)
        fill_uniform(self.hidden, seed, "cnn/hidden", 1.0 / math.sqrt(input_size))
        fill_uniform(self.readout, seed, "cnn/readout", 1.0 / math.sqrt(units))

    def forward(
        self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, M) and the empty state (B, 0); see `Controller.forward`."""
        features, state, _ = self._checked(features, state, elapsed)
        return self.readout(torch.tanh(self.hidden(features))), state


def _at_least_one(units: int) -> None:
    if units < 1:
        raise BadConfig(f"units is {units}: a controller needs at least one")
