"""Which of the last networks is kept: the one that drives best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liquid_pilot.imitation.validation import Validation


@dataclass(frozen=True)
class ClosedLoopScore:
    """How a network drove on a few validation scenarios.

    success: share of the episodes that ended well; completion: mean share of the route that was driven; error: what
    should be small besides, over all episodes (a car: RMS off the lane's centre, a drone: RMS distance to the target in
    the end; m); episodes: how many.
    """

    success: float
    completion: float
    error: float
    episodes: int

    @property
    def rank(self) -> tuple[float, float, float]:
        """Larger is better: first success, then how far it came, then how small its error was."""
        return self.success, self.completion, -self.error


@dataclass(frozen=True)
class Candidate:
    """A network that was kept: step of the last stage, and its validation."""

    step: int
    validation: Validation


def choose(candidates: Sequence[Candidate], scores: Mapping[int, ClosedLoopScore]) -> Candidate:
    """The candidate that drove best; the one with the least validation loss where none has driven.

    scores: by step. Equal ranks go to the later one, which has learned longer. Offline errors do not rank driving
    networks (in trials 0.0009 had 70 % success and 0.0080 had 95 %), so they only decide where nothing else does.
    """
    driven = [candidate for candidate in candidates if candidate.step in scores]
    if driven:
        return max(driven, key=lambda candidate: (scores[candidate.step].rank, candidate.step))
    return min(candidates, key=lambda candidate: (candidate.validation.loss, -candidate.step))
