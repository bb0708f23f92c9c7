"""`SensorFaults` around somebody's environment: Gymnasium's contract, and that it really spoils."""

import warnings
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

from envs.effects import NotWrappable, SensorFaults
from scenarios.errors import ScenarioError
from scenarios.faults import FaultSpec
from tests.effects.pictures import landscape

STEPS = 30
PAIR = ("gaussian_noise:2", "dropped_frame:3", "delayed_frame:1")


class ImageEnv(gymnasium.Env[Any, Any]):
    """A world of somebody else: a picture whose corner counts the steps."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space: spaces.Space[Any] = spaces.Box(0, 255, (40, 60, 3), np.uint8)
        self.action_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.count = 0
        self.applied: Any = None

    def picture(self) -> npt.NDArray[np.uint8]:
        image = landscape(40, 60)
        image[:4, :4] = self.count
        return image

    def observation(self) -> Any:
        return self.picture()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.count = int(self.np_random.integers(10))
        return self.observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.count += 1
        self.applied = action
        return self.observation(), 0.0, False, self.count > 100, {}

    def render(self) -> Any:
        return self.picture()


class DictEnv(ImageEnv):
    """The same with a speed and a step length that varies, and info about its route."""

    def __init__(self, render_mode: str | None = None, route: bool = True) -> None:
        super().__init__(render_mode)
        self.route = route
        self.observation_space = spaces.Dict(
            {
                "image": spaces.Box(0, 255, (40, 60, 3), np.uint8),
                "speed": spaces.Box(0.0, 12.0, (1,), np.float32),
                "elapsed": spaces.Box(0.0, 60.0, (1,), np.float32),
                "other": spaces.Discrete(5),
            }
        )
        self.action_space = spaces.Box(np.array([0.0, -4.0]), np.array([10.0, 4.0]), dtype=np.float64)

    def elapsed(self) -> float:
        return 0.1 + 0.01 * (self.count % 3)

    def observation(self) -> Any:
        return {
            "image": self.picture(),
            "speed": np.array([10.0], dtype=np.float32),
            "elapsed": np.array([self.elapsed()], dtype=np.float32),
            "other": np.int64(3),
        }

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, _ = super().reset(seed=seed)
        return observation, self.info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, *rest, _ = super().step(action)
        return observation, *rest, self.info()  # type: ignore[return-value]

    def info(self) -> dict[str, Any]:
        return {"route_position": 2.0 * self.count, "route_completion": self.count / 100} if self.route else {}


IDS = {"image": "effects-tests/Image-v0", "dict": "effects-tests/Dict-v0"}
gymnasium.register(IDS["image"], ImageEnv)
gymnasium.register(IDS["dict"], DictEnv)


def drive(env: gymnasium.Env[Any, Any], seed: int | None = 5, steps: int = STEPS) -> list[Any]:
    """All observations of an episode with one action held."""
    first, _ = env.reset(seed=seed)
    action = np.array(env.action_space.sample() * 0, dtype=env.action_space.dtype)
    return [first] + [env.step(action)[0] for _ in range(steps)]


def images(observations: list[Any]) -> list[npt.NDArray[np.uint8]]:
    return [one["image"] if isinstance(one, dict) else one for one in observations]


@pytest.mark.parametrize("kind", ["image", "dict"])
@pytest.mark.parametrize("more", [(), ("action_delay:3", "action_bias:5", "jpeg:3", "lens_drops:5")])
def test_passes_gymnasiums_check(kind: str, more: tuple[str, ...]) -> None:
    faults = PAIR + more + (("speed_noise:5", "speed_bias:5") if kind == "dict" else ())
    env = SensorFaults(gymnasium.make(IDS[kind], disable_env_checker=True, render_mode="rgb_array"), faults)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Said of every wrapper, whatever it does.
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")
        # DictEnv's actions are not in [-1, 1], on purpose.
        warnings.filterwarnings("ignore", message=".*symmetric and normalized")
        check_env(env)


@pytest.mark.parametrize("make", [ImageEnv, DictEnv])
def test_really_changes_pictures_and_nothing_at_severity_0(make: type[ImageEnv]) -> None:
    plain = images(drive(make()))
    noisy = images(drive(SensorFaults(make(), ["gaussian_noise:2"])))
    for clean, spoilt in zip(plain, noisy, strict=True):
        assert spoilt.dtype == np.uint8
        assert 10 < np.abs(spoilt.astype(int) - clean).mean() < 60
    for faults in ([], ["gaussian_noise:0", "delayed_frame:0", "action_delay:0"]):
        same = drive(SensorFaults(make(), faults))
        assert all(np.array_equal(a, b) for a, b in zip(plain, images(same), strict=True))


def test_draws_depend_on_the_reset_seed_and_the_own_seed() -> None:
    def run(seed: int | None, reset: int) -> bytes:
        return b"".join(image.tobytes() for image in images(drive(SensorFaults(ImageEnv(), PAIR, seed=seed), reset, 5)))

    assert run(None, 5) == run(None, 5)
    assert len({run(None, 5), run(1, 5), run(2, 5), run(None, 6)}) == 4


def test_episodes_without_a_seed_differ_and_leave_the_environment_alone() -> None:
    env, plain = SensorFaults(ImageEnv(), ["gaussian_noise:1"]), ImageEnv()
    env.reset(seed=3)
    plain.reset(seed=3)
    noise, counts = set(), []
    for _ in range(4):
        picture, _ = env.reset()
        clean, _ = plain.reset()
        noise.add(picture[10:].tobytes())
        counts.append((env.unwrapped.count, plain.count))  # type: ignore[attr-defined]
        assert np.array_equal(clean[10:], landscape(40, 60)[10:])
    assert len(noise) == 4
    assert all(ours == theirs for ours, theirs in counts)
    assert env.unwrapped.np_random.integers(10**9) == plain.np_random.integers(10**9)
    unseeded = SensorFaults(ImageEnv(), PAIR)
    unseeded.reset()
    unseeded.step(np.zeros(2, dtype=np.float32))


def test_elapsed_is_true_to_steps_of_any_length() -> None:
    env = DictEnv()
    plain = [float(one["elapsed"][0]) for one in drive(env)]
    wrapped = drive(SensorFaults(DictEnv(), ["dropped_frame:3"]))
    first = int(wrapped[0]["image"][0, 0, 0])
    last = -1
    for k, one in enumerate(wrapped):
        seen = int(one["image"][0, 0, 0]) - first
        assert float(one["elapsed"][0]) == pytest.approx(sum(plain[last + 1 : seen + 1]), abs=1e-6)
        assert one["elapsed"].dtype == np.float32
        assert seen in (k, last)
        last = seen
    assert any(float(one["elapsed"][0]) == 0.0 for one in wrapped)
    assert any(float(one["elapsed"][0]) > 0.2 for one in wrapped)


def test_schedules_go_by_the_environments_time() -> None:
    spec = FaultSpec.model_validate({"fault": "occlusion", "severity": 5, "schedule": {"from_s": 1.0, "to_s": 2.0}})
    plain, spoilt = images(drive(ImageEnv())), images(drive(SensorFaults(ImageEnv(), [spec])))
    changed = [not np.array_equal(a, b) for a, b in zip(plain, spoilt, strict=True)]
    assert changed == [10 <= k < 20 for k in range(STEPS + 1)]
    faster = images(drive(SensorFaults(ImageEnv(), [spec], period=0.5)))
    assert [not np.array_equal(a, b) for a, b in zip(plain, faster, strict=True)] == [
        2 <= k < 4 for k in range(STEPS + 1)
    ]


def test_speed_is_spoilt_within_its_space_and_the_rest_is_left() -> None:
    for one in drive(SensorFaults(DictEnv(), ["speed_bias:3"])):
        assert float(one["speed"][0]) == pytest.approx(12.0)
        assert one["speed"].dtype == np.float32
        assert one["other"] == 3
    env = SensorFaults(DictEnv(), ["speed_noise:5"])
    speeds = {float(one["speed"][0]) for one in drive(env)}
    assert len(speeds) > 5
    assert all(0.0 <= speed <= 12.0 for speed in speeds)


def test_actions_are_spoilt_in_the_environments_own_units() -> None:
    env = SensorFaults(DictEnv(), ["action_bias:5"])
    env.reset(seed=1)
    env.step(np.array([5.0, -4.0]))
    assert env.unwrapped.applied == pytest.approx([6.0, -4.0])  # type: ignore[attr-defined]
    late = SensorFaults(DictEnv(), ["action_delay:1"])
    late.reset(seed=1)
    late.step(np.array([9.0, 2.0]))
    assert late.unwrapped.applied == pytest.approx([5.0, 0.0])  # type: ignore[attr-defined]
    late.step(np.array([1.0, 1.0]))
    assert late.unwrapped.applied == pytest.approx([9.0, 2.0], abs=1e-5)  # type: ignore[attr-defined]


def test_keyframes_by_route_need_an_environment_that_knows_it() -> None:
    course = {"keyframes": [{"route_m": 0, "severity": 0}, {"route_m": 200, "severity": 5}]}
    spec = FaultSpec.model_validate({"fault": "gaussian_noise", "severity": course})
    plain, noisy = images(drive(DictEnv())), images(drive(SensorFaults(DictEnv(), [spec])))
    change = [np.abs(a.astype(int) - b).mean() for a, b in zip(plain, noisy, strict=True)]
    assert change[5] < change[15] < change[30]
    with pytest.raises(NotWrappable, match="time_s"):
        SensorFaults(DictEnv(route=False), [spec]).reset()


class OtherSpaces(ImageEnv):
    def __init__(self, observation: spaces.Space[Any], action: spaces.Space[Any]) -> None:
        super().__init__()
        self.observation_space, self.action_space = observation, action


PICTURE = spaces.Box(0, 255, (40, 60, 3), np.uint8)


@pytest.mark.parametrize(
    ("observation", "action", "fault", "named"),
    [
        (PICTURE, spaces.Discrete(2), "camera_shift:1", "camera_shift"),
        (PICTURE, spaces.Discrete(2), "action_bias:1", "Discrete"),
        (PICTURE, spaces.Box(-np.inf, np.inf, (2,)), "action_bias:1", "bounded"),
        (PICTURE, spaces.Discrete(2), "speed_noise:1", "speed"),
        (spaces.Dict({"image": PICTURE}), spaces.Discrete(2), "speed_noise:1", "speed"),
        (spaces.Dict({"camera": PICTURE}), spaces.Discrete(2), "jpeg:1", "'image'"),
        (spaces.Box(0.0, 1.0, (40, 60, 3)), spaces.Discrete(2), "jpeg:1", "uint8"),
        (spaces.Box(0, 255, (3, 40, 60), np.uint8), spaces.Discrete(2), "jpeg:1", "height, width, 3"),
        (spaces.Box(0, 255, (7, 60, 3), np.uint8), spaces.Discrete(2), "jpeg:1", "8 x 8"),
        (spaces.Box(-1.0, 1.0, (4,)), spaces.Discrete(2), "jpeg:1", "image"),
        (
            spaces.Dict({"image": PICTURE, "elapsed": spaces.Box(0.0, 1.0, (2,))}),
            spaces.Discrete(2), "jpeg:1", "elapsed",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_wrapped_is_said_in_one_line(
    observation: spaces.Space[Any], action: spaces.Space[Any], fault: str, named: str
) -> None:
    with pytest.raises(NotWrappable) as caught:
        SensorFaults(OtherSpaces(observation, action), [fault])
    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_other_mistakes() -> None:
    with pytest.raises(ScenarioError, match="gaussian_noise"):
        SensorFaults(ImageEnv(), ["gausian_noise:3"])
    with pytest.raises(NotWrappable, match="period"):
        SensorFaults(ImageEnv(), PAIR, period=0.0)
    other = SensorFaults(
        OtherSpaces(spaces.Dict({"camera": PICTURE}), spaces.Discrete(2)), ["jpeg:1"], image_key="camera"
    )
    assert other.observation_space == spaces.Dict({"camera": PICTURE})
