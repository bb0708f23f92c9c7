"""One episode as numbers: what a world hands over and what the metrics, figures and reports read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.analysis.errors import BadTrace
from liquid_pilot.files import whole_file

FloatArray = npt.NDArray[np.float64]

DRIVING_COLUMNS = {
    "time": "s since the episode began, after the step",
    "x": "m, east",
    "y": "m, north",
    "speed": "m/s",
    "steering": "action applied, -1 .. 1, positive left",
    "acceleration_action": "action applied, -1 .. 1, negative brakes",
    "cross_track_error": "m, positive left of the lane centre",
    "heading_error": "rad, positive when the car points left of the lane",
    "curvature": "1/m of the lane centre, positive to the left",
    "acceleration": "m/s2 along the car",
    "lateral_acceleration": "m/s2 across the car, positive left",
    "yaw_rate": "rad/s",
    "lane_invasion": "1 while a wheel is over the lane's edge",
    "off_lane": "1 while the car's centre is outside its lane",
    "collision": "1 while the car touches something",
    "route_position": "m along the route",
    "inference_seconds": "s that the policy took for this step (its share of the batch)",
}
FLIGHT_COLUMNS = {
    "time": "s since the episode began, after the step",
    "x": "m, east",
    "y": "m, north",
    "z": "m above the ground",
    "heading": "rad, counter-clockwise from east",
    "tilt": "rad from level",
    "speed": "m/s",
    "velocity_ahead": "m/s, level frame of the heading",
    "velocity_left": "m/s, level frame of the heading",
    "velocity_up": "m/s",
    "yaw_rate": "rad/s, positive left",
    "vx": "action applied, -1 .. 1, positive ahead",
    "vy": "action applied, -1 .. 1, positive left",
    "vz": "action applied, -1 .. 1, positive up",
    "yaw_rate_action": "action applied, -1 .. 1, positive left",
    "target_x": "m, east",
    "target_y": "m, north",
    "target_z": "m above the ground",
    "distance": "m to the target's middle",
    "bearing": "rad from the nose to the target, positive left",
    "visible": "1 while the target is in the picture and not behind something",
    "clearance": "m to the nearest obstacle or the ground, at least",
    "held": "s that the drone has been slow and near enough",
    "collision": "1 when the drone touches something",
    "route_position": "m nearer to the target than at the start",
    "inference_seconds": "s that the policy took for this step (its share of the batch)",
}
COLUMNS = {"driving": DRIVING_COLUMNS, "flight": FLIGHT_COLUMNS}
"""The columns of a trace by the kind of its episode, one value per control step, and their units."""


@dataclass(frozen=True)
class EpisodeTrace:
    """What happened in one episode, step by step.

    Attributes:
        columns: float64 arrays (T,), one for each name in `COLUMNS` of its kind.
        end: why the episode ended (``completed``, ``off_lane``, ``collision``, ``time_limit``, ``wrong_way``; a flight:
            ``success``, ``collision``, ``left_world``, ``time_limit``).
        success: True when the route was completed without leaving the lane and without a crash, or the target reached.
        route_length: length of the route, or distance to the target at the start, m.
        actions: float32 (T, A), the actions as the policy gave them: enough to drive the episode again.
        kind: ``driving`` or ``flight``.

    Raises:
        BadTrace: a column is missing, of another length, or not finite.
    """

    columns: Mapping[str, FloatArray]
    end: str
    success: bool
    route_length: float
    actions: npt.NDArray[np.float32]
    kind: str = "driving"

    def __post_init__(self) -> None:
        if self.kind not in COLUMNS:
            raise BadTrace(f"episode trace of the kind {self.kind!r}: this version knows {', '.join(COLUMNS)}")
        known = COLUMNS[self.kind]
        if missing := sorted(set(known) - set(self.columns)):
            raise BadTrace(f"episode trace without the columns {', '.join(missing)}: record it with this version")
        lengths = {name: len(self.columns[name]) for name in known} | {"actions": len(self.actions)}
        if len(set(lengths.values())) != 1 or not len(self.actions):
            raise BadTrace(f"episode trace with columns of different lengths or none at all: {lengths}")
        for name in known:
            if not np.isfinite(self.columns[name]).all():
                raise BadTrace(f"episode trace: column {name} holds NaN or infinity")

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.actions)

    def save(self, path: Path) -> None:
        """Write the trace as ``.npz``, whole or not at all."""
        told = {"kind": self.kind, "end": self.end, "success": self.success, "route_length": self.route_length}
        header = json.dumps(told)
        arrays: dict[str, Any] = dict(self.columns)
        with whole_file(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, _header=np.array(header), _actions=self.actions, **arrays)

    @classmethod
    def load(cls, path: Path) -> EpisodeTrace:
        """Read a trace that `save` wrote (without unpickling anything)."""
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["_header"]))
            columns = {name: np.asarray(stored[name], np.float64) for name in stored.files if not name.startswith("_")}
            return cls(
                columns=columns,
                end=str(header["end"]),
                success=bool(header["success"]),
                route_length=float(header["route_length"]),
                actions=np.asarray(stored["_actions"], np.float32),
                kind=str(header["kind"]),
            )
