"""Light: brightness, contrast, saturation as ImageNet-C changes them, and a jump of the exposure.

ImageNet-C (Hendrycks & Dietterich 2019) works in HSV; with hue and value unchanged that is arithmetic on RGB, which is
done here because OpenCV's uint8 HSV has only 180 hues. Nothing depends on the image's size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.settings import prepared
from envs.effects.types import Image, Key

Plane: TypeAlias = NDArray[np.uint8]
"""One value for each pixel, (height, width)."""

EXPOSURE_FRAMES = 40
"""Frames (2 s at 20 Hz) for which a jump of the exposure lasts before the next is drawn."""


def brightness(image: Image, severity: float, key: Key) -> Image:  # noqa: ARG001
    """HSV's value (the greatest of R, G, B; white = 1) plus ``add``, at most 1. Nothing is random."""
    image, level = prepared("brightness", image, severity)
    if level is None:
        return image
    old = np.arange(256, dtype=np.float64)
    new = np.minimum(old + 255.0 * level["add"], 255.0)
    factor = np.divide(new, old, out=np.zeros(256), where=old > 0).astype(np.float32)
    value, _ = _extremes(image)
    factors = factor[value]
    result = _by_channel(image, lambda channel: factors * channel)
    # Black has no hue: it becomes grey.
    result[value == 0] = round(new[0])
    return result


def contrast(image: Image, severity: float, key: Key) -> Image:  # noqa: ARG001
    """Differences from the image's mean colour, times ``factor``. Nothing is random."""
    image, level = prepared("contrast", image, severity)
    if level is None:
        return image
    factor = level["factor"]
    means = np.array(cv2.mean(image)[:3])
    table = np.arange(256)[:, None] * factor + means * (1.0 - factor)
    return np.asarray(cv2.LUT(image, _rounded(table)[None]), dtype=np.uint8)


def saturation(image: Image, severity: float, key: Key) -> Image:  # noqa: ARG001
    """HSV's saturation times ``factor`` plus ``add``, at most 1. Nothing is random.

    Pure greys have no hue and stay grey (in ImageNet-C they turn red). The severities 1 and 2 take colour away, 3 to 5
    give too much.
    """
    image, level = prepared("saturation", image, severity)
    if level is None:
        return image
    value, least = _extremes(image)
    light = value.astype(np.float32)
    chroma = light - least
    # Saturation is chroma / value: the new chroma over the old one, which is how far each channel is from the value.
    full = np.maximum(chroma, np.float32(1.0))
    share = np.minimum(np.float32(level["factor"]) + np.float32(level["add"]) * light / full, light / full)
    return _by_channel(image, lambda channel: light - (light - channel) * share)


def exposure_step(image: Image, severity: float, key: Key) -> Image:
    """Suddenly over- or underexposed by ``stops`` (factors of two of the light, IEC 61966-2-1 transfer curve).

    Which of the two is drawn anew for every `EXPOSURE_FRAMES` frames.
    """
    image, level = prepared("exposure_step", image, severity)
    if level is None:
        return image
    rng = Key(key.seed, key.frame // EXPOSURE_FRAMES).generator("exposure_step")
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return np.asarray(cv2.LUT(image, _exposed(sign * level["stops"])), dtype=np.uint8)


def _extremes(image: Image) -> tuple[Plane, Plane]:
    """The greatest and the least channel of each pixel, (height, width)."""
    red, green, blue = cv2.split(image)
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return np.asarray(most, dtype=np.uint8), np.asarray(least, dtype=np.uint8)


def _by_channel(image: Image, change: Callable[[Plane], NDArray[np.float32]]) -> Image:
    """The image with each channel changed by itself: the C library gives the memory of whole pictures in floats back to
    the system after each use, and getting it again costs more than all the arithmetic.
    """
    channels = [_rounded(change(np.asarray(channel, dtype=np.uint8))) for channel in cv2.split(image)]
    return np.asarray(cv2.merge(channels), dtype=np.uint8)


def _rounded(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Rounded and clipped; ``values`` is used up."""
    values += 0.5
    return np.clip(values, 0.0, 255.0, out=values).astype(np.uint8)


@lru_cache(maxsize=8)
def _exposed(stops: float) -> NDArray[np.uint8]:
    encoded = np.arange(256) / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4) * 2.0**stops
    again = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    table = _rounded(again * 255.0)
    table.setflags(write=False)
    return table
