"""The job ``serve``: a CARLA server without a GPU, until Ctrl-C."""

from __future__ import annotations

import logging
import socket
import sys

from launch.console import say

CARLA_PORT = 2000
CARLA_VERSION = "0.9.16"
_PATIENCE = 2.0
"""Seconds for a server to say its version."""


def run_server(host: str, port: int, map_name: str, theme: str, seed: int, verbose: bool) -> None:
    """Serve; says where, for how far away, and what to do with it.

    Raises:
        PortInUse: somebody listens there.
        Refused: no such map, or a text that is none.
        UnknownTheme: no such land.
    """
    from envs.carla.server.server import Options, serve
    from envs.driving.themes import theme as find_theme

    logging.basicConfig(
        stream=sys.stderr,
        format="liquid-pilot serve: %(message)s",
        level=logging.DEBUG if verbose else logging.INFO,
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    if theme:
        find_theme(theme)

    def ready(calls: int, streams: int) -> None:
        local = host in ("127.0.0.1", "localhost", "::1")
        reach = "this machine only" if local else "everybody who reaches this machine: there is no password"
        say(f"CARLA 0.9.16 server on {host}:{calls} (streams: {streams}), map {map_name}; open to {reach}")
        say(f"carla.Client('{host if local else '<this machine>'}', {calls}); Ctrl-C ends it")

    serve(Options(host=host, port=port, map=map_name, theme=theme, seed=seed), ready)
    say("stopped")


def server_version(host: str, port: int) -> str | None:
    """The version of the CARLA server (ours or CARLA's own) that listens there; None when none answers."""
    found = _ask(host, port, "version")
    return found if isinstance(found, str) else None


def server_identity(host: str, port: int) -> str | None:
    """Version and kind of the CARLA server that listens there, for results; None when none answers."""
    version = server_version(host, port)
    if version is None:
        return None
    from scenarios import maps

    found = _ask(host, port, "get_available_maps")
    names = {str(name).rsplit("/", 1)[-1] for name in found} if isinstance(found, list) else set()
    return f"{version}, liquid-pilot serve" if names & set(maps.shipped()) else version


def _ask(host: str, port: int, method: str) -> object:
    """What a CARLA server answers to a call without arguments; None when none answers.

    Without the wheel, which need not be there, and which would wait for minutes.
    """
    import msgpack

    try:
        with socket.create_connection((host, port), timeout=_PATIENCE) as connection:
            connection.sendall(msgpack.packb([0, 1, method, [[False]]]))
            unpacker = msgpack.Unpacker(raw=False, max_buffer_size=65536)
            while data := connection.recv(4096):
                unpacker.feed(data)
                for _, _, _, result in unpacker:
                    answer: object = result[0][1]
                    return answer
    # Whoever else listens there may say anything.
    except (OSError, ValueError, TypeError, IndexError, msgpack.UnpackException):
        return None
    return None
