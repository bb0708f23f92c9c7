"""A town: a main street of blocks and crossings, with side streets and every turn of a real OpenDRIVE junction."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

from scenarios.errors import MapError
from scenarios.maps.alignment import Crowd, points_of
from scenarios.maps.curve import Piece, Pose, follow, line, total
from scenarios.maps.draw import Draw
from scenarios.maps.opendrive import Connection, Junction, Link, Road, one_way
from scenarios.maps.section import Section, street

_FIRST_SIDE_STREET = 101
_FIRST_CONNECTING = 1001
_FIRST_JUNCTION = 9001
_CORNER = 6.0
"""m; clothoid at both ends of a turn, so that even a corner is entered without a jerk of the wheel."""
_SWING = math.radians(115.0)
_RESTARTS = 60


@dataclass(frozen=True)
class _Arm:
    """One road's end at a crossing: the pose of its reference line there, heading INTO the crossing."""

    road: int
    contact: str
    into: Pose

    @property
    def lane_in(self) -> int:
        """The lane that enters the crossing: -1 of a road that ends there, 1 of one that begins there."""
        return -1 if self.contact == "end" else 1

    @property
    def lane_out(self) -> int:
        return -self.lane_in


@dataclass
class _Town:
    draw: Draw
    section: Section
    reach: float
    """m from a crossing's centre to where its roads begin."""
    roads: list[Road] = field(default_factory=list)
    side_streets: list[Road] = field(default_factory=list)
    connecting: list[Road] = field(default_factory=list)
    junctions: list[Junction] = field(default_factory=list)
    crowd: Crowd = field(default_factory=Crowd)


def town_roads(seed: int, purpose: str, length: float) -> tuple[list[Road], list[Junction]]:
    """Roads and junctions of a town whose main street has about ``length`` m; road 1 is its longest block.

    Raises MapError when no try succeeds.
    """
    for attempt in range(_RESTARTS):
        town = _attempt(Draw(seed, purpose, attempt), length)
        if town is not None:
            return [*town.roads, *town.side_streets, *town.connecting], town.junctions
    raise MapError("generator", f"no town of {length:.0f} m without coming near itself; take another seed")


def _attempt(draw: Draw, length: float) -> _Town | None:
    town = _Town(draw, street(draw), draw.uniform((13.0, 15.0)))
    pose = start = Pose(0.0, 0.0, draw.uniform((0.0, 6.28)))
    s = 0.0
    while True:
        pieces = _fitting_block(town, pose, start.heading, s, length)
        if pieces is None:
            return None
        number = len(town.roads) + 1
        before = Link("junction", _FIRST_JUNCTION + number - 2) if number > 1 else None
        block = Road(number, f"Main Street {number}", pose, tuple(pieces), town.section, before=before)
        town.crowd.points += points_of(pieces, pose, s)
        pose, s = follow(pieces, pose), s + total(pieces)
        if s > length - 80.0:
            town.roads.append(block)
            return town
        town.roads.append(replace(block, after=Link("junction", _FIRST_JUNCTION + number - 1)))
        if not _add_crossing(town, pose, s):
            return None
        across = [line(2.0 * town.reach)]
        town.crowd.points += points_of(across, pose, s)
        pose, s = follow(across, pose), s + total(across)


def _fitting_block(town: _Town, pose: Pose, goal: float, s: float, length: float) -> list[Piece] | None:
    for _ in range(12):
        pieces = _block(town, pose.heading - goal, first=s == 0.0, rest=length - s)
        ahead = [*pieces, line(2.0 * town.reach)]
        if not town.crowd.clashes(points_of(ahead, pose, s)):
            return pieces
    return None


def _block(town: _Town, deviation: float, first: bool, rest: float) -> list[Piece]:
    """A straight block, or one with a bend. The first is the longest, so that a route begins there by itself."""
    draw = town.draw
    if first:
        target = draw.uniform((245.0, 265.0))
    else:
        target = draw.uniform((130.0, 225.0))
        # What is left over after the next crossing would be no block: end the street with this one.
        target = round(rest, 2) if rest < 240.0 else min(target, round(rest - 145.0, 2))
    if target < 90.0 or not draw.chance(0.65):
        return [line(target)]
    half = town.section.right[0].width / 2
    radius = round(draw.log_uniform((25.0, 70.0)) + half, 2)
    clothoid = draw.uniform((12.0, 20.0))
    side = draw.sign()
    angle = math.radians(draw.uniform((25.0, 90.0)))
    if abs(deviation + side * angle) > _SWING:
        side = -1 if deviation > 0 else 1
    arc = round(min(max(6.0, angle * radius - clothoid), target - 2.0 * clothoid - 40.0), 2)
    if arc < 6.0:
        return [line(target)]
    straight = round(target - 2.0 * clothoid - arc, 2)
    lead = round(straight * draw.uniform((0.3, 0.7)), 2)
    k = side / radius
    bend = [Piece(clothoid, 0.0, k), Piece(arc, k, k), Piece(clothoid, k, 0.0)]
    return [line(lead), *bend, line(round(straight - lead, 2))]


def _add_crossing(town: _Town, entry: Pose, s: float) -> bool:
    """Side streets and ways through; False when a side street finds no room."""
    draw, reach = town.draw, town.reach
    here = len(town.roads)
    centre = entry.forward(reach)
    arms = [
        _Arm(here, "end", entry),
        _Arm(here + 1, "start", centre.turned(math.pi).forward(-reach)),
    ]
    sides = {1: 1, -1: 1} if draw.chance(0.7) else {draw.sign(): 1}
    for side in sides:
        away = centre.turned(side * math.pi / 2).forward(reach)
        pieces = _fitting_side_street(town, away, s + reach)
        if pieces is None:
            return False
        number = _FIRST_SIDE_STREET + len(town.side_streets)
        junction = Link("junction", _FIRST_JUNCTION + here - 1)
        street_road = Road(number, f"Side Street {number - 100}", away, tuple(pieces), town.section, before=junction)
        town.side_streets.append(street_road)
        town.crowd.points += points_of(pieces, away, s + reach, reach)
        arms.append(_Arm(number, "start", away.turned(math.pi)))
    _connect(town, arms, _FIRST_JUNCTION + here - 1)
    return True


def _fitting_side_street(town: _Town, away: Pose, s: float) -> list[Piece] | None:
    draw = town.draw
    for _ in range(8):
        pieces = [line(draw.uniform((25.0, 60.0)))]
        if draw.chance(0.5):
            k = draw.sign() / draw.uniform((35.0, 90.0))
            pieces += [Piece(12.0, 0.0, k), Piece(draw.uniform((8.0, 25.0)), k, k)]
        if not town.crowd.clashes(points_of(pieces, away, s, town.reach)):
            return pieces
    return None


def _connect(town: _Town, arms: list[_Arm], id: int) -> None:
    """A connecting road for each pair of arms, one lane each, and the junction that lists them."""
    connections = []
    carried_on = town.section.centre[0] if town.draw.chance(0.5) else None
    open_sides = {_bearing(arms[0].into, arm.into) for arm in arms}
    for origin in arms:
        for target in arms:
            if origin is target:
                continue
            turn = _bearing(origin.into, target.into)
            if turn == 0:
                pieces = [line(2.0 * town.reach)]
                # On the side where no street opens, gutter and pavement run through.
                right = _bearing(arms[0].into, origin.into.turned(-math.pi / 2).turned(math.pi))
                outer = right not in open_sides
            else:
                pieces = _corner(town.reach, turn)
                outer = turn < 0
            number = _FIRST_CONNECTING + len(town.connecting)
            # One middle line for both directions, drawn by the road that follows the main street.
            middle = carried_on if turn == 0 and origin is arms[0] else None
            town.connecting.append(
                Road(
                    number,
                    "",
                    origin.into,
                    tuple(pieces),
                    one_way(town.section, outer, middle),
                    junction=id,
                    before=Link("road", origin.road, origin.contact),
                    after=Link("road", target.road, target.contact),
                    lane_links=(origin.lane_in, target.lane_out),
                )
            )
            connections.append(Connection(origin.road, number, origin.lane_in))
    town.junctions.append(Junction(id, f"Crossing {id - _FIRST_JUNCTION + 1}", tuple(connections)))


def _bearing(origin: Pose, target: Pose) -> int:
    """Where the arm ``target`` lies for one who enters by ``origin``, in quarter turns: 1 left, 0 ahead, -1 right, 2
    behind."""
    quarters = round((target.heading + math.pi - origin.heading) / (math.pi / 2)) % 4
    return quarters if quarters < 3 else -1


def _corner(reach: float, turn: int) -> list[Piece]:
    """Clothoid, arc, clothoid through 90 degrees whose ends lie ``reach`` m before and behind the corner."""
    return [Piece(piece.length, turn * piece.begin, turn * piece.end) for piece in _turn(_corner_radius(reach))]


@lru_cache(maxsize=8)
def _corner_radius(reach: float) -> float:
    """The arc's radius in m; a turn's reach grows with it, so bisection finds it (to 1e-13 m in 50 halvings)."""
    low, high = 5.0, 2.0 * reach
    for _ in range(50):
        radius = 0.5 * (low + high)
        end = follow(_turn(radius), Pose(0.0, 0.0, 0.0))
        low, high = (radius, high) if end.x < reach else (low, radius)
    return low


def _turn(radius: float) -> list[Piece]:
    k = 1.0 / radius
    return [Piece(_CORNER, 0.0, k), Piece(math.pi / 2 * radius - _CORNER, k, k), Piece(_CORNER, k, 0.0)]
