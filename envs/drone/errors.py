"""What can go wrong when a drone flies, each with a message of one line that says what to do."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class BadStart(LiquidPilotError):
    """A pose or velocity to start from that is not finite or has the wrong shape."""


class BadWind(LiquidPilotError):
    """A wind whose numbers make no sense: not finite, a negative speed, gusts or height."""


class WindTooStrong(LiquidPilotError):
    """A wind, gusts included, in which this drone cannot stay where it is."""
