"""The road under any point of the map, found in a few microseconds: height, slope, limits, and whether it is a road.

Roads are cut into stations a metre apart; between two, the surface is a plane. Where roads cross, the one counts that
is nearest in height.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from envs.driving.shapes import SectionShape, section_shape
from envs.road import RoadNetwork

_STEP = 1.0
_CELL = 4.0
_BESIDE = 1.0
"""Metres beside the pavement that still belong to a road."""
_REMEMBERED = 20_000
"""Cells off the roads whose nearest station is remembered: a car in a field asks at every tick."""
_TIGHTEST = 0.2
"""Share of the reference line's length that the inside of a bend has at least."""
_WIDEST = 100.0
"""Metres to either side that pavement may reach; beyond it a map is not meant seriously."""
_REACH = 12
"""Cells around a point off the road in which the nearest road is looked for."""


@dataclass(slots=True)
class Station:
    """A cross-section of a road: its reference point and direction, and how far its lanes reach to either side."""

    x: float
    y: float
    z: float
    cosine: float
    sine: float
    slope: float
    """Rise per metre along the reference line..."""
    curvature: float
    """...whose curvature this is (1/m, + left): the inside of a bend is shorter, and so steeper..."""
    bank: float
    """...and per metre to the left."""
    left: float
    right: float
    """Where the pavement ends, metres left of the reference line."""
    drive_left: float
    drive_right: float
    """Where the driving lanes end."""
    half: float
    """Metres along the road for which it speaks, before and behind."""
    road: str
    s: float
    limit: float
    """Speed limit, km/h."""
    beside: tuple[Station, ...] = ()
    """The stations before and behind it in its section."""

    def slope_at(self, aside: float) -> float:
        """Rise per metre along the road at so many metres left of the reference line."""
        return self.slope / max(_TIGHTEST, 1.0 - self.curvature * aside)


@dataclass(slots=True)
class Footing:
    """What is under a point."""

    station: Station
    z: float
    """Height of the ground, m."""
    aside: float
    """Metres left of the road's reference line."""

    @property
    def on_road(self) -> bool:
        """Whether the point lies on pavement."""
        return self.station.right - _BESIDE <= self.aside <= self.station.left + _BESIDE

    def room(self) -> float:
        """Metres to the edge of the driving lanes, negative outside."""
        return min(self.station.drive_left - self.aside, self.aside - self.station.drive_right)

    def tilt(self, heading: float) -> tuple[float, float]:
        """(pitch, roll) in radians of a car that stands here and points to ``heading``."""
        station = self.station
        cosine, sine = math.cos(heading), math.sin(heading)
        along = cosine * station.cosine + sine * station.sine
        across = sine * station.cosine - cosine * station.sine
        slope = station.slope_at(self.aside)
        pitch = math.atan(slope * along + station.bank * across)
        roll = math.atan((station.bank * along - slope * across) * math.cos(pitch))
        return pitch, roll


class Ground:
    """The road surface of a map.

    Args:
        network: the map.
        limits: speed limits: road id to rows (s, km/h), see `signals.speed_limits`.
    """

    def __init__(self, network: RoadNetwork, limits: dict[str, list[tuple[float, float]]]) -> None:
        self.stations: list[Station] = []
        self._cells: defaultdict[tuple[int, int], list[Station]] = defaultdict(list)
        self._near: dict[tuple[int, int], Station] = {}
        for road in network.roads.values():
            rows = limits.get(road.id, [])
            for index, section in enumerate(road.lane_sections):
                length = section.end - section.start
                if length < 1e-3 or not any(section.ids):
                    continue
                self._add(section_shape(road, index, _spread(section.start, section.end)), rows)

    def _add(self, shape: SectionShape, rows: list[tuple[float, float]]) -> None:
        frame = shape.frame
        paved, driving = shape.span("paved"), shape.span("driving")
        paved = paved or (0, len(shape.lanes))
        slope = np.gradient(frame.z, frame.s)
        driving_edges = (shape.t[driving[0]], shape.t[driving[1]]) if driving else (frame.s * 0.0 - 1e9,) * 2
        half = 0.5 * float(frame.s[1] - frame.s[0]) + 0.05
        columns = zip(
            *(
                values.tolist()
                for values in (
                    frame.s, frame.x, frame.y, frame.z, frame.left_x, frame.left_y, slope, frame.curvature,
                    frame.sin_roll / frame.cos_roll, shape.t[paved[0]], shape.t[paved[1]], *driving_edges,
                )
            ),
            strict=True,
        )  # fmt: skip
        line: list[Station] = []
        for s, x, y, z, left_x, left_y, rise, bend, bank, left, right, drive_left, drive_right in columns:
            left, right = min(left, _WIDEST), max(right, -_WIDEST)
            limit = next((value for begin, value in reversed(rows) if begin <= s + 1e-6), 50.0)
            station = Station(
                x,
                y,
                z,
                left_y,
                -left_x,
                rise,
                bend,
                bank,
                left,
                right,
                drive_left,
                drive_right,
                half,
                shape.road,
                s,
                limit,
            )
            line.append(station)
            cells = set()
            count = max(1, math.ceil((left - right) / (0.5 * _CELL)))
            for number in range(count + 1):
                t = right + (left - right) * number / count
                cells.add((math.floor((x + t * left_x) / _CELL), math.floor((y + t * left_y) / _CELL)))
            for cell in cells:
                self._cells[cell].append(station)
        for number, station in enumerate(line):
            station.beside = (station, *line[max(0, number - 1) : number], *line[number + 1 : number + 2])
        self.stations += line

    def under(self, x: float, y: float, z: float, last: Station | None = None) -> Footing:
        """The ground at (x, y) next to the height ``z``; off the roads the nearest road's plane goes on.

        ``last`` is where it was a moment ago: whoever moves along a road is found without a search, and stays on that
        road where others cross it.
        """
        for station in last.beside if last is not None else ():
            dx, dy = x - station.x, y - station.y
            along = dx * station.cosine + dy * station.sine
            if -station.half <= along <= station.half:
                aside = dy * station.cosine - dx * station.sine
                if station.right <= aside <= station.left:
                    return Footing(station, station.z + station.slope_at(aside) * along + station.bank * aside, aside)
        i, j = math.floor(x / _CELL), math.floor(y / _CELL)
        best: Footing | None = None
        cost = math.inf
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                for station in self._cells.get((i + di, j + dj), ()):
                    dx, dy = x - station.x, y - station.y
                    along = dx * station.cosine + dy * station.sine
                    if abs(along) > 2.0 * station.half:
                        continue
                    aside = dy * station.cosine - dx * station.sine
                    outside = max(aside - station.left, station.right - aside, 0.0)
                    if outside > _BESIDE:
                        continue
                    height = station.z + station.slope_at(aside) * along + station.bank * aside
                    found = abs(height - z) + 4.0 * outside + 0.1 * abs(along)
                    if found < cost:
                        cost, best = found, Footing(station, height, aside)
        return best or self._beside(i, j, x, y, z)

    def _beside(self, i: int, j: int, x: float, y: float, z: float) -> Footing:
        station = self._near.get((i, j))
        if station is None:
            if len(self._near) >= _REMEMBERED:
                self._near.clear()
            station = self._near[i, j] = self._nearest(i, j, x, y, z)
        aside = (y - station.y) * station.cosine - (x - station.x) * station.sine
        edge = min(max(aside, station.right), station.left)
        return Footing(station, station.z + station.bank * edge, aside)

    def _nearest(self, i: int, j: int, x: float, y: float, z: float) -> Station:
        near = self.stations
        for ring in range(1, _REACH):
            found = [
                station
                for di in range(-ring, ring + 1)
                for dj in range(-ring, ring + 1)
                if max(abs(di), abs(dj)) == ring
                for station in self._cells.get((i + di, j + dj), ())
            ]
            if found:
                near = found
                break
        return min(near, key=lambda s: (s.x - x) ** 2 + (s.y - y) ** 2 + (s.z - z) ** 2)


def _spread(start: float, end: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Stations of a section: equal steps of at most a metre, at least two."""
    return np.linspace(start, end, max(2, math.ceil((end - start) / _STEP) + 1))
