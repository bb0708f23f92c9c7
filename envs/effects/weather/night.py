"""What shines by night: the car's own low beam, what throws it back, street lamps and lit windows.

The beam is that of a dipped headlight as a driver sees it: bright and even in front, gone at some sixty metres, cut off
just below the lamps' own height so that nobody is dazzled (UN Regulation 112 in outline, not in candela).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import cos, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.weather.conditions import Conditions
from envs.effects.weather.view import Plane, Planes, Shot
from envs.render.labels import Label
from envs.render.scene import Colour, Instance

_LAMPS_AHEAD, _LAMPS_HIGH = 0.9, 0.65
"""Metres of the headlights in front of the camera, and above the road."""
_BEAM: Colour = (1.0, 0.96, 0.86)
_RANGE = 26.0
"""Metres at which the beam has half its effect."""
_CUT = 0.012
"""Slope of the cut-off line downwards."""
_SODIUM: Colour = (1.0, 0.80, 0.52)
_LAMP_REACH = 19.0
"""Metres around a street lamp's foot that it lights."""
_CELL = 2.0
"""Metres of the map of street light."""
_MOST_CELLS = 4.0e6
_HEADS_REACH = 140.0
"""Metres from which on a lamp is seen as a light."""
_WARM: Colour = (1.0, 0.78, 0.42)
_COOL: Colour = (0.86, 0.90, 0.92)


def street_lamps(instances: Iterable[Instance]) -> NDArray[np.float64]:
    """The heads (N, 3) of all street lamps among the things of a scene, metres, world."""
    heads = []
    for item in instances:
        if item.kind == "lamp":
            x, y, z = item.position
            heads.append((x + 1.7 * cos(item.yaw), y + 1.7 * sin(item.yaw), z + 7.7))
    return np.array(heads, dtype=np.float64).reshape(-1, 3)


class StreetLight:
    """How bright the ground of a world is by its street lamps, as a map.

    Args:
        lamps: (N, 3) their heads, metres, world.
    """

    def __init__(self, lamps: NDArray[np.float64]) -> None:
        self.heads = np.asarray(lamps, dtype=np.float64).reshape(-1, 3)
        low = self.heads[:, :2].min(axis=0) - _LAMP_REACH
        size = self.heads[:, :2].max(axis=0) + _LAMP_REACH - low
        self.cell = max(_CELL, float(np.sqrt(size[0] * size[1] / _MOST_CELLS)))
        self.low = low
        columns, rows = (int(n) + 2 for n in size / self.cell)
        self.map = np.zeros((rows, columns), dtype=np.float32)
        span = int(_LAMP_REACH / self.cell) + 1
        for x, y, _ in self.heads.tolist():
            column, row = int((x - low[0]) / self.cell), int((y - low[1]) / self.cell)
            r = np.arange(max(0, row - span), min(rows, row + span + 1))
            c = np.arange(max(0, column - span), min(columns, column + span + 1))
            away = ((c + 0.5) * self.cell + low[0] - x)[None, :] ** 2 + ((r + 0.5) * self.cell + low[1] - y)[
                :, None
            ] ** 2
            light = np.clip(1.0 - away / _LAMP_REACH**2, 0.0, 1.0) ** 2 / (1.0 + away / 60.0)
            self.map[r[0] : r[-1] + 1, c[0] : c[-1] + 1] += light.astype(np.float32)

    def on(self, shot: Shot) -> Plane:
        """(H, W) light at each pixel's place, 1 below a lamp."""
        position = shot.view.position
        reach = np.minimum(shot.depth, np.float32(400.0))
        scale = np.float32(1.0 / self.cell)
        column = (shot.world[0] * reach + np.float32(position[0] - self.low[0])) * scale - np.float32(0.5)
        row = (shot.world[1] * reach + np.float32(position[1] - self.low[1])) * scale - np.float32(0.5)
        light = cv2.remap(self.map, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        return np.asarray(light, dtype=np.float32)


def beam(shot: Shot) -> Plane:
    """(H, W) light of the car's own headlights, 1 where it is brightest."""
    ground = shot.ground
    nf, nl, nu = (np.float32(n) for n in ground.normal)
    body, depth = shot.rays.body, shot.reach
    ahead = np.maximum(depth - np.float32(_LAMPS_AHEAD), 0.3)
    aside = body[1] * depth / ahead
    above = (nf + nl * body[1] + nu * body[2]) * depth + np.float32(ground.height)
    # 1 well below the line of the cut-off, 0.1 above it: what strays still shows the trees.
    over = (above - np.float32(_LAMPS_HIGH)) / ahead + np.float32(_CUT)
    level = np.clip(0.5 - over * 14.0, 0.0, 1.0)
    level = 0.09 + 0.91 * (level * level * (3.0 - 2.0 * level))
    far = ahead * np.float32(1.0 / _RANGE)
    light = cv2.exp(-(aside * aside) * np.float32(2.4))
    light *= level / (1.0 + far * far)
    return np.asarray(light, dtype=np.float32)


def shine(planes: Planes, shot: Shot, now: Conditions, lamps: StreetLight | None, seed: int) -> None:
    """Add all lights to the land as it lies in the dark: ``planes`` (already darkened) is changed.

    What they add is a share of the land's own colours, which is what ``planes`` shows, only brighter.
    """
    # How much brighter full light is than what is left of the day.
    left = max(0.03, now.hour.level * now.gloom)
    wet = max(now.film, now.puddles)
    light = np.asarray(cv2.LUT(shot.labels, _thrown_back(now.film)), dtype=np.float32)
    light *= beam(shot)
    light *= np.float32(0.95 * now.headlights / left)
    light *= light
    street = None
    if lamps is not None:
        street = lamps.on(shot)
        street *= np.float32(0.55 * now.headlights * (1.0 - 0.3 * wet) / left)
        street *= street
    tint = now.hour.shade
    for channel in range(3):
        # Lights add up before the eye's (and the picture's) root is taken.
        factor = light * np.float32((_BEAM[channel] / tint[channel]) ** 2)
        if street is not None:
            factor += street * np.float32((_SODIUM[channel] / tint[channel]) ** 2)
        factor += 1.0
        planes[channel] *= np.sqrt(factor, out=factor)
    glow = _windows(shot, seed)
    if glow is not None:
        where, colour = glow
        flat = planes.reshape(3, -1)
        flat[:, where] += (colour - flat[:, where]) * np.float32(0.92 * now.headlights)


@lru_cache(maxsize=64)
def _thrown_back(film: float) -> NDArray[np.float32]:
    """(256,) how bright each `Label` looks in one's own light: paint and signs hold glass beads, wet roads throw it
    forward and drown the beads.
    """
    table = np.full(256, 0.95, dtype=np.float32)
    table[Label.ROADS] = 0.80 * (1.0 - 0.10 * film)
    table[Label.ROAD_LINES] = 1.40 * (1.0 - 0.15 * film)
    table[Label.SIDEWALKS] = 0.85 * (1.0 - 0.35 * film)
    table[[Label.VEGETATION, Label.TERRAIN]] = 0.85
    table[Label.TRAFFIC_SIGNS] = 2.6
    table[Label.POLES] = 1.5
    table[Label.GUARD_RAIL] = 1.3
    return table


def _windows(shot: Shot, seed: int) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
    """The pixels that are lit panes, and their colours (3, P).

    Panes are what is bluish on a building; which are lit is drawn for each few metres of the house's front.
    """
    where = np.flatnonzero(shot.labels == Label.BUILDINGS)
    pixels = shot.image.reshape(-1)
    red, blue = pixels.take(where * 3), pixels.take(where * 3 + 2)
    where = where[blue - (blue >> 2) > red]
    if not len(where):
        return None
    reach = shot.depth.take(where)
    position = shot.view.position
    number = np.full(len(where), seed & 0x7FFFFFFF, dtype=np.uint32)
    for axis, (size, prime) in enumerate(((3.4, 73856093), (3.4, 19349663), (2.9, 83492791))):
        place = shot.world[axis].take(where) * reach
        place += np.float32(position[axis] + 32768.0)
        number ^= (place * np.float32(1.0 / size)).astype(np.uint32) * np.uint32(prime)
    number = ((number * np.uint32(2654435761)) >> np.uint32(20)) & np.uint32(255)
    lit = number < 80
    where, number = where[lit], number[lit]
    if not len(where):
        return None
    bright = (0.55 + 0.45 * (number % 16) / 15.0).astype(np.float32)
    warm = (number % 5 > 0)[None, :]
    colours = np.where(warm, np.array(_WARM)[:, None], np.array(_COOL)[:, None]) * bright
    return where, colours.astype(np.float32)


def lamp_heads(planes: Planes, shot: Shot, now: Conditions, lamps: StreetLight) -> None:
    """The lamps themselves with the glow around them, those that are in view and not hidden."""
    view, focal = shot.view, shot.view.focal_px
    body = (lamps.heads - view.position) @ view.rotation
    body = body[(body[:, 0] > 2.0) & (body[:, 0] < _HEADS_REACH)]
    forward = body[:, 0]
    column, row = view.width / 2 - focal * body[:, 1] / forward, view.height / 2 - focal * body[:, 2] / forward
    radius = focal * (0.25 + 4.0 * now.fog**0.5) / forward + view.width / 240
    extent = 4.0 * np.minimum(radius, 0.05 * view.width) + 2.0
    near = (column > -extent) & (column < view.width + extent) & (row > -extent) & (row < view.height + extent)
    x, y = np.clip(column, 0, view.width - 1).astype(np.intp), np.clip(row, 0, view.height - 1).astype(np.intp)
    seen = np.flatnonzero(near & (shot.depth[y, x] > 0.93 * forward))
    strength = (
        now.headlights * np.clip(50.0 / forward, 0.3, 1.0) * np.clip(4.0 - 4.0 * forward / _HEADS_REACH, 0.0, 1.0)
    )
    for lamp in seen.tolist():
        glow = _glow(round(8.0 * min(float(radius[lamp]), 0.05 * view.width)))
        size = glow.shape[1] // 2
        x0, y0 = int(column[lamp]), int(row[lamp])
        top, bottom = max(0, y0 - size), min(view.height, y0 + size + 1)
        low, high = max(0, x0 - size), min(view.width, x0 + size + 1)
        part = glow[:, top - y0 + size : bottom - y0 + size, low - x0 + size : high - x0 + size]
        planes[:, top:bottom, low:high] += part * np.float32(strength[lamp])


@lru_cache(maxsize=512)
def _glow(eighths: int) -> NDArray[np.float32]:
    """(3, S, S) light of a lamp and of the air around it whose radius is so many eighths of a pixel."""
    radius = eighths / 8.0
    size = int(4.0 * radius) + 1
    square = (np.arange(-size, size + 1) / radius) ** 2
    away = square[None, :] + square[:, None]
    glow = 1.0 / (1.0 + away * away) * np.clip(1.0 - away / 16.0, 0.0, 1.0)
    # Far beyond white in the middle: a wet road mirrors the glow, and it is white still.
    glow *= 1.0 + 2.0 * glow * glow
    return (np.array(_SODIUM)[:, None, None] * glow).astype(np.float32)
