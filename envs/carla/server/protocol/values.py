"""Reading arguments of calls: every value that comes over the wire passes one of these, or raises `BadValue`.

Values arrive as msgpack gives them: bool, int, float, str, bytes, list. A reader takes the value and gives what the
world works with, in our frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from envs.carla.errors import BadValue
from envs.carla.frames import Place, Triple, flip, flip_turn, from_carla
from envs.carla.server import limits

Reader = Callable[[Any], Any]

_U32 = 2**32 - 1
_FLOAT_MAX = 3.4028235e38


def _kind(value: Any) -> str:
    return type(value).__name__


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise BadValue(f"expected a bool, got {_kind(value)}")
    return value


def number(value: Any) -> float:
    """A finite number that a float32 can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue(f"expected a number, got {_kind(value)}")
    if not -_FLOAT_MAX <= value <= _FLOAT_MAX:  # false for NaN too
        raise BadValue("expected a finite number")
    return float(value)


def integer(value: Any) -> int:
    """A 32-bit whole number with sign."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadValue(f"expected a whole number, got {_kind(value)}")
    if not -(2**31) <= value <= _U32:
        raise BadValue("a whole number does not fit 32 bits")
    return value


def identity(value: Any) -> int:
    """An actor or stream id: unsigned, 32 bits."""
    found = integer(value)
    if found < 0:
        raise BadValue("an id is negative")
    return found


def text(value: Any) -> str:
    """A short string."""
    if not isinstance(value, str):
        raise BadValue(f"expected a string, got {_kind(value)}")
    if len(value) > limits.TEXT_LENGTH:
        raise BadValue(f"a string is longer than {limits.TEXT_LENGTH} characters")
    return value


def long_text(value: Any) -> str:
    """A string as long as a message may be."""
    if not isinstance(value, str):
        raise BadValue(f"expected a string, got {_kind(value)}")
    return value


def array(value: Any, length: int) -> list[Any]:
    """An array of exactly so many elements."""
    if not isinstance(value, list) or len(value) != length:
        found = f"{len(value)} elements" if isinstance(value, list) else _kind(value)
        raise BadValue(f"expected an array of {length} elements, got {found}")
    return value


def array_of(reader: Reader) -> Reader:
    """A reader of arrays whose elements are read by ``reader``."""

    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise BadValue(f"expected an array, got {_kind(value)}")
        return [reader(element) for element in value]

    return read


def optional(value: Any, reader: Reader) -> Any:
    """CARLA's optional, ``[false]`` or ``[true, value]``; None when it is empty."""
    if not isinstance(value, list) or not value or not isinstance(value[0], bool):
        raise BadValue("expected an optional: [false] or [true, value]")
    if not value[0]:
        return None
    return reader(array(value, 2)[1])


def floats(count: int) -> Reader:
    """A reader of exactly so many numbers."""

    def read(value: Any) -> list[float]:
        return [number(element) for element in array(value, count)]

    return read


def triple(value: Any) -> Triple:
    """Three numbers as they come."""
    x, y, z = array(value, 3)
    return number(x), number(y), number(z)


def pair(value: Any) -> tuple[float, float]:
    """Two numbers."""
    x, y = array(value, 2)
    return number(x), number(y)


def vector(value: Any) -> Triple:
    """A velocity or force, in our frame."""
    return flip(triple(value))


def turn(value: Any) -> Triple:
    """An angular velocity, deg/s on the wire, rad/s about our axes."""
    x, y, z = flip_turn(triple(value))
    return math.radians(x), math.radians(y), math.radians(z)


def twist(value: Any) -> Triple:
    """A torque or angular impulse, about our axes."""
    return flip_turn(triple(value))


def location(value: Any) -> Triple:
    """A position on or near the map, m, in our frame."""
    found = triple(value)
    if max(abs(found[0]), abs(found[1]), abs(found[2])) > limits.COORDINATE:
        raise BadValue(f"a position is farther than {limits.COORDINATE:.0f} m from the origin")
    return flip(found)


def place(value: Any) -> Place:
    """A transform, in our frame."""
    where, rotation = array(value, 2)
    found = flip(location(where))
    return from_carla(found, triple(rotation))


class Description(NamedTuple):
    """What a client wants to spawn: a blueprint's id and the attributes it has set."""

    uid: int
    blueprint: str
    attributes: dict[str, str]


def description(value: Any) -> Description:
    """``[uid, id, [[attribute, type, value]]]``."""
    uid, name, attributes = array(value, 3)
    if not isinstance(attributes, list) or len(attributes) > 128:
        raise BadValue("a description has an array of at most 128 attributes")
    found: dict[str, str] = {}
    for attribute in attributes:
        key, kind, content = array(attribute, 3)
        integer(kind)
        found[text(key)] = text(content)
    return Description(identity(uid), text(name), found)
