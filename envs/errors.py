"""What can go wrong with any environment of ours, each with a message of one line that says what to do."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class NonFiniteAction(LiquidPilotError):
    """An action holds NaN or infinity; mostly a network whose training went wrong."""


class BadAction(LiquidPilotError):
    """An action of another shape than the environment's."""


class BadResetOption(LiquidPilotError):
    """``reset(options=...)`` holds an unknown key or a value that makes no sense."""


class ResetNeeded(LiquidPilotError):
    """``step`` before the first ``reset``, or after the episode's end; or an episode is asked for and there is none."""


class BadObservationMode(LiquidPilotError):
    """An ``observation_mode`` or ``render_mode`` that does not exist."""


class BadBackend(LiquidPilotError):
    """A backend that does not exist, or options of the CARLA backend without it."""
