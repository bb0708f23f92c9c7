"""The one contract of everything that turns features into actions over time, liquid or not."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from liquid_pilot.nn.errors import BadElapsed, BadInput
from liquid_pilot.randomness import generator


class Controller(nn.Module, ABC):
    """A recurrent (or memoryless) controller: features over time in, outputs over time out, state passed explicitly.

    Shapes: features (B, T, F), state (B, N), elapsed (B, T) seconds since the previous step, outputs (B, T, M).
    """

    input_size: int
    """F, the features of one step."""
    output_size: int
    """M, the outputs of one step."""
    state_size: int
    """N, the numbers that carry the memory; 0 for a memoryless controller."""
    nominal_elapsed: float
    """The time step in seconds that the initialisation expects; also what ``elapsed=None`` means."""

    def __init__(self, input_size: int, output_size: int, state_size: int, nominal_elapsed: float) -> None:
        super().__init__()
        if not (nominal_elapsed > 0 and math.isfinite(nominal_elapsed)):
            raise BadElapsed(f"nominal_elapsed is {nominal_elapsed}: give the usual time step in seconds, above 0")
        self.input_size = input_size
        self.output_size = output_size
        self.state_size = state_size
        self.nominal_elapsed = nominal_elapsed

    @abstractmethod
    def forward(
        self, features: Tensor, state: Tensor | None = None, elapsed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, T, M) and the state (B, N) after the last step.

        ``state=None`` starts from `initial_state`, ``elapsed=None`` takes ``nominal_elapsed`` for every step.
        Raises `BadInput` for wrong shapes and `BadElapsed` for negative or non-finite times.
        """

    def initial_state(self, batch: int) -> Tensor:
        """The state (batch, N) of an episode that begins: zeros, in the parameters' type and place."""
        return next(self.parameters()).new_zeros(batch, self.state_size)

    def freeze(self) -> None:
        """Compute once what depends on parameters alone, for inference that asks one step at a time.

        Until `train`, `eval`, a conversion or `load_state_dict` is called, changes of parameters are not seen.
        """

    def constrain(self) -> None:
        """Bring parameters back into their legal ranges; call it after every optimiser step (most need nothing)."""

    def _checked(
        self, features: Tensor, state: Tensor | None, elapsed: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The arguments in the parameters' type after all checks; ``elapsed`` stays None when none was given."""
        if features.dim() != 3 or features.shape[-1] != self.input_size:
            raise BadInput(f"features have shape {tuple(features.shape)}, not (B, T, {self.input_size})")
        batch, steps = features.shape[:2]
        dtype = next(self.parameters()).dtype
        if state is None:
            state = self.initial_state(batch)
        elif state.shape != (batch, self.state_size):
            raise BadInput(f"the state has shape {tuple(state.shape)}, not ({batch}, {self.state_size})")
        if elapsed is not None:
            if elapsed.shape != (batch, steps):
                raise BadElapsed(
                    f"elapsed has shape {tuple(elapsed.shape)}; give one time per step: ({batch}, {steps})"
                )
            check_elapsed(elapsed)
            elapsed = elapsed.to(dtype)
        return features.to(dtype), state.to(dtype), elapsed


def check_elapsed(elapsed: Tensor) -> None:
    """Raise `BadElapsed` unless every time is finite and not negative."""
    if torch.compiler.is_compiling() or elapsed.numel() == 0:
        return  # an exported graph cannot raise; its caller checks
    low, high = torch.aminmax(elapsed.detach())  # both are NaN when any element is
    smallest, largest = low.item(), high.item()
    if not (smallest >= 0 and largest < math.inf):
        raise BadElapsed(
            f"elapsed times run from {smallest} to {largest} s: give seconds since the previous step, finite and >= 0"
        )


def uniform(seed: int, name: str) -> Callable[[float, float, tuple[int, ...]], Tensor]:
    """A drawer of initial values, keyed by (seed, name): ``draw(low, high, shape)`` gives float32.

    Named parameters rather than one stream, so that a new parameter changes no other one's initial value; and our
    own generator rather than torch's global one, which is never touched.
    """
    rng = generator(seed, f"nn-init/{name}")

    def draw(low: float, high: float, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))

    return draw


def without_init(module: type[nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Build a torch module with uninitialised weights, so that its constructor draws no global random numbers."""
    # torch.nn.utils.skip_init does the same, but refuses nn.LSTM and nn.GRU.
    return module(*args, device="meta", **kwargs).to_empty(device="cpu")


def fill_uniform(module: nn.Module, seed: int, name: str, bound: float) -> None:
    """Fill every parameter of a torch module with U(-bound, bound), as torch's recurrent layers are initialised."""
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            parameter.copy_(uniform(seed, f"{name}/{key}")(-bound, bound, tuple(parameter.shape)))
