"""The one step that every image fault begins with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envs.effects.types import Image, check_image
from scenarios.faults import FAULTS

REFERENCE_WIDTH = 224
"""Pixels; ImageNet-C's radii and sigmas are for images of 224 x 224."""


def prepared(name: str, image: Image, severity: float) -> tuple[Image, Mapping[str, float] | None]:
    """The image, contiguous in memory, and the fault's parameters at this severity; None for severity 0.

    Raises:
        BadImage, and what `FaultKind.at` raises for a severity outside 0..5.
    """
    image = check_image(image)
    level = FAULTS[name].at(severity)
    return (image, None) if severity == 0 else (np.ascontiguousarray(image), level)


def scale(image: Image) -> float:
    """What ImageNet-C's lengths in pixels are multiplied by for this image: its width / 224."""
    return float(image.shape[1] / REFERENCE_WIDTH)
