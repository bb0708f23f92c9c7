"""Debug drawing and map layers: accepted, without effect on the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.carla.errors import BadValue
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection


def _shape(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) < 3 or not isinstance(value[0], list):
        raise BadValue("expected a debug shape")
    return value


@call("draw_debug_shape", [_shape], Shape.VOID)
def draw_debug_shape(server: Server, client: RpcConnection, shape: list[Any]) -> None:
    """Accepted and forgotten: sensors of CARLA do not see debug shapes either, and there is no window here."""


@call("load_map_layer", [values.integer], Shape.VOID)
def load_map_layer(server: Server, client: RpcConnection, layer: int) -> None:
    """Accepted; maps have one layer."""


@call("unload_map_layer", [values.integer], Shape.VOID)
def unload_map_layer(server: Server, client: RpcConnection, layer: int) -> None:
    """Likewise."""


@call("set_annotations_traverse_translucency", [values.boolean], Shape.VOID)
def set_annotations_traverse_translucency(server: Server, client: RpcConnection, on: bool) -> None:
    """Accepted; nothing here is translucent."""
