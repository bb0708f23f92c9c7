"""The way from the camera to the computer: JPEG artefacts and lost blocks."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.settings import prepared
from envs.effects.types import Image, Key

_RUN = 3
"""Macroblocks, mean length of what is lost at once: from a broken bit to the next synchronisation mark."""


def jpeg(image: Image, severity: float, key: Key) -> Image:  # noqa: ARG001
    """Through JPEG at ``quality`` (rounded), chroma at half resolution; ImageNet-C's qualities. Nothing is random."""
    image, level = prepared("jpeg", image, severity)
    if level is None:
        return image
    quality = round(level["quality"])
    options = [
        cv2.IMWRITE_JPEG_QUALITY, quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]  # fmt: skip
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def lost_blocks(image: Image, severity: float, key: Key) -> Image:
    """About the ``share`` of all macroblocks is lost, in runs along a row, as when packets of a video are missing.

    What a decoder shows instead, by run: the picture displaced (a wrong motion vector), the last good block repeated,
    the mean of each block, or grey. A greater severity loses more runs, and the same ones first. Blocks are
    squares of ``block`` pixels, whatever the size of the image, as those of video codecs are.
    """
    image, level = prepared("lost_blocks", image, severity)
    if level is None:
        return image
    height, width = image.shape[:2]
    size = round(level["block"])
    rows, columns = -(-height // size), -(-width // size)
    rng = key.generator("lost_blocks")
    wanted = math.floor(level["share"] * rows * columns + rng.random())
    result = image.copy()
    lost = np.zeros((rows, columns + 1), dtype=np.bool_)
    lost[:, columns] = True
    for place in rng.permutation(rows * columns).tolist():
        if wanted <= 0:
            break
        row, column = divmod(place, columns)
        # The same numbers for every run, whatever becomes of it, so that runs are the same at every severity.
        u = rng.random(7)
        length = min(1 + int(u[0] * 2 * _RUN), wanted, int(lost[row, column:].argmax()))
        if length:
            lost[row, column : column + length] = True
            wanted -= length
            _spoil(image, result, size, (row, column, length), u[1:])
    return result


def _spoil(image: Image, result: Image, size: int, run: tuple[int, int, int], u: NDArray[np.float64]) -> None:
    """Replace a run of blocks (row, column, length) of ``result``; ``u`` (6,) uniform 0..1 says by what."""
    height, width = image.shape[:2]
    row, column, length = run
    top, left = row * size, column * size
    bottom, right = min(top + size, height), min(left + length * size, width)
    kind = u[0]
    if kind < 0.4:
        reach = 4 * size
        y = min(max(top + round((u[1] - 0.5) * reach), 0), height - (bottom - top))
        x = min(max(left + round((u[2] - 0.5) * 2 * reach), 0), width - (right - left))
        part = image[y : y + bottom - top, x : x + right - left]
        # The colour is off as well: without its reference a block keeps the errors of those before it.
        offset = np.rint((u[3:6] - 0.5) * 96.0).astype(np.int16)
        result[top:bottom, left:right] = np.clip(part + offset, 0, 255)
    elif kind < 0.6:
        start = max(left - size, 0)
        block = image[top:bottom, start : start + size]
        result[top:bottom, left:right] = np.tile(block, (1, length + 1, 1))[:, : right - left]
    elif kind < 0.8:
        for x in range(left, right, size):
            cell = result[top:bottom, x : x + size]
            cell[:] = image[top:bottom, x : x + size].mean(axis=(0, 1)).astype(np.uint8)
    else:
        result[top:bottom, left:right] = 128
