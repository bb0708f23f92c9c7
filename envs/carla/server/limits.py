"""How much a client may ask for. What comes over a socket is never trusted; these are the bounds it is held to."""

from __future__ import annotations

CONNECTIONS = 48
"""RPC connections at once; one per ``carla.Client``."""
STREAM_CONNECTIONS = 512
"""Stream connections at once; one per client and sensor that it listens to."""
MESSAGE_BYTES = 16 * 1024 * 1024
"""Longest request. CARLA's largest town is an OpenDRIVE text of 3 MB."""
PENDING_BYTES = 64 * 1024 * 1024
"""Unfinished requests of all connections together."""
ANSWER_BYTES = 40 * 1024 * 1024
"""Answers that a client has not read yet; beyond it the connection ends."""
ANSWERS_BYTES = 256 * 1024 * 1024
"""Likewise, of all clients together; the one that asks then is the one that goes."""
ARRAY_LENGTH = 2048
"""Longest array in a request, and so commands in a batch. msgpack makes room for what an array *says* it holds, at
every level of nesting, so this and not `MESSAGE_BYTES` bounds the memory of a lying message: 2048 x 8 bytes x 1024
levels = 16 MiB."""
TEXT_LENGTH = 256
"""Longest name or attribute value, characters."""
NESTING = 6
"""Depth of do_after commands in a batch."""

ACTORS = 1000
"""Actors in the world."""
STREAM_BACKLOG = 8 * 1024 * 1024
"""Bytes that wait for a slow reader of a stream before messages to it are dropped (but two always wait)."""
STREAMS_BACKLOG = 256 * 1024 * 1024
"""Bytes that wait for all readers together before messages are dropped."""
DRAIN_SECONDS = 2.0
"""How long a synchronous tick waits for slow readers before it goes on without them."""
HOLD_SECONDS = 1.0
"""How long those who listened to the world before a map was loaded hear nothing, see `Streams.hold`."""
JOIN_SECONDS = 0.5
"""How long a synchronous tick waits for a listener who has asked for a stream's address but is not connected yet."""

STEP_LONGEST = 1.0
"""Largest fixed_delta_seconds, s."""
MAP_LENGTH = 300_000.0
"""Metres of road of a map."""
COORDINATE = 1.0e6
"""Largest coordinate of anything, m."""
PICTURE_PIXELS = 4096 * 2160
"""Pixels of a camera."""
PICTURE_SIDE = 4096
"""Pixels of its longer side: what the renderer draws."""
LIDAR_POINTS = 500_000
"""Points that a lidar may give in one tick."""
