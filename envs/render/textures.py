"""Ground and road pictures, drawn by numbers: no picture file is shipped, and each tiles without a seam."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from envs.render.noise import FloatArray, fractal_noise, smoothstep, to_bytes, value_noise
from envs.render.scene import TEXTURES, Colour
from liquid_pilot.randomness import generator

SIZE = 256
"""Pixels of a side of every named texture."""

TILE_METRES = {
    "asphalt": 10.0, "asphalt_old": 10.0, "concrete": 10.0, "paving": 4.0, "grass": 12.0, "meadow": 16.0,
    "leaf_litter": 10.0, "gravel": 6.0, "sand": 16.0, "snow": 20.0, "rock": 12.0, "earth": 8.0,
}  # fmt: skip
"""Metres that one repeat (uv 0..1) of a named texture should cover to look right."""


@cache
def texture(name: str) -> NDArray[np.uint8]:
    """The named picture, (SIZE, SIZE, 3) uint8; row 0 is the top. Always the same for a name; do not write to it."""
    picture = to_bytes(_PAINTERS[name](generator(0, f"texture-{name}"), (SIZE, SIZE)))
    picture.flags.writeable = False
    return picture


def _mix(first: Colour, second: Colour, share: FloatArray) -> FloatArray:
    """Blend of two colours, (H, W, 3), by a share (H, W) of the second."""
    return np.asarray(np.array(first) * (1 - share[..., None]) + np.array(second) * share[..., None])


def _grain(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> FloatArray:
    """Per-pixel brightness factor around 1, (H, W, 1)."""
    return np.asarray(1 + strength * (rng.random(shape) - 0.5))[..., None]


def _wander(rng: np.random.Generator, shape: tuple[int, int], count: int, steps: int) -> NDArray[np.bool_]:
    """A mask of ``count`` thin wandering lines (cracks), periodic."""
    mask = np.zeros(shape, dtype=bool)
    for _ in range(count):
        row, column = rng.random(2) * shape
        direction = np.array((rng.random() - 0.5, rng.random() - 0.5)) * 2
        for turn in rng.random((steps, 2)) - 0.5:
            direction = np.clip(direction + 0.7 * turn, -1, 1)
            row, column = row + direction[0], column + direction[1]
            mask[int(row) % shape[0], int(column) % shape[1]] = True
    return mask


def _asphalt(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    patches = fractal_noise(rng, shape, (4, 4), 4)
    colour = _mix((0.40, 0.40, 0.41), (0.50, 0.49, 0.47), patches) * _grain(rng, shape, 0.22)
    stones = rng.random(shape)
    colour[stones > 0.985] *= 1.22
    colour[stones < 0.02] *= 0.80
    return colour


def _asphalt_old(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    colour = _asphalt(rng, shape) * 1.08
    for _ in range(3):  # places that were mended: darker rectangles with a sealed edge
        top, left, high, wide = (rng.random(4) * (200, 200, 50, 40) + (0, 0, 14, 12)).astype(int)
        colour[top : top + high, left : left + wide] *= 0.80
        colour[top : top + high, [left, min(left + wide, shape[1]) - 1]] *= 0.72
    colour[_wander(rng, shape, 9, 130)] *= 0.62
    return colour


def _concrete(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    colour = _mix((0.60, 0.59, 0.56), (0.70, 0.69, 0.66), fractal_noise(rng, shape, (3, 3), 4)) * _grain(
        rng, shape, 0.1
    )
    colour[:: shape[0] // 2] *= 0.6
    colour[:, :: shape[1] // 2] *= 0.6
    return colour


def _paving(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    rows, columns = np.indices(shape)
    course = rows // 16
    shifted = (columns + 16 * (course % 2)) % shape[1]
    tone = rng.random((shape[0] // 16, shape[1] // 32))[course, shifted // 32]
    colour = _mix((0.56, 0.54, 0.51), (0.68, 0.65, 0.61), tone) * _grain(rng, shape, 0.10)
    colour[(rows % 16 == 0) | (shifted % 32 == 0)] *= 0.66
    return colour


def _grass(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    dry = smoothstep(0.45, 0.75, fractal_noise(rng, shape, (3, 3), 4))
    tufts = fractal_noise(rng, shape, (24, 32), 3, 0.7)
    blades = value_noise(rng, shape, (shape[0] // 3, shape[1]))
    colour = _mix((0.36, 0.51, 0.19), (0.46, 0.55, 0.23), dry) * (0.72 + 0.56 * tufts)[..., None]
    return np.asarray(colour * (0.84 + 0.32 * blades)[..., None])


def _meadow(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    colour: FloatArray = _grass(rng, shape) * np.array((1.08, 1.04, 1.05))
    for flower in ((0.95, 0.85, 0.30), (0.93, 0.93, 0.90), (0.78, 0.42, 0.55)):
        field = smoothstep(0.50, 0.72, fractal_noise(rng, shape, (4, 4), 3))
        colour[rng.random(shape) < 0.035 * field] = flower
    return colour


def _leaf_litter(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    colour = _mix((0.40, 0.31, 0.18), (0.46, 0.45, 0.20), smoothstep(0.4, 0.7, fractal_noise(rng, shape, (4, 4), 4)))
    colour *= (0.75 + 0.5 * fractal_noise(rng, shape, (32, 32), 3, 0.7))[..., None]
    leaves = value_noise(rng, shape, (shape[0] // 2, shape[1] // 2))
    kinds = value_noise(rng, shape, (shape[0] // 3, shape[1] // 3))
    for low, leaf in ((0.80, (0.72, 0.42, 0.14)), (0.62, (0.64, 0.52, 0.18)), (0.3, (0.50, 0.26, 0.13))):
        colour[(leaves > 0.74) & (kinds > low) & (kinds < low + 0.12)] = leaf
    return np.asarray(colour * _grain(rng, shape, 0.15))


def _gravel(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    stones = value_noise(rng, shape, (shape[0] // 2, shape[1] // 2))
    tone = fractal_noise(rng, shape, (4, 4), 3)
    colour = _mix((0.50, 0.46, 0.40), (0.66, 0.62, 0.55), tone) * (0.72 + 0.5 * stones)[..., None]
    return np.asarray(colour * _grain(rng, shape, 0.12))


def _sand(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    ripples = value_noise(rng, shape, (48, 6))
    colour = _mix((0.76, 0.62, 0.42), (0.87, 0.75, 0.54), fractal_noise(rng, shape, (4, 4), 4))
    return np.asarray(colour * (0.92 + 0.16 * ripples)[..., None] * _grain(rng, shape, 0.08))


def _snow(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    drift = fractal_noise(rng, shape, (4, 6), 4)
    return np.asarray(_mix((0.80, 0.85, 0.92), (0.97, 0.98, 0.99), drift) * _grain(rng, shape, 0.03))


def _rock(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    strata = fractal_noise(rng, shape, (10, 3), 5, 0.6)
    colour = _mix((0.36, 0.34, 0.33), (0.64, 0.60, 0.55), smoothstep(0.25, 0.75, strata)) * _grain(rng, shape, 0.14)
    colour[_wander(rng, shape, 14, 60)] *= 0.6
    return colour


def _earth(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    colour = _mix((0.38, 0.29, 0.20), (0.54, 0.43, 0.30), fractal_noise(rng, shape, (5, 5), 5, 0.6))
    return np.asarray(colour * _grain(rng, shape, 0.2))


_PAINTERS: dict[str, Callable[[np.random.Generator, tuple[int, int]], FloatArray]] = dict(
    zip(
        TEXTURES,
        (
            _asphalt, _asphalt_old, _concrete, _paving, _grass, _meadow, _leaf_litter, _gravel, _sand, _snow, _rock,
            _earth,
        ),
        strict=True,
    )
)  # fmt: skip
