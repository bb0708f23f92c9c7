"""Versions, episodes, settings, time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from envs.carla.server.calls import call
from envs.carla.server.protocol import values
from envs.carla.server.transport.streams import world_stream
from envs.carla.server.world.settings import Settings

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

VERSION = "0.9.16"


@call("version")
def version(server: Server, client: RpcConnection) -> str:
    """The version whose protocol this is."""
    return VERSION


@call("get_episode_info")
def get_episode_info(server: Server, client: RpcConnection) -> list[Any]:
    """The episode's number and where its snapshots come from."""
    return [server.world.episode, [server.streams.token(world_stream(server.world.episode))]]


@call("get_sensor_token", [values.identity])
def get_sensor_token(server: Server, client: RpcConnection, stream: int) -> list[Any]:
    """Where to listen to a stream."""
    if server.has_stream(stream):
        server.streams.expect(stream)
    return [server.streams.token(stream)]


@call("get_episode_settings")
def get_episode_settings(server: Server, client: RpcConnection) -> list[Any]:
    """How the time goes."""
    return server.settings.wire()


@call("set_episode_settings", [Settings.read])
def set_episode_settings(server: Server, client: RpcConnection, settings: Settings) -> int:
    """Have the time go otherwise; gives the frame at which it does."""
    server.set_settings(settings, client)
    return server.world.frame


@call("tick_cue")
def tick_cue(server: Server, client: RpcConnection) -> int | asyncio.Future[Any]:
    """One tick in synchronous mode, else only the number of the next frame."""
    return server.tick_cue(client)
