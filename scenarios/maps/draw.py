"""Random draws for roads: few kinds, each rounded, so that the text of a road is the same on every machine.

The generator's bits are the same everywhere, but ``exp`` and ``cos`` of two C libraries differ in the last bit.
Every drawn number is therefore rounded to a coarse decimal at once, and the curves are computed without libm
(:mod:`scenarios.maps.curve`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from liquid_pilot.randomness import generator

T = TypeVar("T")
Range = tuple[float, float]
"""Lower and upper bound of a uniform draw."""


class Draw:
    """A stream of rounded random values for (seed, purpose)."""

    def __init__(self, seed: int, purpose: str, attempt: int = 0) -> None:
        self._random = generator(seed, purpose, attempt)

    def uniform(self, bounds: Range, digits: int = 2) -> float:
        """Uniform in ``bounds``, rounded to so many decimals."""
        low, high = bounds
        return round(low + (high - low) * float(self._random.random()), digits)

    def log_uniform(self, bounds: Range, digits: int = 2) -> float:
        """Uniform in the logarithm: small radii come as often as large ones."""
        low, high = bounds
        return round(low * math.exp(math.log(high / low) * float(self._random.random())), digits)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return float(self._random.random()) < probability

    def sign(self) -> int:
        """+1 or -1."""
        return 1 if self.chance(0.5) else -1

    def count(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + min(int((high - low + 1) * float(self._random.random())), high - low)

    def choice(self, weights: Mapping[T, float]) -> T:
        """One of the keys, by weight."""
        left = sum(weights.values()) * float(self._random.random())
        chosen = next(iter(weights))
        for key, weight in weights.items():
            chosen = key
            left -= weight
            if left < 0.0:
                break
        return chosen
