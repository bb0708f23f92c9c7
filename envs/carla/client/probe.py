"""Asking a CARLA server without the wheel: which need not be there, waits for minutes, and ends its process by SIGABRT
when what answers is no CARLA server."""

from __future__ import annotations

import socket

from scenarios import maps


def listens(host: str, port: int) -> bool:
    """Whether anybody listens there."""
    try:
        with socket.create_connection((host, port), timeout=2.0):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(host: str, port: int, method: str, patience: float = 2.0) -> object:
    """What a CARLA server answers to a call without arguments; None when none answers within ``patience`` s."""
    import msgpack

    try:
        with socket.create_connection((host, port), timeout=patience) as connection:
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


def server_version(host: str, port: int, patience: float = 2.0) -> str | None:
    """The version of the CARLA server (ours or CARLA's own) that listens there; None when none answers."""
    found = ask(host, port, "version", patience)
    return found if isinstance(found, str) else None


def server_identity(host: str, port: int) -> str | None:
    """Version and kind of the CARLA server that listens there, for results; None when none answers."""
    version = server_version(host, port)
    if version is None:
        return None
    found = ask(host, port, "get_available_maps")
    names = {str(name).rsplit("/", 1)[-1] for name in found} if isinstance(found, list) else set()
    return f"{version}, liquid-pilot serve" if names & set(maps.shipped()) else version
