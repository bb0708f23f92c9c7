"""What can be wrong with a road map or with a route on it."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class MapError(LiquidPilotError):
    """An OpenDRIVE text that gives no usable road network.

    ``source`` is the file or map name the text came from, ``what`` says which element is wrong and why.
    """

    def __init__(self, source: str, what: str) -> None:
        super().__init__(f"{source}: {what}")
        self.source = source
        self.what = what

    def __reduce__(self) -> tuple[type[MapError], tuple[str, str]]:
        return type(self), (self.source, self.what)


class RouteError(LiquidPilotError):
    """A route that cannot be driven on this map: no such lane, or the road ends before the wanted length."""
