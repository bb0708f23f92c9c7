"""Signs, posts, rails and other small flat things for the atlas.

Every painter takes a generator and a shape (H, W) and gives float (H, W, 3 or 4) in 0..1; row 0 is the top.
"""

from __future__ import annotations

import numpy as np

from envs.render.noise import FloatArray, fractal_noise, smoothstep


def _grid(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """x to the right and y up over the picture, each -1..1 at the pixels' middles."""
    height, width = shape
    x = (np.arange(width) + 0.5) / width * 2 - 1
    y = 1 - (np.arange(height) + 0.5) / height * 2
    return np.repeat(x[None, :], height, axis=0), np.repeat(y[:, None], width, axis=1)


def plain(_: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """White: for faces that have only a colour."""
    return np.ones((*shape, 3))


def curve_sign(_: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A red chevron board for curves: white arrows on red, pointing to the right of the picture."""
    x, y = _grid(shape)
    phase = np.mod(x + 0.55 * np.abs(y) + 4.0, 0.8)
    board = np.where((phase < 0.4)[..., None], (0.93, 0.93, 0.92), (0.78, 0.10, 0.10))
    board[(np.abs(x) > 0.94) | (np.abs(y) > 0.94)] = (0.9, 0.9, 0.88)
    return np.asarray(board)


_DIGITS = {"6": ("111", "100", "111", "101", "111"), "0": ("111", "101", "101", "101", "111")}


def limit_sign(_: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A round white sign with a red rim and the number 60."""
    x, y = _grid(shape)
    radius = x * x + y * y
    face = np.zeros((*shape, 4))
    face[...] = (0.95, 0.95, 0.94, 0.0)
    face[radius < 0.97] = (0.80, 0.08, 0.08, 1.0)
    face[radius < 0.62] = (0.95, 0.95, 0.94, 1.0)
    unit = shape[0] / 15
    for number, digit in enumerate("60"):
        for row, line in enumerate(_DIGITS[digit]):
            for column, mark in enumerate(line):
                if mark == "1":
                    top = round(shape[0] / 2 + (row - 2.5) * 1.3 * unit)
                    left = round(shape[1] / 2 + (column - 3.4 + 3.8 * number) * unit)
                    face[top : top + round(1.35 * unit), left : left + round(unit), :3] = 0.08
    return face


def delineator(_: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A white guide post with its slanting black band and the reflector."""
    x, y = _grid(shape)
    post = np.full((*shape, 3), 0.94)
    post[np.abs(y - 0.56 + 0.08 * x) < 0.18] = 0.10
    post[(np.abs(y - 0.56) < 0.10) & (np.abs(x) < 0.45)] = (0.95, 0.86, 0.62)
    return post


def fence(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Two wooden rails between posts; between them one looks through."""
    x, y = _grid(shape)
    wood = np.zeros((*shape, 4))
    wood[..., :3] = np.array((0.52, 0.41, 0.30)) * (0.75 + 0.5 * fractal_noise(rng, shape, (8, 4), 3))[..., None]
    post = (np.abs(np.abs(x) - 0.97) < 0.05) | (np.abs(x) < 0.03)
    wood[post | (np.abs(y - 0.62) < 0.13) | (np.abs(y + 0.05) < 0.13), 3] = 1.0
    return wood


def hay(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Rolled straw."""
    return np.asarray(
        np.array((0.80, 0.68, 0.36)) * (0.7 + 0.6 * fractal_noise(rng, shape, (24, 4), 3, 0.7))[..., None]
    )


def stone(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Pale rough stone."""
    return np.asarray(
        np.array((0.92, 0.90, 0.87)) * (0.62 + 0.5 * fractal_noise(rng, shape, (6, 6), 4, 0.6))[..., None]
    )


def rail(_: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """The W-profile of a steel guard rail."""
    y = _grid(shape)[1]
    tone = 0.78 - 0.30 * smoothstep(0.2, 0.0, np.abs(np.abs(y) - 0.45)) + 0.16 * smoothstep(0.3, 0.0, np.abs(y))
    return np.repeat(tone[..., None], 3, axis=2)


def shadow() -> FloatArray:
    """A soft round shadow, (32, 32, 4): black, its darkness in the alpha channel. It has a texture of its own."""
    x, y = _grid((32, 32))
    dark = np.zeros((32, 32, 4))
    dark[..., 3] = 0.5 * smoothstep(1.0, 0.1, x * x + y * y)
    return dark
