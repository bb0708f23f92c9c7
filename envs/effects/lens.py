"""On the lens: dirt, and something that hangs before it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.effects.settings import prepared
from envs.effects.types import Image, Key
from envs.render.noise import fractal_noise, smoothstep

_SPOTS = 70
"""Specks of dirt that a lens has at most, the smallest included."""
_SOFT = 40.0
"""Half the width of the edge of specks, in steps of the field."""
_MUD = (96, 80, 60)
"""Colour of dried mud with the light behind it."""
_PATCH = (10, 10, 10)
"""Colour of what hangs before the lens: no light reaches its near side."""


class _Cover(NamedTuple):
    """What lies before the picture; it stays for an episode, mostly at one severity."""

    left: NDArray[np.uint16]
    """(height, width, 3) 0..256, how much of the picture is left."""
    own: NDArray[np.uint16]
    """(height, width, 3) its own light, 0..255 * 256, and one half for rounding."""

    def on(self, image: Image) -> Image:
        """The picture behind it."""
        mixed = image * self.left
        mixed += self.own
        mixed >>= 8
        return mixed.astype(np.uint8)


def lens_dirt(image: Image, severity: float, key: Key) -> Image:
    """Specks and smears of dried mud, out of focus: soft brown spots. Where they are depends on ``key.seed`` only.

    The greater the covered ``share``, the more specks and the larger; ``opacity`` is how much light they hold back.
    """
    image, level = prepared("lens_dirt", image, severity)
    if level is None:
        return image
    return _dirt(key.seed, level["share"], level["opacity"], *image.shape[:2]).on(image)


@lru_cache(maxsize=16)
def _dirt(seed: int, share: float, opacity: float, height: int, width: int) -> _Cover:
    field, covered = _dirt_field(seed, height, width)
    edge = int(np.searchsorted(-covered, -share))
    amount = smoothstep(edge - _SOFT, edge + _SOFT, np.arange(256.0)) * opacity
    return _cover(np.rint(amount * 256.0).astype(np.uint16)[field], _MUD)


@lru_cache(maxsize=64)
def _dirt_field(seed: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """How early a pixel is covered when the lens becomes dirty, 255 first, 0 never; and the share of the pixels that
    are at or above each of the 256 values.
    """
    rng = Key(seed, 0).fixed("lens_dirt")
    y, x = np.mgrid[0:height, 0:width] / float(width)
    field = np.zeros((height, width))
    # The noise frays the edges, at the same grain in pictures of every size.
    cells = (max(4, round(24 * height / width)), 24)
    fray = fractal_noise(rng, (height, width), cells, 3) - 0.5
    for onset in np.linspace(0.0, 1.0, _SPOTS):
        cx, cy = rng.uniform(0.0, 1.0), rng.uniform(0.0, height / width)
        radius = 0.01 * 9.0 ** rng.random() ** 2
        angle, stretch = rng.uniform(0.0, math.pi), rng.uniform(1.0, 2.0)
        dx, dy = x - cx, y - cy
        along = dx * math.cos(angle) + dy * math.sin(angle)
        across = dy * math.cos(angle) - dx * math.sin(angle)
        distance = ((along / stretch) ** 2 + (across * stretch) ** 2) / radius**2
        np.maximum(field, 1.0 - 0.75 * onset - 0.25 * distance * (1.0 + 2.0 * fray), out=field)
    result = (np.clip(field, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
    result.setflags(write=False)
    return result, np.cumsum(np.bincount(result.ravel(), minlength=256)[::-1])[::-1] / result.size


def occlusion(image: Image, severity: float, key: Key) -> Image:
    """A dark patch with a soft edge that covers the ``share`` of the image: a leaf, a sticker, a blade of the wiper.

    Where it is and how long depends on ``key.seed`` only.
    """
    image, level = prepared("occlusion", image, severity)
    if level is None:
        return image
    return _patch(key.seed, level["share"], *image.shape[:2]).on(image)


@lru_cache(maxsize=16)
def _patch(seed: int, share: float, height: int, width: int) -> _Cover:
    rng = Key(seed, 0).fixed("occlusion")
    cx, cy = rng.uniform(0.2, 0.8) * width, rng.uniform(0.25, 0.75) * height
    stretch = math.exp(rng.uniform(-0.1, 0.6))
    # Half of the light passes on an ellipse of the wanted area.
    radius = math.sqrt(share * height * width / math.pi)
    across = ((np.arange(width) + 0.5 - cx) / (radius * stretch)) ** 2
    down = ((np.arange(height) + 0.5 - cy) / (radius / stretch)) ** 2
    covered = smoothstep(1.4, 0.6, across[None, :] + down[:, None])
    return _cover(np.rint(covered * 256.0).astype(np.uint16), _PATCH)


def _cover(cover: NDArray[np.uint16], colour: tuple[int, int, int]) -> _Cover:
    """Something of this colour that covers ``cover`` / 256 of each pixel, (height, width)."""
    left, own = 256 - cover[..., None].repeat(3, axis=2), cover[..., None] * np.array(colour, dtype=np.uint16) + 128
    for part in (left, own):
        part.setflags(write=False)
    return _Cover(left, own)
