"""The sky dome with clouds and sun, and the ring of distant hills: both travel with the eye.

They are cut into sectors, so that only those in view are drawn, and reach just below the horizon: further down the
picture's background colour is the far ground, which costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from envs.render.noise import FloatArray, fractal_noise, smoothstep, to_bytes
from envs.render.scene import Colour, Sky
from liquid_pilot.randomness import generator

SECTORS = 4
"""Pieces of the dome around the horizon."""
_SHAPE = (256, 1024)
_RINGS = tuple(math.radians(d) for d in (-3.0, 0.0, 5.0, 14.0, 30.0, 55.0, 90.0))
_LAYERS = ((0.62, 0.22, 29), (1.0, 0.55, 11))
"""Hill ranges, near one first (where two lie, the first drawn stays): height, share of haze, lattice cells around."""


@dataclass(frozen=True, eq=False)
class Shell:
    """A piece around the eye: (V, 3) vertices at distance 1, faces inwards, colours or texture coordinates."""

    vertices: FloatArray
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8] | None
    uv: FloatArray | None


def _row_of(elevation: FloatArray | float) -> FloatArray:
    """Texture row (0 bottom .. 1 top) of an elevation: the horizon gets most of the rows."""
    share = (np.asarray(elevation) - _RINGS[0]) / (_RINGS[-1] - _RINGS[0])
    return np.asarray(np.sqrt(np.clip(share, 0.0, 1.0)))


def _strip(columns: int, rows: int) -> NDArray[np.int32]:
    """Triangles of a (rows, columns) grid seen from inside the ring, columns counter-clockwise, rows upwards."""
    row, column = (grid.ravel() for grid in np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij"))
    a = row * columns + column
    b, c, d = a + 1, a + columns, a + columns + 1
    return np.concatenate((np.stack((b, a, c), 1), np.stack((b, c, d), 1))).astype(np.int32)


def _directions(azimuth: FloatArray, elevation: FloatArray) -> FloatArray:
    azimuth, elevation = np.broadcast_arrays(azimuth, elevation)
    flat = np.cos(elevation)
    return np.stack((flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)), axis=-1)


@lru_cache(maxsize=8)
def picture(sky: Sky) -> NDArray[np.uint8]:
    """The dome's texture, (256, 1024, 3) uint8: azimuth to the right from +x counter-clockwise, row 0 the zenith."""
    height, width = _SHAPE
    share = 1 - (np.arange(height) + 0.5) / height
    elevation = _RINGS[0] + share * share * (_RINGS[-1] - _RINGS[0])
    azimuth = (np.arange(width) + 0.5) / width * 2 * math.pi
    up = np.clip(np.sin(elevation), 0.0, 1.0)
    # Blue deepens quickly above the horizon and hardly any more above 45 degrees.
    depth = 1 - (1 - up) * (1 - up) * (1 - up)
    colour = np.array(sky.horizon) * (1 - depth[:, None]) + np.array(sky.zenith) * depth[:, None]
    colour = np.repeat(colour[:, None, :], width, axis=1)
    directions = _directions(azimuth[None, :], elevation[:, None])
    sun = sky.sun_direction
    towards = directions[..., 0] * sun[0] + directions[..., 1] * sun[1] + directions[..., 2] * sun[2]
    glow = np.clip(towards, 0.0, 1.0)
    for _ in range(4):  # to the power of 16, without a transcendental function
        glow = glow * glow
    warm = np.array((1.0, 0.95, 0.82))
    colour += 0.35 * glow[..., None] * (warm - colour)
    if sky.clouds > 0:
        cover, lit = _clouds(sky, directions)
        white = np.array((1.0, 0.99, 0.97)) * (0.80 + 0.20 * lit)[..., None]
        colour += cover[..., None] * (white - colour)
    near = math.cos(math.radians(1.3)), math.cos(math.radians(4.5))
    colour += smoothstep(near[1], near[0], towards)[..., None] * 0.55 * (warm - colour)
    colour[towards > near[0]] = (1.0, 0.98, 0.90)
    return to_bytes(colour)


def _clouds(sky: Sky, directions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How much cloud (0..1) and how bright (0..1) in every direction: a flat layer, seen in perspective."""
    rng = generator(sky.seed, "clouds")
    field = fractal_noise(rng, (512, 512), (6, 6), 6, 0.55)
    up = np.clip(directions[..., 2], 0.0, 1.0)
    distance = 1 / (up + 0.12)
    column = (directions[..., 0] * distance * 70 + 40).astype(np.int64) % 512
    row = (directions[..., 1] * distance * 70 + 200).astype(np.int64) % 512
    here = field[row, column]
    sun = sky.sun_direction
    # Brighter where the cloud thins out towards the sun.
    ahead = field[(row + round(6 * float(sun[1]))) % 512, (column + round(6 * float(sun[0]))) % 512]
    threshold = 0.66 - 0.34 * sky.clouds
    cover = smoothstep(threshold, threshold + 0.16, here) * smoothstep(0.0, 0.10, directions[..., 2])
    lit = np.clip(0.6 + 5.0 * (here - ahead), 0.0, 1.0)
    return cover * 0.92, lit


def dome() -> list[Shell]:
    """The sectors of the dome; texture coordinates into `picture`."""
    shells = []
    columns = 6
    for sector in range(SECTORS):
        turn = (sector + np.linspace(0.0, 1.0, columns + 1)) / SECTORS
        elevation, around = (g.ravel() for g in np.meshgrid(np.array(_RINGS), turn, indexing="ij"))
        uv = np.stack((around, _row_of(elevation)), axis=1)
        # Rows are the square root of the elevation, which the corners' straight interpolation follows well enough.
        vertices = _directions(2 * math.pi * around, elevation)
        shells.append(Shell(vertices, _strip(columns + 1, len(_RINGS)), None, uv))
    return shells


def _mix(first: Colour, second: Colour, share: float) -> FloatArray:
    return np.array(first) * (1 - share) + np.array(second) * share


def hills(sky: Sky) -> list[Shell]:
    """The sectors of the ranges of hills around; empty when the sky has none."""
    if sky.hills <= 0:
        return []
    steps = 80
    rng = generator(sky.seed, "hills")
    ranges = []
    for height, haze, cells in _LAYERS:
        ridge = fractal_noise(rng, (1, steps), (1, cells), 4, 0.5)[0]
        low, high = ridge.min(), ridge.max()
        top = sky.hills * height * (0.2 + 0.8 * (ridge - low) / (high - low))
        ranges.append((np.append(top, top[0]), _mix(sky.hill_colour, sky.horizon, haze), haze))
    shells = []
    for sector in range(SECTORS):
        parts = np.arange(sector * steps // SECTORS, (sector + 1) * steps // SECTORS + 1)
        azimuth = 2 * math.pi * parts / steps
        vertices: list[FloatArray] = []
        colours: list[NDArray[np.uint8]] = []
        for level, (top, tone, haze) in enumerate(ranges):
            radius = 1.0 + 0.01 * level
            for elevation, mist in ((np.full(len(parts), -0.055), 0.75), (top[parts], 0.0)):
                vertices.append(_directions(azimuth, elevation) * radius)
                tint = _mix(tuple(tone), _mix(sky.ground, sky.horizon, 0.35 + 0.3 * haze), mist)  # type: ignore[arg-type]
                colours.append(np.repeat(to_bytes(tint)[None, :], len(parts), axis=0))
        count = len(parts)
        faces = np.concatenate([_strip(count, 2) + 2 * count * level for level in range(len(ranges))])
        shells.append(Shell(np.concatenate(vertices), faces, np.concatenate(colours), None))
    return shells
