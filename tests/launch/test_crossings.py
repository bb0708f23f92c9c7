"""Recordings look at crossings, straight as they are."""

import numpy as np

from envs.driving.env import LaneKeepingEnv
from launch.tasks.lane_keeping import DrivingRecording, segment_start


def test_a_town_has_crossings_and_segments_begin_before_them() -> None:
    env = LaneKeepingEnv("train-town", observation_mode="state")
    way = env.plan(0)
    network = env._world.network  # type: ignore[union-attr]
    assert len(way.crossings) == len({s for road, _, s in way.route.lanes if network.roads[road].junction is not None})
    assert len(way.crossings) >= 3
    assert all(10.0 < end - begin < 60.0 for begin, end in way.crossings)
    recording = DrivingRecording()

    def share(crossing_curvature: float) -> float:
        chosen = DrivingRecording(crossing_curvature=crossing_curvature)
        starts = [segment_start(chosen, way, seed)["position_m"] for seed in range(300)]
        near = [any(begin - 40.0 < s < end for begin, end in way.crossings) for s in starts]
        return float(np.mean(near))

    assert share(recording.crossing_curvature) > share(0.0) + 0.1


def test_a_road_without_junctions_has_none() -> None:
    env = LaneKeepingEnv("train-country", observation_mode="state")
    assert env.plan(0).crossings == ()
