"""What can go wrong when a drone flies, each with a message of one line that says what to do."""

from __future__ import annotations

from envs.reset_options import BadResetOption as BadResetOption
from liquid_pilot.errors import LiquidPilotError


class NonFiniteCommand(LiquidPilotError):
    """A command holds NaN or infinity; mostly a network whose training went wrong."""


class BadCommand(LiquidPilotError):
    """A command of another shape than (4,): vx, vy, vz, yaw rate."""


class BadStart(LiquidPilotError):
    """A pose or velocity to start from that is not finite or has the wrong shape."""


class BadWind(LiquidPilotError):
    """A wind whose numbers make no sense: not finite, a negative speed, gusts or height."""


class WindTooStrong(LiquidPilotError):
    """A wind, gusts included, in which this drone cannot stay where it is."""


class BadMode(LiquidPilotError):
    """An ``observation_mode`` or ``render_mode`` that does not exist."""


class NotReset(LiquidPilotError):
    """``advance`` before the first ``reset``, or after ``close``."""
