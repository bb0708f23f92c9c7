"""Intervals: how sure a number is.

Means get a percentile bootstrap interval over episodes (Efron and Tibshirani 1993, section 13.3). Rates of success get
the Wilson score interval (Wilson 1927): the bootstrap of twenty successes out of twenty has no width at all, which
would call a policy certain that may well fail one time in seven.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from liquid_pilot.randomness import generator

RESAMPLES = 2000
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval over n episodes."""

    mean: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float]:
        """``{mean, low, high, n}`` for results.json."""
        return asdict(self)


def bootstrap_mean(values: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """Mean of ``values`` (n,) with the percentile bootstrap's 95 % interval.

    The same values in the same order give the same interval: the draws are keyed by the seed alone.

    Raises:
        ValueError: no values at all.
    """
    if not len(values):
        raise ValueError("an estimate needs at least one value")
    data = np.asarray(values, np.float64)
    draws = generator(seed, "bootstrap", len(data)).integers(0, len(data), (resamples, len(data)))
    means = data[draws].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(data.mean()), float(low), float(high), len(data))


def success_rate(successes: Sequence[bool]) -> Estimate:
    """Share of successes with the Wilson score 95 % interval.

    Raises:
        ValueError: no episodes at all.
    """
    n = len(successes)
    if n == 0:
        raise ValueError("a success rate needs at least one episode")
    rate = sum(bool(s) for s in successes) / n
    scale = 1.0 + Z_95**2 / n
    centre = (rate + Z_95**2 / (2 * n)) / scale
    half = Z_95 * math.sqrt(rate * (1 - rate) / n + Z_95**2 / (4 * n * n)) / scale
    return Estimate(rate, max(0.0, centre - half) if rate > 0 else 0.0, min(1.0, centre + half) if rate < 1 else 1.0, n)
