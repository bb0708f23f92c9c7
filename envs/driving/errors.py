"""What can go wrong when a world is driven, each with a message of one line that says what to do."""

from __future__ import annotations

from envs.reset_options import BadResetOption as BadResetOption
from liquid_pilot.errors import LiquidPilotError


class NonFiniteAction(LiquidPilotError):
    """An action holds NaN or infinity; mostly a network whose training went wrong."""


class BadAction(LiquidPilotError):
    """An action of another shape than (2,): steering, acceleration."""


class ResetNeeded(LiquidPilotError):
    """``step`` before the first ``reset``, or after the episode's end."""


class BadObservationMode(LiquidPilotError):
    """An ``observation_mode`` or ``render_mode`` that does not exist."""
