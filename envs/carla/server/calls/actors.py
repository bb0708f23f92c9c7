"""Blueprints, actors: what there is, spawn, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.carla.errors import Refused
from envs.carla.frames import Place
from envs.carla.server.calls import call
from envs.carla.server.protocol import values
from envs.carla.server.protocol.values import Description
from envs.carla.server.world import blueprints
from envs.carla.server.world.actors import RIGID, SPRING_ARM_GHOST

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

NO_BOX: list[Any] = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 0]


@call("get_actor_definitions")
def get_actor_definitions(server: Server, client: RpcConnection) -> list[Any]:
    """The blueprint library."""
    return blueprints.definitions()


@call("get_spectator")
def get_spectator(server: Server, client: RpcConnection) -> list[Any]:
    """The spectator, an actor like others."""
    return server.describe(server.world.spectator)


@call("get_actors_by_id", [values.array_of(values.identity)])
def get_actors_by_id(server: Server, client: RpcConnection, identities: list[int]) -> list[Any]:
    """Those of them that there are."""
    actors = server.world.actors
    return [server.describe(actors[identity]) for identity in identities if identity in actors]


@call("spawn_actor", [values.description, values.place])
def spawn_actor(server: Server, client: RpcConnection, description: Description, place: Place) -> list[Any]:
    """A new actor, on its own."""
    return server.describe(server.spawn(description, place))


@call(
    "spawn_actor_with_parent",
    [values.description, values.place, values.identity, values.integer, values.text],
)
def spawn_actor_with_parent(
    server: Server,
    client: RpcConnection,
    description: Description,
    place: Place,
    parent: int,
    attachment: int,
    socket: str,
) -> list[Any]:
    """A new actor, attached to another; vehicles here have no sockets."""
    if socket:
        raise Refused(f"spawn_actor: this server's actors have no sockets, so none called {socket!r}")
    if not RIGID <= attachment <= SPRING_ARM_GHOST:
        raise Refused(f"spawn_actor: unknown attachment {attachment}")
    return server.describe(server.spawn(description, place, parent, attachment))


@call("destroy_actor", [values.identity])
def destroy_actor(server: Server, client: RpcConnection, identity: int) -> bool:
    """Take it away, with all that is attached to it; False when it is gone already."""
    if identity not in server.world.actors:
        return False
    server.destroy(identity)
    return True


@call("get_actor_bounding_box", [values.identity])
def get_actor_bounding_box(server: Server, client: RpcConnection, identity: int) -> list[Any]:
    """Its box; an empty one for actors that are gone, because an error ends a client's Traffic Manager."""
    actor = server.world.actors.get(identity)
    return NO_BOX if actor is None else actor.wire_box()
