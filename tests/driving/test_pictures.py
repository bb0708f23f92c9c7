"""The worlds and the pictures of the lane-keeping environment."""

import gc
import hashlib
import math
import sys

import numpy as np
import pytest

import scenarios
from envs.driving import world as world_module
from envs.driving.env import LaneKeepingEnv
from envs.driving.world import WorldCache
from envs.render.errors import WindowUnavailable
from tests.driving.worlds import make, scenario_of

# Worlds


def test_cache_keeps_what_is_used_and_closes_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(world_module.DrivingWorld, "close", lambda self: closed.append(self.name))
    cache = WorldCache(capacity=2)
    family = scenarios.load("train-mixed")

    class User:
        pass

    keeper, passer = User(), User()
    kept = cache.take(family, 0, keeper)
    for seed in range(1, 6):
        world = cache.take(family, seed, passer)
        cache.give_back(world, passer)
    assert len(cache) == 2
    assert len(closed) == 4
    assert kept.name not in closed
    assert cache.take(family, 0, passer) is kept
    cache.give_back(kept, passer)
    del keeper  # forgotten without a word: the world is free all the same
    gc.collect()
    cache.take(family, 6, passer)
    cache.take(family, 7, passer)
    assert kept.name in closed


def test_two_environments_share_a_world_and_neither_loses_it() -> None:
    first, second = LaneKeepingEnv("heldout-country"), LaneKeepingEnv("heldout-country")
    before = first.reset(seed=1)[0]["image"]
    second.reset(seed=2)
    assert first.ride.world is second.ride.world
    second.close()
    world_module.WORLDS.clear()
    for _ in range(3):
        observation, *_ = first.step(np.zeros(2, dtype=np.float32))
    assert not np.array_equal(observation["image"], before)
    first.close()


# Pictures


def test_image_is_the_scenarios_camera() -> None:
    env = LaneKeepingEnv(scenario_of(camera={"width": 64, "height": 48, "fov_deg": 60.0}))
    observation, _ = env.reset(seed=0)
    assert observation["image"].shape == (48, 64, 3)
    assert observation["image"].dtype == np.uint8
    assert observation["image"].std() > 10.0
    env.close()


def test_camera_follows_the_grade_of_the_road() -> None:
    env = make("heldout-hills")
    steepest = 0.0
    for seed in range(6):
        _, info = env.reset(seed=seed, options={"start": {"heading_rad": 0.3}})
        pose = env.car_pose()
        route, s = env.ride.route, env.ride.begin + info["route_position"]
        # Two points of the road along the lane and one across it lie in the car's floor.
        for step in (-0.5, 0.5):
            x, y, z, _ = route.position(s + step)
            offset = np.array((x, y, z)) - np.array(route.position(s)[:3])
            assert offset @ pose.rotation[:, 2] == pytest.approx(0.0, abs=0.002)
        heading = info["heading"] - info["heading_error"]
        across = np.array((-math.sin(heading), math.cos(heading), 0.0))
        assert across @ pose.rotation[:, 2] == pytest.approx(0.0, abs=1e-3)
        steepest = max(steepest, abs(info["slope"]))
    assert steepest > 0.02


def test_rendered_picture_has_one_size_and_shows_more_than_the_camera() -> None:
    env = LaneKeepingEnv("heldout-hairpins", render_mode="rgb_array", observation_mode="state")
    assert env.render() is None
    env.reset(seed=0)
    first = env.render()
    assert first is not None
    for _ in range(10):
        env.step(np.array([0.05, 0.2], dtype=np.float32))
    second = env.render()
    assert second is not None
    assert first.shape == second.shape
    assert first.dtype == np.uint8
    height, width, _ = first.shape
    assert height % 2 == 0  # what video encoders want
    assert width % 2 == 0
    assert min(height, width) >= 300
    changed = np.any(first != second, axis=2)
    for part in (changed[: height // 2], changed[height // 2 :, : width // 2], changed[height // 2 :, width // 2 :]):
        assert part.mean() > 0.001
    env.close()


def test_window_shows_the_picture_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = LaneKeepingEnv("heldout-lane", render_mode="human", observation_mode="state")
    env.reset(seed=0)
    env.step(np.zeros(2, dtype=np.float32))
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    env.render_mode = "rgb_array"
    picture = env.render()
    assert picture is not None
    assert shown.shape == picture.shape
    assert np.mean(shown != picture) < 0.05  # the trail on the map has grown by a point
    env.close()
    assert pygame.display.get_surface() is None


def test_missing_window_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    env = LaneKeepingEnv("heldout-lane", render_mode="human", observation_mode="state")
    with pytest.raises(WindowUnavailable, match="pygame"):
        env.reset(seed=0)
    monkeypatch.undo()
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    pygame.display.quit()
    with pytest.raises(WindowUnavailable, match="rgb_array"):
        env.reset(seed=0)
    env.close()


def test_digest_of_the_first_picture_is_stable_within_a_process() -> None:
    digests = set()
    for _ in range(2):
        env = LaneKeepingEnv("heldout-lane")
        digests.add(hashlib.sha256(env.reset(seed=3)[0]["image"].tobytes()).hexdigest())
        env.close()
        world_module.WORLDS.clear()
    assert len(digests) == 1
