"""Who touches whom: vehicles and walkers as upright boxes, what stands beside the road as cylinders."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from envs.carla.frames import Place, Triple
from envs.carla.server.world.actors import Actor, Walker
from envs.carla.server.world.vehicle import Vehicle
from envs.driving.obstacles import ObstacleGrid

_RESTITUTION = 0.1
_NEAR_ROADSIDE = 1.6
"""Metres to the edge of the driving lanes from which on the roadside is looked at: scenery keeps 2 m."""


class Contact(NamedTuple):
    """A collision: who, with whom (None: something that stands there), and the impulse on the first, N s."""

    actor: Actor
    other: Actor | None
    impulse: Triple


def overlap(one: Actor, other: Actor) -> tuple[float, float, float] | None:
    """(depth m, unit x, unit y of the way out for ``one``), or None when the two boxes are apart."""
    dx, dy = one.place.x - other.place.x, one.place.y - other.place.y
    reach = math.hypot(*one.box.extent[:2]) + math.hypot(*other.box.extent[:2])
    if (
        dx * dx + dy * dy > reach * reach
        or abs(_middle(one) - _middle(other)) > one.box.extent[2] + other.box.extent[2]
    ):
        return None
    best: tuple[float, float, float] | None = None
    axes = [(math.cos(a.place.yaw), math.sin(a.place.yaw)) for a in (one, other)]
    for cosine, sine in axes:
        for ax, ay in ((cosine, sine), (-sine, cosine)):
            radius = 0.0
            for actor, (c, s) in zip((one, other), axes, strict=True):
                length, width, _ = actor.box.extent
                radius += length * abs(c * ax + s * ay) + width * abs(-s * ax + c * ay)
            gap = dx * ax + dy * ay
            depth = radius - abs(gap)
            if depth <= 0.0:
                return None
            if best is None or depth < best[0]:
                best = (depth, -ax, -ay) if gap < 0.0 else (depth, ax, ay)
    return best


def _middle(actor: Actor) -> float:
    return actor.place.z + actor.box.centre[2]


def pairs(actors: Sequence[Actor]) -> Iterator[tuple[Actor, Actor]]:
    """Those that may touch: neighbours along x."""
    if len(actors) < 8:
        yield from combinations(actors, 2)
        return
    ordered = sorted(actors, key=lambda a: a.place.x)
    longest = max(math.hypot(*a.box.extent[:2]) for a in actors)
    for number, one in enumerate(ordered):
        reach = one.place.x + longest + math.hypot(*one.box.extent[:2])
        for other in ordered[number + 1 :]:
            if other.place.x > reach:
                break
            yield one, other


def between_actors(actors: Sequence[Actor]) -> Iterator[Contact]:
    """Collisions of this tick; pushes apart who has met."""
    for one, other in pairs(actors):
        found = overlap(one, other)
        if found is not None:
            impulse = _part(one, other, *found)
            yield Contact(one, other, impulse)
            yield Contact(other, one, (-impulse[0], -impulse[1], 0.0))


def _part(one: Actor, other: Actor, depth: float, nx: float, ny: float) -> Triple:
    weights = [1.0 / a.mass if a.simulates else 0.0 for a in (one, other)]
    total = sum(weights)
    if total == 0.0:
        return (0.0, 0.0, 0.0)
    closing = (one.velocity[0] - other.velocity[0]) * nx + (one.velocity[1] - other.velocity[1]) * ny
    impulse = max(0.0, -(1.0 + _RESTITUTION) * closing / total)
    for actor, weight, sign in zip((one, other), weights, (1.0, -1.0), strict=True):
        if weight == 0.0:
            continue
        share = depth * weight / total * sign
        place = actor.place
        _shift(actor, Place(place.x + nx * share, place.y + ny * share, place.z, *place[3:]))
        if not isinstance(actor, Walker):
            actor.push((nx * impulse * weight * sign, ny * impulse * weight * sign, 0.0))
    return (nx * impulse, ny * impulse, 0.0)


def _shift(actor: Actor, place: Place) -> None:
    actor.place = place
    if isinstance(actor, Vehicle):
        actor.motion.place(place.x, place.y, place.yaw)


def with_roadside(vehicle: Vehicle, obstacles: ObstacleGrid) -> Contact | None:
    """A vehicle that has run into something that stands there: it is back where it was, and stands."""
    if not _touches(vehicle, vehicle.place, obstacles) or _touches(vehicle, vehicle.before, obstacles):
        return None
    vx, vy, _ = vehicle.velocity
    impulse = (-vx * vehicle.mass, -vy * vehicle.mass, 0.0)
    vehicle.move(vehicle.before)
    vehicle.motion.stop()
    vehicle.velocity = vehicle.spin = (0.0, 0.0, 0.0)
    return Contact(vehicle, None, impulse)


def may_touch_roadside(vehicle: Vehicle) -> bool:
    """Whether it is so far aside that the roadside has to be looked at; else the scene need not even be built."""
    length, width, _ = vehicle.box.extent
    return vehicle.footing.room() < math.hypot(length, width) - _NEAR_ROADSIDE


def _touches(vehicle: Vehicle, place: Place, obstacles: ObstacleGrid) -> bool:
    length, width, _ = vehicle.box.extent
    return obstacles.touches(place.x, place.y, place.yaw, 2.0 * length, 2.0 * width)
