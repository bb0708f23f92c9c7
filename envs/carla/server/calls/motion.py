"""Where actors are and how they move. Most of these are fire-and-forget: the client never sees an error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from envs.carla.errors import Refused
from envs.carla.frames import Place, Triple
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values
from envs.carla.server.world.actors import Actor
from envs.carla.server.world.vehicle import Vehicle

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

FASTEST = 200.0
"""m/s that anything can be given."""


def _bounded(change: Triple) -> Triple:
    length = math.sqrt(sum(part * part for part in change))
    factor = min(1.0, FASTEST / length) if length > 0.0 else 0.0
    return change[0] * factor, change[1] * factor, change[2] * factor


@call("set_actor_transform", [values.identity, values.place], Shape.VOID)
def set_actor_transform(server: Server, client: RpcConnection, identity: int, place: Place) -> None:
    """Put it there; what is attached is put against its parent."""
    actor = server.world.actor(identity)
    if actor.parent is not None:
        actor.relative = place
        actor.follow()
    else:
        actor.move(place)


@call("set_actor_location", [values.identity, values.location], Shape.VOID)
def set_actor_location(server: Server, client: RpcConnection, identity: int, location: Triple) -> None:
    """Put it there, turned as before."""
    actor = server.world.actor(identity)
    before = actor.place if actor.parent is None else actor.relative
    set_actor_transform(server, client, identity, Place(*location, *before[3:]))


@call("set_actor_target_velocity", [values.identity, values.vector], Shape.VOID)
def set_actor_target_velocity(server: Server, client: RpcConnection, identity: int, velocity: Triple) -> None:
    """Move like this from now on, until physics changes it."""
    server.world.actor(identity).set_velocity(_bounded(velocity))


@call("set_actor_target_angular_velocity", [values.identity, values.turn], Shape.VOID)
def set_actor_target_angular_velocity(server: Server, client: RpcConnection, identity: int, spin: Triple) -> None:
    """Turn like this from now on."""
    server.world.actor(identity).set_spin(_bounded(spin))


@call("enable_actor_constant_velocity", [values.identity, values.vector], Shape.VOID)
def enable_actor_constant_velocity(server: Server, client: RpcConnection, identity: int, velocity: Triple) -> None:
    """Keep this velocity, in the actor's own frame, whatever physics says."""
    server.world.actor(identity).constant = _bounded(velocity)


@call("disable_actor_constant_velocity", [values.identity], Shape.VOID)
def disable_actor_constant_velocity(server: Server, client: RpcConnection, identity: int) -> None:
    """Back to physics."""
    server.world.actor(identity).constant = None


@call("add_actor_impulse", [values.identity, values.vector], Shape.VOID)
def add_actor_impulse(server: Server, client: RpcConnection, identity: int, impulse: Triple) -> None:
    """Push it once, N s."""
    actor = server.world.actor(identity)
    x, y, z = (part / actor.mass for part in impulse)
    actor.push(_bounded((x, y, z)))


@call("add_actor_force", [values.identity, values.vector], Shape.VOID)
def add_actor_force(server: Server, client: RpcConnection, identity: int, force: Triple) -> None:
    """Push it for one tick, N."""
    actor = server.world.actor(identity)
    x, y, z = (part / actor.mass * server.step for part in force)
    actor.push(_bounded((x, y, z)))


def _turn(actor: Actor, twist: Triple) -> None:
    if not isinstance(actor, Vehicle):
        return
    car = actor.motion.car
    rate = car.yaw_rate + twist[2] / car.parameters.yaw_inertia
    actor.set_spin((0.0, 0.0, max(-20.0, min(20.0, rate))))


@call("add_actor_angular_impulse", [values.identity, values.twist], Shape.VOID)
def add_actor_angular_impulse(server: Server, client: RpcConnection, identity: int, impulse: Triple) -> None:
    """Turn it once, N m s; only vehicles, only about the vertical."""
    _turn(server.world.actor(identity), impulse)


@call("add_actor_torque", [values.identity, values.twist], Shape.VOID)
def add_actor_torque(server: Server, client: RpcConnection, identity: int, torque: Triple) -> None:
    """Turn it for one tick, N m; likewise."""
    step = server.step
    _turn(server.world.actor(identity), (torque[0] * step, torque[1] * step, torque[2] * step))


@call("set_actor_simulate_physics", [values.identity, values.boolean], Shape.VOID)
def set_actor_simulate_physics(server: Server, client: RpcConnection, identity: int, on: bool) -> None:
    """Whether physics moves it."""
    actor = server.world.actor(identity)
    if isinstance(actor, Vehicle):
        actor.set_simulates(on)
    actor.simulates = on


@call("set_actor_collisions", [values.identity, values.boolean], Shape.VOID)
def set_actor_collisions(server: Server, client: RpcConnection, identity: int, on: bool) -> None:
    """Whether it collides."""
    server.world.actor(identity).collides = on


@call("set_actor_enable_gravity", [values.identity, values.boolean], Shape.VOID)
def set_actor_enable_gravity(server: Server, client: RpcConnection, identity: int, on: bool) -> None:
    """Vehicles stay on the road here, with and without; only logged when it is switched off."""
    if not on and isinstance(server.world.actor(identity), Vehicle):
        raise Refused("vehicles of this server do not leave the ground")
