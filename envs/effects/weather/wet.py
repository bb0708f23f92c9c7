"""Water on the road: a film that darkens it and mirrors what stands and shines behind, and puddles that stay in place.

The mirror image of what is far away is the picture upside down about the vanishing line of the road's plane: every road
pixel looks along its ray mirrored at the plane. How much is mirrored says Fresnel's law (Schlick 1994) for water.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Key
from envs.effects.weather import heaven
from envs.effects.weather.conditions import Conditions
from envs.effects.weather.view import Plane, Planes, Shot, mirrored
from envs.render.labels import Label
from envs.render.noise import fractal_noise, value_noise
from envs.render.scene import Sky
from liquid_pilot.randomness import generator

_WATER = 0.02
"""What water mirrors straight down."""
_DARKER = 0.45
"""Part of its own brightness that wet asphalt loses (Lekner and Dorf 1988 measure up to that)."""
_FILM, _PUDDLE = 0.72, 0.85
"""Part of Fresnel's share that a film on rough asphalt mirrors, and a puddle."""
_PUDDLE_LEAST = 0.10
"""What a puddle mirrors from right above: its dark ground makes more of it than water alone would be."""
_TILE, _CELLS = 76.8, 512
"""Metres and pixels after which the pattern of puddles repeats."""
_NEAREST = 90.0
"""Metres from which on a puddle is narrower than a pixel row, however large."""
_SOFT = 0.05
"""Width of a puddle's edge in shares of the land's area."""
_RIPPLES = 128


def drench(planes: Planes, shot: Shot, now: Conditions, sky: Sky, seed: int, key: Key) -> None:
    """Put water on the road; ``planes`` is changed."""
    gloss = _glossiness().take(shot.labels)
    rows = np.flatnonzero(gloss.max(axis=1) > 0.0)
    if not len(rows):
        return
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    gloss = gloss[part]
    body = shot.rays.body[:, part]
    stretch = shot.rays.stretch[part]
    nf, nl, nu = (np.float32(n) for n in shot.ground.normal)
    # The rays' components along the normal: negative, they go down.
    along = nf * body[0] + nl * body[1] + nu * body[2]
    grazing = np.clip(1.0 + along / stretch, 0.0, 1.0)
    square = grazing * grazing
    fresnel = _WATER + (1.0 - _WATER) * (square * square * grazing)
    twice = np.minimum(2.0 * along, -1e-4)
    forward = np.maximum(body[0] - twice * nf, 0.05)
    view = shot.view
    focal = np.float32(view.focal_px)
    column = np.float32(view.width / 2 - 0.5) - focal * (body[1] - twice * nl) / forward
    row = np.float32(view.height / 2 - 0.5) - focal * (body[2] - twice * nu) / forward
    if now.rain > 0.0:
        # Every drop makes rings: the mirror trembles, and more so from near by.
        across, down = _ripples(row.shape, key)
        strength = np.float32(now.rain * view.height / 78.0)
        column += across * (1.2 * strength)
        row += down * (2.5 * strength)
    flat = planes[:, part]
    film, pool = np.float32(now.film), None
    if now.puddles > 0.0:
        pool = puddle_map(shot, now, seed, part) * np.minimum(gloss, 1.0)
    # Rough asphalt is a blurred mirror, and most so along the line of sight.
    size = max(3, view.height // 10) | 1
    rough = np.stack([cv2.blur(plane, (max(3, size // 3) | 1, size)) for plane in planes])
    # Above the picture nobody knows what is mirrored: mostly sky.
    aloft = np.clip(row * np.float32(-1.0 / (0.20 * view.height)), 0.0, 0.8)
    above = heaven.overhead(now, sky)
    if now.film > 0.0:
        image = mirrored(rough, column, row)
        share = fresnel * gloss * np.float32(_FILM * now.film)
        dark = 1.0 - gloss * np.float32(_DARKER * film)
        for channel in range(3):
            road = flat[channel]
            image[channel] += (np.float32(above[channel]) - image[channel]) * aloft
            road *= dark
            road += (image[channel] - road) * share
    if pool is not None:
        image = mirrored(planes, column, row)
        for channel in range(3):
            road = flat[channel]
            image[channel] += (np.float32(above[channel]) - image[channel]) * aloft
            water = road * np.float32(0.62)
            water += (image[channel] - water) * (_PUDDLE_LEAST + fresnel * np.float32(_PUDDLE))
            road += (water - road) * pool


def puddle_map(shot: Shot, now: Conditions, seed: int, part: slice) -> Plane:
    """(rows of ``part``, W) 0..1: how far each pixel is under water if it shows a road. Fixed to the ground."""
    view = shot.view
    reach = np.minimum(shot.depth[part], np.float32(_NEAREST))
    world = shot.world[:, part]
    # Small numbers for float32, and for remap: places within the tile.
    base = np.mod(np.asarray(view.position[:2], dtype=np.float64), _TILE)
    scale = np.float32(_CELLS / _TILE)
    column = (world[0] * reach + np.float32(base[0])) * scale
    row = (world[1] * reach + np.float32(base[1])) * scale
    field = np.asarray(cv2.remap(puddle_bank(seed), column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
    # Far away a pixel covers many puddles, and shows their mean: the edge widens until it is all there is.
    height = shot.ground.height
    footprint = reach * reach * np.float32(1.0 / (view.focal_px * max(height, 0.2)))
    soft = _SOFT + np.minimum(footprint * 0.25, 1.5)
    level = now.puddles
    covered = (level * (1.0 + soft) - field) / soft
    np.clip(covered, 0.0, 1.0, out=covered)
    return np.asarray(covered * covered * (3.0 - 2.0 * covered), dtype=np.float32)


@lru_cache(maxsize=16)
def puddle_bank(seed: int) -> NDArray[np.float32]:
    """(512, 512) at which share of flooded ground each place goes under, 0 first, 1 last; every share equally often."""
    rng = generator(seed, "puddles")
    field = fractal_noise(rng, (_CELLS, _CELLS), (22, 22), 4, 0.45)
    ranks = np.empty(field.size, dtype=np.float32)
    ranks[np.argsort(field, axis=None, kind="stable")] = (np.arange(field.size) + 0.5) / field.size
    bank = ranks.reshape(field.shape)
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=1)
def _glossiness() -> NDArray[np.float32]:
    """(256,) how much of a film each `Label` carries."""
    table = np.zeros(256, dtype=np.float32)
    table[[Label.ROADS, Label.ROAD_LINES]] = 1.0
    table[Label.SIDEWALKS] = 0.7
    return table


@lru_cache(maxsize=1)
def _ripple_bank() -> NDArray[np.float32]:
    rng = generator(0, "ripples")
    return np.stack([value_noise(rng, (_RIPPLES, _RIPPLES), (48, 48)) * 2.0 - 1.0 for _ in range(2)]).astype(np.float32)


def _ripples(shape: tuple[int, ...], key: Key) -> NDArray[np.float32]:
    """(2, H, W) offsets -1..1 of this frame."""
    down, right = key.generator("ripples").integers(0, _RIPPLES, 2).tolist()
    bank = np.roll(_ripple_bank(), (down, right), (1, 2))
    repeats = (1, -(-shape[0] // _RIPPLES), -(-shape[1] // _RIPPLES))
    return np.tile(bank, repeats)[:, : shape[0], : shape[1]]
