"""Closed-loop metrics of one flight to a target.

Path length against the straight line is the inverse of SPL's ratio (Anderson et al. 2018, "On Evaluation of Embodied
Navigation Agents", section 3.2), kept apart from success; the others are spelt out beside each field.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liquid_pilot.analysis.trace import EpisodeTrace

TILT_LIMIT = 0.6
"""rad; who leans further flies at the edge of what the attitude controller allows."""
LEVEL_SPEED, CLIMB_SPEED = 3.0, 1.5
"""m/s that action 1 asks for, along the level axes and upwards (``envs.drone.control``)."""

FIELDS = {
    "duration_s": "length of the episode in simulated seconds",
    "time_to_goal_s": "seconds until success; only of successful flights",
    "route_completion": "share of the way to the target that was made, at the nearest",
    "path_length_m": "metres flown",
    "path_ratio": "metres flown / metres that the target is nearer in the end; only of successful flights",
    "distance_final_m": "metres to the target in the end",
    "distance_min_m": "metres to the target at the nearest",
    "visible_share": "share of the time in which the target was in the picture and not behind something",
    "clearance_min_m": "metres to the nearest obstacle or the ground, at the least",
    "collision": "1 for a flight that ended by one: its mean is the share of such flights",
    "tracking_rms_mps": "root mean square of what the velocity lacked of the command, m/s",
    "tilt_max_rad": "greatest tilt",
    "tilt_violation_share": "share of the time with a tilt above TILT_LIMIT",
    "control_effort": "mean of the squares of the four actions",
    "speed_mean_mps": "mean speed",
    "speed_max_mps": "highest speed",
    "inference_p50_ms": "median time that the policy took for a step",
    "inference_p99_ms": "99th percentile of it",
}
"""The metrics and what they mean."""


def flight_metrics(trace: EpisodeTrace) -> dict[str, float]:
    """All metrics of one flight, see `FIELDS`."""
    step = float(np.median(np.diff(trace["time"], prepend=0.0)))
    path = float(trace["speed"].sum() * step)
    inference = trace["inference_seconds"] * 1e3
    values: dict[str, float] = {"duration_s": float(trace["time"][-1])}
    if trace.success:
        values["time_to_goal_s"] = values["duration_s"]
        values["path_ratio"] = path / max(1.0, trace.route_length - float(trace["distance"][-1]))
    values |= {
        "route_completion": 1.0
        if trace.success
        else max(0.0, 1.0 - float(trace["distance"].min()) / trace.route_length),
        "path_length_m": path,
        "distance_final_m": float(trace["distance"][-1]),
        "distance_min_m": float(trace["distance"].min()),
        "visible_share": float(trace["visible"].mean()),
        "clearance_min_m": float(trace["clearance"].min()),
        "collision": float(trace["collision"].max()),
        "tracking_rms_mps": _tracking(trace),
        "tilt_max_rad": float(trace["tilt"].max()),
        "tilt_violation_share": float(np.mean(trace["tilt"] > TILT_LIMIT)),
        "control_effort": float(np.mean(np.square(_actions(trace)))),
        "speed_mean_mps": float(trace["speed"].mean()),
        "speed_max_mps": float(trace["speed"].max()),
        "inference_p50_ms": float(np.percentile(inference, 50)),
        "inference_p99_ms": float(np.percentile(inference, 99)),
    }
    return {name: values[name] for name in FIELDS if name in values}


def _actions(trace: EpisodeTrace) -> npt.NDArray[np.float64]:
    return np.stack([trace[name] for name in ("vx", "vy", "vz", "yaw_rate_action")])


def _tracking(trace: EpisodeTrace) -> float:
    wanted = np.stack([LEVEL_SPEED * trace["vx"], LEVEL_SPEED * trace["vy"], CLIMB_SPEED * trace["vz"]])
    flown = np.stack([trace[f"velocity_{name}"] for name in ("ahead", "left", "up")])
    return float(np.sqrt(np.mean(np.sum(np.square(wanted - flown), axis=0))))
