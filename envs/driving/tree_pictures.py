"""Pictures of rows of trees for the walls of trees in the distance: greys to be tinted, holes in the alpha channel."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from envs.render.noise import FloatArray, fractal_noise, to_bytes
from liquid_pilot.randomness import generator

ASPECT = 4.0
"""Width over height of the pictures, which tile sideways."""
_HEIGHT, _WIDTH = 128, 512
_HIGHEST = 0.95
"""Share of the height that the highest tree has: above it the picture is empty, as it must be where it repeats."""


@cache
def tree_row(kind: str) -> NDArray[np.uint8]:
    """A row of ``conifer`` or ``deciduous`` trees, (128, 512, 4) uint8; always the same, do not write to it."""
    rng = generator(0, f"tree-row-{kind}")
    tone, solid = np.full((_HEIGHT, _WIDTH), 0.4), np.zeros((_HEIGHT, _WIDTH), dtype=bool)
    grain = fractal_noise(rng, (_HEIGHT, _WIDTH), (16, 64), 3, 0.7)
    draw, count = (_conifer, 34) if kind == "conifer" else (_crown, 22)
    for position in rng.permutation(count):
        # Drawn in any order: some stand before their neighbours, some behind.
        draw(rng, tone, solid, position * _WIDTH / count, grain)
    # Undergrowth closes the view between the trunks.
    edge = _HEIGHT * (0.62 + 0.16 * fractal_noise(rng, (1, _WIDTH), (1, 24), 2)[0])
    bush = (np.arange(_HEIGHT)[:, None] > edge) & ~solid
    tone[bush] = (0.28 + 0.25 * grain)[bush]
    picture = np.dstack((tone, tone, tone, np.where(solid | bush, 1.0, 0.0)))
    pixels = to_bytes(picture)
    pixels.flags.writeable = False
    return pixels


def _columns(x: float, half: float) -> tuple[NDArray[np.int64], FloatArray]:
    """(columns of the picture, their places -1..1 across) of a tree at ``x`` pixels, ``half`` wide to each side."""
    offset = np.arange(-int(half), int(half) + 1)
    return (int(x) + offset) % _WIDTH, offset / max(half, 1.0)


def _conifer(rng: np.random.Generator, tone: FloatArray, solid: NDArray[np.bool_], x: float, grain: FloatArray) -> None:
    """A spruce: tiers of drooping boughs, lit from one side."""
    height = _HEIGHT * rng.uniform(0.62, _HIGHEST)
    columns, across = _columns(x + rng.uniform(-4.0, 4.0), height * rng.uniform(0.13, 0.18))
    rows = np.arange(int(_HEIGHT - height), _HEIGHT)
    down = (rows - rows[0]) / height
    tier = np.mod(down * 11.0 + rng.random(), 1.0)
    reach = 0.04 + 0.96 * down * (0.72 + 0.28 * tier) * rng.uniform(0.9, 1.1, len(rows))
    inside = np.abs(across)[None, :] < reach[:, None]
    light = 0.52 + 0.30 * tier[:, None] - 0.14 * across[None, :] / np.maximum(reach[:, None], 0.1)
    area = np.ix_(rows, columns)
    shade = light * rng.uniform(0.75, 1.05) * (0.7 + 0.6 * grain[area])
    tone[area] = np.where(inside, np.clip(shade, 0.0, 1.0), tone[area])
    solid[area] |= inside


def _crown(rng: np.random.Generator, tone: FloatArray, solid: NDArray[np.bool_], x: float, grain: FloatArray) -> None:
    """A broad-leaved tree: a few round clumps, light above and dark below."""
    height = _HEIGHT * rng.uniform(0.66, _HIGHEST)
    middle = _HEIGHT - 0.58 * height
    for part in range(7):
        size = height * rng.uniform(0.20, 0.30)
        spread = 0.26 * height if part else 0.0
        y = middle + rng.uniform(-1.0, 1.0) * (0.42 * height - size) if part else middle
        y = max(y, _HEIGHT - height + size)
        columns, across = _columns(x + rng.uniform(-1.0, 1.0) * spread, size)
        rows = np.arange(max(int(y - size), 0), min(int(y + size) + 1, _HEIGHT))
        up = (y - rows[:, None]) / size
        area = np.ix_(rows, columns)
        rough = grain[area]
        inside = across[None, :] ** 2 + up**2 < 0.80 + 0.35 * rough
        shade = (0.62 + 0.26 * up - 0.10 * across[None, :]) * (0.62 + 0.72 * rough)
        tone[area] = np.where(inside, np.clip(shade, 0.0, 1.0), tone[area])
        solid[area] |= inside
