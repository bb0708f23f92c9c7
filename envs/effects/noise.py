"""Noise of the sensor: electronic, photons, defective readings. Every frame has its own draw.

The first four are ImageNet-C's (Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations") with its parameters; noise is per pixel, so these need no scaling to another image size.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.draws import bits8, bits16, normals, quantiles
from envs.effects.settings import prepared
from envs.effects.types import Image, Key

_QUANTILES = 256
"""Number of equally probable values by which shot and speckle noise are drawn: out to 2.9 sigma. With the grey level it
makes an index of 16 bits, which is looked up in a third of the time of a wider one."""
_TABLE_PHOTONS = 100.0
"""Above so many photons for white (severity 0.6) the normal distribution stands for Poisson's: they look the same."""


def gaussian_noise(image: Image, severity: float, key: Key) -> Image:
    """Normal noise of standard deviation ``sd`` (white = 1), independent in every channel; ImageNet-C's."""
    image, level = prepared("gaussian_noise", image, severity)
    return image if level is None else _normal_noise(image, level["sd"], key, "gaussian_noise")


def paper_gaussian(image: Image, severity: float, key: Key) -> Image:
    """Normal noise of the given ``variance`` (white = 1): the noise of the active driving test of Lechner et al. 2020
    ("Neural circuit policies enabling auditable autonomy", Nature Machine Intelligence 2), at severities 1 to 3.
    """
    image, level = prepared("paper_gaussian", image, severity)
    return image if level is None else _normal_noise(image, math.sqrt(level["variance"]), key, "paper_gaussian")


def speckle_noise(image: Image, severity: float, key: Key) -> Image:
    """Normal noise in proportion to the brightness, of standard deviation ``sd`` times the value; ImageNet-C's."""
    image, level = prepared("speckle_noise", image, severity)
    if level is None:
        return image
    return _looked_up(image, _speckle_table(level["sd"]), key, "speckle_noise")


def impulse_noise(image: Image, severity: float, key: Key) -> Image:
    """The ``share`` of values is replaced by 0 or 255, half and half, in every channel by itself; ImageNet-C's."""
    image, level = prepared("impulse_noise", image, severity)
    if level is None:
        return image
    draw = bits16(key, "impulse_noise", image.shape)
    half = round(level["share"] / 2 * 65536)
    # As arithmetic: an assignment under a mask takes three times as long.
    result = image * (draw >= half)
    result |= np.negative((draw >= 65536 - half).view(np.uint8))
    return result


def shot_noise(image: Image, severity: float, key: Key) -> Image:
    """Poisson noise of a sensor to which white is ``photons`` photons, in every channel by itself; ImageNet-C's."""
    image, level = prepared("shot_noise", image, severity)
    if level is None:
        return image
    photons = level["photons"]
    if photons > _TABLE_PHOTONS:
        noise = normals(key, "shot_noise", image.shape)
        noise *= np.sqrt(np.arange(256, dtype=np.float32) * np.float32(255.0 / photons))[image]
        noise += image
        noise += np.float32(0.5)
        return np.clip(noise, 0.0, 255.0, out=noise).astype(np.uint8)
    return _looked_up(image, _poisson_table(photons), key, "shot_noise")


def _looked_up(image: Image, table: Image, key: Key, purpose: str) -> Image:
    """Every value replaced by one of the `_QUANTILES` that the table has for it, (256 * _QUANTILES,), drawn."""
    index = np.left_shift(image, 8, dtype=np.uint16)
    index |= bits8(key, purpose, image.shape)
    return np.asarray(table.take(index, mode="clip"))


def _normal_noise(image: Image, sd: float, key: Key, purpose: str) -> Image:
    noise = _grey_steps(sd).take(bits16(key, purpose, image.shape), mode="clip")
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8)


@lru_cache(maxsize=8)
def _grey_steps(sd: float) -> NDArray[np.int16]:
    """(65536,) normal noise of this standard deviation (white = 1), equally probable values in grey levels."""
    table: NDArray[np.int16] = np.rint(quantiles() * np.float32(255.0 * sd)).astype(np.int16)
    table.setflags(write=False)
    return table


@lru_cache(maxsize=8)
def _speckle_table(sd: float) -> Image:
    """Element ``grey * _QUANTILES + i``: the i-th quantile of grey x (1 + noise of this standard deviation)."""
    step = quantiles().size // _QUANTILES
    factors = quantiles()[step // 2 :: step] * np.float32(sd) + np.float32(1.0)
    grey = np.rint(np.clip(np.arange(256, dtype=np.float32)[:, None] * factors, 0.0, 255.0))
    table: Image = grey.astype(np.uint8).ravel()
    table.setflags(write=False)
    return table


@lru_cache(maxsize=8)
def _poisson_table(photons: float) -> Image:
    """Element ``grey * _QUANTILES + i``: the i-th quantile of the grey level that is measured for a true one."""
    # What measures more than white is white, so that counts beyond `photons` need not be told apart.
    counts = math.ceil(photons)
    # exp(-mean) by multiplication, because that is the same on every machine, the exponential is not.
    none = np.cumprod(np.concatenate([[1.0], np.full(255, math.exp(-photons / 255.0))]))
    means = np.arange(256) * (photons / 255.0)
    number = np.arange(1, counts)
    # Zero where nothing is left: products that become subnormal would take a hundred times as long.
    ratio = np.where(number < 20.0 + 4.0 * means[:, None], means[:, None] / number, 0.0)
    density = np.cumprod(np.concatenate([none[:, None], ratio], axis=1), axis=1)
    # So many of the quantiles, which are at the probabilities (i + 1/2) / n, are below each count and the next.
    below = np.minimum(np.floor(np.cumsum(density, axis=1) * _QUANTILES + 0.5).astype(np.int64), _QUANTILES)
    times = np.diff(below, prepend=0, append=_QUANTILES, axis=1)
    grey = np.minimum(255.0, np.arange(counts + 1) * (255.0 / photons) + 0.5).astype(np.uint8)
    table = np.repeat(np.tile(grey, 256), times.ravel())
    table.setflags(write=False)
    return table
