"""Pictures of painted lines.

A line of 12 cm is narrower than a pixel from about 12 m on (at 200 pixels), and a strip of that width would be drawn as
a row of dots. The strip that carries a line is therefore `STRIP` times as wide as its paint and shows paint between
asphalt: its smaller mipmaps mix the two, and the line fades with the distance instead of breaking up.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from envs.driving.mesh_builder import Bytes, Painted
from envs.render.labels import Label
from envs.render.textures import texture
from liquid_pilot.randomness import generator

STRIP = 4.0
"""Width of a strip over the width of its line, where the neighbouring lines leave room for it."""
LENGTH = 2.0
"""Metres of road that one picture covers along the line."""
_SIDE = 16
MIDDLE = 0.375
"""Where the middle of the line lies in u. Not half way: so the line fills whole pixels of the first two mipmaps, and
keeps its full contrast until it is one pixel wide."""

PAINT: dict[str, Bytes] = {
    "standard": (236, 236, 230),
    "white": (236, 236, 230),
    "yellow": (232, 182, 46),
    "orange": (230, 130, 40),
    "red": (190, 52, 44),
    "blue": (52, 92, 180),
    "green": (60, 140, 76),
    "violet": (120, 60, 140),
    "black": (30, 30, 30),
}
"""Colours of paint by OpenDRIVE's names; an unknown name is drawn white."""


@cache
def painted_line(colour: str) -> Painted:
    """A line of this colour along v around u = `MIDDLE`, a quarter of u wide, asphalt on both sides of it."""
    rng = generator(0, "paint")
    asphalt = texture("asphalt").reshape(-1, 3)
    pixels = asphalt[rng.integers(0, len(asphalt), (_SIDE, _SIDE))]
    labels = np.full((_SIDE, _SIDE), Label.ROADS, dtype=np.uint8)
    width = int(_SIDE / STRIP)
    first = int(MIDDLE * _SIDE) - width // 2
    line = slice(first, first + width)
    worn = rng.uniform(0.93, 1.0, (_SIDE, width, 1))
    pixels[:, line] = (np.array(PAINT.get(colour, PAINT["white"])) * worn).astype(np.uint8)
    labels[:, line] = Label.ROAD_LINES
    return Painted(pixels, labels)
