"""The expert pilot: arrives, past obstacles and after a search; pilots without skill do not."""

import math

import numpy as np
import pytest

from envs.drone.env import FlyToTargetEnv
from envs.drone.mission import HEADINGS, REACH
from policies.pilot import DIRECTIONS, ExpertPilot, ForgetfulPilot, HoverPilot, PilotParameters, StraightPilot
from policies.policy import Policy


def fly(pilot: Policy, scenario: str, seeds: range) -> list[str]:
    env = FlyToTargetEnv(scenario, observation_mode="state")
    ends = []
    for seed in seeds:
        observation, info = env.reset(seed=seed)
        pilot.reset()
        while not info["end"]:
            observation, _, _, _, info = env.step(pilot.act(observation, info))
        ends.append(info["end"])
    env.close()
    return ends


@pytest.mark.parametrize("scenario", ["fly-train-meadow", "fly-task-obstacles", "fly-task-search", "fly-task-moving"])
def test_the_expert_arrives(scenario: str) -> None:
    assert fly(ExpertPilot(), scenario, range(100, 104)) == ["success"] * 4


def test_obstacles_stop_those_who_do_not_look_and_nobody_arrives_by_waiting() -> None:
    # It grazes a trunk or two: 17 of 100 arrive.
    assert fly(StraightPilot(), "fly-task-obstacles", range(100, 115)).count("success") <= 7
    assert fly(HoverPilot(), "fly-task-obstacles", range(100, 101)) == ["time_limit"]


def test_memory_decides_when_the_drone_was_turned_away() -> None:
    assert fly(ExpertPilot(), "fly-task-memory", range(40)) == ["success"] * 40
    ends = fly(ForgetfulPilot(), "fly-task-memory", range(40))
    assert set(ends) == {"success", "lost"}
    # A fair coin of 40 throws; the seeds are fixed, so this does not depend on luck.
    assert 14 <= ends.count("success") <= 26


def test_it_knows_the_directions_and_scales_of_the_environment() -> None:
    np.testing.assert_array_equal(DIRECTIONS, HEADINGS)
    assert PilotParameters().reach == REACH


def test_the_way_is_straight_when_free_and_ties_go_left() -> None:
    pilot, free = ExpertPilot(), np.full(len(DIRECTIONS), 6.0)
    assert pilot.way(free, 0.2, 20.0) == 0.2
    free[12:17] = 2.0  # 12 degrees to either side
    assert math.degrees(pilot.way(free, 0.0, 20.0)) == pytest.approx(18.0)
    assert pilot.way(free, 0.0, 1.5) == 0.0  # what stands behind the target is not in the way


def test_a_target_out_of_view_is_looked_for_to_the_left() -> None:
    info = {"distance": 9.0, "target_z": 1.0, "z": 1.0, "free_ahead": np.full(29, 6.0)}
    for bearing in (-2.0, 2.0):
        ahead, left, climb, yaw = ExpertPilot().command(info | {"bearing": bearing})
        # Its height cannot be seen, so a usual one is kept: 0.5 m are missing, 1.2 m/s for each of them.
        assert (ahead, left, yaw) == (0.0, 0.0, 0.5)
        assert climb == pytest.approx(0.4)
    assert ExpertPilot().command(info | {"bearing": -0.5})[3] == pytest.approx(-0.4)


def test_near_the_ground_it_climbs_whatever_the_target_is() -> None:
    info = {"distance": 29.0, "bearing": 0.0, "target_z": 0.2, "free_ahead": np.full(29, 6.0)}
    assert ExpertPilot().command(info | {"z": 0.9})[2] < 0.0
    assert ExpertPilot().command(info | {"z": 0.3})[2] == pytest.approx(0.4)


def test_a_target_that_left_the_view_is_looked_for_on_that_side_in_each_row() -> None:
    info = {"distance": 9.0, "target_z": 1.0, "z": 1.0, "free_ahead": np.full(29, 6.0)}

    def yaws(pilot: Policy, *bearings: float) -> list[float]:
        rows = range(len(bearings))
        actions = pilot.act_rows(rows, [{}] * len(bearings), [info | {"bearing": b} for b in bearings])
        return [float(action[3]) for action in actions]

    pilot = ExpertPilot()
    assert yaws(pilot, 2.0, -2.0, 2.0) == [0.5, 0.5, 0.5]
    yaws(pilot, -0.7, 0.7, -0.7)
    assert yaws(pilot, 2.0, -2.0, -2.0) == [-0.5, 0.5, -0.5]
    pilot.reset((0,))
    assert yaws(pilot, 2.0, -2.0, -2.0) == [0.5, 0.5, -0.5]
    forgetful = ForgetfulPilot()
    yaws(forgetful, -0.7)
    assert yaws(forgetful, -2.0) == [0.5]
