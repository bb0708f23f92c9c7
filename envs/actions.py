"""Reading actions: the same for everything that drives or flies."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from envs.errors import BadAction, NonFiniteAction


def read_action(action: npt.ArrayLike, names: tuple[str, ...], seconds: float) -> tuple[float, ...]:
    """The components of an action as plain floats, not yet clipped.

    Args:
        action: (len(names),).
        names: of the components.
        seconds: since the episode began, for the message.

    Raises:
        BadAction, NonFiniteAction.
    """
    values = np.asarray(action, dtype=np.float64)
    if values.shape != (len(names),):
        raise BadAction(f"an action has shape ({len(names)},): {', '.join(names)}; got shape {values.shape}")
    numbers: list[float] = values.tolist()
    if not all(map(math.isfinite, numbers)):
        raise NonFiniteAction(
            f"action {tuple(numbers)} at {seconds:.2f} s is not finite: "
            "the policy that gave it is broken, check its training"
        )
    return tuple(numbers)


def clipped(value: float, most: float = 1.0) -> float:
    """The number within -most and most."""
    return most if value > most else -most if value < -most else value
