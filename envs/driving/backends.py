"""``gymnasium.make("liquid_pilot/LaneKeeping-v0", backend=...)``: who simulates the road."""

from __future__ import annotations

from typing import Any

from envs.driving.env import LaneKeepingEnv
from envs.errors import BadBackend

BACKENDS = ("embedded", "carla")
"""Our own world in this process, or a CARLA server."""


def make_lane_keeping(*args: Any, backend: str = "embedded", **options: Any) -> LaneKeepingEnv:
    """The environment of a backend.

    Args:
        args: as for `LaneKeepingEnv`: scenario, render mode, observation mode.
        backend: one of `BACKENDS`.
        options: those of `LaneKeepingEnv`, and with ``backend="carla"`` those of `CarlaLaneKeepingEnv` (host, port,
            town, timeout, vehicle, traffic).

    Raises BadBackend for an unknown backend, and for options of CARLA without it.
    """
    if backend == "carla":
        from envs.carla.client.env import CarlaLaneKeepingEnv

        return CarlaLaneKeepingEnv(*args, **options)
    if backend != "embedded":
        raise BadBackend(f"backend {backend!r} is not known: it is {' or '.join(BACKENDS)}")
    stray = {"host", "port", "town", "timeout", "vehicle", "traffic"} & options.keys()
    if stray:
        raise BadBackend(f"{', '.join(sorted(stray))}: only for backend='carla'")
    return LaneKeepingEnv(*args, **options)
