"""Falling rain: the streaks that drops draw in the air while the shutter is open.

Drops hang in the space before the camera, drawn anew for every frame. Each moves with the wind and its fall against the
car, and is drawn as the line between where it is when the shutter opens and where it is when it closes: upright from a
standing car, streaming out of the focus of expansion from a fast one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Key
from envs.effects.weather import heaven
from envs.effects.weather.conditions import Conditions, blend
from envs.effects.weather.view import Planes, Shot, View
from envs.render.scene import Colour, Sky
from liquid_pilot.randomness import generator

_DROPS = 460
"""Drops in view in the hardest rain."""
_NEAREST, _FARTHEST = 0.7, 14.0
"""Metres; beyond this the veil stands for them."""
_SHUTTER = 1.0 / 50.0
"""Seconds."""
_FALL = (5.0, 9.0)
"""m/s of drops of 1 and of 5 mm (Gunn and Kinzer 1949)."""
_SIZE = (0.0012, 0.0042)
"""Metres of their diameter."""
_GALE = 13.0
"""m/s of wind at 100."""
_SUBPIXEL = 4
"""Binary places of the lines' ends."""
_CLASSES = 5
"""Shades in which lines are drawn: one call of OpenCV for each."""
_LONGEST = 0.35
"""Of the picture's width: longer streaks are mostly outside."""


class Streaks(NamedTuple):
    """Lines (n, 4) x, y, x, y in pixels (corner of the first pixel at 0, 0), their strength (n,) and width (n,) px."""

    ends: NDArray[np.float64]
    strength: NDArray[np.float64]
    width: NDArray[np.float64]


def wind_velocity(now: Conditions, seed: int) -> tuple[float, float]:
    """m/s along the world's x and y; the direction is that of the episode."""
    angle = float(generator(seed, "wind").uniform(0.0, 2.0 * math.pi))
    return _GALE * now.wind * math.cos(angle), _GALE * now.wind * math.sin(angle)


def streaks(view: View, now: Conditions, seed: int, key: Key) -> Streaks:
    """What the rain of this frame draws; ``seed`` gives the wind its direction."""
    draws = key.generator("rain").random((5, _DROPS))
    size = draws[3] ** 1.6
    fall = _FALL[0] + (_FALL[1] - _FALL[0]) * size
    # Evenly in the space in view: its cross-section grows with the square of the distance.
    near, far = _NEAREST**3, _FARTHEST**3
    forward = np.cbrt(near + (far - near) * draws[2] ** 1.5)
    half_left, half_up = 0.65 * view.width / view.focal_px, 0.65 * view.height / view.focal_px
    begin = np.stack((forward, forward * half_left * (2 * draws[0] - 1), forward * half_up * (2 * draws[1] - 1)))
    wind_x, wind_y = wind_velocity(now, seed)
    rotation, speed = np.asarray(view.rotation), np.asarray(view.speed)
    moving = rotation.T @ (np.array((wind_x, wind_y, 0.0)) - speed)
    down = -rotation[2]  # the world's down in the camera's frame
    way = (moving[:, None] + down[:, None] * fall) * (0.5 * _SHUTTER)
    first, last = begin - way, begin + way
    ahead = np.minimum(first[0], last[0]) > 0.25
    # Drop i of all falls in rain above i / all: rain thickens drop by drop, and each comes in gradually.
    there = np.clip(now.rain * _DROPS - np.arange(_DROPS), 0.0, 1.0)
    ahead &= there > 0.0
    first, last, forward, size, there = (part[..., ahead] for part in (first, last, forward, size, there))
    focal = view.focal_px
    ends = np.stack((
        view.width / 2 - focal * first[1] / first[0], view.height / 2 - focal * first[2] / first[0],
        view.width / 2 - focal * last[1] / last[0], view.height / 2 - focal * last[2] / last[0],
    ), axis=1)  # fmt: skip
    length = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    width = focal * (_SIZE[0] + (_SIZE[1] - _SIZE[0]) * size) / forward
    # Thinner than a pixel: as much fainter. And the light is spread over the way, which a long shutter fades.
    strength = np.minimum(1.0, 1.1 * np.sqrt(width)) * there / (1.0 + length / (0.12 * view.width))
    keep = length < _LONGEST * view.width
    return Streaks(ends[keep], strength[keep], width[keep])


def fall(planes: Planes, shot: Shot, now: Conditions, sky: Sky, seed: int, key: Key) -> None:
    """Draw the rain; ``planes`` is changed."""
    lines = streaks(shot.view, now, seed, key)
    if not len(lines.strength):
        return
    mask = _drawn(lines, shot.view)
    colour = _drop_colour(now, sky)
    for channel in range(3):
        plane = planes[channel]
        plane += (np.float32(colour[channel]) - plane) * mask
    if now.headlights > 0.0:
        # Near drops in one's own beam glitter.
        lit = mask * np.float32(0.45 * now.headlights)
        lit *= np.exp(-np.square(shot.rays.body[1] * 0.9)) if lit.size else 1.0
        planes += lit


def _drawn(lines: Streaks, view: View) -> NDArray[np.float32]:
    """(H, W) how far each pixel is covered by streaks, 0..1."""
    canvas = np.zeros((view.height, view.width), dtype=np.uint8)
    corners = np.round((lines.ends - 0.5) * (1 << _SUBPIXEL)).astype(np.int32).reshape(-1, 2, 2)
    order = np.argsort(lines.strength, kind="stable")
    # From faint to bright, so that bright ones lie above.
    for group in np.array_split(order, _CLASSES):
        if len(group):
            shade = int(round(255 * float(lines.strength[group].mean())))
            thick = max(1, round(float(lines.width[group].mean())))
            cv2.polylines(canvas, corners[group], False, shade, thick, cv2.LINE_AA, _SUBPIXEL)
    return np.asarray(canvas.astype(np.float32) * np.float32(0.55 / 255.0))


def _drop_colour(now: Conditions, sky: Sky) -> Colour:
    """Drops show the sky: brighter than the land, hardly brighter than cloud."""
    tone = heaven.tones(now, sky)
    return blend(blend(tone.horizon, tone.grey, min(1.0, 1.25 * now.overcast)), (1.0, 1.0, 1.0), 0.22 * now.hour.level)
