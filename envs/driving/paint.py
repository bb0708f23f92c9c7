"""Pictures of painted lines: solid and broken ones of every colour of a map, in as few textures as possible.

A line of 12 cm is narrower than a pixel from about 12 m on (at 200 pixels), and a strip of that width would be drawn as
a row of dots. The strip that carries a line is therefore `STRIP` times as wide as its paint and shows paint between
asphalt: its smaller mipmaps mix the two, and the line fades with the distance instead of breaking up.

Dashes are in the picture too, which repeats along the road with their period. Cutting the road at both ends of each
dash instead would triple the number of vertices on straights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from envs.driving.mesh_builder import Bytes, Painted
from envs.render.labels import Label
from envs.render.textures import texture
from envs.road.geometry import Array
from envs.road.lanes import mark_ranges
from envs.road.network import RoadNetwork
from envs.road.road import MarkLine
from liquid_pilot.randomness import generator

STRIP = 4.0
"""Width of a strip over the width of its line, where the neighbouring lines leave room for it."""
MIDDLE = 0.375
"""Where on its strip the middle of the line lies, 0 = left, 1 = right. Not half way: so the line fills whole pixels of
the first two mipmaps, and keeps its full contrast until it is one pixel wide."""
_COLUMNS = 16
"""Pixels across a strip."""
_ROW = 0.1
"""Metres along the road that a pixel covers at most, for all but the longest dashes."""
_FEWEST_ROWS, _MOST_ROWS = 64, 1024
_SOLID_PERIOD = 4.0
"""Metres after which the picture of a map without broken lines repeats."""

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

_Pattern = tuple[Bytes, float]
"""Colour, and the length of the dashes in metres; infinite for a solid line."""


@dataclass(frozen=True)
class Brush:
    """One kind of line in a picture.

    Args:
        painted: the picture with all lines of the same period side by side.
        slot: which of the ``slots`` strips of the picture, from the left.
        period: metres of road that the picture covers.
    """

    painted: Painted
    slot: int
    slots: int
    period: float

    def uv(self, across: Array, along: Array) -> Array:
        """(..., 2) texture coordinates: ``across`` 0..1 over the strip, ``along`` metres from the first dash on."""
        u, v = np.broadcast_arrays((self.slot + across) / self.slots, along / self.period)
        return np.stack((u, v), -1)


class PaintBox:
    """The pictures of all lines that a map has."""

    def __init__(self, network: RoadNetwork) -> None:
        groups: dict[float, set[_Pattern]] = defaultdict(set)
        for road in network.roads.values():
            for section in range(len(road.lane_sections)):
                for lane in road.lane_sections[section].ids:
                    for mark in mark_ranges(road, section, lane):
                        for line in mark.lines:
                            groups[_period(line)].add(_pattern(mark.colour, line))
        # Solid lines repeat with anything: they go into the fullest picture, so that most roads need just one.
        solid = groups.pop(0.0, set())
        if solid:
            fullest = max(groups, key=lambda period: (len(groups[period]), period), default=_SOLID_PERIOD)
            groups[fullest] |= solid
        self._brushes: dict[tuple[float, _Pattern], Brush] = {}
        for period, patterns in groups.items():
            ordered = sorted(patterns)
            slots = 1 << (len(ordered) - 1).bit_length()
            painted = _picture(period, tuple(ordered), slots)
            for slot, pattern in enumerate(ordered):
                brush = Brush(painted, slot, slots, period)
                self._brushes[period, pattern] = brush
                if pattern in solid:
                    self._brushes[0.0, pattern] = brush

    def brush(self, colour: str, line: MarkLine) -> Brush:
        """The picture for one line of a mark of this map."""
        return self._brushes[_period(line), _pattern(colour, line)]


def _broken(line: MarkLine) -> bool:
    return line.space > 0.0 and line.length > 0.0


def _period(line: MarkLine) -> float:
    """Metres from dash to dash, 0 for a solid line."""
    return round(line.length + line.space, 3) if _broken(line) else 0.0


def _pattern(colour: str, line: MarkLine) -> _Pattern:
    return PAINT.get(colour, PAINT["white"]), line.length if _broken(line) else np.inf


@lru_cache(maxsize=64)
def _picture(period: float, patterns: Sequence[_Pattern], slots: int) -> Painted:
    """Strips side by side; rows go along the road, the first dash of each begins at v = 0 (the lowest row)."""
    rng = generator(0, "paint")
    rows = min(max(_FEWEST_ROWS, 1 << int(np.ceil(np.log2(period / _ROW)))), _MOST_ROWS)
    shape = rows, slots * _COLUMNS
    asphalt = texture("asphalt").reshape(-1, 3)
    pixels = asphalt[rng.integers(0, len(asphalt), shape)]
    labels = np.full(shape, Label.ROADS, dtype=np.uint8)
    width = int(_COLUMNS / STRIP)
    along = (np.arange(rows)[::-1] + 0.5) / rows * period
    for slot, (colour, length) in enumerate(patterns):
        first = slot * _COLUMNS + int(MIDDLE * _COLUMNS) - width // 2
        painted = np.zeros(shape, dtype=bool)
        painted[:, first : first + width] = (along < length)[:, None]
        worn = rng.uniform(0.93, 1.0, (*shape, 1))
        pixels[painted] = (np.array(colour) * worn)[painted].astype(np.uint8)
        labels[painted] = Label.ROAD_LINES
    return Painted(pixels, labels)
