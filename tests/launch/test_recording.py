"""How a recording disturbs the driver: where segments begin, pulses, and the bounds of what is applied."""

from __future__ import annotations

import numpy as np
import pytest

import scenarios
from launch.recording import Pulses
from launch.tasks.lane_keeping import DrivingRecording, curvature_ahead, segment_start


def way_of(name: str, seed: int = 0):
    from envs.driving.world import DrivingWorld

    resolved = scenarios.load(name).for_episode(seed)
    return DrivingWorld(*resolved.map_text(seed), "meadow", 0).way(resolved.route, True)


@pytest.fixture(scope="module")
def hairpins():
    return way_of("train-hairpins")


ROOM = DrivingRecording().frames * 0.05 * 20.0
"""m: a segment at 20 m/s, the fastest that one may be."""


def test_segment_starts_are_where_they_should_be(hairpins) -> None:
    recording = DrivingRecording(heading_slip_m=1.5)
    starts = [segment_start(recording, hairpins, seed) for seed in range(400)]
    assert starts[3] == segment_start(recording, hairpins, 3)
    positions = np.array([start["position_m"] for start in starts])
    lateral = np.array([start["lateral_m"] for start in starts])
    heading = np.array([start["heading_rad"] for start in starts])
    half = np.interp(positions, hairpins.route.s, hairpins.route.half_width)
    assert (np.abs(lateral) <= np.minimum(1.2, 0.7 * half) + 1e-12).all()
    assert np.abs(lateral).max() > 1.0
    assert lateral.min() < -1.0 < 1.0 < lateral.max()
    # How far it is turned at most follows the curvature of the next 8 m (the samples' mean, independently).
    s, k = hairpins.route.s, np.abs(hairpins.route.curvature)
    here = np.array([k[(s >= place) & (s < place + 8.0)].mean() for place in positions])
    share = np.abs(heading) / (0.12 + 1.5 * here)
    assert 0.95 < share.max() <= 1.05
    assert np.abs(heading).max() > 0.15
    plain = [abs(segment_start(DrivingRecording(), hairpins, seed)["heading_rad"]) for seed in range(400)]
    assert 0.11 < max(plain) <= 0.12
    assert positions.min() >= 0.0
    assert positions.max() <= hairpins.route.length - ROOM
    from envs.driving.start import target_speed

    factors = [start["speed"] / target_speed(hairpins.route, start["position_m"]) for start in starts]
    assert 0.6 <= min(factors) < 0.65
    assert 1.15 < max(factors) <= 1.2


def test_some_segments_begin_at_any_speed_that_the_tyres_hold(hairpins) -> None:
    from envs.driving.start import target_speed

    plain = [segment_start(DrivingRecording(), hairpins, seed) for seed in range(600)]
    mixed = [segment_start(DrivingRecording(any_speed_share=0.35), hairpins, seed) for seed in range(600)]
    other = [one for one, two in zip(mixed, plain, strict=True) if one["speed"] != two["speed"]]
    assert 0.29 < len(other) / len(plain) < 0.41
    assert all(one | {"speed": 0.0} == two | {"speed": 0.0} for one, two in zip(mixed, plain, strict=True))
    s, k = hairpins.route.s, np.abs(hairpins.route.curvature)
    here = np.array([np.interp(one["position_m"] + np.arange(8.0), s, k).max() for one in other])
    speed = np.array([one["speed"] for one in other])
    assert (speed**2 * here <= 6.5 * 1.02).all()
    assert (speed <= 13.0).all()
    # Not what suits the place: the same bend is met far too fast and far too slowly.
    factor = speed / np.array([target_speed(hairpins.route, one["position_m"]) for one in other])
    assert factor.min() < 0.3
    assert factor.max() > 1.5
    assert abs(np.corrcoef(speed, speed / factor)[0, 1]) < 0.5


def test_starts_follow_the_curvature_of_the_next_forty_metres(hairpins) -> None:
    """Independent: the mean of 4,000 drawn starts' curvature ahead against the weights' own expectation."""
    places = np.arange(0.0, hairpins.route.length - ROOM, 2.0)
    s, k = hairpins.route.s, np.abs(hairpins.route.curvature)
    ahead = np.array([k[(s >= place) & (s < place + 40.0)].mean() for place in places])
    assert curvature_ahead(hairpins, places, 40.0) == pytest.approx(ahead, abs=0.03 * ahead.max())
    expected = 0.2 * ahead.mean() + 0.8 * (ahead**2).sum() / ahead.sum()
    assert expected > 1.3 * ahead.mean()
    drawn = [segment_start(DrivingRecording(), hairpins, seed)["position_m"] for seed in range(4000)]
    assert np.interp(drawn, places, ahead).mean() == pytest.approx(expected, rel=0.05)


def test_pulses_are_smooth_bounded_and_sometimes_absent() -> None:
    times = np.arange(0.0, 60.0, 0.05)
    pulses = Pulses(DrivingRecording(), 5)
    added = np.array([pulses.at(time) for time in times])
    again = Pulses(DrivingRecording(), 5)
    assert (added == np.array([again.at(time) for time in times])).all()
    assert not (added == np.array([Pulses(DrivingRecording(), 6).at(time) for time in times])).all()
    for axis, height in enumerate((0.12, 0.8)):
        assert 0.7 * height < np.abs(added[:, axis]).max() <= height
        assert added[:, axis].min() < -0.3 * height < 0.3 * height < added[:, axis].max()
        # A half sine of 0.3 s rises at most by height * pi / 0.3 a second.
        assert np.abs(np.diff(added[:, axis])).max() <= height * np.pi / 0.3 * 0.05 + 1e-12
        assert 0.2 < (added[:, axis] == 0.0).mean() < 0.8
    none = Pulses(DrivingRecording(steering_pulse=0.0), 5)
    calm = np.array([none.at(time) for time in times])
    assert (calm[:, 0] == 0.0).all()
    assert (calm[:, 1] == added[:, 1]).all()  # the axes do not share random numbers


def test_the_applied_action_stays_in_its_bounds() -> None:
    applied = DrivingRecording().disturbed(np.float32([0.95, -0.5]), np.array([0.12, -0.8]))
    assert applied.dtype == np.float32
    assert applied.tolist() == [1.0, -1.0]
    grown = DrivingRecording(steering_pulse_gain=2.0).disturbed(np.float32([-0.25, -0.5]), np.array([0.1, 0.1]))
    assert grown == pytest.approx(np.float32([-0.25 + 0.1 * 1.5, -0.4]))
