"""``apply_batch``: many commands in one message, each answered on its own.

To add a command, write a function under ``@command(its number in carla::rpc::Command, readers)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from envs.carla.errors import BadValue, Refused
from envs.carla.frames import Place
from envs.carla.server import limits
from envs.carla.server.calls import CALLS, Shape, call
from envs.carla.server.protocol import values
from envs.carla.server.world.actors import RIGID, SPRING_ARM_GHOST

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

SPAWN, DESTROY, WALKER_STATE, LIGHT_STATE = 0, 1, 7, 21
_LIKE_CALLS = {
    DESTROY: "destroy_actor",
    2: "apply_control_to_vehicle",
    3: "apply_ackermann_control_to_vehicle",
    4: "apply_control_to_walker",
    5: "apply_physics_control",
    6: "set_actor_transform",
    8: "set_actor_target_velocity",
    9: "set_actor_target_angular_velocity",
    10: "add_actor_impulse",
    11: "add_actor_force",
    12: "add_actor_angular_impulse",
    13: "add_actor_torque",
    14: "set_actor_simulate_physics",
    15: "set_actor_enable_gravity",
    16: "set_actor_autopilot",
    17: "show_vehicle_debug_telemetry",
    18: "set_vehicle_light_state",
    19: "set_actor_location",
    LIGHT_STATE: "set_traffic_light_state",
}
"""Commands that are calls of their own with the same arguments."""


@call("apply_batch", [lambda value: _commands(value), values.boolean], Shape.BARE)
def apply_batch(server: Server, client: RpcConnection, commands: list[Any], tick: bool) -> list[Any]:
    """Do them in order; an error of one is answered in its place and does not stop the others."""
    answers = [_answer(server, client, command) for command in commands]
    if tick:
        server.tick_cue(client)
    return answers


def _commands(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadValue("expected an array of commands")
    return value


def _answer(server: Server, client: RpcConnection, command: Any) -> list[Any]:
    try:
        return [[1, _do(server, client, command, 0, 0)]]
    except (BadValue, Refused) as error:
        return [[0, [f"apply_batch: {error}"]]]


def _do(server: Server, client: RpcConnection, command: Any, new: int, depth: int) -> int:
    """Do one command; gives the id of the actor that it was about. ``new`` stands for id 0 behind a spawn."""
    number, arguments = values.array(values.array(command, 1)[0], 2)
    number = values.integer(number)
    if not isinstance(arguments, list):
        raise BadValue("a command's arguments are no array")
    if depth > limits.NESTING:
        raise BadValue(f"commands nested more than {limits.NESTING} deep")
    if number == SPAWN:
        return _spawn(server, client, arguments, depth)
    if not arguments:
        raise BadValue("a command needs an actor")
    identity = values.identity(arguments[0]) or new
    if number == WALKER_STATE:
        _, place, speed = values.array(arguments, 3)
        _walk(server, identity, values.place(place), values.number(speed))
        return identity
    name = _LIKE_CALLS.get(number)
    if name is None:
        raise Refused(f"this server does not have command {number}")
    done = CALLS[name].run(server, client, [identity, *arguments[1:]])
    if number == DESTROY and not done:
        raise Refused(f"unable to destroy actor {identity}: not found")
    return identity


def _spawn(server: Server, client: RpcConnection, arguments: Sequence[Any], depth: int) -> int:
    description, place, parent, attachment, socket, after = values.array(arguments, 6)
    holder = values.optional(parent, values.identity)
    if holder is None:
        attachment = RIGID  # uninitialised memory of the client
    elif not RIGID <= values.integer(attachment) <= SPRING_ARM_GHOST or values.text(socket):
        raise Refused("unknown attachment, or a socket, which this server's actors do not have")
    actor = server.spawn(values.description(description), values.place(place), holder, attachment)
    for command in _commands(after):
        _do(server, client, command, actor.identity, depth + 1)
    return actor.identity


def _walk(server: Server, identity: int, place: Place, speed: float) -> None:
    """A walker as the client's navigation moves it."""
    walker = server.world.walker(identity)
    walker.move(place)
    walker.speed = max(0.0, min(20.0, speed))
