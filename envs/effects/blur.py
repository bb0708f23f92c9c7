"""Blur: by a wrong focus, by movement, and Gaussian.

The parameters are ImageNet-C's (Hendrycks & Dietterich 2019), in pixels of images of 224 x 224: they are multiplied by
width / 224. Everything is summed in integers, so that every machine gives the same bits; OpenCV's `GaussianBlur` does
the same for uint8, its `filter2D` does not.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from envs.effects.draws import fractions
from envs.effects.settings import prepared, scale
from envs.effects.types import Image, Key

MOTION_ANGLE = math.radians(20.0)
"""Motion smears within +- this of the horizontal: a car's camera yaws more than it pitches (ImageNet-C: 45 degrees)."""


def gaussian_blur(image: Image, severity: float, key: Key) -> Image:  # noqa: ARG001
    """A Gaussian of standard deviation ``sigma``. Nothing is random."""
    image, level = prepared("gaussian_blur", image, severity)
    return image if level is None else _gaussian(image, level["sigma"] * scale(image))


def defocus_blur(image: Image, severity: float, key: Key) -> Image:  # noqa: ARG001
    """A disc of the given ``radius``, as a lens out of focus draws points, then a Gaussian of sigma ``alias_blur``
    pixels (not scaled, it is there against the steps of the disc's edge). Nothing is random.
    """
    image, level = prepared("defocus_blur", image, severity)
    if level is None:
        return image
    half_widths = disc(level["radius"] * scale(image))
    result = _disc_mean(image, half_widths) if len(half_widths) > 1 else image
    return _gaussian(result, level["alias_blur"])


def motion_blur(image: Image, severity: float, key: Key) -> Image:
    """A line of ``radius`` pixels from the middle to the end, weighted by one half of a Gaussian of ``sigma``, along an
    angle that each frame draws within `MOTION_ANGLE` of the horizontal, to the left or to the right.

    The line's centre of mass lies on the pixel, so that things blur where they are instead of moving to one side, which
    would be a different fault to someone who steers.
    """
    image, level = prepared("motion_blur", image, severity)
    if level is None:
        return image
    turn, side = fractions(key, "motion_blur", 2)
    angle = MOTION_ANGLE * (2.0 * turn - 1.0)
    way = 1.0 if side < 0.5 else -1.0
    return _line_mean(image, level["radius"] * scale(image), level["sigma"] * scale(image), angle, way)


def _gaussian(image: Image, sigma: float) -> Image:
    # Below a quarter of a pixel the neighbours' weight is under 0.04 %, less than one grey level.
    if sigma < 0.25:
        return image
    # OpenCV takes five pixels here, and at up to 0.54 rounds the outer ones' weight, of 8 bits, to zero.
    size = (3, 3) if sigma <= 0.5 else (0, 0)
    return np.asarray(cv2.GaussianBlur(image, size, sigma), dtype=np.uint8)


def disc(radius: float) -> list[int]:
    """Half the width, less half a pixel, of each row of a disc from its middle row outwards; ``[0]`` is one pixel."""
    return [math.isqrt(math.floor(radius * radius) - dy * dy) for dy in range(int(radius) + 1)]


def _disc_mean(image: Image, half_widths: list[int]) -> Image:
    height, width, channels = image.shape
    reach = len(half_widths) - 1
    area = sum((2 * w + 1) * (2 if dy else 1) for dy, w in enumerate(half_widths))
    # Sums of 16 bits are twice as fast, and suffice up to a radius of 9 pixels.
    kind: type[np.unsignedinteger[Any]] = np.uint16 if area * 255 < 1 << 16 else np.uint32
    # One long row: a shift by a pixel or by a row is then an offset, and each sum one pass over memory that lies
    # together. Sums that run over the end of a row land in its mirrored margin, which is cut off.
    flat = _padded(image, reach, reach).astype(kind).reshape(-1)
    row = (width + 2 * reach) * channels
    margin = reach * channels
    total = np.empty(height * row, dtype=kind)
    inside = total[margin:-margin]
    size = len(inside)
    # Row sums of growing width, each from the last one and one pixel more at either end.
    run = flat[margin:-margin]
    have = 0
    for dy in range(reach, -1, -1):
        while have < half_widths[dy]:
            shift = (have + 1) * channels
            run = np.add(run, flat[margin + shift :][: len(run)], out=run if have else None)
            run += flat[margin - shift :][: len(run)]
            have += 1
        above, below = run[(reach - dy) * row :][:size], run[(reach + dy) * row :][:size]
        if dy == reach:
            np.add(above, below, out=inside)
        else:
            inside += above
            if dy:
                inside += below
    sums = total.reshape(height, -1)[:, margin:-margin]
    # OpenCV has no pictures of 32 bits without a sign.
    mean = cv2.convertScaleAbs(sums if kind is np.uint16 else sums.astype(np.float32), alpha=1.0 / area)
    return np.asarray(mean.reshape(image.shape), dtype=np.uint8)


class _Smear(NamedTuple):
    """A line of pixels with its weights; P blocks of ``wide`` pixels that share a weight."""

    along: tuple[float, ...]
    """Pixels from the line's centre of mass to the blocks' middles."""
    shares: tuple[int, ...]
    """Weights, > 0; together with ``wide`` equal pixels each they make ``1 << depth``."""
    wide: int
    depth: int


@lru_cache(maxsize=64)
def _smear(radius: float, sigma: float) -> _Smear:
    count = 2 * round(radius) + 1
    weights = np.exp(-0.5 * (np.arange(count) / max(sigma, 0.1)) ** 2)
    weights /= weights.sum()
    # A wide Gaussian hardly changes from pixel to pixel: two, or four, that share a weight can be summed beforehand.
    wide = min(4, 1 << int(math.log2(max(1.0, sigma / 1.6))))
    weights = np.pad(weights, (0, -count % wide)).reshape(-1, wide).sum(axis=1)
    steps = wide * np.arange(len(weights))
    # 8 bits for the weights of up to 48 blocks: the sum of all products still fits 16 bits, at half the time of 32.
    depth = 8 if len(weights) <= 48 else 16
    # Rounding the running sum keeps the sum of all at exactly one.
    shares = np.diff(np.rint(np.cumsum(weights) * ((1 << depth) // wide)), prepend=0.0).astype(int)
    along = steps - float(weights @ steps)
    return _Smear(tuple(along[shares > 0].tolist()), tuple(shares[shares > 0].tolist()), wide, depth)


def _line_mean(image: Image, radius: float, sigma: float, angle: float, way: float) -> Image:
    along, shares, wide, depth = _smear(radius, sigma)
    kind: type[np.unsignedinteger[Any]] = np.uint16 if depth == 8 else np.uint32
    # A block begins at its first pixel, not in its middle.
    right = [round(way * a * math.cos(angle) - (wide - 1) / 2) for a in along]
    down = [round(way * a * math.sin(angle)) for a in along]
    height, width = image.shape[:2]
    aside, below = max(map(abs, right)) + wide, max(map(abs, down))
    source = _padded(image, below, aside)
    if wide > 1:
        source = source[:, :-1] + source[:, 1:].astype(kind)
    span = 2
    while span < wide:
        source = source[:, :-span] + source[:, span:]
        span *= 2
    total = np.full(image.shape, 1 << (depth - 1), dtype=kind)
    part = np.empty_like(total)
    for x, y, share in zip(right, down, shares, strict=True):
        np.multiply(source[below + y :, aside + x :][:height, :width], kind(share), out=part)
        total += part
    return np.asarray(total >> kind(depth), dtype=np.uint8)


def _padded(image: Image, rows: int, columns: int) -> Image:
    """The image with so many mirrored pixels above and below, and at either side."""
    return np.asarray(cv2.copyMakeBorder(image, rows, rows, columns, columns, cv2.BORDER_REFLECT_101), dtype=np.uint8)
