"""Falling rain: the streaks that drops draw in the air while the shutter is open.

Drops hang in the space before the camera, drawn anew for every frame. Each moves with the wind and its fall against the
car, and is drawn as the line between where it is when the shutter opens and where it is when it closes: upright from a
standing car, streaming out of the focus of expansion from a fast one.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.draws import uniforms
from envs.effects.types import Image, Key
from envs.effects.weather.conditions import Conditions, blend
from envs.effects.weather.heaven import Heaven
from envs.effects.weather.view import Shot, View
from envs.render.scene import Colour
from liquid_pilot.randomness import generator

_DROPS = 240
"""Drops in view in the hardest rain."""
_NEAREST, _FARTHEST = 0.7, 8.5
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
_FAINTEST = 0.02
"""Strength below which a streak is not drawn."""
_LONGEST = 0.35
"""Of the picture's width: longer streaks are mostly outside."""


class Streaks(NamedTuple):
    """Lines (n, 4) x, y, x, y in pixels (corner of the first pixel at 0, 0), their strength (n,) and width (n,) px."""

    ends: NDArray[np.float64]
    strength: NDArray[np.float64]
    width: NDArray[np.float64]


@lru_cache(maxsize=64)
def wind_direction(seed: int) -> tuple[float, float]:
    """Where the wind blows to in an episode, a unit vector in the world's plane."""
    angle = float(generator(seed, "wind").uniform(0.0, 2.0 * math.pi))
    return math.cos(angle), math.sin(angle)


def streaks(view: View, now: Conditions, seed: int, key: Key) -> Streaks:
    """What the rain of this frame draws; ``seed`` gives the wind its direction."""
    number = math.ceil(now.rain * _DROPS)
    draws = uniforms(key, "rain", (_DROPS, 4))[:number].T
    size = draws[3] * np.sqrt(draws[3])
    fall = (_FALL[0] + (_FALL[1] - _FALL[0]) * size) * (0.5 * _SHUTTER)
    # Evenly in the space in view, but for the far ones, of which nothing is seen.
    near, far = _NEAREST**2, _FARTHEST**2
    forward = np.sqrt(near + (far - near) * draws[2])
    extent = np.array(((1.3 * view.width / view.focal_px,), (1.3 * view.height / view.focal_px,)))
    begin = np.empty((3, number))
    begin[0] = forward
    np.multiply((draws[:2] - 0.5) * extent, forward, out=begin[1:])
    wind = wind_direction(seed)
    rotation, speed = np.asarray(view.rotation), np.asarray(view.speed)
    blown = _GALE * now.wind
    moving = rotation.T @ (np.array((blown * wind[0], blown * wind[1], 0.0)) - speed) * (0.5 * _SHUTTER)
    # The third row of the rotation is the world's up in the camera's frame.
    way = moving[:, None] - rotation[2][:, None] * fall
    points = np.stack((begin - way, begin + way))
    depth = np.maximum(points[:, :1], 0.25)
    corner = np.array(((view.width / 2,), (view.height / 2,)))
    pixels = corner - points[:, 1:] * (view.focal_px / depth)
    along = pixels[1] - pixels[0]
    length = np.sqrt(along[0] * along[0] + along[1] * along[1])
    width = (view.focal_px * (_SIZE[0] + (_SIZE[1] - _SIZE[0]) * size)) / forward
    # Thinner than a pixel: as much fainter. And the light is spread over the way, which a long shutter fades.
    strength = np.minimum(1.0, 1.1 * np.sqrt(width)) / (1.0 + length * (8.0 / view.width))
    # Drop i of all falls in rain above i / all: rain thickens drop by drop, and each comes in gradually.
    strength[-1:] *= now.rain * _DROPS - (number - 1)
    keep = (length < _LONGEST * view.width) & (strength > _FAINTEST) & (points[:, 0].min(axis=0) > 0.25)
    return Streaks(pixels[:, :, keep].transpose(2, 0, 1).reshape(-1, 4), strength[keep], width[keep])


def fall(image: Image, shot: Shot, now: Conditions, heaven: Heaven, seed: int, key: Key) -> None:
    """Draw the rain before what ``image`` (H, W, 3) shows; it is changed."""
    view = shot.view
    lines = streaks(view, now, seed, key)
    if not len(lines.strength):
        return
    drawn = _drawn(lines, view)
    colour = np.array(_drop_colour(now, heaven)) + np.zeros((view.width, 1))
    if now.headlights > 0.0:
        # Near drops in one's own beam glitter.
        aside = shot.rays.body[1, 0]
        colour += (0.45 * now.headlights / (1.0 + 1.6 * aside * aside))[:, None]
    row = np.minimum(np.rint(255.0 * colour), 255.0).astype(np.uint8)
    left, covered = (np.asarray(cv2.LUT(drawn, table)) for table in _opacity())
    cv2.blendLinear(image, np.broadcast_to(row, image.shape).copy(), left, covered, image)


@lru_cache(maxsize=1)
def _opacity() -> NDArray[np.float32]:
    """(2, 256) how much is left of what is behind a streak drawn in each shade, and the rest."""
    covered = np.arange(256) * (0.55 / 255.0)
    table = np.stack((1.0 - covered, covered)).astype(np.float32)
    table.setflags(write=False)
    return table


def _drawn(lines: Streaks, view: View) -> NDArray[np.uint8]:
    """(H, W) how far each pixel is covered by streaks, 0..255."""
    canvas = np.zeros((view.height, view.width), dtype=np.uint8)
    # From faint to bright, so that bright ones lie above.
    order = np.argsort(lines.strength, kind="stable")
    corners = np.rint((lines.ends[order] - 0.5) * (1 << _SUBPIXEL)).astype(np.int32).reshape(-1, 2, 2)
    number = len(order)
    classes = min(_CLASSES, number)
    begins = [number * i // classes for i in range(classes)]
    sizes = np.diff(begins, append=number)
    shades = (255.0 * np.add.reduceat(lines.strength[order], begins) / sizes).round().tolist()
    widths = (np.add.reduceat(lines.width[order], begins) / sizes).round().tolist()
    for begin, size, shade, thick in zip(begins, sizes.tolist(), shades, widths, strict=True):
        group = list(corners[begin : begin + size])
        cv2.polylines(canvas, group, False, (shade,), max(1, int(thick)), cv2.LINE_AA, _SUBPIXEL)
    return canvas


def _drop_colour(now: Conditions, heaven: Heaven) -> Colour:
    """Drops show the sky: brighter than the land, hardly brighter than cloud."""
    tone = heaven.tones(now)
    return blend(blend(tone.horizon, tone.grey, min(1.0, 1.25 * now.overcast)), (1.0, 1.0, 1.0), 0.22 * now.hour.level)
