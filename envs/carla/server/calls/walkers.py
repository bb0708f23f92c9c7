"""Walkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.carla.frames import Triple
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

WalkerControl = tuple[Triple, float, bool]


def read_control(value: Any) -> WalkerControl:
    """A WalkerControl."""
    direction, speed, jump = values.array(value, 3)
    return values.vector(direction), values.number(speed), values.boolean(jump)


@call("apply_control_to_walker", [values.identity, read_control], Shape.VOID)
def apply_control_to_walker(server: Server, client: RpcConnection, identity: int, control: WalkerControl) -> None:
    """Walk that way, until the next."""
    server.world.walker(identity).control(*control)
