"""Remote calls, one function each, named as the call. `CALLS` has them all.

To add one: write a function under ``@call("its_name", readers of its arguments, shape of its answer)`` in the module it
belongs to, and take its name out of `refused`. The function gets the server, the client's connection and the arguments,
already checked; it returns what the answer holds and raises `Refused` where it cannot do it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from envs.carla.errors import BadValue
from envs.carla.server.protocol.values import Reader

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

Handler = Callable[..., Any]


class Shape(Enum):
    """How an answer is wrapped."""

    VALUE = "value"
    VOID = "void"
    BARE = "bare"

    def good(self, value: Any) -> Any:
        """The answer when all is well."""
        if self is Shape.BARE:
            return value
        return [[1, value]] if self is Shape.VALUE else [[False]]

    def bad(self, message: str) -> Any:
        """The answer when it could not be done: the client raises RuntimeError(message)."""
        # A batch has no place for one error: without any answer in it the client's list is empty.
        if self is Shape.BARE:
            return []
        return [[0, [message]]] if self is Shape.VALUE else [[True, [message]]]


@dataclass(frozen=True)
class Call:
    """A call that this server has."""

    name: str
    readers: tuple[Reader, ...]
    shape: Shape
    handler: Handler

    def run(self, server: Server, client: RpcConnection, arguments: Sequence[Any]) -> Any:
        """Check the arguments and do it. Raises BadValue, Refused."""
        if len(arguments) != len(self.readers):
            raise BadValue(f"it takes {len(self.readers)} arguments, got {len(arguments)}")
        return self.handler(server, client, *(read(a) for read, a in zip(self.readers, arguments, strict=True)))


CALLS: dict[str, Call] = {}


def call(name: str, readers: Sequence[Reader] = (), shape: Shape = Shape.VALUE) -> Callable[[Handler], Handler]:
    """Enter a function into `CALLS`."""

    def enter(handler: Handler) -> Handler:
        CALLS[name] = Call(name, tuple(readers), shape, handler)
        return handler

    return enter


for _module in (
    "episode", "maps", "actors", "motion", "vehicles", "walkers", "lights", "scene", "debug", "traffic", "batch",
):  # fmt: skip
    importlib.import_module(f"{__name__}.{_module}")
