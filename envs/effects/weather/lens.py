"""Rain on the lens: drops that come, cling, slide and go, and show the scene small, blurred and upside down."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Key
from envs.effects.weather.conditions import Conditions
from envs.effects.weather.view import Planes
from liquid_pilot.randomness import generator

_SLOTS = 26
"""Drops on the lens in the hardest rain."""
_LIVES = 64
"""Places that a slot's drops take one after the other, before they come again."""
_LIFE = (50, 190)
"""Frames of a drop, at 20 a second."""
_RADIUS = (0.006, 0.030)
"""Of the picture's width."""
_VIEW = 0.30
"""How far aside a drop's rim looks, of the picture's width."""


class _Bank(NamedTuple):
    life: NDArray[np.int64]
    """(slots,) frames."""
    phase: NDArray[np.int64]
    """(slots,) frames that had gone by at frame 0."""
    place: NDArray[np.float64]
    """(slots, lives, 2) shares of width and height."""
    radius: NDArray[np.float64]
    """(slots, lives) shares of the width."""
    slide: NDArray[np.float64]
    """(slots, lives) shares of the height that it slides down in its life."""


@lru_cache(maxsize=64)
def _bank(seed: int) -> _Bank:
    rng = generator(seed, "rain on the lens")
    size = rng.random((_SLOTS, _LIVES)) ** 2.2
    return _Bank(
        rng.integers(*_LIFE, _SLOTS),
        rng.integers(0, _LIFE[1], _SLOTS),
        rng.random((_SLOTS, _LIVES, 2)),
        _RADIUS[0] + (_RADIUS[1] - _RADIUS[0]) * size,
        0.9 * size * rng.random((_SLOTS, _LIVES)) ** 2,
    )


def wet_lens(planes: Planes, now: Conditions, key: Key) -> None:
    """Put this frame's drops on the lens; ``planes`` is changed."""
    _, height, width = planes.shape
    bank = _bank(key.seed)
    number = now.rain * _SLOTS
    behind = np.stack([cv2.blur(plane, (max(3, width // 50) | 1,) * 2) for plane in planes])
    for slot in range(min(_SLOTS, int(np.ceil(number)))):
        life = int(bank.life[slot])
        lives, age = divmod(key.frame + int(bank.phase[slot]), life)
        turn = lives % _LIVES
        # The last slot's drop fades in with the rain; every drop dries up towards its end.
        strength = min(1.0, number - slot) * min(1.0, (age + 1) / 2.0, (life - age) / 20.0)
        radius = max(1.2, float(bank.radius[slot, turn]) * width * min(1.0, 0.7 + 0.15 * age))
        x = float(bank.place[slot, turn, 0]) * width
        y = (float(bank.place[slot, turn, 1]) * 1.1 - 0.05 + float(bank.slide[slot, turn]) * (age / life) ** 2) * height
        _drop(planes, behind, x, y, radius, strength)


def _drop(planes: Planes, behind: Planes, x: float, y: float, radius: float, strength: float) -> None:
    _, height, width = planes.shape
    extent = int(1.25 * radius) + 2
    top, bottom = max(0, int(y) - extent), min(height, int(y) + extent + 1)
    low, high = max(0, int(x) - extent), min(width, int(x) + extent + 1)
    if top >= bottom or low >= high or strength <= 0.0:
        return
    across = (np.arange(low, high) + 0.5 - x) / radius
    down = (np.arange(top, bottom) + 0.5 - y) / radius
    off = np.sqrt(across[None, :] ** 2 + (0.88 * down[:, None]) ** 2)
    cover = np.clip((1.12 - off) * min(4.0, 0.9 * radius), 0.0, 1.0) * (0.9 * strength)
    # Seen through it: the other way up, from far around its middle.
    view = _VIEW * width
    row = np.clip(y - down * view * 0.5, 0, height - 1).astype(np.intp)
    column = np.clip(x - across * view, 0, width - 1).astype(np.intp)
    # Darker at the rim, but for the lower one, which gathers the sky.
    shade = 1.0 - 0.45 * np.clip(off - 0.55, 0.0, 0.6) * (1.0 - 0.6 * np.clip(down, 0.0, 1.0)[:, None])
    place = planes[:, top:bottom, low:high]
    seen = behind[:, row[:, None], column[None, :]] * shade.astype(np.float32)
    place += (seen - place) * cover.astype(np.float32)
