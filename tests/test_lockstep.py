"""Episodes side by side give what they give alone, whatever the number of worlds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import scenarios
from envs.driving.env import LaneKeepingEnv
from envs.errors import NonFiniteAction
from envs.lockstep import DrivenEpisode, Episode, LockStep, Moment, TimeSplit
from scenarios import Scenario

COUNTRY, MIXED = scenarios.load("heldout-country"), scenarios.load("train-mixed")

TRACE_COLUMNS = (
    "time", "x", "y", "speed", "steering", "acceleration_action", "cross_track_error", "heading_error", "curvature",
    "acceleration", "lateral_acceleration", "yaw_rate", "lane_invasion", "off_lane", "collision", "route_position",
    "inference_seconds",
)  # fmt: skip
"""What the analysis asks of a trace (liquid_pilot/analysis/trace.py)."""


def with_state(scenario: Scenario) -> LaneKeepingEnv:
    return LaneKeepingEnv(scenario, observation_mode="state")


class Counting:
    """Steers by the error, remembers per row how many steps it made, and lets that show in its actions."""

    def __init__(self) -> None:
        self.steps: dict[int, int] = {}
        self.resets: list[int] = []
        self.batches: list[tuple[int, ...]] = []

    def reset(self, rows: Sequence[int] = (0,)) -> None:
        self.resets += list(rows)
        for row in rows:
            self.steps[row] = 0

    def act_rows(
        self, rows: Sequence[int], observations: Sequence[Mapping[str, Any]], infos: Sequence[Mapping[str, Any]]
    ) -> np.ndarray:
        self.batches.append(tuple(rows))
        actions = np.zeros((len(rows), 2), dtype=np.float32)
        for index, (row, observation, info) in enumerate(zip(rows, observations, infos, strict=True)):
            assert info["frame"] == self.steps[row]
            error, heading = observation["state"][:2].tolist()
            actions[index, 0] = -0.1 * error - 0.5 * heading + 2.0 * info["curvature"]
            actions[index, 1] = 0.03 + 0.01 * math.sin(0.1 * self.steps[row])
            self.steps[row] += 1
        return actions


EPISODES = [
    Episode(COUNTRY, 1, {"duration_s": 2.0}),
    Episode(MIXED, 2, {"duration_s": 1.0}),
    Episode(MIXED, 3, {"duration_s": 3.0}),
    Episode(COUNTRY, 4, {"duration_s": 0.5, "start": {"lateral_m": 0.2}}),
    Episode(COUNTRY, 5, {"duration_s": 2.5}),
    Episode(MIXED, 6, {"duration_s": 1.5}),
    Episode(COUNTRY, 7, {"duration_s": 1.0}),
]


def run(worlds: int, driver: Counting | None = None, **arguments: Any) -> tuple[dict[int, DrivenEpisode], TimeSplit]:
    done: dict[int, DrivenEpisode] = {}

    def finished(driven: DrivenEpisode) -> None:
        assert driven.number not in done
        done[driven.number] = driven

    times = LockStep(worlds, with_state).run(driver or Counting(), EPISODES, finished, **arguments)
    return done, times


@pytest.mark.parametrize("worlds", [2, 4, 20])
def test_side_by_side_gives_what_one_after_the_other_gives(worlds: int) -> None:
    alone, _ = run(1)
    together, times = run(worlds)
    assert sorted(together) == sorted(alone) == list(range(7))
    for number, driven in together.items():
        other = alone[number]
        assert driven.episode is EPISODES[number]
        assert (driven.end, driven.road, driven.route_length) == (other.end, other.road, other.route_length)
        np.testing.assert_array_equal(driven.actions, other.actions)
        for name in driven.columns:
            if name != "inference_seconds":
                np.testing.assert_array_equal(driven.columns[name], other.columns[name], err_msg=name)
    assert times.steps == sum(len(driven.actions) for driven in together.values())


def test_columns_are_what_the_environment_said() -> None:
    done, _ = run(3)
    env = with_state(COUNTRY)
    env.reset(seed=4, options={"duration_s": 0.5, "start": {"lateral_m": 0.2}})
    driven = done[3]
    assert len(driven.actions) == 10
    for step, action in enumerate(driven.actions):
        *_, info = env.step(action)
        for name, value in info.items():
            if isinstance(value, bool | int | float):
                assert driven.columns[name][step] == float(value)
    assert set(TRACE_COLUMNS) <= set(driven.columns)
    assert all(column.dtype == np.float64 and column.shape == (10,) for column in driven.columns.values())
    np.testing.assert_array_equal(driven.columns["steering"], driven.actions[:, 0].astype(np.float64))
    assert (driven.columns["inference_seconds"] > 0).all()
    assert (driven.end, driven.success) == ("time_limit", False)


def test_rows_are_kept_full_and_policy_is_reset_for_each_episode() -> None:
    driver = Counting()
    run(3, driver)
    assert len(driver.resets) == len(EPISODES)
    sizes = [len(batch) for batch in driver.batches]
    assert sizes == sorted(sizes, reverse=True)  # full until the list is empty, then fewer and fewer
    assert sizes[0] == 3
    assert sum(sizes) == round(sum(e.options["duration_s"] for e in EPISODES if e.options) / 0.05)
    assert all(batch == tuple(sorted(batch)) for batch in driver.batches)


def test_applied_actions_are_clipped_and_given_ones_are_kept() -> None:
    class Wild(Counting):
        def act_rows(self, rows: Any, observations: Any, infos: Any) -> np.ndarray:
            return super().act_rows(rows, observations, infos) + np.float32([0.0, 5.0])

    done, _ = run(2, Wild())
    assert done[1].actions[:, 1].min() > 4.0
    assert (done[1].columns["acceleration_action"] == 1.0).all()
    assert done[1].columns["clipped_actions"][-1] == len(done[1].actions)


def test_watcher_sees_every_step() -> None:
    seen: dict[int, list[int]] = {}

    def watch(moment: Moment) -> None:
        seen.setdefault(moment.number, []).append(moment.info["frame"])
        assert moment.environment.ride.frame == moment.info["frame"]

    done, times = run(3, watch=watch)
    assert seen == {number: list(range(1, len(driven.actions) + 1)) for number, driven in done.items()}
    assert times.callbacks > 0.0


def test_time_split_adds_up() -> None:
    _, times = run(4)
    parts = (times.render, times.world, times.reset, times.policy, times.callbacks, times.overhead)
    assert sum(parts) == pytest.approx(times.total)
    assert min(parts) >= 0.0
    assert times.render == 0.0  # nothing was drawn in state mode
    assert times.world > 0.0


def test_camera_worlds_side_by_side_see_what_they_see_alone() -> None:
    class Looking(Counting):
        seen: list[Any]

        def act_rows(self, rows: Any, observations: Any, infos: Any) -> np.ndarray:
            self.seen += [
                (info["x"], int(o["image"].astype(np.int64).sum())) for o, info in zip(observations, infos, strict=True)
            ]
            return np.zeros((len(rows), 2), dtype=np.float32)

    sums = []
    for worlds in (1, 2):
        driver = Looking()
        driver.seen = []
        episodes = [Episode(s, 1, {"duration_s": 0.3}) for s in (COUNTRY, MIXED)]
        times = LockStep(worlds, LaneKeepingEnv).run(driver, episodes, lambda driven: None)
        assert times.render > 0.0
        sums.append(sorted(driver.seen))
    assert sums[0] == sums[1]


def test_errors_end_the_run_and_leave_the_worlds() -> None:
    class Broken(Counting):
        def act_rows(self, rows: Any, observations: Any, infos: Any) -> np.ndarray:
            return np.full((len(rows), 2), np.nan, dtype=np.float32)

    made: list[LaneKeepingEnv] = []

    def make(scenario: Scenario) -> LaneKeepingEnv:
        made.append(with_state(scenario))
        return made[-1]

    with pytest.raises(NonFiniteAction):
        LockStep(3, make).run(Broken(), EPISODES, lambda driven: None)
    assert len(made) == 3
    assert all(env._world is None for env in made)
    with pytest.raises(ValueError, match="at least 1"):
        LockStep(0, LaneKeepingEnv)


def test_no_episodes_is_no_trouble() -> None:
    times = LockStep(4, with_state).run(Counting(), [], lambda driven: None)
    assert times.steps == 0
