"""msgpack-rpc as rpclib speaks it: requests ``[0, id, method, args]``, answers ``[1, id, error, result]``.

No length prefix: messages follow one another. Calls of one connection are answered in any order; the client knows them
by their id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgpack

from envs.carla.errors import MalformedMessage
from envs.carla.server import limits

log = logging.getLogger(__name__)

Dispatch = Callable[["RpcConnection", str, list[Any]], Any]
"""Does a call and gives its result, or a future of it."""


class RpcHub:
    """All RPC connections of a server.

    Args:
        dispatch: does the calls.
        left: told of every connection that has ended.
    """

    def __init__(self, dispatch: Dispatch, left: Callable[[RpcConnection], None]) -> None:
        self.dispatch, self.left = dispatch, left
        self.connections: set[RpcConnection] = set()
        self.pending = 0
        """Bytes of unfinished requests of all connections."""

    def accept(self) -> RpcConnection:
        """The protocol of a new connection, for ``loop.create_server``."""
        return RpcConnection(self)

    def waiting(self) -> int:
        """Bytes of answers that nobody has read yet."""
        return sum(connection.waiting for connection in self.connections)

    def close(self) -> None:
        """End every connection."""
        for connection in list(self.connections):
            connection.end()


class RpcConnection(asyncio.Protocol):
    """One ``carla.Client``."""

    def __init__(self, hub: RpcHub) -> None:
        self._hub = hub
        self._transport: asyncio.Transport | None = None
        self._unpacker = msgpack.Unpacker(
            raw=False,
            max_buffer_size=limits.MESSAGE_BYTES + 65536,
            max_str_len=limits.MESSAGE_BYTES,
            max_bin_len=limits.MESSAGE_BYTES,
            max_array_len=limits.ARRAY_LENGTH,
            max_map_len=0,
            max_ext_len=0,
        )
        self._fed = 0
        self._pending = 0
        self.peer = "?"
        self.local = False
        """Whether the client is on this machine."""
        self.told: set[str] = set()
        """Calls whose failure the log has told already, for this client."""

    # asyncio's four methods

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        address = transport.get_extra_info("peername") or ("?", 0)
        self.peer = f"{address[0]}:{address[1]}"
        self.local = str(address[0]).startswith("127.") or address[0] == "::1"
        if len(self._hub.connections) >= limits.CONNECTIONS:
            log.warning("client %s turned away: %d are connected already", self.peer, limits.CONNECTIONS)
            self._transport = None
            transport.abort()
            return
        self._hub.connections.add(self)
        log.debug("client %s has come", self.peer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client has gone, or was sent away."""
        if self in self._hub.connections:
            self._hub.connections.discard(self)
            self._account(0)
            self._transport = None
            log.debug("client %s has gone", self.peer)
            self._hub.left(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes of requests."""
        if self._transport is None:
            return
        try:
            self._unpacker.feed(data)
            self._fed += len(data)
            for message in self._unpacker:
                self._request(message)
                if self._transport is None:
                    return
            self._account(self._fed - self._unpacker.tell())
        # msgpack says by various kinds of ValueError and by these others that bytes are no message within the bounds.
        except (MalformedMessage, ValueError, TypeError, RecursionError, msgpack.UnpackException, BufferError) as error:
            log.warning("client %s sent no valid request and is disconnected: %s", self.peer, _short(error))
            self.end()

    # What others do with a connection

    @property
    def waiting(self) -> int:
        """Bytes of answers that the client has not read yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def end(self) -> None:
        """Close it at once, whatever is on the way."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _account(self, pending: int) -> None:
        """Note how many bytes of an unfinished request this connection holds."""
        hub = self._hub
        hub.pending += pending - self._pending
        self._pending = pending
        if pending > limits.MESSAGE_BYTES:
            raise MalformedMessage(f"a request is longer than {limits.MESSAGE_BYTES} bytes")
        if hub.pending > limits.PENDING_BYTES:
            raise MalformedMessage(f"unfinished requests of all clients exceed {limits.PENDING_BYTES} bytes")

    def _request(self, message: Any) -> None:
        if not isinstance(message, list) or len(message) != 4 or message[0] != 0 or message[0] is False:
            raise MalformedMessage("not a msgpack-rpc request [0, id, method, args]")
        _, number, method, arguments = message
        if type(number) is not int or not 0 <= number < 2**32:
            raise MalformedMessage("the request's id is no unsigned 32-bit number")
        if not isinstance(method, str) or len(method) > limits.TEXT_LENGTH or not isinstance(arguments, list):
            raise MalformedMessage("the request's method is no short string, or its arguments are no array")
        result = self._hub.dispatch(self, method, arguments)
        if isinstance(result, asyncio.Future):
            result.add_done_callback(lambda done: self._answer_later(number, done))
        else:
            self._answer(number, result)

    def _answer_later(self, number: int, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._answer(number, done.result())

    def _answer(self, number: int, result: Any) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.write(msgpack.packb((1, number, None, result)))
        waiting = transport.get_write_buffer_size()
        # Only who lets answers wait is counted, so this costs nothing as a rule.
        if waiting > limits.ANSWER_BYTES or (waiting and self._hub.waiting() > limits.ANSWERS_BYTES):
            log.warning("client %s does not read its answers and is disconnected", self.peer)
            self.end()


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
