"""What can go wrong around CARLA, each with a message of one line that says what to do."""

from __future__ import annotations

from envs.road.errors import RouteError
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


# What a client meets (envs.carla.client).


class WheelMissing(CarlaError):
    """The ``carla`` package is not installed, or does not load on this machine."""


class ServerUnreachable(CarlaError):
    """Nobody answers at the address as a CARLA server does."""


class VersionMismatch(CarlaError):
    """Server and wheel are of different versions: they misread each other and crash."""


class ServerBusy(CarlaError):
    """Another client ticks the server's world; only one may."""


class ServerLost(CarlaError):
    """The server has ended or fallen silent in the middle of the work."""


class ServerRefused(CarlaError):
    """The server answered a call by an error: a map that it does not have, a place that is taken."""


class SensorSilent(CarlaError):
    """A sensor has sent nothing for a frame, or is ahead of the world: somebody else ticks."""


class BadSettings(CarlaError):
    """A time step that does not fit the physics' substeps."""


class NoRoute(CarlaError, RouteError):
    """The route of the scenario does not exist on the server's map."""
