"""What can go wrong around CARLA, each with a message of one line that says what to do."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class CarlaError(LiquidPilotError):
    """Base of every error of `envs.carla`."""


class MalformedMessage(CarlaError):
    """Bytes that are no msgpack-rpc request, or more of them than allowed; ends the connection they came from."""


class BadValue(CarlaError):
    """An argument of a call has the wrong type or size, or is not finite; answered to the caller."""


class Refused(CarlaError):
    """A call that cannot be done: unknown actor, place taken, or nothing that this server has; answered to the
    caller, where it becomes a RuntimeError."""


class PortInUse(CarlaError):
    """Somebody listens on the wanted port already."""
