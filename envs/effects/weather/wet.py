"""Water on the road: a film that darkens it and mirrors what stands and shines behind, and puddles that stay in place.

The mirror image of what is far away is the picture upside down about the vanishing line of the road's plane: every road
pixel looks along its ray mirrored at the plane. How much is mirrored says Fresnel's law (Schlick 1994) for water.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.draws import words
from envs.effects.types import Key
from envs.effects.weather.conditions import Conditions
from envs.effects.weather.heaven import Heaven
from envs.effects.weather.view import Places, Planes, Shot, View
from envs.render.labels import Label
from envs.render.noise import fractal_noise, value_noise
from liquid_pilot.randomness import generator

_WATER = 0.02
"""What water mirrors straight down."""
_DARKER = 0.45
"""Part of its own brightness that wet asphalt loses (Lekner and Dorf 1988 measure up to that)."""
_FILM, _PUDDLE = 0.72, 0.85
"""Part of Fresnel's share that a film on rough asphalt mirrors, and a puddle."""
_PUDDLE_LEAST = 0.10
"""What a puddle mirrors from right above: its dark ground makes more of it than water alone would be."""
_THROUGH = 0.62
"""Brightness of the ground of a puddle."""
_TILE, _CELLS = 76.8, 512
"""Metres and pixels after which the pattern of puddles repeats."""
_NEAREST = 90.0
"""Metres from which on a puddle is narrower than a pixel row, however large."""
_SOFT = 0.05
"""Width of a puddle's edge in shares of the land's area."""
_RIPPLES = 128


def drench(planes: Planes, shot: Shot, now: Conditions, heaven: Heaven, seed: int, key: Key) -> None:
    """Put water on the road; ``planes`` is changed."""
    view = shot.view
    gloss = np.asarray(cv2.LUT(shot.labels, _glossiness()), dtype=np.float32).ravel()
    where = np.flatnonzero(gloss > 0.0)
    if not len(where):
        return
    gloss = gloss[where]
    fresnel, column, row = _mirror(shot, where)
    if now.rain > 0.0:
        # Every drop makes rings: the mirror trembles.
        across, down = _ripples(where, view, key)
        strength = np.float32(now.rain * view.height / 78.0)
        column += across * (1.2 * strength)
        row += down * (2.5 * strength)
    own, tone, parts = _mixture(shot, now, seed, where, gloss, fresnel, row)
    above = heaven.overhead(now)
    whole = cv2.merge(list(planes))
    mirrors = []
    if now.film > 0.0:
        # Rough asphalt is a blurred mirror, and most so along the line of sight: a quarter of the size will do.
        small = _quarter(whole)
        down, right = (np.float32(a / b) for a, b in zip(small.shape, whole.shape[:2], strict=False))
        mirrors.append(Places((column + 0.5) * right - 0.5, (row + 0.5) * down - 0.5).of(small))
    if now.puddles > 0.0:
        mirrors.append(Places(column, row).of(whole))
    for channel, plane in enumerate(planes.reshape(3, -1)):
        road = plane[where]
        road *= own
        road += tone * np.float32(above[channel])
        for share, image in zip(parts, mirrors, strict=True):
            road += image[:, channel] * share
        plane[where] = road


def _mixture(
    shot: Shot,
    now: Conditions,
    seed: int,
    where: NDArray[np.intp],
    gloss: NDArray[np.float32],
    fresnel: NDArray[np.float32],
    row: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[NDArray[np.float32]]]:
    """What a wet road's pixels (P,) are made of: shares of their own colour, of the sky's tone, and of the mirror
    images: the blurred one if there is a film, then the sharp one if there are puddles.
    """
    # Above the picture nobody knows what is mirrored: mostly sky.
    aloft = np.clip(row * np.float32(-1.0 / (0.20 * shot.view.height)), 0.0, 0.8)
    own, parts = np.ones_like(gloss), []
    if now.film > 0.0:
        film = fresnel * gloss * np.float32(_FILM * now.film)
        own = (1.0 - gloss * np.float32(_DARKER * now.film)) * (1.0 - film)
        parts.append(film)
    if now.puddles > 0.0:
        pool = puddles_at(shot, now, seed, where) * gloss
        share = np.float32(_PUDDLE_LEAST) + fresnel * np.float32(_PUDDLE)
        # Seen through the water the road, film and all, is darker.
        left = 1.0 - pool * (1.0 - np.float32(_THROUGH) * (1.0 - share))
        own *= left
        parts = [part * left for part in parts]
        parts.append(share * pool)
    seen = 1.0 - aloft
    tone = sum(parts[1:], parts[0]) * aloft
    return own, tone, [part * seen for part in parts]


def _quarter(whole: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = whole.shape[:2]
    small = cv2.resize(whole, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small, (3, 5)), dtype=np.float32)


def _mirror(
    shot: Shot, where: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Of the pixels ``where``: how much water mirrors there (0..1), and which column and row of the picture."""
    view = shot.view
    left, up = (shot.rays.body[axis].ravel()[where] for axis in (1, 2))
    nf, nl, nu = (np.float32(part) for part in shot.ground.normal)
    # The rays' components along the normal: negative, they go down.
    along = left * nl
    along += up * nu
    along += nf
    grazing = np.clip(1.0 + along / shot.rays.stretch.ravel()[where], 0.0, 1.0)
    square = grazing * grazing
    fresnel = np.float32(_WATER) + np.float32(1.0 - _WATER) * (square * square * grazing)
    twice = np.minimum(2.0 * along, -1e-4)
    focal = np.float32(view.focal_px) / np.maximum(1.0 - twice * nf, 0.05)
    column = np.float32(view.width / 2 - 0.5) - focal * (left - twice * nl)
    row = np.float32(view.height / 2 - 0.5) - focal * (up - twice * nu)
    # remap counts in 16 bits, and nothing is to be seen out there.
    return fresnel, np.clip(column, -16000.0, 16000.0), np.clip(row, -16000.0, 16000.0)


def puddles_at(shot: Shot, now: Conditions, seed: int, where: NDArray[np.intp]) -> NDArray[np.float32]:
    """How far each of the pixels ``where`` (flat indices) is under water, 0..1, if it is road. Fixed to the ground."""
    view = shot.view
    reach = np.minimum(shot.depth.ravel()[where], np.float32(_NEAREST))
    # Small numbers for float32, and for remap: places within the tile.
    base = np.mod(np.asarray(view.position[:2], dtype=np.float64), _TILE)
    scale = np.float32(_CELLS / _TILE)
    column, row = ((shot.world[axis].ravel()[where] * reach + np.float32(base[axis])) * scale for axis in (0, 1))
    field = Places(column, row).of(puddle_bank(seed), around=True)
    # Far away a pixel covers many puddles, and shows their mean: the edge widens until it is all there is.
    footprint = reach * reach * np.float32(1.0 / (view.focal_px * shot.ground.height))
    soft = np.float32(_SOFT) + np.minimum(footprint * np.float32(0.25), 1.5)
    covered = np.clip((np.float32(now.puddles) * (1.0 + soft) - field) / soft, 0.0, 1.0)
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


@lru_cache(maxsize=8)
def _ripple_bank(height: int, width: int) -> NDArray[np.float32]:
    """(2, (2 H + 1) W) offsets -1..1, from which a frame takes H * W in a row."""
    rng = generator(0, "ripples")
    banks = []
    for _ in range(2):
        noise = value_noise(rng, (_RIPPLES, _RIPPLES), (_RIPPLES * 3 // 8,) * 2) * 2.0 - 1.0
        # At least a row more than the picture has, so that a frame may begin anywhere in it.
        banks.append(np.resize(np.tile(noise, (1, -(-width // _RIPPLES)))[:, :width], (2 * height + 1, width)).ravel())
    return np.stack(banks).astype(np.float32)


def _ripples(where: NDArray[np.intp], view: View, key: Key) -> NDArray[np.float32]:
    """(2, P) offsets -1..1 of these pixels in this frame."""
    bank = _ripple_bank(view.height, view.width)
    begin = int(words(key, "ripples", 1)[0] >> np.uint64(1)) % (bank.shape[1] - view.width * view.height)
    return np.asarray(bank.take(where + begin, axis=1))
