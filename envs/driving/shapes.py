"""Where the lanes of a road lie in space: stations along the road, and the lane borders at them.

A road surface is cut into quads between *stations* (arc lengths along the reference line). They stand close together
in curves and far apart on straights, so that a chord never leaves the true surface by more than ``TOLERANCE``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.road.geometry import Array, Cubics
from envs.road.network import RoadNetwork
from envs.road.road import DRIVABLE, Road

TOLERANCE = 0.035
"""Metres between a chord of the surface and the road of the map in the plane; in height it is 14 mm."""
_STRICTER = 2.5
"""Factor by which bends in height count more than those in the plane."""
MAX_STEP = 25.0
"""Metres between two stations on the straightest road."""

UNPAVED = frozenset({"none", "special1", "special2", "special3", "tram", "rail", "median", "roadWorks"})
"""Lane types that carry no asphalt and no paving; a median is a strip of green."""


class Frame(NamedTuple):
    """The reference line at K stations; every field (K,). See `envs.road.road.Reference`."""

    s: Array
    x: Array
    y: Array
    z: Array
    left_x: Array
    """With left_y the unit vector to the left in the plane."""
    left_y: Array
    cos_roll: Array
    sin_roll: Array
    curvature: Array

    def points(self, t: Array, lift: Array | float = 0.0) -> Array:
        """(..., K, 3) points at lateral places ``t`` (..., K), metres, ``lift`` metres above the (banked) surface."""
        left = t * self.cos_roll - lift * self.sin_roll
        up = t * self.sin_roll + lift * self.cos_roll
        return np.stack((self.x + left * self.left_x, self.y + left * self.left_y, self.z + up), -1)


def frame(road: Road, s: Array) -> Frame:
    """The reference line of ``road`` at arc lengths ``s`` (K,) as a `Frame`."""
    ref = road.reference(s)
    left = -np.sin(ref.heading), np.cos(ref.heading)
    return Frame(s, ref.x, ref.y, ref.z, *left, np.cos(ref.roll), np.sin(ref.roll), ref.curvature)


def _kinks(cubics: Cubics, low: float, high: float, offset: float = 0.0) -> Array:
    """Where between low and high a piecewise cubic has a corner (its slope jumps), shifted by ``offset``."""
    starts = cubics.starts[1:]
    at = starts + offset
    starts = starts[(at > low + 0.05) & (at < high - 0.05)]
    if not len(starts):
        return starts
    jump = np.abs(cubics(starts + 1e-7).first - cubics(starts - 1e-7).first)
    return starts[jump > 2e-3] + offset


def stations(
    road: Road, section: int, forced: Array, tolerance: float = TOLERANCE, max_step: float = MAX_STEP
) -> Array:
    """Arc lengths (K,) for the surface of one lane section: the ``forced`` ones (sorted, at least both ends), and
    between them as many as the curvature of the road in plan, in height and in its widths asks for.
    """
    low, high = float(forced[0]), float(forced[-1])
    here = road.lane_sections[section]
    corners = [_kinks(road.elevation, low, high), _kinks(road.lane_offset, low, high)]
    corners += [_kinks(here.lanes[lane].width, low, high, here.start) for lane in here.ids if lane]
    forced = np.unique(np.concatenate([forced, *corners]))
    forced = forced[np.concatenate(([True], np.diff(forced) > 1e-6))]
    forced[-1] = high
    fine = np.linspace(low, high, max(int(high - low), 4) + 1)
    ref = road.reference(fine)
    bend = _STRICTER * np.abs(road.elevation(fine).second)
    half = road.border(section, here.ids[0], fine).value - road.border(section, here.ids[-1], fine).value
    bend += _STRICTER * np.abs(road.superelevation(fine).second) * 0.5 * half
    sides = [np.abs(road.border(section, lane, fine).second) for lane in (here.ids[0], here.ids[-1])]
    bend = np.maximum(np.maximum(bend, np.abs(ref.curvature)), np.maximum(*sides))
    bend = np.maximum(bend, np.maximum(np.roll(bend, 1), np.roll(bend, -1)))  # a curve begins between two samples
    density = np.maximum(np.sqrt(bend / (8.0 * tolerance)), 1.0 / max_step)
    amount = np.concatenate(([0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(fine))))
    marks = np.interp(forced, fine, amount)
    counts = np.maximum(np.ceil(np.diff(marks) - 0.1), 1.0).astype(np.int64)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
    wanted = np.repeat(marks[:-1], counts) + share * np.repeat(np.diff(marks), counts)
    result = np.append(np.interp(wanted, amount, fine), high)
    result[np.append(np.cumsum(counts) - counts, counts.sum())] = forced  # the forced ones to the last digit
    return result


@dataclass(frozen=True, eq=False)
class SectionShape:
    """The lanes of one lane section at K stations.

    Args:
        road: OpenDRIVE id of the road.
        junction: id of the junction that the road belongs to, or None.
        section: index of the lane section.
        lanes: ids (L,) from left to right without 0.
        types: lane types (L,), e.g. ``driving``.
        frame: the reference line at the stations.
        t: (L + 1, K) lateral places of the lane borders, left to right, never crossing.
        borders: (L + 1, K, 3) the same in space, without ``<height>``.
    """

    road: str
    junction: str | None
    section: int
    lanes: tuple[int, ...]
    types: tuple[str, ...]
    frame: Frame
    t: Array
    borders: Array

    def span(self, kind: str) -> tuple[int, int] | None:
        """(first, last) border index of the ``paved`` lanes or of the ``driving`` ones; None where there are none."""
        wanted = [
            number
            for number, lane in enumerate(self.types)
            if (lane in DRIVABLE if kind == "driving" else lane not in UNPAVED)
        ]
        return (wanted[0], wanted[-1] + 1) if wanted else None

    def outlines(self, kind: str) -> list[NDArray[np.float64]]:
        """Closed outlines (2 K, 2) of every ``paved`` or ``driving`` lane, metres."""
        found = []
        for number, lane in enumerate(self.types):
            if lane in DRIVABLE if kind == "driving" else lane not in UNPAVED:
                left, right = self.borders[number, :, :2], self.borders[number + 1, ::-1, :2]
                found.append(np.concatenate((left, right)))
        return found


def lane_borders(road: Road, section: int, s: Array) -> Array:
    """(L + 1, K) lateral places of the lane borders from left to right at arc lengths ``s`` (K,)."""
    here = road.lane_sections[section]
    ids = here.ids if 0 in here.lanes else (*(i for i in here.ids if i > 0), 0, *(i for i in here.ids if i < 0))
    t = np.stack([road.border(section, lane, s).value + 0.0 * s for lane in ids])
    return np.minimum.accumulate(t, axis=0)


def section_shape(road: Road, section: int, s: Array) -> SectionShape:
    """The lanes of a section at arc lengths ``s`` (K,)."""
    here = road.lane_sections[section]
    lanes = tuple(lane for lane in here.ids if lane != 0)
    axis, t = frame(road, s), lane_borders(road, section, s)
    types = tuple(here.lanes[lane].type for lane in lanes)
    return SectionShape(road.id, road.junction, section, lanes, types, axis, t, axis.points(t))


def network_shapes(network: RoadNetwork, tolerance: float = 0.03, max_step: float = 2.5) -> list[SectionShape]:
    """The shape of every lane section of the map, at stations close enough to stand for the road in grids and tests."""
    shapes = []
    for road in network.roads.values():
        for number, section in enumerate(road.lane_sections):
            if section.end - section.start < 1e-3 or len(section.ids) - (0 in section.lanes) < 1:
                continue
            ends = np.array((section.start, section.end))
            shapes.append(section_shape(road, number, stations(road, number, ends, tolerance, max_step)))
    return shapes
