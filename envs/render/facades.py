"""Walls, windows and roofs for the atlas. Walls are pale, so that vertex colours can paint the house.

Every painter takes a generator and a shape (H, W) and gives float (H, W, 3) in 0..1; row 0 is the top.
"""

from __future__ import annotations

import numpy as np

from envs.render.noise import FloatArray, fractal_noise

_BEAM = (0.33, 0.22, 0.15)
_GLASS, _FRAME, _SHUTTER, _DOOR = (0.24, 0.31, 0.40), (0.95, 0.95, 0.93), (0.25, 0.40, 0.33), (0.38, 0.24, 0.15)


def _fill(wall: FloatArray, top: float, left: float, bottom: float, right: float, colour: tuple[float, ...]) -> None:
    """Paint a rectangle given in shares of the picture, (0, 0) top left."""
    height, width = wall.shape[:2]
    wall[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = colour


def _window(
    wall: FloatArray, top: float, left: float, high: float, wide: float, shutters: bool = False, bars: bool = True
) -> None:
    """A window with frame, sill and a sky reflection; sizes in shares of the picture."""
    pixel = 1 / wall.shape[0]
    if shutters:
        _fill(wall, top, left - 0.55 * wide, top + high, left - 0.03, _SHUTTER)
        _fill(wall, top, left + wide + 0.03, top + high, left + 1.55 * wide, _SHUTTER)
    _fill(wall, top - 2 * pixel, left - 2 * pixel, top + high + 2 * pixel, left + wide + 2 * pixel, _FRAME)
    _fill(wall, top, left, top + high, left + wide, _GLASS)
    _fill(wall, top, left, top + 0.4 * high, left + wide, (0.42, 0.52, 0.62))
    if bars:
        middle = left + wide / 2
        _fill(wall, top, middle - 0.5 * pixel, top + high, middle + 0.5 * pixel, _FRAME)
        _fill(wall, top + 0.4 * high, left, top + 0.4 * high + pixel, left + wide, _FRAME)
    _fill(
        wall,
        top + high + 2 * pixel,
        left - 3 * pixel,
        top + high + 4 * pixel,
        left + wide + 3 * pixel,
        (0.6, 0.58, 0.55),
    )


def _door(wall: FloatArray, left: float, wide: float, top: float) -> None:
    pixel = 1 / wall.shape[0]
    _fill(wall, top - 2 * pixel, left - 2 * pixel, 1.0, left + wide + 2 * pixel, _FRAME)
    _fill(wall, top, left, 1.0, left + wide, _DOOR)
    _fill(wall, top + 0.05, left + 0.25 * wide, top + 0.14, left + 0.75 * wide, (0.5, 0.6, 0.66))


def _plaster(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    stains = fractal_noise(rng, shape, (4, 4), 4)
    wall = np.repeat((0.90 + 0.10 * stains)[..., None], 3, axis=2)
    wall[int(shape[0] * 0.93) :] *= 0.66  # plinth
    return wall


def _brick(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    rows, columns = np.indices(shape)
    course = rows // 4
    shifted = (columns + 4 * (course % 2)) % shape[1]
    tone = rng.random((shape[0] // 4, shape[1] // 8))[course, shifted // 8]
    wall = np.array((0.66, 0.36, 0.27)) * (0.8 + 0.4 * tone)[..., None]
    wall[(rows % 4 == 0) | (shifted % 8 == 0)] = (0.68, 0.62, 0.56)
    return np.asarray(wall)


def _timber(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    wall = _plaster(rng, shape)
    for level in (0.02, 0.48, 0.90):
        _fill(wall, level, 0.0, level + 0.035, 1.0, _BEAM)
    for post in (0.0, 0.24, 0.49, 0.74, 0.97):
        _fill(wall, 0.0, post, 0.93, post + 0.03, _BEAM)
    height, width = shape
    for row in range(int(0.5 * height), int(0.9 * height)):  # braces
        for start, slope in ((0.02, 0.5), (0.97, -0.5)):
            column = int(width * start + slope * (0.9 * height - row))
            wall[row, max(column - 2, 0) : column + 2] = _BEAM
    return wall


def _dwelling(wall: FloatArray, front: bool, shutters: bool) -> FloatArray:
    """Two floors of windows, and a door in the front."""
    for left in (0.12, 0.42, 0.72):
        _window(wall, 0.14, left, 0.22, 0.14, shutters and front)
        if not (front and left == 0.42):
            _window(wall, 0.60, left, 0.22, 0.14, shutters and front)
    if front:
        _door(wall, 0.42, 0.14, 0.60)
    return wall


def plaster_front(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Plastered wall with a door, windows and shutters."""
    return _dwelling(_plaster(rng, shape), front=True, shutters=True)


def plaster_side(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Plastered wall with windows."""
    return _dwelling(_plaster(rng, shape), front=False, shutters=False)


def brick_front(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Brick wall with a door and windows."""
    return _dwelling(_brick(rng, shape), front=True, shutters=False)


def brick_side(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Brick wall with windows."""
    return _dwelling(_brick(rng, shape), front=False, shutters=False)


def timber_front(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Half-timbered wall with a door and windows."""
    return _dwelling(_timber(rng, shape), front=True, shutters=False)


def timber_side(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Half-timbered wall with windows."""
    return _dwelling(_timber(rng, shape), front=False, shutters=False)


def plaster_gable(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Plaster with an attic window."""
    wall = np.repeat((0.90 + 0.10 * fractal_noise(rng, shape, (4, 4), 4))[..., None], 3, axis=2)
    _window(wall, 0.52, 0.44, 0.24, 0.12)
    return wall


def brick_gable(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Bricks with an attic window."""
    wall = _brick(rng, shape)
    _window(wall, 0.52, 0.44, 0.24, 0.12)
    return wall


def timber_gable(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Half-timbering with an attic window."""
    wall = plaster_gable(rng, shape)
    for level in (0.42, 0.94):
        _fill(wall, level, 0.0, level + 0.06, 1.0, _BEAM)
    for post in (0.22, 0.36, 0.60, 0.74):
        _fill(wall, 0.0, post, 1.0, post + 0.04, _BEAM)
    return wall


def shops(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A street front: a shop with awnings below three floors of windows and a cornice."""
    wall = _plaster(rng, shape)
    _fill(wall, 0.0, 0.0, 0.03, 1.0, (0.74, 0.72, 0.68))
    for floor in range(3):
        top = 0.09 + 0.22 * floor
        for left in np.arange(0.055, 0.95, 0.19):
            _window(wall, top, float(left), 0.13, 0.095)
        _fill(wall, top + 0.185, 0.0, top + 0.195, 1.0, (0.78, 0.76, 0.72))
    _fill(wall, 0.74, 0.0, 1.0, 1.0, (0.46, 0.43, 0.41))
    awnings = ((0.70, 0.25, 0.22), (0.24, 0.42, 0.52), (0.75, 0.60, 0.28))
    for number, left in enumerate((0.03, 0.36, 0.69)):
        _fill(wall, 0.82, left, 0.98, left + 0.28, _GLASS)
        _fill(wall, 0.82, left, 0.88, left + 0.28, (0.45, 0.50, 0.52))
        for stripe in range(7):
            colour = awnings[number] if stripe % 2 == 0 else (0.92, 0.90, 0.86)
            _fill(wall, 0.77, left + 0.04 * stripe, 0.83, left + 0.04 * (stripe + 1), colour)
        _fill(wall, 0.84, left + 0.10, 1.0, left + 0.16, _DOOR)
    return wall


def offices(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A modern front: bands of glass between bands of concrete."""
    wall = _plaster(rng, shape) * 0.86
    for floor in range(6):
        top = 0.04 + 0.15 * floor
        _fill(wall, top, 0.02, top + 0.09, 0.98, _GLASS)
        _fill(wall, top, 0.02, top + 0.035, 0.98, (0.46, 0.56, 0.66))
        for left in np.arange(0.02, 0.99, 0.08):
            lit = rng.random() < 0.25
            if lit:
                _fill(wall, top, float(left), top + 0.09, float(left) + 0.07, (0.56, 0.60, 0.60))
            _fill(wall, top, float(left), top + 0.09, float(left) + 0.008, (0.72, 0.72, 0.70))
    _fill(wall, 0.92, 0.42, 1.0, 0.58, _GLASS)
    return np.asarray(wall)


def church(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A white wall with tall round-headed windows."""
    wall = _plaster(rng, shape)
    rows, columns = np.indices(shape)
    height, width = shape
    for centre in (0.2, 0.5, 0.8):
        x, y = (columns - centre * width) / (0.065 * width), (rows - 0.32 * height) / (0.065 * width)
        inside = (np.abs(x) < 1) & (((y > 0) & (rows < 0.78 * height)) | (x * x + y * y < 1))
        wall[inside] = _GLASS
        wall[inside & (np.abs(x) < 0.12)] = (0.7, 0.68, 0.62)
    return wall


def planks(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Weathered upright boards."""
    columns = np.arange(shape[1])
    tone = (0.72 + 0.28 * rng.random(shape[1] // 8 + 1))[columns // 8]
    wall = np.array((0.66, 0.50, 0.38)) * (tone * np.where(columns % 8 == 0, 0.55, 1.0))[None, :, None]
    return np.asarray(wall * (0.85 + 0.3 * fractal_noise(rng, shape, (4, 32), 2))[..., None])


def barn_front(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Boards with a wide dark gate."""
    wall = planks(rng, shape)
    _fill(wall, 0.34, 0.24, 1.0, 0.76, (0.82, 0.80, 0.74))
    _fill(wall, 0.38, 0.27, 1.0, 0.73, (0.20, 0.15, 0.12))
    return wall


def roof_tiles(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Rows of clay tiles, pale: the colour of the roof is the vertices'."""
    rows, columns = np.indices(shape)
    tone = 0.76 + 0.24 * rng.random((shape[0] // 8, shape[1] // 8))[rows // 8, columns // 8]
    relief = np.where(rows % 8 == 7, 0.62, 1.0) * np.where(columns % 8 < 2, 0.84, 1.0)
    return np.repeat((tone * relief)[..., None], 3, axis=2)


def slate(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Small dark shingles, pale here as well."""
    rows, columns = np.indices(shape)
    shifted = (columns + 4 * ((rows // 4) % 2)) % shape[1]
    tone = 0.70 + 0.30 * rng.random((shape[0] // 4, shape[1] // 8))[rows // 4, shifted // 8]
    return np.repeat((tone * np.where(rows % 4 == 3, 0.7, 1.0))[..., None], 3, axis=2)
