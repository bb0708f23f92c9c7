"""What can go wrong with pictures."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class RendererUnavailable(LiquidPilotError):
    """The software renderer cannot start on this machine; the message says what to install."""


class BadScene(LiquidPilotError):
    """A scene, mesh or texture that cannot be drawn; the message says which array is wrong."""


class RendererClosed(LiquidPilotError):
    """A renderer, camera or object was used after ``close()``."""


class WindowUnavailable(LiquidPilotError):
    """No window can be opened (pygame is missing, or there is no display)."""
