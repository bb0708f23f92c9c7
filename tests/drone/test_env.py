"""The fly-to-target environment: Gymnasium's contract, the truth in info, how episodes end, what is refused."""

import json
import math
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as stable_baselines_check

import scenarios
from envs.drone.env import FAILURE_REWARD, HOLD_REWARD, STATE, SUCCESS_REWARD, FlyToTargetEnv
from envs.drone.mission import HEADINGS, REACH, SECTORS
from envs.errors import BadAction, BadObservationMode, BadResetOption, NonFiniteAction, ResetNeeded
from envs.registration import register
from launch.tasks import fly_to_target
from scenarios.errors import ScenarioError
from tests.drone.worlds import approach, flight_of, hold, make

ID = "liquid_pilot/FlyToTarget-v0"
register()


@pytest.mark.parametrize(("mode", "render"), [("camera", None), ("state", None), ("camera", "rgb_array")])
def test_both_checkers_pass_with_warnings_as_errors(mode: str, render: str | None) -> None:
    env = make(observation_mode=mode, render_mode=render)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check(env, skip_render_check=True)
        stable_baselines_check(env, warn=True)
    env.close()


def test_made_by_id() -> None:
    env = gymnasium.make(ID, scenario=flight_of(), observation_mode="state")
    assert isinstance(env.unwrapped, FlyToTargetEnv)
    assert env.reset(seed=1)[1]["scenario"] == "changed"
    env.close()


_DIGEST = """
import hashlib, json, sys
import numpy as np
from envs.drone.env import FlyToTargetEnv
env = FlyToTargetEnv("fly-train-meadow", observation_mode=sys.argv[1])
rng = np.random.default_rng(0)
digests = []
for seed in json.loads(sys.argv[2]):
    observation, info = env.reset(seed=seed)
    for _ in range(20):
        digest = hashlib.sha256()
        for key in sorted(observation):
            digest.update(observation[key].tobytes())
        digests.append(digest.hexdigest())
        observation, *_ = env.step(rng.uniform(-0.3, 0.3, 4).astype(np.float32))
    rng = np.random.default_rng(0)
print(json.dumps(digests))
"""


@pytest.mark.parametrize("mode", ["camera", "state"])
def test_two_processes_see_the_same_to_the_bit_whatever_they_flew_before(mode: str) -> None:
    first, second = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", _DIGEST, mode, seeds], capture_output=True, text=True, check=True
            ).stdout
        )
        for seeds in ("[3, 4]", "[5, 3, 4]")
    )
    assert len(set(first)) == 40
    assert first == second[20:]


# What is told


def test_info_has_the_same_plain_keys_at_every_step() -> None:
    env = make()
    observation, first = env.reset(seed=2)
    infos = [first, *hold(env, 0.2, 0.0, 0.0, 0.1, steps=5)]
    keys = set(infos[1]) - {"reward"}
    assert set(first) - keys == {"scenario", "road", "seed", "route_length"}
    for info in infos:
        assert keys <= set(info)
        for key, value in info.items():
            assert type(value) in (float, int, bool, str) or key == "free_ahead", key
        assert pickle.loads(pickle.dumps(info))["frame"] == info["frame"]
    assert [info["frame"] for info in infos] == list(range(6))
    assert infos[-1]["time"] == pytest.approx(0.25)
    assert observation["elapsed"] == np.float32(0.05)
    env.close()


def test_what_training_asks_of_obstacles_is_what_the_drone_records() -> None:
    assert fly_to_target.SECTORS == SECTORS
    assert set(SECTORS) <= set(fly_to_target.FlyToTarget().recipe("ncp19", 0).truth)


def test_a_flight_begins_with_the_velocity_that_it_is_given() -> None:
    env = make()
    start = {"heading_rad": 2.0, "speed": 1.5, "speed_left": -0.7, "speed_up": 0.4}
    _, info = env.reset(seed=3, options={"start": start})
    velocity = [info[f"velocity_{axis}"] for axis in ("ahead", "left", "up")]
    assert velocity == pytest.approx([1.5, -0.7, 0.4], abs=1e-6)
    env.close()


def test_truth_is_that_of_geometry_and_the_state_says_the_same() -> None:
    env = make(flight_of(start={"speed": 1.0}))
    env.reset(seed=4)
    observation, *_, info = env.step(np.array([0.4, -0.2, 0.1, 0.3], dtype=np.float32))
    place = np.array([info[key] for key in "xyz"])
    way = np.array([info[f"target_{key}"] for key in "xyz"]) - place
    assert info["distance"] == pytest.approx(np.linalg.norm(way))
    level = math.remainder(math.atan2(way[1], way[0]) - info["heading"], 2 * math.pi)
    assert info["bearing"] == pytest.approx(level)
    state = dict(zip(STATE, observation["state"].tolist(), strict=True))
    unit = [state[f"target_{axis}"] for axis in ("ahead", "left", "up")]
    flat = math.cos(info["elevation"])
    direction = [flat * math.cos(level), flat * math.sin(level), math.sin(info["elevation"])]
    assert unit == pytest.approx(direction, abs=1e-6)
    assert state["distance"] == pytest.approx(info["distance"] / 30.0, abs=1e-6)
    assert state["velocity_ahead"] == pytest.approx(info["velocity_ahead"] / 3.0, abs=1e-6)
    assert state["yaw_rate"] == pytest.approx(info["yaw_rate"] / 2.0, abs=1e-6)
    middle = len(HEADINGS) // 2
    assert HEADINGS[middle] == 0.0
    assert state["free_+0"] == pytest.approx(info["free_ahead"][middle] / REACH, abs=1e-6)
    for name in SECTORS:
        around = np.abs(np.degrees(HEADINGS) - int(name.removeprefix("free_"))) < 6.5
        assert around.sum() == 3
        assert info[name] == info["free_ahead"][around].min()
    # Body axes lean with the drone; in level flight they are nearly the same.
    assert observation["velocity"][0] == pytest.approx(info["velocity_ahead"], abs=0.3)
    assert env.observation_space["state"].shape == (len(STATE),)
    env.close()


def test_starts_and_targets_are_within_the_scenarios_bounds() -> None:
    env = make(flight_of(target={"distance_m": [10, 20], "bearing_deg": [60, 120]}))
    sides, heights = [], []
    for seed in range(30):
        _, info = env.reset(seed=seed)
        assert 10.0 <= math.hypot(info["target_x"] - info["x"], info["target_y"] - info["y"]) <= 20.0
        assert 60.0 <= math.degrees(abs(info["bearing"])) <= 120.0
        assert not info["visible"]
        assert 1.0 <= info["z"] <= 2.2
        assert 0.9 <= info["target_z"] <= 1.7
        assert info["clearance"] > 0.9
        sides.append(info["bearing"] > 0.0)
        heights.append(info["z"])
    assert 5 < sum(sides) < 25
    assert np.ptp(heights) > 0.8
    again = env.reset(seed=7)[1]
    assert (again["x"], again["heading"]) == (env.mission.course.x, pytest.approx(env.mission.course.heading))
    env.close()


def test_a_free_line_shows_the_target_and_a_hidden_one_is_not_there() -> None:
    env = make(
        flight_of(target={"bearing_deg": [0, 20], "hidden": {"from_s": 0.2, "to_s": 0.4}}), observation_mode="camera"
    )
    observation, info = env.reset(seed=3)
    red: list[int] = []
    shown: list[bool] = []
    for _ in range(12):
        image = observation["image"].astype(int)
        red.append(int(((image[..., 0] > 110) & (image[..., 0] > 2.5 * image[..., 1:].max(axis=-1))).sum()))
        shown.append(info["visible"])
        observation, *_, info = env.step(np.zeros(4, dtype=np.float32))
    assert shown == [True] * 4 + [False] * 4 + [True] * 4
    assert min(red[:4]) > 5
    assert max(red[4:8]) == 0
    assert min(red[8:]) > 5
    env.close()


def test_a_moving_target_goes_round() -> None:
    env = make(flight_of(target={"moves": {"speed": 1.0, "radius_m": 2.0}, "distance_m": [20, 30]}))
    _, first = env.reset(seed=1)
    infos = [first, *hold(env, 0.0, 0.0, 0.0, 0.0, steps=252)]
    places = np.array([(info["target_x"], info["target_y"]) for info in infos])
    steps = np.hypot(*np.diff(places, axis=0).T)
    assert steps == pytest.approx(0.05, rel=0.01)
    assert np.ptp(places, axis=0) == pytest.approx([4.0, 4.0], abs=0.05)
    env.close()


def test_wind_is_felt_and_follows_the_weather() -> None:
    drift = {}
    for weather in ("clear", "HardRainNoon"):
        env = make(flight_of(wind={}, weather=weather))
        env.reset(seed=1)
        infos = hold(env, 0.0, 0.0, 0.0, 0.0, steps=40)
        mean = np.mean([(info["wind_x"], info["wind_y"]) for info in infos], axis=0)
        drift[weather] = math.hypot(*mean)
        env.close()
    assert drift["clear"] == pytest.approx(0.5, rel=0.8)
    assert drift["HardRainNoon"] == pytest.approx(5.0, rel=0.5)


# How episodes end


def test_arriving_and_staying_is_success_and_pays() -> None:
    env = make()
    _, info = env.reset(seed=5)
    infos = approach(env, info)
    last = infos[-1]
    assert (last["end"], last["success"], last["collision"]) == ("success", True, False)
    assert last["distance"] < 3.0
    assert last["held"] == pytest.approx(1.0)
    assert last["speed"] < 0.5
    assert last["route_completion"] == 1.0
    # Progress and holding are potentials: what they sum to does not depend on the way.
    gain = (info["distance"] - 3.0) / 0.15
    assert sum(step["reward"] for step in infos) == pytest.approx(gain + HOLD_REWARD + SUCCESS_REWARD, abs=1e-3)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(4, dtype=np.float32))
    env.close()


def test_the_ground_a_tree_a_house_and_the_target_can_be_hit() -> None:
    env = make(flight_of(world={"trees_per_hectare": 60, "buildings": 6}))
    env.reset(seed=1)
    infos = hold(env, 0.0, 0.0, -1.0, 0.0)
    assert (infos[-1]["end"], infos[-1]["hit"], infos[-1]["success"]) == ("collision", "ground", False)
    assert infos[-1]["reward"] < FAILURE_REWARD + 5.0
    assert not any(info["collision"] for info in infos[:-1])
    scene = env.mission.world.scene
    for kind, hit in (("deciduous", "tree"), ("birch", "tree"), ("house", "building")):
        name = (
            kind if kind != "house" else next(i.kind for i in scene.instances if i.kind.startswith(("house", "barn")))
        )
        item = next(item for item in scene.instances if item.kind == name)
        x, y, _ = item.position
        start = {"x": x - 9.0, "y": y, "z": 1.2, "heading_rad": 0.0, "speed": 2.0}
        env.reset(seed=1, options={"start": start, "target": {"x": x + 30.0, "y": y, "z": 1.2}})
        infos = hold(env, 0.7, 0.0, 0.0, 0.0)
        assert (infos[-1]["end"], infos[-1]["hit"]) == ("collision", hit), kind
        assert infos[-1]["clearance"] < 0.3
    env.close()
    env = make(flight_of(world={"trees_per_hectare": 0}))
    start = {"x": 0.0, "y": 0.0, "z": 1.2, "heading_rad": 0.0}
    env.reset(seed=1, options={"start": start, "target": {"x": 8.0, "y": 0.0, "z": 1.2}})
    assert hold(env, 0.8, 0.0, 0.0, 0.0)[-1]["hit"] == "target"
    start["z"] = 0.5  # the post below the ball
    env.reset(seed=1, options={"start": start, "target": {"x": 8.0, "y": 0.0, "z": 1.6}})
    assert hold(env, 0.8, 0.0, 0.0, 0.0)[-1]["hit"] == "target"
    env.close()


def test_time_and_the_worlds_edge_end_it_too() -> None:
    env = make(flight_of(world={"trees_per_hectare": 0, "radius_m": 20}, limits={"time_limit_s": 15}))
    env.reset(seed=1)
    assert len(hold(env, 0.0, 0.0, 0.0, 0.0)) == 300
    env.reset(seed=1, options={"duration_s": 0.5})
    infos = hold(env, 0.0, 0.0, 0.0, 0.0)
    assert (len(infos), infos[-1]["end"]) == (10, "time_limit")
    env.reset(seed=1)
    infos = hold(env, 0.0, 1.0, 0.0, 0.0)
    assert infos[-1]["end"] == "left_world"
    env.close()


# What is refused, and what is altered


def test_actions_are_checked_clipped_and_counted() -> None:
    env = make()
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(np.zeros(4, dtype=np.float32))
    env.reset(seed=1)
    for bad in (math.nan, math.inf):
        with pytest.raises(NonFiniteAction, match="check its training"):
            env.step(np.array([0.0, bad, 0.0, 0.0], dtype=np.float32))
    with pytest.raises(BadAction, match=r"shape \(4,\)"):
        env.step(np.zeros(2, dtype=np.float32))
    assert hold(env, 3.0, 0.0, 0.0, -1.5, steps=2)[-1]["clipped_actions"] == 2
    assert env.applied == (1.0, 0.0, 0.0, -1.0)
    env.close()


BAD_OPTIONS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"strat": {}}, "unknown key 'strat'"),
    ({"start": {"position_m": 1.0}}, "known: x, y, z, heading_rad, speed"),
    ({"start": 3}, "must be a dict"),
    ({"target": {"z": math.nan}}, "must be finite"),
    ({"target": {"x": "far"}}, "must be a number"),
    ({"start": {"z": 0.0}}, "must be above the ground"),
    ({"duration_s": 0}, "must be above 0"),
)


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_reset_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    env = make()
    with pytest.raises(BadResetOption, match=message):
        env.reset(seed=0, options=options)


def test_modes_and_scenarios_that_make_no_sense() -> None:
    with pytest.raises(BadObservationMode, match="use 'camera' or 'state'"):
        make(observation_mode="sonar")
    with pytest.raises(BadObservationMode, match="use 'rgb_array'"):
        make(render_mode="human")
    with pytest.raises(ScenarioError, match="a flight of the drone is wanted"):
        make("train-mixed")
    env = make(flight_of(world={"trees_per_hectare": 400, "radius_m": 15}, target={"distance_m": [24, 25]}))
    with pytest.raises(ScenarioError, match=r"'changed': no free line to a target in this world"):
        env.reset(seed=0)
    assert make().render() is None


def test_weather_and_faults_change_what_is_sensed_and_done() -> None:
    def fly(scenario: scenarios.FlightScenario) -> tuple[list[Any], list[dict[str, Any]]]:
        env = make(scenario, observation_mode="camera")
        seen = [env.reset(seed=3)[0]]
        infos = []
        for _ in range(6):
            observation, *_, info = env.step(np.array([0.3, 0.0, 0.0, 0.0], dtype=np.float32))
            seen.append(observation)
            infos.append(info)
        env.close()
        return seen, infos

    plain = flight_of()
    clean, truth = fly(plain)
    fog, same = fly(plain.with_conditions("dense_fog"))
    assert np.abs(fog[0]["image"].astype(int) - clean[0]["image"]).mean() > 5.0
    assert [info["x"] for info in same] == [info["x"] for info in truth]
    late, _ = fly(plain.with_conditions(None, scenarios.parse_fault("delayed_frame:2")))
    np.testing.assert_array_equal(late[5]["image"], clean[3]["image"])
    assert [float(item["elapsed"][0]) for item in late] == pytest.approx([0.05, 0.0, 0.0, 0.05, 0.05, 0.05, 0.05])
    fast, same = fly(plain.with_conditions(None, scenarios.parse_fault("speed_bias:5")))
    np.testing.assert_allclose(fast[6]["velocity"], 1.5 * clean[6]["velocity"], rtol=1e-6)
    _, pulled = fly(plain.with_conditions(None, scenarios.parse_fault("action_bias:5")))
    assert pulled[-1]["heading"] > truth[-1]["heading"] + 0.02


def test_render_shows_camera_chase_and_map() -> None:
    env = make(render_mode="rgb_array", observation_mode="camera")
    env.reset(seed=1)
    before = env.camera_image()
    first = env.render()
    assert first is not None
    hold(env, 0.5, 0.0, 0.0, 0.0, steps=5)
    second = env.render()
    assert second is not None
    assert first.shape == second.shape == (620, 800, 3)
    assert (first != second).any()
    # The drone itself is in the chase view alone: the camera sees what it saw without render().
    env.reset(seed=1)
    np.testing.assert_array_equal(env.camera_image(), before)
    env.close()
