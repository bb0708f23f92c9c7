"""Closed-loop metrics of one lane-keeping episode.

Definitions follow the CARLA Leaderboard 2.0 and 2.1 (driving score), Bench2Drive (comfort limits) and the neural
circuit policies paper (leaving the road ends the run); they are spelt out beside each field.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from liquid_pilot.analysis.trace import EpisodeTrace

STATIC_COLLISION_PENALTY_20 = 0.65
STATIC_COLLISION_WEIGHT_21 = 0.6
"""CARLA Leaderboard: factor (2.0) and weight (2.1) of a collision with something static."""

COMFORT_LIMITS = {
    "longitudinal acceleration": (-4.05, 2.40),
    "lateral acceleration": (-4.89, 4.89),
    "jerk along the car": (-4.13, 4.13),
    "yaw rate": (-0.95, 0.95),
    "yaw acceleration": (-1.93, 1.93),
}
"""Bench2Drive's comfort limits: m/s2, m/s2, m/s3, rad/s, rad/s2."""


@dataclass(frozen=True)
class LaneKeepingMetrics:
    """One episode in numbers.

    Attributes:
        duration_s: length of the episode in simulated seconds.
        distance_m: metres made along the route.
        route_completion: share of the route that was driven, 0 to 1.
        cte_mean_m: mean of the absolute cross-track error.
        cte_rms_m: root mean square of the cross-track error.
        cte_p95_m: 95th percentile of the absolute cross-track error.
        cte_max_m: largest absolute cross-track error.
        heading_rms_rad: root mean square of the heading error.
        in_lane_share: share of the time in which no wheel was over the lane's edge.
        lane_invasions_per_km: times that a wheel went over the lane's edge, per km (one uninterrupted stretch is one).
        off_lane_per_km: times that the car's centre left the lane, per km.
        collisions_per_km: collisions per km.
        driving_score_20: CARLA Leaderboard 2.0: route completion in % x product of penalties x share driven in lane.
        driving_score_21: the same with Leaderboard 2.1's penalty 1 / (1 + weighted sum).
        speed_mean_mps: mean speed.
        speed_max_mps: highest speed.
        lateral_acceleration_max: largest absolute lateral acceleration, m/s2.
        comfort_share: share of the time within all of `COMFORT_LIMITS`.
        steering_rate_rms: root mean square of the change of the steering action per second (lower is calmer).
        inference_p50_ms: median time that the policy took for a step.
        inference_p99_ms: 99th percentile of it.
    """

    duration_s: float
    distance_m: float
    route_completion: float
    cte_mean_m: float
    cte_rms_m: float
    cte_p95_m: float
    cte_max_m: float
    heading_rms_rad: float
    in_lane_share: float
    lane_invasions_per_km: float
    off_lane_per_km: float
    collisions_per_km: float
    driving_score_20: float
    driving_score_21: float
    speed_mean_mps: float
    speed_max_mps: float
    lateral_acceleration_max: float
    comfort_share: float
    steering_rate_rms: float
    inference_p50_ms: float
    inference_p99_ms: float

    def as_dict(self) -> dict[str, float]:
        """The fields as plain floats, for results.json."""
        return {name: float(value) for name, value in asdict(self).items()}


def _rms(values: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _stretches(flags: npt.NDArray[np.float64]) -> int:
    """How many uninterrupted stretches of ones: what goes on for ten frames is one event, not ten."""
    on = flags > 0.5
    return int(np.count_nonzero(on & ~np.concatenate([[False], on[:-1]])))


def lane_keeping_metrics(trace: EpisodeTrace) -> LaneKeepingMetrics:
    """All metrics of one episode."""
    error = np.abs(trace["cross_track_error"])
    step = float(np.median(np.diff(trace["time"], prepend=0.0)))
    position = trace["route_position"]
    distance = max(float(position[-1] - position[0]), 0.0)
    per_km = 1000.0 / max(distance, 1.0)
    off_lane = trace["off_lane"] > 0.5
    collisions = _stretches(trace["collision"])
    completion = 1.0 if trace.end == "completed" else min(max(float(position[-1]) / trace.route_length, 0.0), 1.0)
    outside_share = float(np.mean(off_lane))
    inference = trace["inference_seconds"] * 1e3
    return LaneKeepingMetrics(
        duration_s=float(trace["time"][-1]),
        distance_m=distance,
        route_completion=completion,
        cte_mean_m=float(error.mean()),
        cte_rms_m=_rms(error),
        cte_p95_m=float(np.percentile(error, 95)),
        cte_max_m=float(error.max()),
        heading_rms_rad=_rms(trace["heading_error"]),
        in_lane_share=1.0 - float(np.mean(trace["lane_invasion"] > 0.5)),
        lane_invasions_per_km=_stretches(trace["lane_invasion"]) * per_km,
        off_lane_per_km=_stretches(trace["off_lane"]) * per_km,
        collisions_per_km=collisions * per_km,
        driving_score_20=100.0 * completion * STATIC_COLLISION_PENALTY_20**collisions * (1.0 - outside_share),
        driving_score_21=100.0 * completion * (1.0 - outside_share) / (1.0 + STATIC_COLLISION_WEIGHT_21 * collisions),
        speed_mean_mps=float(trace["speed"].mean()),
        speed_max_mps=float(trace["speed"].max()),
        lateral_acceleration_max=float(np.abs(trace["lateral_acceleration"]).max()),
        comfort_share=_comfort_share(trace, step),
        steering_rate_rms=_rms(np.diff(trace["steering"], prepend=trace["steering"][0]) / step),
        inference_p50_ms=float(np.percentile(inference, 50)),
        inference_p99_ms=float(np.percentile(inference, 99)),
    )


def _comfort_share(trace: EpisodeTrace, step: float) -> float:
    """Share of the steps at which every quantity is within Bench2Drive's limits."""
    signals = {
        "longitudinal acceleration": trace["acceleration"],
        "lateral acceleration": trace["lateral_acceleration"],
        "jerk along the car": _smooth_rate(trace["acceleration"], step),
        "yaw rate": trace["yaw_rate"],
        "yaw acceleration": _smooth_rate(trace["yaw_rate"], step),
    }
    comfortable = np.ones(len(trace), bool)
    for name, values in signals.items():
        low, high = COMFORT_LIMITS[name]
        comfortable &= (values >= low) & (values <= high)
    return float(comfortable.mean())


def _smooth_rate(values: npt.NDArray[np.float64], step: float, window: int = 5) -> npt.NDArray[np.float64]:
    """Rate of change by the slope of a straight line through `window` neighbours (a Savitzky-Golay filter of order 1).

    Plain differences at 20 Hz would report the solver's grain as jerk.
    """
    half = window // 2
    if len(values) < window:
        return np.zeros(len(values))
    kernel = np.arange(half, -half - 1, -1) / (step * np.sum(np.arange(-half, half + 1) ** 2))
    return np.convolve(np.pad(values, half, mode="edge"), kernel, mode="valid")
