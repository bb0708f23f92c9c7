"""Drops of water on the lens: each is a small lens itself, through which the scene stands on its head.

Drops are drawn pixel by pixel of the drops alone, with whole pixels and integers: nothing of the picture between them
is touched, and every machine gives the same bits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.settings import prepared
from envs.effects.types import Image, Key
from envs.render.noise import smoothstep

_MOST = 64
"""Drops on a lens at most."""
_RADIUS = (0.015, 0.07)
"""Radius of the smallest and of the largest drop, as a share of the image's width."""
_VIEW = 0.45
"""How far from a drop's middle its rim looks, as a share of the image's width."""
_BLOCK = 64
"""Frames for which the drops' places are computed together."""


class _Drops(NamedTuple):
    """The drops of one lens, and all pixels of all drops (P of them), drop after drop."""

    ways: NDArray[np.float64]
    """(5, n) where across the lens it can be, 0..1; row at the start, 0 being `reach` above the image's top; pixels
    downwards per frame; turns of stopping and going on; pixels that its middle keeps from the left and right edge.
    """
    pixels: NDArray[np.int64]
    """(n,) number of pixels of each drop."""
    places: NDArray[np.intp]
    """(2, P) flat indices, from the drop's middle: of the pixel, in the image with twice ``reach`` more rows above and
    below; and of what is seen there, in the `_eighth` of the image with ``beyond`` around it.
    """
    share: NDArray[np.uint16]
    """(2, P, 3) 0..256, the same in every channel: how much of the image is left, how much light comes through."""
    reach: int
    """Pixels, the greatest extent from the middle."""
    beyond: int
    """Pixels of the `_eighth`, the farthest that is seen outside of it."""


def lens_drops(image: Image, severity: float, key: Key) -> Image:
    """Drops of water that cling to the lens and now and then slide down a little; ``drops`` of them.

    Where they are depends on ``key.seed``, how far they have slid on ``key.frame`` as well (meant for 20 frames/s).
    A greater severity has more drops, and the same ones.
    """
    image, level = prepared("lens_drops", image, severity)
    if level is None:
        return image
    height, width = image.shape[:2]
    drops = _drops(key.seed, height, width)
    number = min(round(level["drops"]), _MOST)
    count = drops.pixels[:number]
    pixels = int(count.sum())
    middle = _middles(key.seed, height, width, key.frame // _BLOCK)[key.frame % _BLOCK, :, :number]
    # With a margin nothing has to be asked whether it is inside; what is drawn there is thrown away. Both pictures lie
    # in one piece of memory, because what a few thousand pixels cost is the number of steps, not of pixels.
    above, beyond = 2 * drops.reach, drops.beyond
    small = _eighth(image)
    first, wide = (height + 2 * above) * width, small.shape[1] + 2 * beyond
    flat = np.empty((first + (small.shape[0] + 2 * beyond) * wide, 3), dtype=np.uint8)
    result = flat[above * width : (above + height) * width].reshape(image.shape)
    result[:] = image
    cv2.copyMakeBorder(
        small, beyond, beyond, beyond, beyond, cv2.BORDER_REPLICATE, dst=flat[first:].reshape(-1, wide, 3)
    )
    index = np.repeat(middle, count, axis=1)
    index += drops.places[:, :pixels]
    parts = flat.take(index, axis=0, mode="clip") * drops.share[:, :pixels]
    mixed = parts[0] + parts[1]
    mixed >>= 8
    put_pixels(flat, index[0], mixed.astype(np.uint8))
    return result


def _eighth(image: Image) -> Image:
    """The image an eighth as wide and high: drops show the scene about as small, and single pixels would glitter.

    Means of 8 x 8 whole pixels, hence exact; an image of another size is first continued with its last pixels.
    """
    height, width = image.shape[:2]
    if height % 8 or width % 8:
        image = np.asarray(cv2.copyMakeBorder(image, 0, -height % 8, 0, -width % 8, cv2.BORDER_REPLICATE), np.uint8)
    return np.asarray(cv2.resize(image, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def put_pixels(flat: Image, place: NDArray[np.intp], pixels: Image) -> None:
    """``flat[place] = pixels`` for pixels (N, 3) and (P, 3), in half the time: each moves in one piece."""
    flat.view("V3")[place, 0] = pixels.view("V3")[:, 0]


@lru_cache(maxsize=64)
def _middles(seed: int, height: int, width: int, block: int) -> NDArray[np.int64]:
    """(_BLOCK, 2, n) where `_Drops.places` of each drop begin in the frames of a block: for one frame alone it would
    take as long as drawing the drops does.
    """
    drops = _drops(seed, height, width)
    x, y, speed, phase, margin = drops.ways
    frame = (block * _BLOCK + np.arange(_BLOCK, dtype=np.float64))[:, None]
    # Parabolas make it stop and go; their slope never exceeds the line's. A sine's last bit differs between machines.
    swing = _wave(phase + frame / 126.0) - _wave(phase)
    lives, down = np.divmod(y + speed * (15.0 * swing + frame), height + 2 * drops.reach)
    # What has left the image below comes back above elsewhere; the golden section never hits a column twice.
    across = (x + 0.618 * lives) % 1.0
    columns = (margin + across * (width - 2.0 * margin)).astype(np.int64)
    rows = down.astype(np.int64) - drops.reach
    wide = -(-width // 8) + 2 * drops.beyond
    drawn = (rows + 2 * drops.reach) * width + columns
    seen = ((rows >> 3) + drops.beyond) * wide + (columns >> 3) + drops.beyond + (height + 4 * drops.reach) * width
    middles = np.stack((drawn, seen), axis=1)
    middles.setflags(write=False)
    return middles


def _wave(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearly the sine of so many turns."""
    part = turns % 1.0 - 0.5
    return np.asarray(part * (16.0 * np.abs(part) - 8.0))


@lru_cache(maxsize=64)
def _drops(seed: int, height: int, width: int) -> _Drops:
    rng = Key(seed, 0).fixed("lens_drops")
    # Few large ones and many small ones.
    radius = _RADIUS[0] + (_RADIUS[1] - _RADIUS[0]) * rng.random(_MOST) ** 2
    radius *= width
    reach = math.ceil(1.5 * float(radius.max()))
    x = rng.random(_MOST)
    y = rng.random(_MOST) * (height + 2 * reach)
    # Most cling, the heavy ones slide: up to a seventh of the image's width in a second.
    speed = 0.007 * width * rng.random(_MOST) ** 4 * (radius / radius.max())
    phase = rng.random(_MOST)
    bumps = rng.uniform(-0.12, 0.12, (_MOST, 2))
    parts = [_shape(r, lobe, width) for r, lobe in zip(radius.tolist(), bumps.tolist(), strict=True)]
    count = np.array([len(part[0]) for part in parts], dtype=np.int64)
    dx, dy, seen_x, seen_y, cover, light = (np.concatenate(column) for column in zip(*parts, strict=True))
    dx, dy, seen_x, seen_y = (np.rint(v).astype(np.intp) for v in (dx, dy, seen_x / 8.0, seen_y / 8.0))
    cover, light = (
        np.rint(values * 256.0).astype(np.uint16)[:, None].repeat(3, axis=1) for values in (cover, light * cover)
    )
    # A drop's middle is itself up to `reach` outside.
    beyond = int(max(abs(seen_x).max(), abs(seen_y).max())) + reach // 8 + 2
    # A lens narrower than a drop has it in its middle.
    margin = np.minimum(np.ceil(1.5 * radius) + 1.0, 0.5 * width)
    places = np.stack((dy * width + dx, seen_y * (-(-width // 8) + 2 * beyond) + seen_x))
    return _Drops(np.stack((x, y, speed, phase, margin)), count, places, np.stack((256 - cover, light)), reach, beyond)


def _shape(radius: float, lobe: list[float], width: int) -> tuple[NDArray[np.float64], ...]:
    """dx, dy, seen_x, seen_y (pixels), cover, light (0..1) of the pixels of one drop."""
    extent = math.ceil(1.5 * radius)
    dy, dx = (grid.ravel().astype(np.float64) for grid in np.mgrid[-extent : extent + 1, -extent : extent + 1])
    square = dx * dx + dy * dy
    # cos 2 phi and sin 2 phi of the direction, without an arc tangent; and a little heavier below.
    double = (lobe[0] * (dx * dx - dy * dy) + lobe[1] * 2.0 * dx * dy) / np.maximum(square, 1.0)
    rim = radius * (1.0 + double + 0.1 * dy / np.sqrt(np.maximum(square, 1.0)))
    off = np.sqrt(square) / rim
    inside = off < 1.0
    dx, dy, off = dx[inside], dy[inside], off[inside]
    # The steeper the water's surface towards the rim, the further aside one looks.
    aside = -_VIEW * width * (0.4 + 0.6 * off * off) / radius
    soft = min(0.5, 1.5 / radius)
    return (
        dx, dy, dx * aside, dy * aside, smoothstep(1.0, 1.0 - soft, off), 1.0 - 0.55 * smoothstep(0.6, 1.0, off)
    )  # fmt: skip
