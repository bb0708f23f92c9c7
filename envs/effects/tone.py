"""Light: brightness, contrast, saturation as ImageNet-C changes them, and a jump of the exposure.

ImageNet-C (Hendrycks & Dietterich 2019) works in HSV; with hue and value unchanged that is arithmetic on RGB, which is
done here because OpenCV's uint8 HSV has only 180 hues. Nothing depends on the image's size.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.settings import prepared
from envs.effects.types import Image, Key

EXPOSURE_FRAMES = 40
"""Frames (2 s at 20 Hz) for which a jump of the exposure lasts before the next is drawn."""


def brightness(image: Image, severity: float, key: Key) -> Image:  # noqa: ARG001
    """HSV's value (the greatest of R, G, B; white = 1) plus ``add``, at most 1. Nothing is random."""
    image, level = prepared("brightness", image, severity)
    if level is None:
        return image
    old = np.arange(256, dtype=np.float64)
    new = np.minimum(old + 255.0 * level["add"], 255.0)
    table = np.divide(new, old, out=np.zeros(256), where=old > 0).astype(np.float32)
    red, green, blue = channels = cv2.split(image)
    value = np.asarray(cv2.max(cv2.max(red, green), blue))
    factors = cv2.LUT(value, table)
    result = np.asarray(cv2.merge([_product(channel, factors) for channel in channels]), dtype=np.uint8)
    if not value.all():  # Black has no hue: it becomes grey.
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
    red, green, blue = channels = cv2.split(image)
    value, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    # Saturation is chroma / value: the new chroma over the old one, which is how far each channel is from the value.
    chroma = np.maximum(cv2.subtract(value, least), np.uint8(1))
    full = np.asarray(cv2.divide(value, chroma, dtype=cv2.CV_32F))
    share = np.minimum(np.float32(level["factor"]) + np.float32(level["add"]) * full, full)
    changed = [cv2.subtract(value, _product(cv2.subtract(value, channel), share)) for channel in channels]
    return np.asarray(cv2.merge(changed), dtype=np.uint8)


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


def _product(plane: cv2.typing.MatLike, factors: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """uint8 times float32, rounded and at most 255. Of one channel: the C library gives the memory of whole pictures in
    floats back to the system after each use, and getting it again costs more than all the arithmetic.
    """
    return cv2.multiply(plane, factors, dtype=cv2.CV_8U)


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
