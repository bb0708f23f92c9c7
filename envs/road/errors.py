"""What can be wrong with a road map or with a route on it.

A map can be wrong before it is parsed (no such file) or while it is (broken OpenDRIVE): both are the one
:class:`scenarios.errors.MapError`, so that callers catch one name.
"""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError
from scenarios.errors import MapError

__all__ = ["MapError", "RouteError"]


class RouteError(LiquidPilotError):
    """A route that cannot be driven on this map: no such lane, or the road ends before the wanted length."""
