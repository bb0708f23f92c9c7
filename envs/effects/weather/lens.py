"""Rain on the lens: drops that come, cling, slide and go, and show the scene small, blurred and upside down."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Key
from envs.effects.weather.conditions import Conditions
from envs.effects.weather.view import Planes
from envs.render.noise import smoothstep
from liquid_pilot.randomness import generator

_SLOTS = 26
"""Drops on the lens in the hardest rain."""
_LIVES = 64
"""Places that a slot's drops take one after the other, before they come again."""
_LIFE = (50, 190)
"""Frames of a drop, at 20 a second."""
_RADIUS = (0.006, 0.030)
"""Of the picture's width."""
_SIZES = 14
"""Of drops, between the smallest and the largest."""
_VIEW = 0.30
"""How far aside a drop's rim looks, of the picture's width."""


class _Bank(NamedTuple):
    life: list[int]
    """Frames that the drops of each slot last."""
    phase: list[int]
    """Frames that had gone by at frame 0."""
    drops: list[list[tuple[float, float, int, float]]]
    """Of each slot one after the other: x and y (shares of the picture), size, and the share of the picture's height
    that it slides down."""


@lru_cache(maxsize=64)
def _bank(seed: int) -> _Bank:
    rng = generator(seed, "rain on the lens")
    life, phase = rng.integers(*_LIFE, _SLOTS).tolist(), rng.integers(0, _LIFE[1], _SLOTS).tolist()
    x, y, size, slide = rng.random((4, _SLOTS, _LIVES))
    # Few large ones and many small ones; the heavy ones slide.
    size = size**2.2
    slide = 0.9 * size * slide**2
    parts = (x, y * 1.1 - 0.05, np.rint(size * (_SIZES - 1)).astype(int), slide)
    drops = [list(zip(*(part[slot].tolist() for part in parts), strict=True)) for slot in range(_SLOTS)]
    return _Bank(life, phase, drops)


class _Stamp(NamedTuple):
    """The pixels of a drop of one size, (P,) each."""

    across: NDArray[np.intp]
    down: NDArray[np.intp]
    """Pixels from its middle."""
    seen_across: NDArray[np.intp]
    seen_down: NDArray[np.intp]
    """Pixels from its middle to what shows there."""
    cover: NDArray[np.float32]
    shade: NDArray[np.float32]


@lru_cache(maxsize=256)
def _stamp(size: int, width: int) -> _Stamp:
    """A drop of the ``size``-th of `_SIZES` radii in a picture of this width."""
    radius = max(1.2, width * (_RADIUS[0] + (_RADIUS[1] - _RADIUS[0]) * size / (_SIZES - 1)))
    extent = int(1.25 * radius) + 2
    down, across = (grid.ravel() for grid in np.mgrid[-extent : extent + 1, -extent : extent + 1])
    off = np.sqrt(across**2 + (0.88 * down) ** 2) / radius
    # Out of focus: a drop has no sharp edge.
    cover = 0.9 * smoothstep(1.25, 0.75, off)
    # Darker at the rim, but for the lower one, which gathers the sky.
    lower = np.clip(down / radius, 0.0, 1.0)
    shade = 1.0 - 0.32 * np.clip(off - 0.55, 0.0, 0.6) * (1.0 - 0.6 * lower)
    # Seen through it: the other way up, from far around its middle.
    view = -_VIEW * width / radius
    inside = cover > 0.0
    aside, below, seen_aside, seen_below = (
        np.rint(part[inside]).astype(np.intp) for part in (across, down, across * view, 0.5 * down * view)
    )
    through = shade[inside].astype(np.float32)
    return _Stamp(aside, below, seen_aside, seen_below, cover[inside].astype(np.float32), through)


def wet_lens(planes: Planes, now: Conditions, key: Key) -> None:
    """Put this frame's drops on the lens; ``planes`` is changed."""
    _, height, width = planes.shape
    bank = _bank(key.seed)
    number = now.rain * _SLOTS
    stamps, columns, rows, strengths = [], [], [], []
    for slot in range(min(_SLOTS, math.ceil(number))):
        life = bank.life[slot]
        lives, age = divmod(key.frame + bank.phase[slot], life)
        x, y, size, slide = bank.drops[slot][lives % _LIVES]
        stamps.append(_stamp(size, width))
        columns.append(int(x * width))
        rows.append(int((y + slide * (age / life) ** 2) * height))
        # The last slot's drop fades in with the rain; every drop dries up towards its end.
        strengths.append(min(1.0, number - slot) * min(1.0, (age + 1) / 2.0, (life - age) / 20.0))
    counts = [len(stamp.across) for stamp in stamps]
    middle_x, middle_y = np.repeat(columns, counts), np.repeat(rows, counts)
    across, down, seen_across, seen_down, cover, shade = (np.concatenate(part) for part in zip(*stamps, strict=True))
    cover = cover * np.repeat(np.array(strengths, dtype=np.float32), counts)
    column, row = middle_x + across, middle_y + down
    inside = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
    place = (row * width + column)[inside]
    # A drop shows the scene small, and out of focus: a quarter of the size has all of it.
    quarter = (max(1, width // 4), max(1, height // 4))
    column = np.clip(middle_x + seen_across, 0, width - 1)[inside] * quarter[0] // width
    row = np.clip(middle_y + seen_down, 0, height - 1)[inside] * quarter[1] // height
    seen, cover, shade = row * quarter[0] + column, cover[inside], shade[inside]
    for plane in planes:
        through = np.asarray(cv2.resize(plane, quarter, interpolation=cv2.INTER_AREA)).ravel()[seen] * shade
        flat = plane.reshape(-1)
        before = flat[place]
        flat[place] = before + (through - before) * cover
