"""The words that all effects share: an image, the key of its random draws, and what is refused."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from envs.effects.errors import BadImage
from liquid_pilot.randomness import generator

Image: TypeAlias = NDArray[np.uint8]
"""RGB, uint8 (height, width, 3), row 0 at the top; at least `SMALLEST` pixels each way."""

SMALLEST = 8
"""Pixels; the least height and width of an image that effects take (one JPEG block)."""


class Key(NamedTuple):
    """What the random draws of an effect depend on, besides its name: nothing else decides them.

    What is fixed to the camera for a whole episode (a dead pixel, dirt on the lens) depends on ``seed`` alone.
    """

    seed: int
    """Of the episode, or of one fault of it; any integer."""
    frame: int
    """Number of the frame within the episode, >= 0."""

    def generator(self, purpose: str) -> np.random.Generator:
        """A fresh generator for (seed, purpose, frame)."""
        return generator(self.seed, purpose, self.frame)

    def fixed(self, purpose: str) -> np.random.Generator:
        """A fresh generator for (seed, purpose), the same in every frame."""
        return generator(self.seed, purpose)


def check_image(image: Any) -> Image:
    """The image itself when it is one. Raises BadImage, naming what came and what is wanted."""
    if not isinstance(image, np.ndarray):
        raise BadImage(f"an image is a numpy array uint8 (height, width, 3), got {type(image).__name__}")
    if image.dtype != np.uint8:
        hint = "; from 0..1 convert by (255 * image).round().astype('uint8')" if image.dtype.kind == "f" else ""
        raise BadImage(f"an image is uint8 (height, width, 3), got {image.dtype} {image.shape}{hint}")
    if image.ndim != 3 or image.shape[2] != 3:
        raise BadImage(f"an image is uint8 (height, width, 3) RGB, got shape {image.shape}")
    if min(image.shape[:2]) < SMALLEST:
        raise BadImage(f"an image has at least {SMALLEST} x {SMALLEST} pixels, got shape {image.shape}")
    return image
