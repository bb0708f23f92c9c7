"""Metrics against values worked out by hand."""

import math

import numpy as np
import pytest

from liquid_pilot.analysis.errors import BadTrace
from liquid_pilot.analysis.lane_keeping import lane_keeping_metrics
from liquid_pilot.analysis.trace import EpisodeTrace
from tests.analysis.factory import make_trace


def test_cross_track_error_of_a_sine() -> None:
    metrics = lane_keeping_metrics(make_trace(4000, cross_track_error=lambda t: 0.4 * np.sin(2 * np.pi * t)))
    assert metrics.cte_rms_m == pytest.approx(0.4 / math.sqrt(2), rel=1e-6)
    assert metrics.cte_mean_m == pytest.approx(0.4 * 2 / math.pi, rel=0.02)
    assert metrics.cte_max_m == pytest.approx(0.4, rel=1e-6)
    assert metrics.cte_mean_m < metrics.cte_p95_m < metrics.cte_max_m + 1e-12


def test_one_long_invasion_is_one_event_and_two_are_two() -> None:
    once = lane_keeping_metrics(make_trace(lane_invasion=lambda t: (t > 2) & (t < 4)))
    twice = lane_keeping_metrics(make_trace(lane_invasion=lambda t: ((t > 2) & (t < 3)) | ((t > 5) & (t < 6))))
    assert twice.lane_invasions_per_km == pytest.approx(2 * once.lane_invasions_per_km)
    assert once.lane_invasions_per_km == pytest.approx(1000 / 99.5, rel=1e-6)
    assert once.in_lane_share < 1


def test_driving_scores_follow_the_leaderboards() -> None:
    clean = lane_keeping_metrics(make_trace())
    assert clean.driving_score_20 == clean.driving_score_21 == 100.0
    crash = lane_keeping_metrics(
        make_trace(end="collision", collision=lambda t: t > 9.96, route_position=lambda t: 5 * t)
    )
    assert crash.route_completion == pytest.approx(0.5)
    assert crash.driving_score_20 == pytest.approx(50 * 0.65)
    assert crash.driving_score_21 == pytest.approx(50 / 1.6)


def test_comfort_limits() -> None:
    assert lane_keeping_metrics(make_trace()).comfort_share == 1.0
    assert lane_keeping_metrics(make_trace(lateral_acceleration=5.5)).comfort_share == 0.0
    # A jerk of 6 m/s3 while accelerations stay within their limits.
    jerky = make_trace(acceleration=lambda t: 2 * np.sin(3 * t))
    share = lane_keeping_metrics(jerky).comfort_share
    assert share == pytest.approx(2 / math.pi * math.asin(4.13 / 6), abs=0.03)


def test_steering_rate_of_a_ramp() -> None:
    assert lane_keeping_metrics(make_trace(4000, steering=lambda t: 0.002 * t)).steering_rate_rms == pytest.approx(
        0.002, rel=1e-3
    )


def test_traces_survive_the_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    trace = make_trace(cross_track_error=lambda t: np.sin(t), end="off_lane")
    trace.save(tmp_path / "trace.npz")
    again = EpisodeTrace.load(tmp_path / "trace.npz")
    assert again.end == "off_lane"
    assert not again.success
    assert np.array_equal(again["cross_track_error"], trace["cross_track_error"])
    assert list(tmp_path.iterdir()) == [tmp_path / "trace.npz"]


def test_a_trace_with_nan_or_missing_columns_is_refused() -> None:
    with pytest.raises(BadTrace, match="speed holds NaN"):
        make_trace(speed=float("nan"))
    good = make_trace()
    with pytest.raises(BadTrace, match="yaw_rate"):
        EpisodeTrace({k: v for k, v in good.columns.items() if k != "yaw_rate"}, "completed", True, 1.0, good.actions)
