"""Routes on a server's own map by CARLA's own waypoints: the same `Route` that the embedded world drives.

A waypoint follows a waypoint along the lane; at a junction it is the one whose way turns least, or the one that leads
to the next road of ``via``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from envs.carla.errors import NoRoute
from envs.driving.world import LEAST_AHEAD, Way
from envs.road.planning import LONGEST, RUN_OUT, STEP, straight_end
from envs.road.route import Route, RoutePoints
from scenarios.schema import RouteSpec

_STRIDE = 1.0
"""Metres between two waypoints."""
_SHORTEST = 0.05
"""Metres: nearer waypoints are one (maps have lanes of no length)."""
_LOOK = 5.0
"""Metres between the waypoints by which the exit of a junction is found."""


@dataclass
class _Line:
    """What was met on the way; one entry per waypoint, our frame."""

    rows: list[tuple[float, float, float, float]] = field(default_factory=list)
    """x, y, z, half width."""
    metres: list[float] = field(default_factory=list)
    crossing: list[bool] = field(default_factory=list)
    lanes: list[tuple[str, int, float]] = field(default_factory=list)

    @property
    def length(self) -> float:
        return self.metres[-1] if self.metres else 0.0

    def add(self, waypoint: Any) -> None:
        there = waypoint.transform.location
        row = (there.x, -there.y, there.z, 0.5 * waypoint.lane_width)
        if self.rows:
            gap = math.dist(row[:3], self.rows[-1][:3])
            if gap < _SHORTEST:
                return
            self.metres.append(self.length + gap)
        else:
            self.metres.append(0.0)
        self.rows.append(row)
        self.crossing.append(bool(waypoint.is_junction))
        lane = (str(waypoint.road_id), int(waypoint.lane_id))
        if not self.lanes or self.lanes[-1][:2] != lane:
            self.lanes.append((*lane, self.length))


def plan_way(road: Any, name: str, spec: RouteSpec, random_start: bool) -> Way:
    """The way of a scenario's route on a ``carla.Map``; as `DrivingWorld.way`. Raises NoRoute."""
    start = _start(road, name, spec)
    if not random_start:
        line, closed = _follow(start, name, spec, spec.length_m)
        return _way(line, spec.length_m or line.length, closed, 0.0, spec.length_m)
    whole, closed = _follow(start, name, spec, None)
    length = whole.length
    if spec.length_m is None:
        return _way(whole, length, closed, length - min(LEAST_AHEAD, 0.5 * length), None)
    if not closed and spec.length_m <= length:
        return _way(whole, length, closed, length - spec.length_m, spec.length_m)
    # Round a loop an episode may begin anywhere.
    line, _ = _follow(start, name, spec, (length if closed else 0.0) + spec.length_m)
    return _way(line, (length if closed else 0.0) + spec.length_m, closed, length if closed else 0.0, spec.length_m)


def _way(line: _Line, length: float, closed: bool, begin_last: float, wanted: float | None) -> Way:
    route = _route(line, length, closed)
    return Way(route, begin_last, wanted, tuple(_crossings(line, length)))


def _start(road: Any, name: str, spec: RouteSpec) -> Any:
    if spec.start is None:
        return _longest(road, name)
    place = spec.start
    if not place.road.lstrip("-").isdigit():
        raise NoRoute(f"{name}: CARLA knows roads by number, and the route starts on road {place.road!r}")
    found = road.get_waypoint_xodr(int(place.road), place.lane, place.s)
    if found is None:
        raise NoRoute(f"{name}: the server's map has no lane {place.lane} of road {place.road} at s={place.s:g}")
    return found


def _longest(road: Any, name: str) -> Any:
    """The beginning of the longest innermost lane on the traffic's own side, outside junctions; of others only where
    there is none. Among equals the lowest road number counts."""
    best: tuple[bool, int, int, int] | None = None
    found = None
    # The topology leaves lanes out that nothing leads to, the first of a single road among them.
    for begin in (*(pair[0] for pair in road.get_topology()), *road.generate_waypoints(LONGEST)):
        if begin.is_junction:
            continue
        lane = int(begin.lane_id)
        metres = len(_rest(begin, 1.0))
        rank = (lane != -1, -metres, int(begin.road_id), abs(lane))
        if best is None or rank < best:
            best, found = rank, begin
    if found is None:
        raise NoRoute(f"{name}: the server's map has no driving lane outside junctions")
    return found


def _follow(start: Any, name: str, spec: RouteSpec, length: float | None) -> tuple[_Line, bool]:
    """The line from ``start`` on over ``length`` metres and the run-out, or to the road's end, or once round a loop."""
    line, via = _Line(), list(spec.via or ())
    seen: set[tuple[int, int, int]] = set()
    before: tuple[int, int, int] | None = None
    first = _lane(start)
    closed = False
    for waypoint in _walk(start, via):
        lane = _lane(waypoint)
        if lane != before:
            if via and str(waypoint.road_id) == via[0]:
                via.pop(0)
            if not via and lane in seen and not closed:
                closed = lane == first
                if length is None:
                    break
            seen.add(lane)
            before = lane
        line.add(waypoint)
        if length is not None and line.length >= length + RUN_OUT:
            break
        if line.length > LONGEST:
            raise NoRoute(f"{name}: the route is longer than {LONGEST:.0f} m: give its length")
    if via:
        raise NoRoute(f"{name}: via: road {via[0]} is not reached after {line.length:.0f} m")
    if length is not None and line.length < length - 1e-3:
        raise NoRoute(f"{name}: the route is to be {length:g} m long but the lane ends after {line.length:.1f} m")
    if line.length < 1.0:
        raise NoRoute(f"{name}: only {line.length:.2f} m of lane are left behind the start")
    return line, closed


def _lane(waypoint: Any) -> tuple[int, int, int]:
    return int(waypoint.road_id), int(waypoint.section_id), int(waypoint.lane_id)


def _walk(waypoint: Any, via: list[str]) -> Iterator[Any]:
    """The waypoint and those that follow; ``via`` is looked at, whoever asks strikes its roads off."""
    while True:
        yield waypoint
        choices = waypoint.next(_STRIDE)
        if not choices:
            return
        if len(choices) > 1 and via:
            choices = [choice for choice in choices if _leads_to(choice, via[0])] or choices
        waypoint = min(choices, key=_turn) if len(choices) > 1 else choices[0]


def _leads_to(waypoint: Any, road: str) -> bool:
    if str(waypoint.road_id) == road:
        return True
    behind = _rest(waypoint, _LOOK)[-1].next(_LOOK)
    return any(str(other.road_id) == road for other in behind)


def _rest(waypoint: Any, stride: float) -> list[Any]:
    """The waypoints to the end of the lane, at least the given one."""
    try:
        return list(waypoint.next_until_lane_end(stride)) or [waypoint]
    except RuntimeError:  # it is at the end, or the lane has no length
        return [waypoint]


def _turn(waypoint: Any) -> float:
    """Degrees by which the lane turns to its end."""
    end = _rest(waypoint, _LOOK)[-1]
    turned = (end.transform.rotation.yaw - waypoint.transform.rotation.yaw + 180.0) % 360.0 - 180.0
    return float(abs(turned))


def _crossings(line: _Line, length: float) -> Iterator[tuple[float, float]]:
    for inside, group in itertools.groupby(range(len(line.rows)), lambda i: line.crossing[i]):
        places = list(group)
        begin, end = line.metres[places[0]], line.metres[min(places[-1] + 1, len(line.metres) - 1)]
        if inside and begin < length:
            yield begin, min(end, length)


def _route(line: _Line, length: float, closed: bool) -> Route:
    """Samples at equal steps on a smooth curve through the waypoints.

    The wire has 32 bits: a waypoint is right to some hundredths of a millimetre, so that headings come from neighbours
    two metres apart and curvatures from the headings.
    """
    metres, rows = np.array(line.metres), np.array(line.rows)
    step = length / max(2, math.ceil(length / STEP - 1e-9))
    count = int((metres[-1] + 1e-6) / step) + 1
    along = step * np.arange(count, dtype=np.float64)
    x, y = _between(metres, rows[:, 0], along), _between(metres, rows[:, 1], along)
    z, half_width = np.interp(along, metres, rows[:, 2]), np.interp(along, metres, rows[:, 3])
    heading = np.unwrap(np.arctan2(_slope(y, step), _slope(x, step)))
    curvature, rise = _slope(heading, step), _slope(z, step)
    table = np.stack((x, y, z, heading, curvature, rise, half_width))
    table = straight_end(table, step, length + RUN_OUT)
    return Route(
        RoutePoints(step * np.arange(table.shape[1], dtype=np.float64), *table),
        length,
        closed,
        tuple(lane for lane in line.lanes if lane[2] < length),
    )


def _slope(values: Any, step: float) -> Any:
    """Derivative over the metre around each sample, smoothed lightly."""
    slope = np.gradient(values, step, edge_order=1)
    smooth = slope.copy()
    smooth[1:-1] = 0.25 * slope[:-2] + 0.5 * slope[1:-1] + 0.25 * slope[2:]
    return smooth


def _between(metres: Any, values: Any, at: Any) -> Any:
    """Cubic Hermite interpolation with the slopes of the neighbours (Catmull and Rom, for uneven distances)."""
    slopes = np.gradient(values, metres)
    index = np.clip(np.searchsorted(metres, at, side="right") - 1, 0, len(metres) - 2)
    width = metres[index + 1] - metres[index]
    u = (at - metres[index]) / width
    one, two = values[index], values[index + 1]
    first, second = slopes[index] * width, slopes[index + 1] * width
    return (
        (1 + 2 * u) * (1 - u) ** 2 * one
        + u * (1 - u) ** 2 * first
        + u * u * (3 - 2 * u) * two
        + u * u * (u - 1) * second
    )
