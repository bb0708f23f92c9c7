"""The lane-keeping environment: the truth in info, how episodes end, what is refused."""

import math
import pickle
from typing import Any

import numpy as np
import pytest

import scenarios
from envs.driving.env import STATE
from envs.driving.obstacles import ObstacleGrid
from envs.driving.ride import AHEAD
from envs.errors import BadAction, BadObservationMode, BadResetOption, NonFiniteAction, ResetNeeded
from envs.road import RouteError
from policies.expert import ExpertDriver
from tests.driving.worlds import idle, make, scenario_of

# What is told


def test_info_has_the_same_plain_keys_at_every_step() -> None:
    env = make()
    observation, first = env.reset(seed=2)
    infos = [first]
    for _ in range(5):
        observation, _, _, _, info = env.step(np.zeros(2, dtype=np.float32))
        infos.append(info)
    keys = set(infos[1])
    assert set(first) - keys == {"scenario", "road", "seed", "route_length"}
    for info in infos:
        assert keys <= set(info)
        for key, value in info.items():
            assert type(value) in (float, int, bool, str) or key == "path_ahead", key
        assert pickle.loads(pickle.dumps(info))["frame"] == info["frame"]
    assert [info["frame"] for info in infos] == list(range(6))
    assert infos[-1]["time"] == pytest.approx(0.25)
    assert observation["elapsed"] == np.float32(0.05)
    assert observation["speed"] == np.float32(infos[-1]["speed"])


def test_state_observation_is_what_info_says() -> None:
    env = make()
    env.reset(seed=4)
    observation, *_, info = env.step(np.array([0.2, 0.3], dtype=np.float32))
    state = dict(zip(STATE, observation["state"].tolist(), strict=True))
    for name in ("cross_track_error", "heading_error", "speed", "yaw_rate", "steering_angle"):
        assert state[name] == pytest.approx(info[name], abs=1e-6)
    for metres in range(0, 60, 10):
        assert state[f"curvature_{metres}"] == pytest.approx(info["path_ahead"][metres // 2, 3], abs=1e-7)


def test_path_ahead_is_the_lane_in_the_cars_frame() -> None:
    env = make("heldout-s-bends")
    env.reset(seed=7)
    *_, info = env.step(np.array([0.1, 0.0], dtype=np.float32))
    path = info["path_ahead"]
    np.testing.assert_array_equal(path[:, 0], AHEAD)
    cosine, sine = math.cos(info["heading"]), math.sin(info["heading"])
    route = env.ride.route
    for distance, x, y, curvature in path.tolist():
        wx = info["x"] + cosine * x - sine * y
        wy = info["y"] + sine * x + cosine * y
        foot = route.project(wx, wy)
        assert foot.s == pytest.approx(env.ride.begin + info["route_position"] + distance, abs=0.02)
        assert foot.cross_track == pytest.approx(0.0, abs=0.01)
        assert foot.curvature == pytest.approx(curvature, abs=1e-4)
    # The lane point beside the car lies on the other side of it than the error says.
    assert path[0, 2] == pytest.approx(-info["cross_track_error"] * math.cos(info["heading_error"]), abs=0.01)


def test_start_is_random_within_the_scenarios_bounds_and_fixed_by_the_seed() -> None:
    env = make("heldout-country")
    starts = []
    for seed in range(40):
        _, info = env.reset(seed=seed)
        starts.append((env.ride.begin, info["cross_track_error"], info["heading_error"]))
        assert info["route_length"] == pytest.approx(1000.0)
        assert env.ride.finish <= env.ride.route.length
    assert starts == [(env.reset(seed=seed), (env.ride.begin,))[1] + start[1:] for seed, start in enumerate(starts)]
    position, lateral, heading = np.array(starts).T
    assert np.ptp(position) > 0.7 * (env.ride.route.length - 1000.0)
    assert np.abs(lateral).max() <= 0.51
    assert np.ptp(lateral) > 0.8
    assert np.abs(heading).max() <= math.radians(3.01)
    assert np.ptp(heading) > math.radians(4.8)


def test_reset_options_place_the_car() -> None:
    env = make("heldout-country")
    start = {"position_m": 321.0, "lateral_m": -0.4, "heading_rad": 0.1, "speed": 7.0}
    _, info = env.reset(seed=0, options={"start": start, "duration_s": 1.0})
    assert env.ride.begin == 321.0
    assert info["cross_track_error"] == pytest.approx(-0.4, abs=1e-3)
    assert info["heading_error"] == pytest.approx(0.1, abs=1e-3)
    assert info["speed"] == 7.0
    infos = idle(env)
    assert (len(infos), infos[-1]["end"], infos[-1]["success"]) == (20, "time_limit", False)


def test_partial_options_leave_the_other_draws_as_they_are() -> None:
    env = make("heldout-country")
    _, drawn = env.reset(seed=9)
    _, mixed = env.reset(seed=9, options={"start": {"lateral_m": 0.3}})
    assert mixed["cross_track_error"] == pytest.approx(0.3, abs=1e-3)
    assert mixed["heading_error"] == pytest.approx(drawn["heading_error"], abs=1e-3)
    assert mixed["route_position"] == pytest.approx(drawn["route_position"], abs=0.05)


# How episodes end


def test_route_is_completed_exactly_at_its_length() -> None:
    env = make(scenario_of(route={"length_m": 150.0}, start={"position": "begin"}))
    _, info = env.reset(seed=0)
    assert info["route_length"] == 150.0
    observation, info = env.reset(seed=0)
    expert, infos = ExpertDriver(), [info]
    while not infos[-1]["end"]:
        observation, *_, info = env.step(expert.act(observation, infos[-1]))
        infos.append(info)
    last = infos[-1]
    assert last["end"] == "completed"
    assert last["success"]
    assert last["route_completion"] == 1.0
    assert 150.0 <= last["route_position"] < 151.0
    assert infos[-2]["route_completion"] < 1.0


def test_leaving_the_lane_ends_the_episode_and_invasion_comes_first() -> None:
    env = make("heldout-country")
    env.reset(seed=1, options={"start": {"lateral_m": 0.0, "heading_rad": 0.0, "speed": 12.0}})
    infos = idle(env, steering=0.1)
    last = infos[-1]
    assert last["end"] in ("off_lane", "collision")
    assert not last["success"]
    half = last["lane_half_width"]
    edge = half - 0.805
    for info in infos[:-1]:
        assert abs(info["cross_track_error"]) <= half
        if abs(info["cross_track_error"]) > edge + 0.02:
            assert info["lane_invasion"]
    assert infos[0]["lane_invasion"] is False


def test_off_lane_limit_is_the_scenarios() -> None:
    ends = {}
    for limit in (0.3, 1.0):
        env = make(scenario_of(limits={"off_lane": limit}, start={"position": "begin"}))
        env.reset(seed=1)
        last = idle(env, steering=0.02)[-1]
        ends[limit] = abs(last["cross_track_error"]) / last["lane_half_width"]
        assert last["end"] == "off_lane"
    assert 0.3 < ends[0.3] < 0.45
    assert 1.0 < ends[1.0] < 1.15


def test_turning_round_is_the_wrong_way_and_standing_still_runs_out_of_time() -> None:
    env = make(scenario_of(limits={"off_lane": 50.0}, start={"position": "begin", "speed": 4.0}))
    env.reset(seed=0)
    assert idle(env, steering=1.0, pedal=0.05)[-1]["end"] in ("wrong_way", "collision")
    env = make(scenario_of(limits={"time_limit_s": 5.0}))
    env.reset(seed=0)
    infos = idle(env, pedal=-1.0)
    assert infos[-1]["end"] == "time_limit"
    assert len(infos) == 100
    assert infos[-1]["speed"] == 0.0


def test_obstacles_are_touched_by_the_cars_outline() -> None:
    grid = ObstacleGrid(np.array([[100.0, 50.0, 0.5], [0.0, 0.0, 15.0]]))
    touches = grid.touches
    assert touches(97.3, 50.0, 0.0, 4.5, 1.6)  # nose 0.05 m inside
    assert not touches(97.2, 50.0, 0.0, 4.5, 1.6)
    assert touches(100.0, 51.25, 0.0, 4.5, 1.6)
    assert not touches(100.0, 51.35, 0.0, 4.5, 1.6)
    assert touches(100.0, 51.35, math.pi / 2, 4.5, 1.6)
    assert touches(-12.0, 9.0, 0.3, 4.5, 1.6)  # a circle larger than a cell of the grid
    assert not touches(0.0, 25.0, 0.3, 4.5, 1.6)
    assert not ObstacleGrid(np.zeros((0, 3))).touches(0.0, 0.0, 0.0, 4.5, 1.6)


def test_driving_into_something_is_a_collision(monkeypatch: pytest.MonkeyPatch) -> None:
    env = make(scenario_of(limits={"off_lane": 50.0}, start={"position": "begin"}))
    env.reset(seed=0)
    car, ride = env.ride.car, env.ride
    side = -6.0  # m, to the right, well beyond the lane
    ahead = 40.0
    x = car.x + ahead * math.cos(car.heading) - side * math.sin(car.heading)
    y = car.y + ahead * math.sin(car.heading) + side * math.cos(car.heading)
    monkeypatch.setitem(ride.world.__dict__, "obstacles", ObstacleGrid(np.array([[x, y, 2.5]])))
    ends = idle(env, steering=-0.021)
    assert ends[-1]["end"] == "collision"
    assert ends[-1]["collision"]
    assert math.hypot(ends[-1]["x"] - x, ends[-1]["y"] - y) < 2.5 + 2.4


def test_reward_prefers_progress_in_the_middle_of_the_lane() -> None:
    rewards = {}
    for name, lateral, speed in (("middle", 0.0, 12.0), ("aside", 0.8, 12.0), ("slow", 0.0, 5.0)):
        env = make("heldout-motorway")
        env.reset(seed=0, options={"start": {"lateral_m": lateral, "heading_rad": 0.0, "speed": speed}})
        rewards[name] = float(env.step(np.zeros(2, dtype=np.float32))[1])
    assert rewards["middle"] == pytest.approx(1.0, abs=0.02)
    assert rewards["aside"] == pytest.approx(1.0 - 0.5 * 0.8 / 1.8, abs=0.05)
    assert rewards["slow"] == pytest.approx(5.0 / 12.0, abs=0.02)


# What is refused


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_non_finite_actions_have_their_own_error(bad: float) -> None:
    env = make()
    env.reset(seed=0)
    with pytest.raises(NonFiniteAction, match="policy"):
        env.step(np.array([0.0, bad], dtype=np.float32))


def test_actions_out_of_range_are_clipped_and_counted() -> None:
    env = make()
    env.reset(seed=0)
    *_, info = env.step(np.array([1.5, -3.0], dtype=np.float32))
    other = make()
    other.reset(seed=0)
    *_, clipped = other.step(np.array([1.0, -1.0], dtype=np.float32))
    assert (info["clipped_actions"], clipped["clipped_actions"]) == (1, 0)
    assert info["x"] == clipped["x"]
    with pytest.raises(BadAction):
        env.step(np.zeros(3, dtype=np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {"strat": {}},
        {"start": {"postion_m": 1.0}},
        {"start": {"speed": -1.0}},
        {"start": {"lateral_m": math.nan}},
        {"start": {"position_m": 1e6}},
        {"start": 3},
        {"duration_s": 0.0},
        {"duration_s": "long"},
    ],
)
def test_bad_reset_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadResetOption):
        make().reset(seed=0, options=options)


def test_misuse_is_named() -> None:
    env = make()
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(2, dtype=np.float32))
    env.reset(seed=0, options={"duration_s": 0.05})
    env.step(np.zeros(2, dtype=np.float32))
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(2, dtype=np.float32))
    with pytest.raises(BadObservationMode):
        make(observation_mode="lidar")
    with pytest.raises(BadObservationMode):
        make(render_mode="ascii")
    with pytest.raises(scenarios.UnknownScenario):
        make("heldout-contry")


def test_a_route_that_leaves_the_map_is_refused() -> None:
    with pytest.raises(RouteError, match="99999"):
        make(scenario_of(route={"length_m": 99999.0})).reset(seed=0)
