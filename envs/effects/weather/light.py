"""The land in another light: brightness, tint of sun and shade, contrast and colours.

The renderer bakes the land's own sun into its pictures. What is bright there is lit, what is dark lies in the shade:
a curve for each channel therefore tints both on their own, which is how films are graded, at the price of a table
look-up.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Image
from envs.effects.weather.conditions import Conditions, blend
from envs.effects.weather.view import Planes, View, split
from envs.render.noise import smoothstep

_MIDDLE = 0.40
"""Towards this grey contrast shrinks when the sun is gone."""
_LUMA = (0.30, 0.59, 0.11)
_DUSTY = (1.0, 0.90, 0.74)
"""Tint of light that has come through dust."""


def relight(image: Image, now: Conditions, view: View) -> Planes:
    """The picture's channels (3, H, W) 0..1 in the light of these conditions (the headlights' not included)."""
    curves = _curves(now, _against(now, view)) if now.relit or now.dust > 0.0 else _plain()
    planes = np.empty((3, *image.shape[:2]), dtype=np.float32)
    for plane, curve, channel in zip(planes, curves, split(image), strict=True):
        cv2.LUT(channel, curve, plane)
    if now.saturation != 1.0:
        # The curves hold the saturation already; the grey that it leaves is a share of what they give.
        share = (1.0 - now.saturation) / now.saturation
        grey = planes[0] * np.float32(_LUMA[0] * share)
        grey += planes[1] * np.float32(_LUMA[1] * share)
        grey += planes[2] * np.float32(_LUMA[2] * share)
        planes += grey
    return planes


def _against(now: Conditions, view: View) -> float:
    """0..1, how far the camera looks against a low sun, and therefore at the shaded side of everything."""
    if now.dazzle <= 0.0:
        return 0.0
    ahead = np.asarray(view.rotation)[:2, 0]
    facing = float(ahead[0] * now.sun[0] + ahead[1] * now.sun[1])
    return now.dazzle * max(0.0, facing)


@lru_cache(maxsize=16)
def _curves(now: Conditions, against: float) -> NDArray[np.float32]:
    """(3, 256) what becomes of each value of each channel, times the saturation."""
    value = np.arange(256) / 255.0
    # Grey light has no tint of its own, and throws no shadow.
    grey = now.overcast * (0.75 if now.hour.level > 0.4 else 0.5)
    lit = blend(now.hour.lit, (0.97, 0.99, 1.02), grey)
    shade = blend(now.hour.shade, (0.97, 0.99, 1.02), grey)
    lit = blend(lit, shade, 0.6 * against)
    dusty = blend((1.0, 1.0, 1.0), _DUSTY, now.dust)
    sunny = smoothstep(0.18, 0.62, value)
    flat = value + 0.30 * now.lift * (_MIDDLE - value) * smoothstep(0.0, 0.2, value)
    level = now.hour.level * now.gloom * (1.0 - 0.15 * against) * now.saturation
    factors = [(s + (k - s) * sunny) * level * d for k, s, d in zip(lit, shade, dusty, strict=True)]
    curves = np.stack([flat * factor for factor in factors]).astype(np.float32)
    curves.setflags(write=False)
    return curves


@lru_cache(maxsize=1)
def _plain() -> NDArray[np.float32]:
    return np.stack([np.arange(256) / 255.0] * 3).astype(np.float32)
