"""Every fault of pictures by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from envs.effects.blur import defocus_blur, gaussian_blur, motion_blur
from envs.effects.drops import lens_drops
from envs.effects.errors import UnknownEffect
from envs.effects.lens import lens_dirt, occlusion
from envs.effects.noise import gaussian_noise, impulse_noise, paper_gaussian, shot_noise, speckle_noise
from envs.effects.sensor import dead_pixels, dead_rows
from envs.effects.tone import brightness, contrast, exposure_step, saturation
from envs.effects.transmission import jpeg, lost_blocks
from envs.effects.types import Image, Key
from scenarios.names import unknown


class ImageFault(Protocol):
    """A pure function: the same arguments give the same bits; it never writes into its input.

    Args:
        image: uint8 (height, width, 3) RGB.
        severity: 0 (the image itself comes back) to 5; what it means is told by `scenarios.faults.FAULTS`.
        key: decides all random draws.

    Raises:
        BadImage: another dtype or shape.
        ScenarioError: a severity out of range.
    """

    def __call__(self, image: Image, severity: float, key: Key) -> Image:
        """The spoilt image, of the same shape."""


IMAGE_FAULTS: Mapping[str, ImageFault] = MappingProxyType(
    {
        "gaussian_noise": gaussian_noise,
        "shot_noise": shot_noise,
        "impulse_noise": impulse_noise,
        "speckle_noise": speckle_noise,
        "paper_gaussian": paper_gaussian,
        "gaussian_blur": gaussian_blur,
        "defocus_blur": defocus_blur,
        "motion_blur": motion_blur,
        "brightness": brightness,
        "contrast": contrast,
        "saturation": saturation,
        "exposure_step": exposure_step,
        "jpeg": jpeg,
        "lost_blocks": lost_blocks,
        "dead_pixels": dead_pixels,
        "dead_rows": dead_rows,
        "lens_dirt": lens_dirt,
        "lens_drops": lens_drops,
        "occlusion": occlusion,
    }
)
"""All of them, under the names of `scenarios.faults.FAULTS`."""


def apply(name: str, image: Image, severity: float, key: Key) -> Image:
    """One fault by its name. Raises UnknownEffect (with the nearest name), and what the fault itself raises."""
    if name not in IMAGE_FAULTS:
        raise UnknownEffect(unknown("fault of an image", name, IMAGE_FAULTS))
    return IMAGE_FAULTS[name](image, severity, key)
