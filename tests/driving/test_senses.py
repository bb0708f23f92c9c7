"""Weather and faults in the driving world: what the policy sees, feels and moves, and that nothing else changes."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import scenarios
from envs.driving.env import LaneKeepingEnv
from envs.render.pose import Pose
from policies.expert import ExpertDriver
from scenarios import Scenario
from scenarios.faults import FAULTS, FaultSpec

ROAD = scenarios.load("heldout-country")


def under(weather: str | None = None, *faults: tuple[str, float], **changes: Any) -> Scenario:
    specs = [FaultSpec(fault=name, severity=severity) for name, severity in faults]
    return ROAD.with_conditions(weather, specs).model_copy(update=changes)


def drive(scenario: Scenario, steps: int = 6, seed: int = 3) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Observations and infos of a few steps that the expert drives, who looks at the truth alone."""
    env, expert = LaneKeepingEnv(scenario), ExpertDriver()
    try:
        seen = [env.reset(seed=seed)]
        for _ in range(steps):
            observation, _, _, _, info = env.step(expert.act(*seen[-1]))
            seen.append((observation, info))
        return seen
    finally:
        env.close()


def pictures(scenario: Scenario, steps: int = 6) -> list[np.ndarray]:
    return [observation["image"] for observation, _ in drive(scenario, steps)]


@pytest.fixture(scope="module")
def clean() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return drive(ROAD)


def test_severity_0_of_every_fault_is_no_fault_to_the_bit(clean) -> None:
    for (seen, told), (before, then) in zip(drive(under(None, *((name, 0.0) for name in FAULTS))), clean, strict=True):
        for key in before:
            np.testing.assert_array_equal(seen[key], before[key])
        assert {k: v for k, v in told.items() if k != "path_ahead"} == {
            k: v for k, v in then.items() if k != "path_ahead"
        }


def test_weather_and_sensor_faults_change_the_picture_and_not_the_world(clean) -> None:
    for scenario in (under("storm"), under(None, ("gaussian_noise", 3)), under(None, ("camera_shift", 2))):
        for (seen, told), (before, then) in zip(drive(scenario), clean, strict=True):
            assert np.abs(seen["image"].astype(int) - before["image"]).mean() > 3.0
            assert seen["speed"] == before["speed"]
            assert (told["x"], told["cross_track_error"]) == (then["x"], then["cross_track_error"])


def test_a_late_picture_is_the_earlier_one_and_time_is_told(clean) -> None:
    late = drive(under(None, ("delayed_frame", 2)))  # severity 2: two frames
    first = clean[0][0]["image"]
    for frame, (observation, _) in enumerate(late):
        shown = clean[max(0, frame - 2)][0]["image"]
        np.testing.assert_array_equal(observation["image"], shown)
    np.testing.assert_array_equal(late[1][0]["image"], first)
    elapsed = [float(observation["elapsed"][0]) for observation, _ in late]
    assert elapsed == pytest.approx([0.05, 0.0, 0.0, 0.05, 0.05, 0.05, 0.05])


def test_dropped_pictures_come_again_with_the_true_time(clean) -> None:
    seen = drive(under(None, ("dropped_frame", 3)), steps=40)
    elapsed = np.array([float(observation["elapsed"][0]) for observation, _ in seen])
    fresh = elapsed > 0.0
    assert 8 < (~fresh).sum() < 32
    last = 0
    for frame in range(1, len(seen)):
        same = np.array_equal(seen[frame][0]["image"], seen[frame - 1][0]["image"])
        assert same == (not fresh[frame])
        if fresh[frame]:
            assert elapsed[frame] == pytest.approx(0.05 * (frame - last))
            last = frame


def test_a_knocked_camera_sees_the_world_from_where_it_is() -> None:
    scenario = under(None, ("camera_shift", 4))
    env = LaneKeepingEnv(scenario)
    image = env.reset(seed=3)[0]["image"]
    camera, level = scenario.camera, FAULTS["camera_shift"].at(4)
    mount = Pose.from_angles(camera.x_m, 0.0, camera.z_m, pitch=math.radians(camera.pitch_deg))
    found = []
    for side in (1.0, -1.0):
        shift = Pose.from_angles(
            0.0,
            side * level["dy_m"],
            level["dz_m"],
            side * math.radians(level["yaw_deg"]),
            math.radians(level["pitch_deg"]),
            side * math.radians(level["roll_deg"]),
        )
        found.append(env.ride.world.picture(camera, env.car_pose().compose(mount).compose(shift)))
    assert any(np.array_equal(image, picture) for picture in found)
    env.close()


def test_actuators_move_the_car_and_the_policy_is_not_told(clean) -> None:
    told = [info for _, info in drive(under(None, ("action_bias", 5)), steps=6)]
    assert told[-1]["steering_angle"] > clean[-1][1]["steering_angle"] + 0.02
    # Eight frames late: so far the wheel and the pedals rest.
    env = LaneKeepingEnv(ROAD, observation_mode="state")
    resting = [env.reset(seed=3)[1], *(env.step(np.zeros(2, np.float32))[-1] for _ in range(6))]
    env.close()
    late = [info for _, info in drive(under(None, ("action_delay", 5)), steps=6)]
    assert [info["x"] for info in late] == [info["x"] for info in resting]
    assert late[-1]["x"] != clean[-1][1]["x"]


def test_the_speedometer_lies_and_the_truth_does_not(clean) -> None:
    for observation, info in drive(under(None, ("speed_bias", 5))):
        assert observation["speed"][0] == np.float32(1.5 * info["speed"])


def test_a_wet_road_grips_less_only_where_the_scenario_says_so() -> None:
    def grip(scenario: Scenario) -> float:
        env = LaneKeepingEnv(scenario, observation_mode="state")
        env.reset(seed=3)
        env.step(np.zeros(2, np.float32))
        found = env.ride.car.grip
        env.close()
        return found

    assert grip(under("wet_road")) == 1.0
    assert grip(under("wet_road", wet_grip=True)) == pytest.approx(0.7)
    assert grip(under("clear", wet_grip=True)) == 1.0


def test_weather_slides_along_keyframes(clean) -> None:
    weather = {
        "keyframes": [{"time_s": 0.0, "weather": "clear"}, {"time_s": 0.3, "weather": "dense_fog"}],
    }
    scenario = Scenario.from_dict(ROAD.to_dict() | {"weather": weather})
    seen = [observation["image"] for observation, _ in drive(scenario)]
    np.testing.assert_array_equal(seen[0], clean[0][0]["image"])
    np.testing.assert_array_equal(seen[6], pictures(under("dense_fog"))[6])
    gaps = [np.abs(a.astype(int) - b[0]["image"]).mean() for a, b in zip(seen, clean, strict=True)]
    assert all(np.diff(gaps) > 0.0)


_DIGESTS = """
import json, sys
sys.path[:0] = sys.argv[2:]
from tests.driving.test_senses import digests
print(json.dumps(digests(sys.argv[1])))
"""


def digests(name: str) -> list[str]:
    """Of every observation of a scenario of the catalogue."""
    seen = drive(scenarios.load(name), steps=12, seed=5)
    return [
        hashlib.sha256(b"".join(observation[key].tobytes() for key in sorted(observation))).hexdigest()
        for observation, _ in seen
    ]


@pytest.mark.parametrize("name", ["worst-storm-at-night", "worst-dirty-glass", "drift-rain"])
def test_another_process_sees_the_same_to_the_bit(name: str) -> None:
    here = digests(name)
    answer = subprocess.run(
        [sys.executable, "-c", _DIGESTS, name, *sys.path], capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout) == here
    assert len(set(here)) > 10


def test_what_is_done_to_a_picture_does_not_come_back_later() -> None:
    """A caller that paints into its observation must not find its paint in a delayed picture."""
    env = LaneKeepingEnv(under(None, ("delayed_frame", 3)))
    observation, _ = env.reset(seed=3)
    untouched = observation["image"].copy()
    observation["image"][:] = 0
    for _ in range(3):
        observation, *_ = env.step(np.zeros(2, np.float32))
        np.testing.assert_array_equal(observation["image"], untouched)
    env.close()
