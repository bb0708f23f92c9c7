"""The job ``serve``: a CARLA server without a GPU, until Ctrl-C."""

from __future__ import annotations

import logging
import sys

from envs.carla.client.wheel import VERSION as CARLA_VERSION
from launch.console import say

__all__ = ["CARLA_PORT", "CARLA_VERSION", "run_server"]

CARLA_PORT = 2000


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
