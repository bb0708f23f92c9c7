"""Binary layouts of what streams carry, little-endian: message headers, world snapshots, pictures, points.

Sizes and orders are those of the 0.9.16 client, which takes them on trust: a wrong one ends the client's process.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from enum import IntEnum

from envs.carla.frames import Place, Triple, flip, flip_turn, to_carla

HEADER = struct.Struct("<QQd6f")
"""Of every message: type of sensor, frame, simulated seconds, x y z pitch yaw roll of the sensor."""
_EPISODE = struct.Struct("<Qdf3iI")
_ACTOR = struct.Struct("<IB6f3f3f3f")
STATE_BYTES = 54
"""Every actor's record ends with so many bytes of what its kind has to say."""
ACTOR_BYTES = _ACTOR.size + STATE_BYTES

VEHICLE_STATE = struct.Struct("<3f???ifB?IB")
"""throttle, steer, brake, hand brake, reverse, manual gears, gear, speed limit (km/h), state of the traffic light,
whether there is one, its actor id, failure."""
WALKER_STATE = struct.Struct("<4f?")
"""direction x y z, speed, jump."""
LIGHT_STATE = struct.Struct("<32s4fI?B")
"""OpenDRIVE id, green, yellow, red and elapsed seconds, pole, frozen, state."""
NO_STATE = bytes(STATE_BYTES)

PICTURE = struct.Struct("<IIf")
"""width, height, field of view (degrees)."""

MAP_CHANGED = 1


class SensorType(IntEnum):
    """Numbers by which the client finds the reader of a message."""

    COLLISION = 0
    DEPTH = 1
    DVS = 3
    GNSS = 4
    IMU = 5
    OBSTACLE = 7
    RADAR = 9
    SEMANTIC_LIDAR = 10
    LIDAR = 11
    RGB = 13
    SEMANTIC = 14
    INSTANCE = 15
    WORLD = 17


def header(kind: SensorType, frame: int, seconds: float, place: Place) -> bytes:
    """The first 48 bytes of every message."""
    location, rotation = to_carla(place)
    return HEADER.pack(kind, frame, seconds, *location, *rotation)


def actor_record(
    identity: int, place: Place, velocity: Triple, spin: Triple, acceleration: Triple, state: bytes
) -> bytes:
    """An actor in a snapshot.

    Args:
        identity: actor id.
        place: where it is, ours.
        velocity: m/s, ours.
        spin: angular velocity, rad/s, ours; deg/s on the wire.
        acceleration: m/s^2, ours.
        state: at most 54 bytes.
    """
    location, rotation = to_carla(place)
    x, y, z = flip_turn(spin)
    return _ACTOR.pack(
        identity,
        1,
        *location,
        *rotation,
        *flip(velocity),
        math.degrees(x),
        math.degrees(y),
        math.degrees(z),
        *flip(acceleration),
    ) + state.ljust(STATE_BYTES, b"\0")


def snapshot(
    frame: int, seconds: float, episode: int, platform: float, step: float, changed: bool, records: Iterable[bytes]
) -> bytes:
    """A whole snapshot: the world at the end of a tick."""
    return b"".join(
        (
            HEADER.pack(SensorType.WORLD, frame, seconds, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
            _EPISODE.pack(episode, platform, step, 0, 0, 0, MAP_CHANGED if changed else 0),
            *records,
        )
    )
