"""Maps: which there are, which is loaded, another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.carla.errors import Refused
from envs.carla.frames import to_carla
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values
from envs.carla.server.world import maps

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection


@call("get_available_maps")
def get_available_maps(server: Server, client: RpcConnection) -> list[str]:
    """The maps that come along."""
    return maps.available()


@call("get_map_info")
def get_map_info(server: Server, client: RpcConnection) -> list[Any]:
    """Name and spawn points."""
    points = [[list(part) for part in to_carla(place)] for place in server.world.map.spawn_points]
    return [f"Carla/Maps/{server.world.map.name}", points]


@call("get_map_data")
def get_map_data(server: Server, client: RpcConnection) -> str:
    """The OpenDRIVE text."""
    return server.world.map.text


@call("get_required_files", [values.text])
def get_required_files(server: Server, client: RpcConnection, folder: str) -> list[str]:
    """None: there is no navigation mesh, and the client makes the Traffic Manager's map itself."""
    return []


@call("get_navigation_mesh")
def get_navigation_mesh(server: Server, client: RpcConnection) -> bytes:
    """Empty: AI walkers have no mesh to walk on."""
    return b""


@call("load_new_episode", [values.text, values.boolean, values.integer], Shape.VOID)
def load_new_episode(server: Server, client: RpcConnection, name: str, reset: bool, layers: int) -> None:
    """Another map, or the same again for ""; ``layers`` are of no account here."""
    server.load(name, reset, files=client.local)


@call(
    "copy_opendrive_to_file",
    [values.long_text, lambda value: _generation(value)],
    Shape.VOID,
)
def copy_opendrive_to_file(server: Server, client: RpcConnection, text: str, generation: list[Any]) -> None:
    """Keep a map's text for ``load_new_episode("OpenDriveMap")``. How CARLA would build its mesh is of no account."""
    if not text.strip():
        raise Refused("the OpenDRIVE text is empty")
    server.keep_opendrive(text)


def _generation(value: Any) -> list[Any]:
    fields = values.array(value, 7)
    return [*(values.number(f) for f in fields[:4]), *(values.boolean(f) for f in fields[4:])]
