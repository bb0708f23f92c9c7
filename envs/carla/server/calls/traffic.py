"""Where clients' Traffic Managers are, so that a second client finds the first one's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.carla.errors import Refused
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

_MOST = 64


def read_address(value: Any) -> tuple[str, int]:
    """``[ip, port]``."""
    address, port = values.array(value, 2)
    return values.text(address), values.identity(port)


@call("is_traffic_manager_running", [values.identity])
def is_traffic_manager_running(server: Server, client: RpcConnection, port: int) -> bool:
    """Whether one has told that it is there."""
    return port in server.traffic_managers


@call("get_traffic_manager_running", [values.identity])
def get_traffic_manager_running(server: Server, client: RpcConnection, port: int) -> list[Any]:
    """Its address."""
    found = server.traffic_managers.get(port)
    return ["", 0] if found is None else [found[0], port]


@call("add_traffic_manager_running", [read_address])
def add_traffic_manager_running(server: Server, client: RpcConnection, address: tuple[str, int]) -> bool:
    """A client tells that its own is there; False when the port is taken."""
    ip, port = address
    if port in server.traffic_managers:
        return False
    if len(server.traffic_managers) >= _MOST:
        raise Refused(f"this server knows {_MOST} Traffic Managers already")
    server.traffic_managers[port] = (ip, client)
    return True


@call("destroy_traffic_manager", [values.identity], Shape.VALUE)
def destroy_traffic_manager(server: Server, client: RpcConnection, port: int) -> bool:
    """It is gone."""
    return server.traffic_managers.pop(port, None) is not None
