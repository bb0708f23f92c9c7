"""The lane-keeping environment keeps Gymnasium's contract, and gives the same to the bit every time."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as stable_baselines_check

from envs.driving.env import LaneKeepingEnv
from envs.driving.ride import AHEAD
from envs.registration import register
from tests.driving.worlds import make

ID = "liquid_pilot/LaneKeeping-v0"
ROOT = Path(__file__).parents[2]
register()


@pytest.mark.parametrize("mode", ["camera", "state"])
def test_both_checkers_pass_with_warnings_as_errors(mode: str) -> None:
    # Human mode needs a screen and has its own test.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # One map, so that not every reset builds a world.
        gymnasium_check(make("heldout-lane", observation_mode=mode), skip_render_check=True)
        stable_baselines_check(make("heldout-lane", observation_mode=mode), warn=True)


def test_made_by_id_alone_in_a_fresh_process() -> None:
    # What the installed liquid-pilot.pth does at every start of Python, done here for a checkout.
    at_start = (ROOT / "liquid-pilot.pth").read_text().strip()
    code = (
        f"{at_start}; import sys; assert 'gymnasium' not in sys.modules; import gymnasium; "
        "assert 'envs.driving.env' not in sys.modules; "
        "assert type(gymnasium.__loader__).__name__ == 'SourceFileLoader'; "
        f"env = gymnasium.make({ID!r}, scenario='heldout-country', observation_mode='state'); "
        "observation, info = env.reset(seed=1); "
        "print(info['scenario'], env.action_space.shape, sorted(observation))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "heldout-country (2,) ['elapsed', 'speed', 'state']"


def test_gymnasiums_own_way_of_naming_a_module_works_too() -> None:
    env = gymnasium.make(f"envs.registration:{ID}", observation_mode="state")
    assert isinstance(env.unwrapped, LaneKeepingEnv)
    register()  # a second time changes nothing and warns of nothing


def test_vector_environment_with_worker_processes_gives_what_single_ones_give() -> None:
    vector = gymnasium.make_vec(ID, 2, vectorization_mode="async", scenario="train-mixed", observation_mode="state")
    try:
        observations, infos = vector.reset(seed=[5, 6])
        assert infos["path_ahead"].shape == (2, len(AHEAD), 4)
        actions = np.array([[0.01, 0.1], [-0.01, 0.2]], dtype=np.float32)
        for _ in range(20):
            observations, rewards, *_ = vector.step(actions)
    finally:
        vector.close()
    for row, seed in enumerate((5, 6)):
        env = make()
        env.reset(seed=seed)
        for _ in range(20):
            observation, reward, *_ = env.step(actions[row])
        np.testing.assert_array_equal(observation["state"], observations["state"][row])
        assert rewards[row] == reward


_DIGEST = """
import hashlib, json, sys
import numpy as np
from envs.driving.env import LaneKeepingEnv
env = LaneKeepingEnv("heldout-lane", observation_mode=sys.argv[1])
rng = np.random.default_rng(0)
digests = []
for seed in (3, 4):
    observation, info = env.reset(seed=seed)
    for _ in range(25):
        digest = hashlib.sha256()
        for key in sorted(observation):
            digest.update(observation[key].tobytes())
        digests.append(digest.hexdigest())
        observation, *_ = env.step(rng.uniform(-0.1, 0.1, 2).astype(np.float32))
print(json.dumps(digests))
"""


@pytest.mark.parametrize("mode", ["camera", "state"])
def test_two_processes_see_the_same_to_the_bit(mode: str) -> None:
    answers = [
        subprocess.Popen([sys.executable, "-c", _DIGEST, mode], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    first, second = (json.loads(process.communicate()[0]) for process in answers)
    assert len(set(first)) == 50
    assert first == second


def test_picture_does_not_depend_on_what_was_seen_before() -> None:
    env = LaneKeepingEnv("heldout-lane")
    alone = env.reset(seed=1)[0]["image"]
    other = LaneKeepingEnv("heldout-motorway", render_mode="rgb_array")
    other.reset(seed=2)
    other.render()
    env.render_mode = "rgb_array"
    env.reset(seed=2)
    env.render()
    np.testing.assert_array_equal(env.reset(seed=1)[0]["image"], alone)
    env.close()
    other.close()
