"""Blur: by a wrong focus, by movement, and Gaussian.

The parameters are ImageNet-C's (Hendrycks & Dietterich 2019), in pixels of images of 224 x 224: they are multiplied by
width / 224. Everything is summed in integers, so that every machine gives the same bits; OpenCV's `GaussianBlur` does
the same for uint8, its `filter2D` does not.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

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
    rng = key.generator("motion_blur")
    angle = rng.uniform(-MOTION_ANGLE, MOTION_ANGLE)
    way = 1.0 if rng.random() < 0.5 else -1.0
    return _line_mean(image, level["radius"] * scale(image), level["sigma"] * scale(image), angle, way)


def _gaussian(image: Image, sigma: float) -> Image:
    # Below a quarter of a pixel the neighbours' weight is under 0.04 %, less than one grey level.
    return image if sigma < 0.25 else np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def disc(radius: float) -> list[int]:
    """Half the width, less half a pixel, of each row of a disc from its middle row outwards; ``[0]`` is one pixel."""
    return [math.isqrt(math.floor(radius * radius) - dy * dy) for dy in range(int(radius) + 1)]


def _disc_mean(image: Image, half_widths: list[int]) -> Image:
    height, width = image.shape[:2]
    reach = len(half_widths) - 1
    area = sum((2 * w + 1) * (2 if dy else 1) for dy, w in enumerate(half_widths))
    # Sums of 16 bits are twice as fast, and suffice up to a radius of 9 pixels.
    kind: type[np.unsignedinteger[Any]] = np.uint16 if area * 255 < 1 << 16 else np.uint32
    wide = _padded(image, reach).astype(kind)
    # Row sums of growing width, each from the last one and one pixel more at either end.
    run = wide[:, reach : reach + width].copy()
    total = np.zeros(image.shape, dtype=kind)
    have = 0
    for dy in range(reach, -1, -1):
        while have < half_widths[dy]:
            have += 1
            run += wide[:, reach + have : reach + have + width]
            run += wide[:, reach - have : reach - have + width]
        total += run[reach + dy : reach + dy + height]
        if dy:
            total += run[reach - dy : reach - dy + height]
    mean = total * np.float32(1.0 / area)
    mean += np.float32(0.5)
    return mean.astype(np.uint8)


def _line_mean(image: Image, radius: float, sigma: float, angle: float, way: float) -> Image:
    count = 2 * round(radius) + 1
    weights = np.exp(-0.5 * (np.arange(count) / max(sigma, 0.1)) ** 2)
    weights /= weights.sum()
    along = way * (np.arange(count) - float(weights @ np.arange(count)))
    dx, dy = np.rint(along * math.cos(angle)).astype(int), np.rint(along * math.sin(angle)).astype(int)
    # 8 bits for the weights of up to 48 pixels: the sum of all products still fits 16 bits, at half the time of 32.
    kind: type[np.unsignedinteger[Any]] = np.uint16 if count <= 48 else np.uint32
    depth = 8 if kind is np.uint16 else 16
    # Rounding the running sum keeps the sum of all at exactly one.
    shares = np.diff(np.rint(np.cumsum(weights) * (1 << depth)), prepend=0.0).astype(kind)
    height, width = image.shape[:2]
    reach = int(max(abs(dx).max(), abs(dy).max()))
    wide = _padded(image, reach).astype(kind)
    total = np.full(image.shape, 1 << (depth - 1), dtype=kind)
    part = np.empty_like(total)
    for x, y, share in zip(dx, dy, shares, strict=True):
        if share:
            np.multiply(wide[reach + y : reach + y + height, reach + x : reach + x + width], share, out=part)
            total += part
    return (total >> depth).astype(np.uint8)


def _padded(image: Image, reach: int) -> Image:
    """The image with ``reach`` mirrored pixels on every side."""
    return np.asarray(cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_REFLECT_101), dtype=np.uint8)
