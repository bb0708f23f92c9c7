"""What can go wrong with effects, each with a message of one line that says what came and what is wanted."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class BadImage(LiquidPilotError):
    """Not an image uint8 (height, width, 3) of at least 8 x 8 pixels."""


class UnknownEffect(LiquidPilotError):
    """A name that is no fault of an image; the message names the nearest one."""


class NotWrappable(LiquidPilotError):
    """An environment, or a fault of it, that `SensorFaults` cannot serve; the message says which part is missing."""
