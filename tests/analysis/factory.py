"""Small episodes with known numbers."""

from collections.abc import Callable

import numpy as np

from liquid_pilot.analysis.trace import DRIVING_COLUMNS, EpisodeTrace


def make_trace(
    steps: int = 200, *, end: str = "completed", **columns: float | Callable[[np.ndarray], np.ndarray]
) -> EpisodeTrace:
    """A drive at 10 m/s on a straight road; any column may be a constant or a function of the time."""
    time = 0.05 * np.arange(1, steps + 1)
    values = {name: np.zeros(steps) for name in DRIVING_COLUMNS}
    values |= {"time": time, "speed": np.full(steps, 10.0), "route_position": 10.0 * time, "x": 10.0 * time}
    for name, value in columns.items():
        values[name] = np.asarray(value(time)) if callable(value) else np.full(steps, float(value))
    return EpisodeTrace(
        columns=values,
        end=end,
        success=end == "completed",
        route_length=10.0 * float(time[-1]),
        actions=np.zeros((steps, 2), np.float32),
    )
