"""Which frames and windows a training step sees: a pure function of (seed, purpose, step).

Nothing here remembers what it drew before, so a training that is resumed at step N sees exactly what it would have
seen without the interruption, and a step can be looked at on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from liquid_pilot.randomness import generator

Index = NDArray[np.int64]
Weights = NDArray[np.float64]


def frame_interest(
    action: NDArray[np.float32], typical: NDArray[np.float32], share: float, cap: float = 4.0
) -> Weights:
    """How often a frame shall be drawn, relative to an idle one: 1 + share * sum_a min(|action_a| / typical_a, cap).

    action: (N, A) labels; typical: (A,) magnitudes that count as one unit. Returns (N,) weights >= 1. Most of a drive
    is spent going straight at the right speed, where there is nothing to learn.
    """
    units = np.minimum(np.abs(action) / typical, cap)
    interest: Weights = 1.0 + share * units.sum(axis=1, dtype=np.float64)
    return interest


@dataclass(frozen=True)
class WindowSampler:
    """Draws windows of consecutive frames of one drive.

    starts: (W,) index of each window's first frame; weights: (W,) > 0; batch: windows a step; seed and purpose name
    the random stream.
    """

    starts: Index
    weights: Weights
    length: int
    batch: int
    seed: int
    purpose: str

    @cached_property
    def _edges(self) -> Weights:
        return np.cumsum(self.weights)

    @staticmethod
    def over(
        spans: list[tuple[int, int]], interest: Weights, length: int, batch: int, seed: int, purpose: str
    ) -> WindowSampler:
        """All windows of ``length`` frames inside the spans [first, end) of frames, weighted by their mean interest.

        A span counts by its frames, not by its windows: a segment of 16 frames holds one window of 16, a drive of 64
        holds 49, and by its windows the expert's part of two equal recordings was a twelfth of what was learned from.
        """
        held = [(first, end) for first, end in spans if end - first >= length]
        starts = [np.arange(first, end - length + 1, dtype=np.int64) for first, end in held]
        shares = [np.full(len(own), (end - first) / len(own)) for own, (first, end) in zip(starts, held, strict=True)]
        chosen = np.concatenate(starts) if starts else np.empty(0, np.int64)
        total = np.concatenate([[0.0], np.cumsum(interest)])
        weights = (total[chosen + length] - total[chosen]) / length * np.concatenate([np.empty(0), *shares])
        return WindowSampler(chosen, weights, length, batch, seed, purpose)

    def draw(self, step: int) -> Index:
        """First frames (batch,) of the windows of this step.

        Stratified: the weighted windows are laid in a row in order of recording and one is drawn from each of
        ``batch`` equal parts, so that every step sees roads from the whole of the recordings.
        """
        rng = generator(self.seed, self.purpose, step)
        points = (np.arange(self.batch) + rng.random(self.batch)) / self.batch * self._edges[-1]
        chosen = np.minimum(np.searchsorted(self._edges, points, side="right"), len(self.starts) - 1)
        drawn: Index = self.starts[chosen]
        return drawn

    def frames(self, step: int) -> Index:
        """Frame numbers (batch, length) of this step."""
        numbers: Index = self.draw(step)[:, None] + np.arange(self.length, dtype=np.int64)
        return numbers
