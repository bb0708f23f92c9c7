"""Traffic lights; and the lamps of the map, of which this server has none that can be switched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.carla.frames import flip
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values
from envs.carla.server.world.lights import OFF, RED, UNKNOWN, light_box

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection


@call("set_traffic_light_state", [values.identity, values.integer], Shape.VOID)
def set_traffic_light_state(server: Server, client: RpcConnection, identity: int, colour: int) -> None:
    """Another colour, from which it goes on."""
    light = server.world.light(identity)
    if RED <= colour <= UNKNOWN:
        light.colour, light.elapsed = min(colour, OFF), 0.0
        group = server.world.lights.group(light)
        group.turn = next(number for number, turn in enumerate(group.turns) if light in turn)


def _seconds(value: Any) -> float:
    return max(0.05, min(3600.0, values.number(value)))


@call("set_traffic_light_green_time", [values.identity, _seconds], Shape.VOID)
def set_traffic_light_green_time(server: Server, client: RpcConnection, identity: int, seconds: float) -> None:
    """s of green."""
    server.world.light(identity).green = seconds


@call("set_traffic_light_yellow_time", [values.identity, _seconds], Shape.VOID)
def set_traffic_light_yellow_time(server: Server, client: RpcConnection, identity: int, seconds: float) -> None:
    """s of yellow."""
    server.world.light(identity).yellow = seconds


@call("set_traffic_light_red_time", [values.identity, _seconds], Shape.VOID)
def set_traffic_light_red_time(server: Server, client: RpcConnection, identity: int, seconds: float) -> None:
    """s of red between its yellow and the next one's green."""
    server.world.light(identity).red = seconds


@call("freeze_traffic_light", [values.identity, values.boolean], Shape.VOID)
def freeze_traffic_light(server: Server, client: RpcConnection, identity: int, frozen: bool) -> None:
    """Stop the time of its whole group, or let it go on."""
    light = server.world.light(identity)
    for member in server.world.lights.group(light).lights:
        member.frozen = frozen


@call("freeze_all_traffic_lights", [values.boolean], Shape.VOID)
def freeze_all_traffic_lights(server: Server, client: RpcConnection, frozen: bool) -> None:
    """Likewise, of all."""
    server.world.lights.freeze(frozen)


@call("reset_traffic_light_group", [values.identity], Shape.VOID)
def reset_traffic_light_group(server: Server, client: RpcConnection, identity: int) -> None:
    """Begin again with the group's first green."""
    server.world.lights.group(server.world.light(identity)).reset()


@call("reset_all_traffic_lights", [], Shape.VOID)
def reset_all_traffic_lights(server: Server, client: RpcConnection) -> None:
    """Likewise, all groups."""
    server.world.lights.reset()


@call("get_group_traffic_lights", [values.identity])
def get_group_traffic_lights(server: Server, client: RpcConnection, identity: int) -> list[int]:
    """The lights that take turns with it, itself included."""
    light = server.world.light(identity)
    return [member.identity for member in server.world.lights.group(light).lights]


@call("get_light_boxes", [values.identity])
def get_light_boxes(server: Server, client: RpcConnection, identity: int) -> list[Any]:
    """The box of its lamps, world frame."""
    box = light_box(server.world.light(identity))
    return [[list(flip(box.centre)), list(box.extent), [0.0, 0.0, 0.0], identity]]


@call("query_lights_state", [values.text])
def query_lights_state(server: Server, client: RpcConnection, name: str) -> list[Any]:
    """No lamp of the map can be switched."""
    return []


@call("update_lights_state", [values.text, values.array_of(lambda value: value), values.boolean], Shape.VOID)
def update_lights_state(server: Server, client: RpcConnection, name: str, lights: list[Any], discard: bool) -> None:
    """Accepted: clients send it with an empty list."""


@call("update_day_night_cycle", [values.text, values.boolean], Shape.VOID)
def update_day_night_cycle(server: Server, client: RpcConnection, name: str, active: bool) -> None:
    """Accepted; lamps here follow the sun."""
