"""Curves to try a policy on: where the lanes of a network bend outside junctions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from envs.road.chain import Part
from envs.road.geometry import Array
from envs.road.network import LanePiece, LaneRef, RoadNetwork

_SAMPLE = 0.5


@dataclass(frozen=True)
class LaneCurve:
    """A bend to one side on one lane; ``start`` and ``end`` in driving direction."""

    start: LaneRef
    end: LaneRef
    length: float
    """Metres of lane centre."""
    radius: float
    """Smallest radius (of a metre and a half of lane), metres."""
    left: bool


def find_curves(network: RoadNetwork, max_radius: float = 100.0, min_length: float = 5.0) -> list[LaneCurve]:
    """All bends of at least ``min_length`` metres in which the lane centre's radius stays below ``max_radius``.

    Only drivable lanes of roads outside junctions; a bend ends where its road ends. In the order of the map. For a
    route through a bend with a run-up: ``plan_route(network, step_back(network, curve.start, 40.0), length_m=...)``.
    """
    found: list[LaneCurve] = []
    for first in network.pieces:
        if network.roads[first.road].junction is None and not _on_same_road(network, first, back=True):
            found += _curves_of(network, first, 1.0 / max_radius, min_length)
    return found


def step_back(network: RoadNetwork, place: LaneRef, metres: float) -> LaneRef:
    """The place up to ``metres`` (of reference line) before ``place`` against the traffic on its lane.

    Goes back as long as exactly one lane leads here and no junction has to be crossed: a route from there comes to
    ``place`` by simply following its lane.
    """
    road = network.roads[place.road]
    section = road.section_at(place.s)
    piece = network.piece(place.road, section, place.lane)
    if piece is None:
        return place
    here = place.s
    left = metres
    while True:
        begin = network.span(piece)[0]
        if abs(here - begin) >= left:
            return LaneRef(piece.road, piece.lane, here - left if piece.forward else here + left)
        left -= abs(here - begin)
        before = network.predecessors.get(piece, ())
        if len(before) != 1 or network.roads[before[0].road].junction is not None or left <= 0.0:
            return LaneRef(piece.road, piece.lane, begin)
        piece = before[0]
        here = network.span(piece)[1]


def _on_same_road(network: RoadNetwork, piece: LanePiece, back: bool) -> LanePiece | None:
    others = network.predecessors.get(piece, ()) if back else network.followers(piece)
    for other in others:
        if other.road == piece.road and other.section == piece.section + (1 if piece.forward != back else -1):
            return other
    return None


def _curves_of(network: RoadNetwork, first: LanePiece, least: float, min_length: float) -> list[LaneCurve]:
    """The bends along a lane through all sections of its road."""
    pieces: list[LanePiece] = []
    following: LanePiece | None = first
    while following is not None:
        pieces.append(following)
        following = _on_same_road(network, following, back=False)
    lanes: list[int] = []
    columns: list[Array] = []
    base = 0.0
    for piece in pieces:
        begin, end = network.span(piece)
        if begin == end:
            continue
        road_s, metres = Part(piece, begin, end).grid(network)
        wanted = np.append(np.arange(0.0, metres[-1], _SAMPLE), metres[-1])
        at = np.interp(wanted, metres, road_s)
        bend = network.roads[piece.road].lane_path(piece.section, piece.lane, at).curvature
        columns.append(np.stack([base + wanted, at, bend if piece.forward else -bend]))
        lanes += [piece.lane] * len(at)
        base += float(metres[-1])
    if not columns:
        return []
    metres, road_s, bend = np.concatenate(columns, axis=1)
    side = np.where(np.abs(bend) >= least, np.sign(bend), 0.0)
    edges = np.flatnonzero(np.diff(side)) + 1
    found: list[LaneCurve] = []
    for low, high in pairwise([0, *edges.tolist(), len(side)]):
        length = float(metres[high - 1] - metres[low])
        if side[low] and length >= min_length:
            # the median of three samples: some maps begin a road with a few centimetres of a much tighter arc
            tight = np.lib.stride_tricks.sliding_window_view(np.abs(bend[low:high]), min(3, high - low))
            found.append(
                LaneCurve(
                    start=LaneRef(first.road, lanes[low], float(road_s[low])),
                    end=LaneRef(first.road, lanes[high - 1], float(road_s[high - 1])),
                    length=length,
                    radius=1.0 / float(np.median(tight, axis=1).max()),
                    left=bool(side[low] > 0),
                )
            )
    return found
