"""Rain on the lens: drops that come, cling, slide and go, and show the scene small, blurred and upside down."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.drops import put_pixels
from envs.effects.types import Image, Key
from envs.effects.weather.conditions import Conditions
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


class _Stamps(NamedTuple):
    """The pixels of drops of some sizes, drop after drop, (P,) each."""

    counts: NDArray[np.intp]
    """(N,) pixels of each drop."""
    place: NDArray[np.intp]
    """Flat index, from the drop's middle, in the picture with `_margin` more pixels on every side."""
    seen: NDArray[np.intp]
    """Likewise of what shows there, in the quarter-size picture with `_beyond` more pixels on every side."""
    cover: NDArray[np.float32]
    """0..256."""
    shade: NDArray[np.float32]


def _extent(width: int) -> int:
    """Pixels from the middle of the largest drop to its rim, and a few more, in a picture of this width."""
    return int(1.25 * max(1.2, width * _RADIUS[1])) + 2


def _margin(width: int) -> int:
    """Pixels around a picture of this width that hold all of a drop whose middle is `_extent` outside."""
    return 2 * _extent(width) + 1


def _beyond(width: int) -> int:
    """Pixels of the quarter-size picture, farther than any drop looks outside of it."""
    return int(0.25 * width * (1.3 * _VIEW + 0.1)) + 3


@lru_cache(maxsize=64)
def _stamps(sizes: tuple[int, ...], width: int) -> _Stamps:
    """Drops of these of the `_SIZES` radii, one after the other, in a picture of this width."""
    parts = [_stamp(size, width) for size in sizes]
    counts = np.array([len(part[0]) for part in parts])
    return _Stamps(counts, *(np.concatenate(column) for column in zip(*parts, strict=True)))


@lru_cache(maxsize=256)
def _stamp(size: int, width: int) -> tuple[NDArray[Any], ...]:
    """A drop of the ``size``-th of `_SIZES` radii, as in `_Stamps`."""
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
        np.rint(part[inside]).astype(np.intp) for part in (across, down, across * view / 4, 0.5 * down * view / 4)
    )
    margin, beyond = _margin(width), _beyond(width)
    place = below * (width + 2 * margin) + aside
    seen = seen_below * (max(1, width // 4) + 2 * beyond) + seen_aside
    return place, seen, (256.0 * cover[inside]).astype(np.float32), shade[inside].astype(np.float32)


def wet_lens(image: Image, now: Conditions, key: Key) -> Image:
    """The picture (H, W, 3) through this frame's drops on the lens."""
    height, width = image.shape[:2]
    bank = _bank(key.seed)
    extent, beyond = _extent(width), _beyond(width)
    margin = _margin(width)
    number = now.rain * _SLOTS
    sizes, columns, rows, strengths = [], [], [], []
    for slot in range(min(_SLOTS, math.ceil(number))):
        life = bank.life[slot]
        lives, age = divmod(key.frame + bank.phase[slot], life)
        x, y, size, slide = bank.drops[slot][lives % _LIVES]
        sizes.append(size)
        columns.append(int(x * width))
        # What has left the picture below is not to be seen any more, and stays where it is.
        rows.append(max(-extent, min(int((y + slide * (age / life) ** 2) * height), height + extent)))
        # The last slot's drop fades in with the rain; every drop dries up towards its end.
        strengths.append(min(1.0, number - slot) * min(1.0, (age + 1) / 2.0, (life - age) / 20.0))
    stamps = _stamps(tuple(sizes), width)
    # With a margin all around nothing has to be asked whether it is inside.
    result = _framed(image, margin)
    # A drop shows the scene small, and out of focus: a quarter of the size has all of it.
    quarter = (max(1, width // 4), max(1, height // 4))
    behind = _framed(np.asarray(cv2.resize(image, quarter, interpolation=cv2.INTER_AREA), dtype=np.uint8), beyond)
    middle_x, middle_y = np.array(columns), np.array(rows)
    place = np.repeat((middle_y + margin) * (width + 2 * margin) + middle_x + margin, stamps.counts)
    place += stamps.place
    middle_x, middle_y = middle_x * quarter[0] // width, middle_y * quarter[1] // height
    seen = np.repeat((middle_y + beyond) * (quarter[0] + 2 * beyond) + middle_x + beyond, stamps.counts)
    seen += stamps.seen
    cover = np.repeat(np.array(strengths, dtype=np.float32), stamps.counts) * stamps.cover
    through = behind.reshape(-1, 3).take(seen, axis=0)
    flat = result.reshape(-1, 3)
    mixed = flat.take(place, axis=0) * (256 - cover.astype(np.uint16))[:, None]
    mixed += through * (cover * stamps.shade).astype(np.uint16)[:, None]
    mixed >>= 8
    put_pixels(flat, place, mixed.astype(np.uint8))
    return result[margin:-margin, margin:-margin]


def _framed(image: Image, width: int) -> Image:
    """The picture with its edge continued by so many pixels."""
    return np.asarray(cv2.copyMakeBorder(image, width, width, width, width, cv2.BORDER_REPLICATE), dtype=np.uint8)
