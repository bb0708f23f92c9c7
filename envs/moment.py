"""When and where in its episode something happens: what schedules and keyframes go by."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """Where an episode is."""

    frame: int
    """Number of the observation, 0 at reset."""
    time_s: float
    """Seconds since the episode began."""
    route_m: float
    """Metres along the route."""
    route_share: float
    """Share of the route, 0..1."""
