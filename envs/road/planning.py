"""From a place on the map to a route: follow the lane, go straight on at junctions, or where ``via`` says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from envs.road.errors import RouteError
from envs.road.geometry import Array
from envs.road.network import LanePiece, LaneRef, RoadNetwork
from envs.road.road import DRIVABLE
from envs.road.route import Route, RoutePoints

STEP = 0.5
"""Wanted distance of a route's samples, metres; the real one is at most this and divides the length."""
RUN_OUT = 100.0
"""Metres that a route is continued behind its end."""
_CELL = 0.25
_GAUSS = 0.5 / math.sqrt(3.0)


@dataclass(frozen=True)
class _Part:
    """A stretch of one lane piece: from road s ``begin`` to ``end`` in driving direction."""

    piece: LanePiece
    begin: float
    end: float


def plan_route(
    network: RoadNetwork,
    start: LaneRef | None = None,
    length_m: float | None = None,
    via: Sequence[str] | None = None,
) -> Route:
    """The route from ``start`` over ``length_m`` metres of lane centre.

    Without ``start`` the longest lane chain is taken (see :func:`default_start`). At a junction the connection with
    the least change of heading is taken, unless the next road of ``via`` (ids of connecting roads or of the roads
    behind the junction, in driving order) can be reached by another one. Without ``length_m`` the route ends where the
    lane ends or where it meets itself. With it, a loop may be driven several times.

    Raises :class:`RouteError` when the start is no drivable lane, when the road ends before ``length_m``, or when a
    road of ``via`` is never reached.
    """
    if length_m is not None and not (math.isfinite(length_m) and length_m > 1.0):
        raise RouteError(f"{network.source}: a route of {length_m} m: give a length above 1 m")
    unknown = [road for road in via or () if road not in network.roads]
    if unknown:
        raise RouteError(f"{network.source}: via names road {unknown[0]!r}, which this map does not have")
    place = default_start(network, length_m) if start is None else start
    first = _start_piece(network, place)
    chain = _Chain(network, first, place.s, list(via or ()))
    parts, length, closed = chain.collect(length_m)
    return _build(network, parts, length, length_m, closed)


def default_start(network: RoadNetwork, length_m: float | None = None) -> LaneRef:
    """Where a route starts when nobody says: the beginning of the lane whose chain is longest (up to ``length_m``).

    Among equals the longest road outside junctions wins, then the lane nearest to -1, then the order of the map.
    Raises :class:`RouteError` when the map has no drivable lane.
    """
    best: tuple[float, float, int, int] | None = None
    found: LaneRef | None = None
    for order, road in enumerate(network.roads.values()):
        outside = road.junction is None
        for section in {0, len(road.lane_sections) - 1}:
            for lane in road.lane_sections[section].ids:
                piece = network.piece(road.id, section, lane)
                if piece is None or network.lane(piece).type not in DRIVABLE:
                    continue
                entry = network.span(piece)[0]
                if entry != (0.0 if piece.forward else road.length):
                    continue
                reach = min(_reach(network, piece, length_m), length_m or math.inf)
                # a millimetre of difference between two laps of one loop must not decide
                key = (round(reach), road.length if outside else 0.0, -abs(lane + 1), -order)
                if best is None or key > best:
                    best, found = key, LaneRef(road.id, lane, entry)
    if found is None:
        raise RouteError(f"{network.source}: the map has no drivable lane")
    return found


def _reach(network: RoadNetwork, piece: LanePiece, limit: float | None) -> float:
    """Metres of reference line from ``piece`` to the chain's end, ``limit``, or the first piece met again."""
    chain = _Chain(network, piece, network.span(piece)[0], [])
    total = 0.0
    seen: set[LanePiece] = set()
    for part in chain.parts():
        if part.piece in seen:
            # round and round: with a limit it will be reached
            return total if limit is None else limit
        seen.add(part.piece)
        total += abs(part.end - part.begin)
        if limit is not None and total > limit + RUN_OUT:
            break
    return total


def _start_piece(network: RoadNetwork, place: LaneRef) -> LanePiece:
    road = network.roads.get(place.road)
    if road is None:
        raise RouteError(f"{network.source}: the route starts on road {place.road!r}, which this map does not have")
    if not 0.0 <= place.s <= road.length:
        raise RouteError(
            f"{network.source}: the route starts at s={place.s:g} on road {road.id}, which reaches from 0 to "
            f"{road.length:.2f} m"
        )
    section = road.section_at(place.s)
    if place.s == road.lane_sections[section].start and section > 0 and not road.forward(place.lane):
        section -= 1
    piece = network.piece(road.id, section, place.lane)
    drivable = [lane for lane in road.lane_sections[section].ids if road.lane_sections[section].lanes[lane].type in DRIVABLE]
    if piece is None or place.lane not in drivable:
        kind = "missing" if piece is None else f"of type {network.lane(piece).type!r}"
        raise RouteError(
            f"{network.source}: lane {place.lane} of road {road.id} at s={place.s:g} is {kind}; "
            f"drivable lanes there: {', '.join(map(str, drivable)) or 'none'}"
        )
    return piece


class _Chain:
    """Walks along the lanes of a network."""

    def __init__(self, network: RoadNetwork, first: LanePiece, s: float, via: list[str]) -> None:
        self.network = network
        self.first = first
        self.start_s = s
        self.via = via
        self.end_note = ""

    def parts(self) -> Iterator[_Part]:
        """Parts without end, or until the lane ends (then ``end_note`` says where)."""
        piece: LanePiece | None = self.first
        begin = self.start_s
        while piece is not None:
            if self.via and piece.road == self.via[0]:
                self.via.pop(0)
            end = self.network.span(piece)[1]
            yield _Part(piece, begin, end)
            following = self._next(piece)
            if following is None:
                self.end_note = f"lane {piece.lane} of road {piece.road} ends at s={end:.2f}{self._why(piece)}"
                return
            piece = following
            begin = self.network.span(piece)[0]

    def collect(self, length_m: float | None) -> tuple[list[_Part], float | None, bool]:
        """(parts with run-out, route length or None = all parts, closed)."""
        network, source = self.network, self.network.source
        parts: list[_Part] = []
        total = 0.0
        seen: set[LanePiece] = set()
        closed = False
        length = length_m
        for part in self.parts():
            if part.piece in seen and not self.via:
                if part.piece == self.first:
                    closed = True
                if length_m is None and length is None:
                    if closed:
                        rest = _Part(part.piece, part.begin, self.start_s)
                        total += _lane_length(network, rest)
                    length = total
            seen.add(part.piece)
            parts.append(part)
            if length is None or total < length + RUN_OUT:
                pass
            total_before = total
            total += _lane_length(network, part)
            if length is not None and total >= length + RUN_OUT + 1.0:
                break
            if length is None and self.via and total_before > 1e6:
                raise RouteError(f"{source}: via road {self.via[0]} is never reached")
        if self.via:
            raise RouteError(f"{source}: via road {self.via[0]} is never reached: {self.end_note or 'the route is over before'}")
        if length is not None and total < length:
            raise RouteError(
                f"{source}: the route is to be {length:.0f} m long but ends after {total:.1f} m: {self.end_note}"
            )
        return parts, length, closed

    def _next(self, piece: LanePiece) -> LanePiece | None:
        choices = self.network.followers(piece)
        if not choices:
            return None
        if self.via:
            wanted = [choice for choice in choices if self._leads_to(choice, self.via[0])]
            choices = tuple(wanted) or choices
        if len(choices) == 1:
            return choices[0]
        return min(choices, key=self._turn)

    def _leads_to(self, piece: LanePiece, road: str) -> bool:
        """True when ``road`` is the piece's own or the next one behind it."""
        current = piece
        for _ in range(64):
            if current.road == road:
                return True
            if current.road != piece.road:
                return False
            following = self.network.followers(current)
            if not following:
                return False
            current = following[0]
        return False

    def _turn(self, piece: LanePiece) -> float:
        """Absolute change of heading over the connecting road."""
        road = self.network.roads[piece.road]
        heading = road.reference(np.array([0.0, road.length])).heading
        return abs(math.remainder(float(heading[1] - heading[0]), 2.0 * math.pi))

    def _why(self, piece: LanePiece) -> str:
        road = self.network.roads[piece.road]
        link = road.successor if piece.forward else road.predecessor
        if self.network.span(piece)[1] not in (0.0, road.length):
            return " (the lane is not continued)"
        if link is None:
            return " (the map ends there)"
        return f" at {link.kind} {link.id} (no lane leads on from there)"


def _grid(network: RoadNetwork, part: _Part) -> tuple[Array, Array]:
    """Road s in driving order and lane metres from the part's begin, both (M,)."""
    road = network.roads[part.piece.road]
    extent = abs(part.end - part.begin)
    low, high = min(part.begin, part.end), max(part.begin, part.end)
    edges = np.linspace(low, high, max(1, math.ceil(extent / _CELL)) + 1)
    # the path's speed jumps where the reference line goes over from one curve to the next: no cell may hold a jump
    breaks = road.plan.starts[(road.plan.starts > low) & (road.plan.starts < high)]
    edges = np.union1d(edges, breaks)
    middle, step = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    nodes = np.concatenate([middle - _GAUSS * step, middle + _GAUSS * step])
    stretch = road.lane_path(part.piece.section, part.piece.lane, nodes).stretch
    pieces = 0.5 * step * (stretch[: len(step)] + stretch[len(step) :])
    if part.end < part.begin:
        edges, pieces = edges[::-1], pieces[::-1]
    return edges, np.concatenate([[0.0], np.cumsum(pieces)])


def _lane_length(network: RoadNetwork, part: _Part) -> float:
    return float(_grid(network, part)[1][-1]) if part.begin != part.end else 0.0


def _build(
    network: RoadNetwork, parts: list[_Part], length: float | None, length_m: float | None, closed: bool
) -> Route:
    grids = [_grid(network, part) for part in parts if part.begin != part.end]
    parts = [part for part in parts if part.begin != part.end]
    borders = np.concatenate([[0.0], np.cumsum([grid[1][-1] for grid in grids])])
    if length is None:
        length = float(borders[-1])
    if length < 1.0:
        raise RouteError(f"{network.source}: only {length:.2f} m of lane are left behind the start")
    step = length / max(2, math.ceil(length / STEP - 1e-9))
    reach = min(float(borders[-1]), length + RUN_OUT)
    wanted = step * np.arange(int(reach / step + 1e-9) + 1)
    columns: list[Array] = []
    lanes: list[tuple[str, int, float]] = []
    for number, (part, (road_s, metres)) in enumerate(zip(parts, grids, strict=True)):
        begin = borders[number]
        if begin < length and (not lanes or lanes[-1][:2] != (part.piece.road, part.piece.lane)):
            lanes.append((part.piece.road, part.piece.lane, float(begin)))
        last = number == len(parts) - 1
        low = int(np.searchsorted(wanted, begin))
        high = len(wanted) if last else int(np.searchsorted(wanted, borders[number + 1]))
        if high > low:
            at = np.interp(wanted[low:high] - begin, metres, road_s)
            columns.append(_samples(network, part, at))
    rows = np.concatenate(columns, axis=1)
    rows[3] = np.unwrap(rows[3])
    rows = _straight_end(rows, step, length + RUN_OUT)
    points = RoutePoints(step * np.arange(rows.shape[1]), *rows)
    return Route(points, length, closed, tuple(lanes))


def _samples(network: RoadNetwork, part: _Part, at: Array) -> Array:
    """(7, M): x, y, z, heading, curvature, slope, half width in driving direction."""
    path = network.roads[part.piece.road].lane_path(part.piece.section, part.piece.lane, at)
    if part.piece.forward:
        return np.stack([path.x, path.y, path.z, path.heading, path.curvature, path.slope, path.half_width])
    return np.stack([path.x, path.y, path.z, path.heading + math.pi, -path.curvature, -path.slope, path.half_width])


def _straight_end(rows: Array, step: float, reach: float) -> Array:
    """The rows continued straight on up to ``reach`` metres."""
    missing = math.ceil(reach / step) + 1 - rows.shape[1]
    if missing <= 0:
        return rows
    x, y, z, heading, _, slope, half_width = rows[:, -1]
    on = step * np.arange(1, missing + 1)
    flat = np.zeros_like(on)
    more = [x + on * np.cos(heading), y + on * np.sin(heading), z + on * slope, flat + heading, flat, flat + slope]
    return np.concatenate([rows, np.stack([*more, flat + half_width])], axis=1)
