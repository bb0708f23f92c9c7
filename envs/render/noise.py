"""Smooth random fields that tile.

Only additions, products and comparisons of float64 are used: no sine, no exponential, no floating-point sums over
axes, so that every machine draws the very same texture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> FloatArray:
    """Random values on a lattice of ``cells`` (rows, columns), smoothly interpolated to ``shape``; 0..1, periodic."""
    lattice = rng.random(cells)
    rows, columns = (np.arange(n) * (c / n) for n, c in zip(shape, cells, strict=True))
    r0, c0 = rows.astype(np.int64), columns.astype(np.int64)
    fr, fc = rows - r0, columns - c0
    fr, fc = fr * fr * (3 - 2 * fr), fc * fc * (3 - 2 * fc)
    across = lattice[:, c0] * (1 - fc) + lattice[:, (c0 + 1) % cells[1]] * fc
    return np.asarray(across[r0] * (1 - fr)[:, None] + across[(r0 + 1) % cells[0]] * fr[:, None])


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], octaves: int, gain: float = 0.5
) -> FloatArray:
    """Sum of `value_noise` at doubling frequencies, each ``gain`` times weaker; 0..1, mean about 0.5, periodic."""
    total, weight, amplitude = np.zeros(shape), 0.0, 1.0
    for octave in range(octaves):
        size = (min(cells[0] << octave, shape[0]), min(cells[1] << octave, shape[1]))
        total += amplitude * value_noise(rng, shape, size)
        weight += amplitude
        amplitude *= gain
    return total / weight


def smoothstep(low: float, high: float, x: FloatArray) -> FloatArray:
    """0 below ``low``, 1 above ``high``, a smooth S between; ``low`` > ``high`` turns it round."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def to_bytes(colour: FloatArray) -> NDArray[np.uint8]:
    """Colours 0..1 as bytes, rounded, clipped."""
    return (np.clip(colour, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
