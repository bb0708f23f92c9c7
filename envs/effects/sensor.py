"""Defects of the sensor chip: pixels and rows that do not work. They stay where they are for the whole episode."""

from __future__ import annotations

import numpy as np

from envs.effects.settings import prepared
from envs.effects.types import Image, Key

_GENERATOR_WORDS = 2
"""Random words that each defect takes, so that more defects never move the others."""


def dead_pixels(image: Image, severity: float, key: Key) -> Image:
    """The ``share`` of all pixels is defective: half are black, a quarter white, and a quarter has one colour stuck at
    full (a single cell of the colour filter). Where they are depends on ``key.seed`` only.
    """
    image, level = prepared("dead_pixels", image, severity)
    if level is None:
        return image
    height, width = image.shape[:2]
    count = round(level["share"] * height * width)
    words = np.asarray(key.fixed("dead_pixels").bit_generator.random_raw(_GENERATOR_WORDS * count)).reshape(-1, 2)
    place, kind = words[:, 0] % np.uint64(height * width), words[:, 1] % np.uint64(12)
    result = image.copy()
    pixels = result.reshape(-1, 3)
    pixels[place[kind < 6]] = 0
    pixels[place[(kind >= 6) & (kind < 9)]] = 255
    stuck = kind >= 9
    pixels[place[stuck], kind[stuck] - np.uint64(9)] = 255
    return result


def dead_rows(image: Image, severity: float, key: Key) -> Image:
    """The ``share`` of all rows is defective: half are black, a quarter white, and a quarter repeats the row above.
    Which ones depends on ``key.seed`` only.
    """
    image, level = prepared("dead_rows", image, severity)
    if level is None:
        return image
    height = image.shape[0]
    count = round(level["share"] * height)
    rng = key.fixed("dead_rows")
    rows, kinds = rng.permutation(np.arange(height))[:count], rng.integers(0, 4, (height,))[:count]
    result = image.copy()
    for row, kind in zip(rows.tolist(), kinds.tolist(), strict=True):
        if kind == 3:
            result[row] = image[max(row - 1, 0)]
        else:
            result[row] = 255 if kind == 2 else 0
    return result
