"""The sky dome with clouds, sun and the distant hills, painted on the inside of a shell that travels with the eye.

It is cut into sectors, so that only those in view are drawn, and reaches just below the horizon: further down the
picture's background colour is the far ground, which costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from envs.render.labels import Label
from envs.render.noise import FloatArray, fractal_noise, smoothstep, to_bytes
from envs.render.scene import Sky
from liquid_pilot.randomness import generator

SECTORS = 4
"""Pieces of the dome around the horizon."""
_COLUMNS = 4
"""Faces of a sector along the horizon."""
_SHAPE = (256, 1024)
# Elevation of the rings and the share of the texture's height below each: most of it for what a car's camera sees.
_RINGS = tuple(math.radians(degrees) for degrees in (-3.0, 4.0, 14.0, 35.0, 90.0))
_SHARES = (0.0, 0.34, 0.62, 0.84, 1.0)
_WARM, _WHITE, _CORE = (1.0, 0.95, 0.82), (1.0, 0.99, 0.97), (1.0, 0.98, 0.90)
"""Red, green and blue of the sun's glow, of clouds, of the sun."""
_LAYERS = ((1.0, 0.55, 11), (0.62, 0.22, 29))
"""Ranges of hills, the far one first: height, share of haze, lattice cells around."""


@dataclass(frozen=True, eq=False)
class Shell:
    """A piece around the eye: (V, 3) vertices at distance 1, (T, 3) faces inwards, (V, 2) texture coordinates."""

    vertices: FloatArray
    triangles: NDArray[np.int32]
    uv: FloatArray


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


@cache
def _texels() -> tuple[FloatArray, FloatArray]:
    """Elevation of the texture's rows (H,), rad, and the direction of every texel (H, W, 3)."""
    height, width = _SHAPE
    elevation = np.interp(1 - (np.arange(height) + 0.5) / height, _SHARES, _RINGS)
    azimuth = (np.arange(width) + 0.5) / width * 2 * math.pi
    return elevation, _directions(azimuth[None, :], elevation[:, None])


@cache
def _cloud_layer() -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Row and column in the field of clouds, and how much of it is seen through the haze, for every texel (H, W)."""
    directions = _texels()[1]
    up = np.clip(directions[..., 2], 0.0, 1.0)
    distance = 1 / (up + 0.12)
    column = (directions[..., 0] * distance * 70 + 40).astype(np.int64) % 512
    row = (directions[..., 1] * distance * 70 + 200).astype(np.int64) % 512
    return row, column, smoothstep(0.0, 0.10, directions[..., 2])


@lru_cache(maxsize=8)
def picture(sky: Sky) -> NDArray[np.uint8]:
    """The dome's texture, (256, 1024, 3) uint8: azimuth to the right from +x counter-clockwise, row 0 the zenith."""
    height, width = _SHAPE
    elevation, directions = _texels()
    up = np.clip(np.sin(elevation), 0.0, 1.0)
    # Blue deepens quickly above the horizon and hardly any more above 45 degrees.
    depth = 1 - (1 - up) * (1 - up) * (1 - up)
    sun = sky.sun_direction
    towards = directions[..., 0] * sun[0] + directions[..., 1] * sun[1] + directions[..., 2] * sun[2]
    glow = np.clip(towards, 0.0, 1.0)
    for _ in range(4):  # to the power of 16, without a transcendental function
        glow = glow * glow
    glow *= 0.35
    clouds = _clouds(sky) if sky.clouds > 0 else None
    near = math.cos(math.radians(1.3)), math.cos(math.radians(4.5))
    around, disc = towards > near[1], towards > near[0]
    halo = smoothstep(near[1], near[0], towards[around]) * 0.55
    hills = []
    for outline, tone, haze in _ranges(sky, width):
        foot = np.array(sky.ground) * (1 - haze) + np.array(sky.horizon) * haze
        low = int(np.argmax(elevation <= outline.max()))  # the first row that the hills reach
        above = elevation[low:, None]
        rise = np.clip(above / np.maximum(outline, 1e-6), 0.0, 1.0)
        hills.append((low, above > outline, 0.5 * rise, foot, tone))
    # One colour at a time: NumPy is slow where the innermost loop has three elements.
    painted = np.empty((height, width, 3), dtype=np.uint8)
    for channel, (warm, white, core) in enumerate(zip(_WARM, _WHITE, _CORE, strict=True)):
        shade = sky.horizon[channel] * (1 - depth) + sky.zenith[channel] * depth
        colour = np.repeat(shade[:, None], width, axis=1)
        colour += glow * (warm - colour)
        if clouds is not None:
            cover, lit = clouds
            colour += cover * (white * lit - colour)
        colour[around] += halo * (warm - colour[around])
        colour[disc] = core
        for low, behind, rise, foot, tone in hills:
            hill = foot[channel] * 0.5 + tone[channel] * 0.5 + rise * (tone[channel] - foot[channel])
            colour[low:] = np.where(behind, colour[low:], hill)
        painted[..., channel] = to_bytes(colour)
    return painted


@lru_cache(maxsize=8)
def labels(sky: Sky) -> NDArray[np.uint8]:
    """What `picture` shows, (256, 1024) uint8 `Label`: sky or terrain."""
    height, width = _SHAPE
    elevation = np.interp(1 - (np.arange(height) + 0.5) / height, _SHARES, _RINGS)
    marks = np.full(_SHAPE, int(Label.SKY), dtype=np.uint8)
    for outline, _, _ in _ranges(sky, width):
        marks[elevation[:, None] <= outline] = int(Label.TERRAIN)
    return marks


def _ranges(sky: Sky, width: int) -> list[tuple[FloatArray, FloatArray, float]]:
    """Ranges of hills, the far one first: elevation of the outline (width,), colour (3,), share of haze at the foot."""
    if sky.hills <= 0:
        return []
    rng = generator(sky.seed, "hills")
    ranges = []
    for height, haze, cells in _LAYERS:
        ridge = fractal_noise(rng, (1, width), (1, cells), 5, 0.5)[0]
        low, high = ridge.min(), ridge.max()
        outline = sky.hills * height * (0.2 + 0.8 * (ridge - low) / (high - low))
        tone = np.array(sky.hill_colour) * (1 - haze) + np.array(sky.horizon) * haze
        ranges.append((outline, tone, 0.35 + 0.3 * haze))
    return ranges


def _clouds(sky: Sky) -> tuple[FloatArray, FloatArray]:
    """How much cloud (0..1) and how bright (0.8..1) in every direction: a flat layer, seen in perspective."""
    rng = generator(sky.seed, "clouds")
    field = fractal_noise(rng, (512, 512), (6, 6), 6, 0.55)
    row, column, clear = _cloud_layer()
    sun = sky.sun_direction
    # Brighter where the cloud thins out towards the sun.
    ahead = np.roll(field, (-round(6 * float(sun[1])), -round(6 * float(sun[0]))), (0, 1))
    threshold = 0.66 - 0.34 * sky.clouds
    cover = smoothstep(threshold, threshold + 0.16, field)[row, column] * clear
    lit = np.clip(0.6 + 5.0 * (field - ahead), 0.0, 1.0)[row, column]
    return cover * 0.92, 0.80 + 0.20 * lit


def dome() -> list[Shell]:
    """The sectors of the dome; texture coordinates into `picture`."""
    shells = []
    for sector in range(SECTORS):
        turn = (sector + np.linspace(0.0, 1.0, _COLUMNS + 1)) / SECTORS
        elevation, around = (g.ravel() for g in np.meshgrid(np.array(_RINGS), turn, indexing="ij"))
        share = np.repeat(np.array(_SHARES), _COLUMNS + 1)
        vertices = _directions(2 * math.pi * around, elevation)
        shells.append(Shell(vertices, _strip(_COLUMNS + 1, len(_RINGS)), np.stack((around, share), axis=1)))
    return shells
