"""A low sun ahead: its light scattered in lens and eye lies as a veil over everything, and mirrors between the lenses.

The veil falls off with the square of the angle to the source, as in the CIE's disability glare equation (CIE 146:2002).
"""

from __future__ import annotations

import math

import numpy as np

from envs.effects.weather.conditions import Conditions, smooth
from envs.effects.weather.view import Plane, Planes, Shot
from envs.render.scene import Colour

_TINT: Colour = (1.0, 0.86, 0.62)
_NEAR, _WIDE = 0.0016, 0.060
"""1 - cos of the angles (3 and 20 degrees) at which the two parts of the veil are half as strong."""
_GHOSTS: tuple[tuple[float, float, float, Colour], ...] = (
    (0.45, 0.030, 0.10, (1.0, 0.75, 0.45)), (-0.35, 0.055, 0.09, (0.55, 0.85, 0.60)),
    (-0.75, 0.035, 0.11, (0.60, 0.70, 1.0)), (-1.25, 0.080, 0.07, (1.0, 0.60, 0.50)),
)  # fmt: skip
"""Images of the sun in the lens: place on the line from the sun through the middle, radius / width, strength, tint."""


def dazzle(planes: Planes, shot: Shot, now: Conditions, passed: float) -> None:
    """Lay the glare of the sun over the picture; ``passed`` is the share of its light that the air lets through."""
    sun = np.asarray(now.sun) @ shot.view.rotation
    strength = now.dazzle * passed * smooth(-0.2, 0.2, float(sun[0]))
    if strength <= 0.0:
        return
    visible, column, row = _sun_pixel(shot, sun)
    world, stretch = shot.world, shot.rays.stretch
    off = 1.0 - (now.sun[0] * world[0] + now.sun[1] * world[1] + now.sun[2] * world[2]) / stretch
    np.maximum(off, 0.0, out=off)
    # A hidden sun still lights the air before what hides it.
    near = np.float32(0.62 * strength * visible) * (_NEAR / (_NEAR + off))
    wide = np.float32(0.42 * strength * (0.25 + 0.75 * visible)) * (_WIDE / (_WIDE + off))
    veil: Plane = near + wide
    # The camera stops down: what is not in the veil becomes darker.
    stop = np.float32(1.0 - 0.30 * strength * visible * max(0.0, float(sun[0])))
    for channel in range(3):
        plane = planes[channel]
        plane *= stop
        plane += veil * np.float32(_TINT[channel])
    if visible > 0.0 and column is not None and row is not None:
        _ghosts(planes, column, row, strength * visible)


def _sun_pixel(
    shot: Shot, sun: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> tuple[float, float | None, float | None]:
    """How much of the sun is to be seen (0..1), and where in the picture; None where it is outside."""
    view = shot.view
    if sun[0] < 0.05:
        return 0.0, None, None
    column = view.width / 2 - view.focal_px * sun[1] / sun[0]
    row = view.height / 2 - view.focal_px * sun[2] / sun[0]
    # Beside the picture it goes on shining into the lens for a while.
    outside = max(0.0, -column, column - view.width, -row, row - view.height) / view.width
    fading = math.exp(-((outside / 0.15) ** 2))
    radius = max(2, round(0.02 * view.width))
    x, y = (min(max(int(p), 0), most - 1) for p, most in ((column, view.width), (row, view.height)))
    patch = shot.depth[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
    visible = fading * float(np.count_nonzero(patch > 1e6)) / patch.size
    return (visible, column, row) if outside == 0.0 else (visible, None, None)


def _ghosts(planes: Planes, column: float, row: float, strength: float) -> None:
    _, height, width = planes.shape
    for along, size, amount, colour in _GHOSTS:
        x, y = width / 2 + along * (column - width / 2), height / 2 + along * (row - height / 2)
        radius = max(1.5, size * width)
        top, bottom = max(0, int(y - radius - 1)), min(height, int(y + radius + 2))
        low, high = max(0, int(x - radius - 1)), min(width, int(x + radius + 2))
        if top >= bottom or low >= high:
            continue
        across, down = np.arange(low, high) + 0.5 - x, np.arange(top, bottom) + 0.5 - y
        off = np.sqrt(across[None, :] ** 2 + down[:, None] ** 2) / radius
        # A disc with a soft edge, a little brighter at the rim.
        shape = np.clip((1.0 - off) * 5.0, 0.0, 1.0) * (0.6 + 0.4 * off * off)
        for channel in range(3):
            planes[channel, top:bottom, low:high] += (shape * (amount * strength * colour[channel])).astype(np.float32)
