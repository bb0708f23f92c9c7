"""The one interface of everything that can hold the wheel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Observation = Mapping[str, npt.NDArray[Any]]
Info = Mapping[str, Any]
Action = npt.NDArray[np.float32]


class Policy(ABC):
    """Maps observations to actions; holds the memory of one or many episodes that run side by side.

    An episode is a *row*. Worlds that run in lock step hand all their observations over in one call, so that a
    network sees them as one batch. One world alone is row 0 and may use `act`.
    """

    name: str = "policy"
    privileged: bool = False
    """True when the policy reads the truth in ``info`` (experts); an honest policy never looks at it."""

    @abstractmethod
    def reset(self, rows: Sequence[int] = (0,)) -> None:
        """Forget everything about these rows: a new episode starts in each."""

    @abstractmethod
    def act_rows(self, rows: Sequence[int], observations: Sequence[Observation], infos: Sequence[Info]) -> Action:
        """Actions for the given rows, float32 (len(rows), action size) in [-1, 1]. Other rows keep their memory."""

    def act(self, observation: Observation, info: Info | None = None) -> Action:
        """Action of row 0, float32 (action size,)."""
        action: Action = self.act_rows((0,), (observation,), ({} if info is None else info,))[0]
        return action
