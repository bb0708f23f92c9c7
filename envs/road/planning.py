"""From a place on the map to a route."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from envs.road.chain import Chain, Part, default_start, start_piece
from envs.road.errors import RouteError
from envs.road.geometry import Array
from envs.road.network import LanePiece, LaneRef, RoadNetwork
from envs.road.route import Route, RoutePoints

STEP = 0.5
"""Wanted distance of a route's samples, metres; the real one is at most this and divides the length."""
RUN_OUT = 100.0
"""Metres that a route is continued behind its end."""
SHORTEST = 1.0
LONGEST = 100_000.0
"""Limits of a route's length, metres: beyond, the samples would not fit into memory."""


@dataclass(frozen=True)
class _Plan:
    """Parts with run-out, the length of the route itself, and whether the lane chain returned to its start."""

    parts: list[Part]
    grids: list[tuple[Array, Array]]
    """Of each part, see :meth:`Part.grid`."""
    length: float
    closed: bool


def plan_route(
    network: RoadNetwork,
    start: LaneRef | None = None,
    length_m: float | None = None,
    via: Sequence[str] | None = None,
) -> Route:
    """The route from ``start`` over ``length_m`` metres of lane centre.

    Without ``start`` it begins where :func:`default_start` says. At a junction the connection with the least change of
    heading is taken, unless another one leads to the next road of ``via`` (ids of connecting roads or of the roads
    behind a junction, in driving order; a road is struck off when the route comes to it). Without ``length_m`` the
    route ends where the lane ends or where it meets itself; with it, a loop may be driven several times.

    Raises :class:`RouteError` when the start is no drivable lane, when the road ends before ``length_m``, or when a
    road of ``via`` is not reached.
    """
    source = network.source
    if length_m is not None and not SHORTEST <= length_m <= LONGEST:
        raise RouteError(f"{source}: a route of {length_m} m: its length must be from {SHORTEST} to {LONGEST:.0f} m")
    unknown = [road for road in via or () if road not in network.roads]
    if unknown:
        raise RouteError(f"{source}: via names road {unknown[0]!r}, which this map does not have")
    place = default_start(network, length_m) if start is None else start
    return _build(network, _follow(network, place, length_m, list(via or ())))


def _follow(network: RoadNetwork, place: LaneRef, length_m: float | None, via: list[str]) -> _Plan:
    source = network.source
    chain = Chain(network, start_piece(network, place), place.s, via)
    parts: list[Part] = []
    grids: list[tuple[Array, Array]] = []
    met: set[tuple[LanePiece, int]] = set()
    total, length, closed = 0.0, length_m, False
    missed: list[str] = []
    for part in chain.parts():
        state = (part.piece, len(chain.via))
        if state in met and chain.via:
            raise RouteError(f"{source}: via: road {chain.via[0]} is never reached, the route goes round in a loop")
        if not chain.via and (state in met or (met and part.piece == chain.first)):
            # a lap is complete where the route started on its first lane
            lap = total + Part(part.piece, part.begin, place.s).length(network)
            if part.piece == chain.first and (length is None or length >= lap - 1e-6):
                closed = True
            if length is None:
                length = lap if closed else total
        met.add(state)
        if length is None or total < length:
            missed = list(chain.via)
        if part.begin != part.end:
            parts.append(part)
            grids.append(part.grid(network))
            total += float(grids[-1][1][-1])
        if total > LONGEST + RUN_OUT and length is None:
            raise RouteError(f"{source}: the route is longer than {LONGEST:.0f} m: give its length")
        if length is not None and total >= length + RUN_OUT:
            break
    if missed:
        reason = f"within {length:g} m" if length is not None and length < total else f"before {chain.end_note}"
        raise RouteError(f"{source}: via: road {missed[0]} is not reached {reason}")
    length = total if length is None else length
    if length > total + 1e-6:
        raise RouteError(
            f"{source}: the route is to be {length:g} m long but ends after {total:.1f} m: {chain.end_note}"
        )
    if length < SHORTEST:
        raise RouteError(f"{source}: only {length:.2f} m of lane are left behind the start: {chain.end_note}")
    return _Plan(parts, grids, length, closed)


def _build(network: RoadNetwork, plan: _Plan) -> Route:
    borders = np.concatenate([[0.0], np.cumsum([metres[-1] for _, metres in plan.grids])])
    step = plan.length / max(2, math.ceil(plan.length / STEP - 1e-9))
    reach = min(float(borders[-1]), plan.length + RUN_OUT)
    # every half step: the headings in between give the curvature
    wanted = 0.5 * step * np.arange(2 * int(reach / step + 1e-6) + 1)
    rows: list[Array] = []
    lanes: list[tuple[str, int, float]] = []
    for number, (part, (road_s, metres)) in enumerate(zip(plan.parts, plan.grids, strict=True)):
        begin, end = borders[number : number + 2]
        if begin < plan.length and (not lanes or lanes[-1][:2] != (part.piece.road, part.piece.lane)):
            lanes.append((part.piece.road, part.piece.lane, float(begin)))
        low = int(np.searchsorted(wanted, begin))
        high = int(np.searchsorted(wanted, end)) if number + 1 < len(plan.parts) else len(wanted)
        if high > low:
            rows.append(_samples(network, part, np.interp(wanted[low:high] - begin, metres, road_s)))
    table = straight_end(_thinned(np.concatenate(rows, axis=1), step), step, plan.length + RUN_OUT)
    along: Array = step * np.arange(table.shape[1], dtype=np.float64)
    return Route(RoutePoints(along, *table), plan.length, plan.closed, tuple(lanes))


def _thinned(rows: Array, step: float) -> Array:
    """Every other sample, with headings unwrapped and the curvature as the mean over a step around each sample.

    The mean is what the heading turns by: where a map joins a line to an arc the point value would jump, and where it
    has a few centimetres of a tight arc (Town03 does) a sample that happens to hit them would speak for half a metre.
    """
    rows[3] = np.unwrap(rows[3])
    thin = rows[:, ::2].copy()
    thin[4, 1:-1] = np.diff(rows[3, 1::2]) / step
    return thin


def _samples(network: RoadNetwork, part: Part, at: Array) -> Array:
    """(7, M): x, y, z, heading, curvature, slope, half width in driving direction."""
    path = network.roads[part.piece.road].lane_path(part.piece.section, part.piece.lane, at)
    if part.piece.forward:
        return np.stack([path.x, path.y, path.z, path.heading, path.curvature, path.slope, path.half_width])
    return np.stack([path.x, path.y, path.z, path.heading + math.pi, -path.curvature, -path.slope, path.half_width])


def straight_end(rows: Array, step: float, reach: float) -> Array:
    """The rows continued straight on to ``reach`` metres."""
    missing = math.ceil(reach / step) + 1 - rows.shape[1]
    if missing <= 0:
        return rows
    x, y, z, heading, _, slope, half_width = rows[:, -1]
    on = step * np.arange(1, missing + 1)
    flat = np.zeros_like(on)
    more = [x + on * np.cos(heading), y + on * np.sin(heading), z + on * slope, flat + heading, flat, flat + slope]
    return np.concatenate([rows, np.stack([*more, flat + half_width])], axis=1)
