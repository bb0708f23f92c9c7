"""A drone that is turned away from its target: nobody listens, the side is a fair draw, and turning on is failing."""

import math
from typing import Any

import numpy as np
import pytest

from envs.drone.env import FAILURE_REWARD, FlyToTargetEnv
from envs.drone.turning import Turning
from scenarios.flight import TurnedAway
from tests.drone.worlds import Info, flight_of, hold, make

VIEW = math.radians(45.0)
SCENE: dict[str, Any] = {
    "world": {"trees_per_hectare": 0},
    "target": {"distance_m": 20, "bearing_deg": 0},
    "turned_away": {"from_s": [1, 2], "angle_deg": [90, 130]},
}


def fly(env: FlyToTargetEnv, actions: np.ndarray, seed: int = 4) -> tuple[list[Info], list[tuple[float, ...]]]:
    """Infos, the first included, and the actions as they are recorded."""
    infos, applied = [env.reset(seed=seed)[1]], []
    for action in actions:
        infos.append(env.step(action.astype(np.float32))[-1])
        applied.append(env.applied)
        if infos[-1]["end"]:
            break
    return infos, applied


def place(info: Info) -> tuple[float, ...]:
    return tuple(info[key] for key in ("x", "y", "z", "heading", "velocity_ahead", "velocity_left", "yaw_rate"))


def test_nobody_listens_for_as_long_as_info_says() -> None:
    env = make(flight_of(**SCENE))
    actions = np.tile((0.5, 0.0, 0.0, 0.0), (100, 1))
    infos, applied = fly(env, actions)
    frames = [info["frame"] for info in infos if info["overridden"]]
    first, last = frames[0], frames[-1]
    assert frames == list(range(first, last + 1))
    assert 20 <= first <= 40
    assert 16 + 10 <= len(frames) <= 23 + 10
    # Other actions in these frames change nothing until the one after them is listened to.
    other = actions.copy()
    other[first : last + 1] = (-1.0, 1.0, -1.0, 1.0)
    changed, recorded = fly(env, other)
    assert [place(info) for info in changed[: last + 2]] == [place(info) for info in infos[: last + 2]]
    assert recorded[first] == (-1.0, 1.0, -1.0, 1.0)
    other[last + 1 :] = (-1.0, 1.0, 0.0, 1.0)
    assert place(fly(env, other)[0][last + 3]) != place(infos[last + 3])
    # What was recorded flies the same flight again.
    again, _ = fly(make(flight_of(**SCENE)), np.array(applied))
    assert [place(info) for info in again] == [place(info) for info in infos]
    env.close()


def test_it_turns_as_far_as_drawn_and_then_does_not_turn() -> None:
    env = make(flight_of(**SCENE))
    sides = []
    for seed in range(8):
        infos, _ = fly(env, np.zeros((80, 4)), seed)
        told = [info for info in infos if info["overridden"]]
        free = infos[told[-1]["frame"] + 1]
        turn = math.remainder(free["heading"] - told[0]["heading"], math.tau)
        assert math.radians(90 - 8) < abs(turn) < math.radians(130 + 8)
        assert abs(free["bearing"]) > math.radians(75)
        assert math.copysign(1.0, free["bearing"]) == -math.copysign(1.0, turn)
        assert abs(free["yaw_rate"]) < 0.35
        sides.append(turn > 0.0)
    assert 0 < sum(sides) < 8
    env.close()


def test_the_side_is_a_fair_draw_of_its_own() -> None:
    turns = [Turning(TurnedAway(), VIEW, seed) for seed in range(2000)]
    left = np.array([turn.yaw > 0.0 for turn in turns])
    assert 0.46 < left.mean() < 0.54
    begin = np.array([turn.first for turn in turns])
    drift = np.array([turn.command(turn.free - 1) for turn in turns])
    for number in (begin, drift[:, 0], drift[:, 1], drift[:, 3]):
        assert abs(np.corrcoef(left, number)[0, 1]) < 0.07
    assert np.ptp(drift[:, 1]) > 0.6
    assert all(turn.command(turn.first - 1) is None is turn.command(turn.free) for turn in turns)


@pytest.mark.parametrize("seed", range(4))
def test_turning_on_loses_the_target_and_turning_back_finds_it(seed: int) -> None:
    env = make(flight_of(**SCENE))

    def turn(back: bool) -> tuple[float, list[Info]]:
        infos, _ = fly(env, np.zeros((80, 4)), seed)
        after = next(info for info in infos[::-1] if info["overridden"])["frame"] + 1
        infos, _ = fly(env, np.zeros((after, 4)), seed)
        side = math.copysign(1.0, infos[-1]["bearing"]) * (1.0 if back else -1.0)
        return side, hold(env, 0.0, 0.0, 0.0, 0.8 * side, steps=200)

    _, lost = turn(back=False)
    assert (lost[-1]["end"], lost[-1]["success"]) == ("lost", False)
    assert lost[-1]["reward"] < FAILURE_REWARD + 5.0
    assert not any(abs(info["bearing"]) < VIEW for info in lost)
    # It has been seen again after this, so that turning on and on is no mistake any more.
    _, found = turn(back=True)
    assert len(found) == 200
    assert not found[-1]["end"]
    assert abs(found[10]["bearing"]) < abs(found[0]["bearing"])
    env.close()


def test_bearings_are_counted_on_beyond_the_tail() -> None:
    spec = TurnedAway(from_s=(0.0, 0.0), angle_deg=(90.0, 90.0), rest_s=(0.5, 0.5))
    for side in (1.0, -1.0):
        turning = Turning(spec, VIEW, 0)
        steps = {frame: math.remainder(side * (0.2 + 0.08 * frame), math.tau) for frame in range(200)}
        lost = next(frame for frame, bearing in steps.items() if turning.lost(frame, bearing))
        assert lost == next(frame for frame in steps if frame >= turning.free and 0.2 + 0.08 * frame > math.pi)
    turning = Turning(spec, VIEW, 0)
    assert not any(turning.lost(frame, 0.5) for frame in range(turning.free + 1))
    assert not any(turning.lost(turning.free + 1 + number, math.remainder(number, math.tau)) for number in range(9))
