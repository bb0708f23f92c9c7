"""Streams: one per sensor and one of the world's snapshots; a client opens a connection for each that it listens to.

It sends the stream's id, 4 bytes, and from then on only reads messages: u32 size, payload. A reader that is too slow
loses messages, never the world its pace and the server its memory.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable, Iterable

from envs.carla.server import limits

log = logging.getLogger(__name__)

_SIZE = struct.Struct("<I")
_TOKEN = struct.Struct("<IHBB16s")
_TCP = 1

WORLD = 1
"""The stream of snapshots."""
_NAMES_OF_WORLD = 1 << 31
"""Ids from here on are names of that stream as well, one for each episode. A client that loads a map opens the stream
of the new episode before it is done with the old one's; under one id it would lose the new connection half open, and
crash."""


def world_stream(episode: int) -> int:
    """The id of the stream of snapshots that clients of this episode open."""
    return _NAMES_OF_WORLD | (episode & (_NAMES_OF_WORLD - 1))


class Streams:
    """All streams of a server and who listens to them.

    Args:
        joined: called with a stream's id and its new listener; False when there is no such stream.
    """

    def __init__(self, joined: Callable[[int, Listener], bool]) -> None:
        self.joined = joined
        self.port = 0
        self.connections: set[Listener] = set()
        self._listeners: dict[int, set[Listener]] = {}
        self._expected: dict[int, float] = {}
        self._parked: dict[Listener, None] = {}

    def accept(self) -> Listener:
        """The protocol of a new connection, for ``loop.create_server``."""
        return Listener(self)

    def token(self, stream: int) -> bytes:
        """What tells a client where to connect, 24 bytes; without an address it takes the host that it already has."""
        return _TOKEN.pack(stream, self.port, _TCP, 0, bytes(16))

    def heard(self, stream: int) -> bool:
        """Whether anybody listens to it."""
        return bool(self._listeners.get(stream))

    def send(self, stream: int, *parts: bytes | memoryview) -> None:
        """A message to all who listen to a stream, in pieces that are joined."""
        listeners = self._listeners.get(stream)
        if listeners:
            self.tell(tuple(listeners), *parts)

    def tell(self, listeners: Iterable[Listener], *parts: bytes | memoryview) -> None:
        """A message to some listeners."""
        if sum(listener.waiting for listener in self.connections) < limits.STREAMS_BACKLOG:
            message = b"".join((_SIZE.pack(sum(map(len, parts))), *parts))
            for listener in listeners:
                listener.send(message)

    def listeners(self, stream: int) -> tuple[Listener, ...]:
        """Who listens to it."""
        return tuple(self._listeners.get(stream, ()))

    def hold(self, stream: int) -> None:
        """Say nothing to those who listen to a stream now for a moment, or until one of them has gone.

        The client that loads a map drops its connection as soon as it has the answer and opens a new one. If the first
        news of the new episode reach it in between, its threads fall over one another and it crashes.
        """
        until = time.monotonic() + limits.HOLD_SECONDS
        for listener in self._listeners.get(stream, ()):
            listener.held, listener.behind = until, True

    def expect(self, stream: int) -> None:
        """Somebody has asked where to listen: the connection will come in a moment."""
        if len(self._expected) < limits.STREAM_CONNECTIONS:
            self._expected[stream] = time.monotonic() + limits.JOIN_SECONDS

    def lagging(self) -> bool:
        """Whether a synchronous tick has to wait: for a reader whose backlog is full, or one that is just coming."""
        if self._expected:
            now = time.monotonic()
            self._expected = {stream: until for stream, until in self._expected.items() if until > now}
            if self._expected:
                return True
        return any(listener.full and not listener.slow for listener in self.connections)

    def give_up_on_lagging(self) -> None:
        """Wait for those no more, until they have caught up."""
        for listener in self.connections:
            if listener.full and not listener.slow:
                listener.slow = True
                log.warning("%s reads stream %d too slowly: it will miss messages", listener.peer, listener.stream)

    def end(self, stream: int) -> None:
        """A stream's sensor is gone: who listens hears no more."""
        for listener in self._listeners.pop(stream, ()):
            self.park(listener)

    def park(self, listener: Listener) -> None:
        """Leave a connection open that has nothing to hear: clients connect again as soon as one is closed."""
        self._parked[listener] = None

    def make_room(self) -> bool:
        """Whether another connection may come; the oldest of those that hear nothing goes for it."""
        if len(self.connections) >= limits.STREAM_CONNECTIONS and self._parked:
            next(iter(self._parked)).end()
            return True
        return len(self.connections) < limits.STREAM_CONNECTIONS

    def close(self) -> None:
        """End every connection."""
        for listener in tuple(self.connections):
            listener.end()

    def join(self, stream: int, listener: Listener) -> None:
        """Somebody wants to listen."""
        self._expected.pop(stream, None)
        self._listeners.setdefault(stream, set()).add(listener)
        if not self.joined(stream, listener):
            log.debug("listener %s asked for stream %d, which is not there", listener.peer, stream)
            self.leave(stream, listener)
            self.park(listener)

    def leave(self, stream: int, listener: Listener) -> None:
        """Somebody has gone."""
        self._parked.pop(listener, None)
        known = self._listeners.get(stream)
        if known is not None:
            known.discard(listener)
            if listener.held:
                for other in known:
                    other.held = 0.0
            if not known:
                del self._listeners[stream]


class Listener(asyncio.Protocol):
    """One client that listens to one stream."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._known = False
        self.stream = 0
        self.peer = "?"
        self.slow = False
        """Whether synchronous ticks wait for it no more."""
        self.held = 0.0
        """Until when it is told nothing."""
        self.behind = False
        """Whether it has still to be told of a new episode."""
        self._longest = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        assert isinstance(transport, asyncio.Transport)
        address = transport.get_extra_info("peername") or ("?", 0)
        self.peer = f"{address[0]}:{address[1]}"
        if not self._streams.make_room():
            log.warning("listener %s turned away: %d are connected already", self.peer, limits.STREAM_CONNECTIONS)
            transport.abort()
            return
        self._transport = transport
        self._streams.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client listens no more."""
        self._streams.connections.discard(self)
        self._streams.leave(self.stream, self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """The stream's id, once; whatever follows is ignored."""
        if self._known or self._transport is None:
            return
        self._head += data[: 4 - len(self._head)]
        if len(self._head) == 4:
            (asked,) = _SIZE.unpack(self._head)
            self.stream = WORLD if asked & _NAMES_OF_WORLD else asked
            self._known = True
            self._streams.join(self.stream, self)

    def send(self, message: bytes) -> None:
        """A message, dropped when too much waits already."""
        transport = self._transport
        if transport is None:
            return
        self._longest = max(self._longest, len(message))
        if self.full:
            return
        self.slow = False
        transport.write(message)

    @property
    def waiting(self) -> int:
        """Bytes that wait to be read."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def full(self) -> bool:
        """Whether no further message finds room; two always do."""
        return self.waiting > max(limits.STREAM_BACKLOG, self._longest)

    def end(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()
