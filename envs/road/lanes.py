"""Lanes as strips for a renderer: border lines in space, lane types, painted marks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from envs.road.geometry import Array
from envs.road.road import MarkLine, Road

TOLERANCE = 0.02
"""Largest distance (metres) between a strip's straight edges and the true lane borders."""
_SHORTEST_MARK = 0.05
_SHORTEST_SECTION = 1e-6
_PROBE = 0.5
_FINEST = 0.25
"""Least distance of two samples in metres; where a border jumps no distance would do."""


@dataclass(frozen=True)
class MarkRange:
    """A road mark on a lane's outer border between two places of the road."""

    start: float
    end: float
    """Metres along the road, start < end."""
    type: str
    colour: str
    width: float
    lines: tuple[MarkLine, ...]


@dataclass(frozen=True, eq=False)
class LaneStrip:
    """One lane in one lane section. The centre line is lane 0: inner and outer are equal, its marks lie on it.

    All strips of a section share ``s``, neighbours share their border points exactly, and consecutive sections share
    their end points as far as the map does.
    """

    road: str
    section: int
    lane: int
    type: str
    s: Array
    """(N,) metres along the road, growing, N >= 2."""
    inner: Array
    """(N, 3) border towards the centre line."""
    outer: Array
    """(N, 3) border away from the centre line."""
    forward: bool
    """True when traffic runs towards growing s."""
    marks: tuple[MarkRange, ...]


def lane_strips(road: Road, step: float = 10.0, tolerance: float = TOLERANCE) -> list[LaneStrip]:
    """Every lane of ``road``, section by section, from left to right, the centre line included.

    ``step`` is the largest distance of two samples in metres; curves, hills and changing widths get more, so that
    straight edges stay within ``tolerance`` metres of the true borders.
    """
    strips: list[LaneStrip] = []
    for index, section in enumerate(road.lane_sections):
        if section.end - section.start < _SHORTEST_SECTION:
            continue
        s = _stations(road, index, step, tolerance)
        lines = _border_lines(road, index, s)
        for lane_id in section.ids:
            inner, outer = lines[lane_id]
            strips.append(
                LaneStrip(
                    road=road.id,
                    section=index,
                    lane=lane_id,
                    type=section.lanes[lane_id].type,
                    s=s,
                    inner=inner,
                    outer=outer,
                    forward=road.forward(lane_id),
                    marks=mark_ranges(road, index, lane_id),
                )
            )
    return strips


def _border_lines(road: Road, section: int, s: Array) -> dict[int, tuple[Array, Array]]:
    """Inner and outer border (N, 3) of every lane; neighbours on the same height share one array."""
    reference = road.reference(s)
    places = road.borders(section, s)
    lanes = road.lane_sections[section].lanes
    flat = {lane: reference.point(t) for lane, t in places.items()}
    lines: dict[int, tuple[Array, Array]] = {0: (flat[0], flat[0])}
    for side in (1, -1):
        within = 0
        for lane in sorted((lane for lane in places if lane * side > 0), key=abs):
            inner, outer = flat[within], flat[lane]
            if lanes[lane].height:
                inner = reference.point(places[within], road.height(section, lane, s, outer=False))
                outer = reference.point(places[lane], road.height(section, lane, s, outer=True))
            lines[lane] = inner, outer
            within = lane
    return lines


def mark_ranges(road: Road, section: int, lane: int) -> tuple[MarkRange, ...]:
    """The marks on a lane's outer border (lane 0: on the centre line); type none and slivers are left out."""
    here = road.lane_sections[section]
    marks = here.lanes[lane].marks
    starts = [min(max(here.start + mark.s_offset, here.start), here.end) for mark in marks]
    ranges: list[MarkRange] = []
    for mark, start, end in zip(marks, starts, [*starts, here.end][1:], strict=True):
        if mark.type != "none" and end - start > _SHORTEST_MARK:
            ranges.append(MarkRange(start, end, mark.type, mark.colour, mark.width, mark.lines))
    return tuple(ranges)


def _stations(road: Road, section: int, step: float, tolerance: float) -> Array:
    """s values of a section such that no border's chord leaves it by more than ``tolerance``.

    A chord of length L misses a curve of curvature k by k L^2 / 8; k is probed every half metre on the outermost
    borders and in height, and the local L summed up to evenly spread stations.
    """
    here = road.lane_sections[section]
    count = max(2, math.ceil((here.end - here.start) / _PROBE) + 1)
    probe = np.linspace(here.start, here.end, count)
    lines = _border_lines(road, section, probe)
    bend = np.zeros(count)
    for lane in {here.ids[0], 0, here.ids[-1]}:
        bend = np.maximum(bend, _bend(lines[lane][1], probe))
    # a probe sees its own place only: let it speak for both sides
    bend = np.maximum(bend, np.maximum(np.append(bend[1:], 0.0), np.insert(bend[:-1], 0, 0.0)))
    wanted = np.minimum(np.sqrt(8.0 * tolerance / np.maximum(bend, 1e-9)), step)
    density = 1.0 / np.maximum(wanted, _FINEST)
    amount = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(probe))])
    pieces = max(1, math.ceil(amount[-1] - 1e-9))
    return np.interp(np.linspace(0.0, amount[-1], pieces + 1), amount, probe)


def _bend(line: Array, s: Array) -> Array:
    """Second derivative (N,) of a line in space along s, 1/m (three-point formula, ends copied)."""
    if len(s) < 3:
        return np.zeros(len(s))
    h = s[1] - s[0]
    inside: Array = np.linalg.norm(line[2:] - 2.0 * line[1:-1] + line[:-2], axis=1) / (h * h)
    return np.concatenate([inside[:1], inside, inside[-1:]])
