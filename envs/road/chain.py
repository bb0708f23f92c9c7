"""The lanes that a car meets when it follows its lane, and where a route starts when nobody says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from envs.road.errors import RouteError
from envs.road.geometry import Array
from envs.road.network import LanePiece, LaneRef, RoadNetwork
from envs.road.road import DRIVABLE

_CELL = 0.25
_GAUSS = 0.5 / math.sqrt(3.0)
_LOOK_BEHIND = 64
"""Pieces looked through for the road behind a junction."""


@dataclass(frozen=True)
class Part:
    """A stretch of one lane piece, from road s ``begin`` to ``end`` in driving direction."""

    piece: LanePiece
    begin: float
    end: float

    def grid(self, network: RoadNetwork) -> tuple[Array, Array]:
        """Road s in driving order and metres of lane centre since ``begin``, both (M,), M >= 2.

        Two-point Gauss quadrature in cells of 0.25 m; no cell reaches over a joint of the reference line, where the
        lane's stretch 1 - k t jumps.
        """
        road = network.roads[self.piece.road]
        low, high = min(self.begin, self.end), max(self.begin, self.end)
        edges = np.linspace(low, high, max(1, math.ceil((high - low) / _CELL)) + 1)
        joints = road.plan.starts[(road.plan.starts > low) & (road.plan.starts < high)]
        edges = np.union1d(edges, joints)
        middle, step = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
        nodes = np.concatenate([middle - _GAUSS * step, middle + _GAUSS * step])
        stretch = road.lane_path(self.piece.section, self.piece.lane, nodes).stretch
        pieces = 0.5 * step * (stretch[: len(step)] + stretch[len(step) :])
        if self.end < self.begin:
            edges, pieces = edges[::-1], pieces[::-1]
        return edges, np.concatenate([[0.0], np.cumsum(pieces)])

    def length(self, network: RoadNetwork) -> float:
        """Metres of lane centre."""
        return float(self.grid(network)[1][-1]) if self.begin != self.end else 0.0


class Chain:
    """The parts a car meets from ``s`` on ``first`` on: along the lane, straight on at junctions or by ``via``."""

    def __init__(self, network: RoadNetwork, first: LanePiece, s: float, via: Sequence[str] = ()) -> None:
        self.network = network
        self.first = first
        self.s = s
        self.via = list(via)
        """Roads still to be reached."""
        self.end_note = ""
        """Why there was no further part; empty while there is one."""

    def parts(self) -> Iterator[Part]:
        """Parts without end, or until the lane ends."""
        piece: LanePiece | None = self.first
        begin = self.s
        while piece is not None:
            if self.via and piece.road == self.via[0]:
                self.via.pop(0)
            yield Part(piece, begin, self.network.span(piece)[1])
            following = self._next(piece)
            if following is None:
                self.end_note = _why_it_ends(self.network, piece)
            else:
                begin = self.network.span(following)[0]
            piece = following

    def _next(self, piece: LanePiece) -> LanePiece | None:
        choices = self.network.followers(piece)
        if self.via and len(choices) > 1:
            choices = tuple(choice for choice in choices if self._leads_to(choice, self.via[0])) or choices
        return min(choices, key=self._turn) if len(choices) > 1 else next(iter(choices), None)

    def _leads_to(self, piece: LanePiece, road: str) -> bool:
        """True when ``road`` is the piece's own road or the next one behind it."""
        current = piece
        for _ in range(_LOOK_BEHIND):
            following = self.network.followers(current)
            if current.road == road or current.road != piece.road or not following:
                break
            current = following[0]
        return current.road == road

    def _turn(self, piece: LanePiece) -> float:
        """Absolute change of heading over the whole connecting road, radians."""
        road = self.network.roads[piece.road]
        heading = road.reference(np.array([0.0, road.length])).heading
        return abs(math.remainder(float(heading[1] - heading[0]), 2.0 * math.pi))


def _why_it_ends(network: RoadNetwork, piece: LanePiece) -> str:
    road = network.roads[piece.road]
    end = network.span(piece)[1]
    place = f"lane {piece.lane} of road {road.id} ends at s={end:.2f}"
    if end not in (0.0, road.length):
        return f"{place}, where the lane has no {'successor' if piece.forward else 'predecessor'}"
    link = road.successor if piece.forward else road.predecessor
    if link is None:
        return f"{place}, where the map ends"
    return f"{place} at {link.kind} {link.id}, from where no lane leads on"


def start_piece(network: RoadNetwork, place: LaneRef) -> LanePiece:
    """The piece that holds ``place``. Raises :class:`RouteError` when there is no drivable lane."""
    road = network.roads.get(place.road)
    if road is None:
        raise RouteError(f"{network.source}: the route starts on road {place.road!r}, which this map does not have")
    if not 0.0 <= place.s <= road.length:
        reach = f"which reaches from 0 to {road.length:.2f} m"
        raise RouteError(f"{network.source}: the route starts at s={place.s:g} on road {road.id}, {reach}")
    section = road.section_at(place.s)
    if section > 0 and place.s == road.lane_sections[section].start and not road.forward(place.lane):
        section -= 1
    here = road.lane_sections[section]
    piece = network.piece(road.id, section, place.lane)
    if piece is None or network.lane(piece).type not in DRIVABLE:
        trouble = "does not exist" if piece is None else f"is of type {network.lane(piece).type!r}"
        drivable = [str(lane) for lane in here.ids if lane and here.lanes[lane].type in DRIVABLE]
        raise RouteError(
            f"{network.source}: lane {place.lane} of road {road.id} {trouble} at s={place.s:g}; "
            f"drivable lanes there: {', '.join(drivable) or 'none'}"
        )
    return piece


def default_start(network: RoadNetwork, length_m: float | None = None) -> LaneRef:
    """Where a route starts when nobody says: the beginning of the lane from which one gets farthest.

    Considered are the innermost lanes on the traffic's own side (-1 in right-hand traffic) of roads outside
    junctions; other lanes and roads only when none of those reaches ``length_m``, or when there are none. Among equals
    the longest road wins, then the order of the map. Raises :class:`RouteError` when no lane is drivable.
    """
    lengths: dict[LanePiece, float] = {}
    best: tuple[float, LaneRef] | None = None
    for group in _start_groups(network):
        # to the metre: the last millimetre of two laps of one loop must not decide
        ranked = [(min(_reach(network, piece, length_m, lengths), length_m or math.inf), piece) for piece in group]
        ranked.sort(key=lambda entry: (-round(entry[0]), -network.roads[entry[1].road].length))
        for reach, piece in ranked[:1]:
            if best is None or reach > best[0] + 1.0:
                best = reach, LaneRef(piece.road, piece.lane, network.span(piece)[0])
        if best is not None and (length_m is None or best[0] >= length_m):
            break
    if best is None:
        raise RouteError(f"{network.source}: the map has no drivable lane")
    return best[1]


def _start_groups(network: RoadNetwork) -> list[list[LanePiece]]:
    """Lanes that begin where their road begins: first choice, outside junctions, all."""
    every: list[LanePiece] = []
    for piece in network.pieces:
        road = network.roads[piece.road]
        if network.span(piece)[0] == (0.0 if piece.forward else road.length):
            every.append(piece)
    outside = [piece for piece in every if network.roads[piece.road].junction is None]
    first = [piece for piece in outside if abs(piece.lane) == 1 and piece.forward]
    return [first, outside, every]


def _reach(network: RoadNetwork, piece: LanePiece, limit: float | None, lengths: dict[LanePiece, float]) -> float:
    """Metres from ``piece`` to the chain's end or to the first piece met again; ``limit`` where that can be driven."""
    total = 0.0
    seen: set[LanePiece] = set()
    for part in Chain(network, piece, network.span(piece)[0]).parts():
        if part.piece in seen:
            return total if limit is None else limit
        seen.add(part.piece)
        if part.piece not in lengths:
            lengths[part.piece] = part.length(network)
        total += lengths[part.piece]
        if limit is not None and total >= limit:
            return limit
    return total
