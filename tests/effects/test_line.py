"""The line from sensors to driver: elapsed time against a plain reference, keys, schedules, actuators."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from envs.effects import CameraShift, Moment, SensorLine
from envs.effects.schedule import Switch
from envs.effects.timing import PictureQueue
from scenarios.faults import FAULTS, FaultSpec, Schedule, parse_fault
from tests.effects.pictures import landscape

PERIOD = 0.05
SEED = 17

Picture = npt.NDArray[np.uint8]


def numbered(frame: int) -> Picture:
    """A picture that says which frame it is."""
    picture = np.zeros((8, 8, 3), dtype=np.uint8)
    picture[0, 0] = frame % 256, frame // 256, 7
    return picture


def number(picture: Picture) -> int:
    return int(picture[0, 0, 0]) + 256 * int(picture[0, 0, 1])


def at(frame: int) -> Moment:
    return Moment(frame, frame * PERIOD, 10.0 * frame * PERIOD, frame / 1000)


def line_of(*faults: str | FaultSpec, seed: int = SEED) -> SensorLine:
    specs: list[FaultSpec] = []
    for fault in faults:
        specs += parse_fault(fault) if isinstance(fault, str) else [fault]
    return SensorLine(specs, seed, PERIOD)


def watch(line: SensorLine, frames: int) -> tuple[list[int], list[float]]:
    """Numbers of the pictures that are seen, and the elapsed times."""
    seen = [line.deliver(numbered(frame), at(frame)) for frame in range(frames)]
    return [number(picture) for picture, _ in seen], [elapsed for _, elapsed in seen]


# Timing


def reference(frozen: Sequence[bool], dropped: Sequence[bool], delay: Sequence[int]) -> tuple[list[int], list[int]]:
    """Straight from the words: at every frame look at all that was ever sent and take the newest that has arrived."""
    contents: list[int] = []
    seen, steps, last = [], [], None
    for now in range(len(frozen)):
        contents.append(contents[-1] if frozen[now] and contents else now)
        arrived = [k for k in range(now + 1) if k == 0 or (not dropped[k] and k + delay[k] <= now)]
        newest = max(arrived)
        seen.append(contents[newest])
        steps.append(1 if last is None else newest - last)
        last = newest
    return seen, steps


@pytest.mark.parametrize("case", range(30))
def test_pictures_and_steps_equal_a_plain_reference(case: int) -> None:
    rng = np.random.default_rng(case)
    chances = rng.random(2) * np.array([case % 2, case // 2 % 2])
    frozen, dropped = ((rng.random(80) < chance).tolist() for chance in chances)
    most = (0, 1, 4)[case % 3]
    delay = rng.integers(0, most + 1, 80).tolist() if case % 5 == 0 else [most] * 80
    queue = PictureQueue()
    got = [
        queue.pass_on(numbered(k), k, frozen=frozen[k], dropped=dropped[k], delay=delay[k]) for k in range(len(frozen))
    ]
    seen, steps = reference(frozen, dropped, delay)
    assert [number(picture) for picture, _ in got] == seen
    assert [step for _, step in got] == steps


def test_a_dropped_frame_repeats_the_last_and_the_next_has_the_true_sum() -> None:
    seen, elapsed = watch(line_of("dropped_frame:3"), 400)
    assert seen[0] == 0
    assert elapsed[0] == PERIOD
    for k in range(1, 400):
        assert elapsed[k] == pytest.approx((seen[k] - seen[k - 1]) * PERIOD)
        assert seen[k] in (k, seen[k - 1])
    assert np.mean(np.array(elapsed) == 0.0) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(("severity", "frames"), [(1, 1), (2, 2), (3, 3), (4, 5), (5, 8), (0.4, 0), (1.6, 2)])
def test_a_constant_delay(severity: float, frames: int) -> None:
    seen, elapsed = watch(line_of(f"delayed_frame:{severity}"), 50)
    assert seen == [max(0, k - frames) for k in range(50)]
    assert elapsed == [PERIOD] + [0.0] * frames + [PERIOD] * (49 - frames)


def test_a_frozen_camera_sends_the_old_picture_as_if_it_were_new() -> None:
    seen, elapsed = watch(line_of("frozen_frame:3"), 400)
    assert elapsed == [PERIOD] * 400
    again = [seen[k] == seen[k - 1] for k in range(1, 400)]
    assert all(seen[k] == (seen[k - 1] if same else k) for k, same in enumerate(again, start=1))
    assert np.mean(again) == pytest.approx(0.5, abs=0.08)


def test_combined_timing_never_goes_back_and_loses_no_time() -> None:
    line = line_of("delayed_frame:2", "dropped_frame:2", "frozen_frame:2", "dropped_frame:1")
    seen, elapsed = watch(line, 300)
    assert seen == sorted(seen)
    # All that has passed, but for what is still under way at the end.
    assert 290 * PERIOD < sum(elapsed) <= 300 * PERIOD
    assert min(elapsed) == 0.0


def test_a_delay_that_changes_never_goes_back() -> None:
    course = {"keyframes": [{"time_s": 0.0, "severity": 5}, {"time_s": 2.0, "severity": 0}]}
    line = line_of(FaultSpec.model_validate({"fault": "delayed_frame", "severity": course}))
    seen, elapsed = watch(line, 60)
    assert seen == sorted(seen)
    assert seen[41:] == list(range(41, 60))
    assert [(b - a) * PERIOD for a, b in itertools.pairwise(seen)] == pytest.approx(elapsed[1:])


def test_writing_into_what_was_delivered_does_not_come_back() -> None:
    line = line_of("delayed_frame:3")
    for frame in range(3):
        picture, _ = line.deliver(numbered(frame), at(frame))
        assert number(picture) == 0
        picture[:] = 255
    given = numbered(3)
    line.deliver(given, at(3))
    given[:] = 255
    seen = [number(line.deliver(numbered(frame), at(frame))[0]) for frame in range(4, 8)]
    assert seen == [1, 2, 3, 4]


def test_reset_begins_the_same_episode_again() -> None:
    line = line_of("delayed_frame:2", "dropped_frame:3", "action_delay:3")
    first = watch(line, 60)
    acts = [line.action(np.full(2, k / 100, dtype=np.float32), at(k))[0] for k in range(20)]
    line.reset()
    assert watch(line, 60) == first
    assert [line.action(np.full(2, k / 100, dtype=np.float32), at(k))[0] for k in range(20)] == acts


# Identity


def test_no_fault_is_not_active_and_hands_back_what_it_got() -> None:
    line, picture, action = line_of(), landscape(78, 200), np.array([0.3, -0.2], dtype=np.float32)
    assert not line.active
    assert line.image(picture, at(3)) is picture
    assert line.deliver(picture, at(3)) == (picture, PERIOD)
    assert line.speed(3.3, at(3)) == 3.3
    assert line.action(action, at(3)) is action
    assert line.camera_shift(at(3)) is None


def test_severity_0_of_everything_changes_no_bit() -> None:
    line = line_of(*(f"{name}:0" for name in FAULTS))
    assert line.active
    for frame in range(20):
        picture = landscape(40, 60)
        picture[0] = frame
        seen, elapsed = line.deliver(line.image(picture, at(frame)), at(frame))
        assert np.array_equal(seen, picture)
        assert elapsed == PERIOD
        assert line.speed(0.1 * frame, at(frame)) == 0.1 * frame
        action = np.array([1.7, -0.01 * frame], dtype=np.float32)
        assert line.action(action, at(frame)) is action
        assert line.camera_shift(at(frame)) is None


# Every draw depends on (seed, fault, frame) alone


def everything(line: SensorLine, frames: int = 40) -> dict[str, list[object]]:
    picture = landscape(40, 60)
    result: dict[str, list[object]] = {"image": [], "seen": [], "speed": [], "action": [], "camera": []}
    for frame in range(frames):
        result["image"].append(line.image(picture, at(frame)).tobytes())
        seen, elapsed = line.deliver(numbered(frame), at(frame))
        result["seen"].append((number(seen), elapsed))
        result["speed"].append(line.speed(10.0, at(frame)))
        result["action"].append(line.action(np.array([0.3, 0.9], dtype=np.float32), at(frame)).tobytes())
        result["camera"].append(line.camera_shift(at(frame)))
    return result


PARTS = {"image": "image", "timing": "seen", "speed": "speed", "actuator": "action", "camera": "camera"}
BASE = ("gaussian_noise:2", "dropped_frame:2", "speed_noise:2", "action_bias:3", "camera_shift:2")


@pytest.mark.parametrize("name", list(FAULTS))
def test_one_more_fault_changes_no_draw_of_the_others(name: str) -> None:
    alone = everything(line_of(*BASE))
    for more in (line_of(*BASE, f"{name}:3"), line_of(f"{name}:3", *BASE)):
        both = everything(more)
        for part, key in PARTS.items():
            if FAULTS[name].part != part:
                assert both[key] == alone[key], part
        assert both[PARTS[FAULTS[name].part]] != alone[PARTS[FAULTS[name].part]]


def test_draws_of_the_same_part_stay_as_well() -> None:
    picture = landscape(40, 60)
    noisy = line_of("gaussian_noise:2").image(picture, at(5))
    # Dead pixels lie over the noise and touch nothing else.
    both = line_of("gaussian_noise:2", "dead_pixels:4").image(picture, at(5))
    touched = (both != noisy).any(axis=2).mean()
    assert 0.0 < touched < 0.06
    drops = [k for k, elapsed in enumerate(watch(line_of("dropped_frame:2"), 100)[1]) if elapsed == 0.0]
    frozen = [
        k for k, elapsed in enumerate(watch(line_of("frozen_frame:3", "dropped_frame:2"), 100)[1]) if elapsed == 0
    ]
    assert drops == frozen
    # A second fault of the same name has draws of its own, and the first keeps its own.
    once = [k for k, elapsed in enumerate(watch(line_of("dropped_frame:2", "dropped_frame:2"), 100)[1]) if elapsed == 0]
    assert set(drops) < set(once)


def test_the_seed_decides_and_the_order_of_calls_does_not() -> None:
    picture = landscape(40, 60)
    specs = ("gaussian_noise:1", "lost_blocks:5", "speed_noise:3")
    forwards, backwards = line_of(*specs), line_of(*specs)
    there = [(forwards.image(picture, at(k)).tobytes(), forwards.speed(9.0, at(k))) for k in range(10)]
    back = [(backwards.image(picture, at(k)).tobytes(), backwards.speed(9.0, at(k))) for k in reversed(range(10))]
    assert there == back[::-1]
    assert len(set(there)) == 10
    other = line_of(*specs, seed=SEED + 1)
    assert all((other.image(picture, at(k)).tobytes(), other.speed(9.0, at(k))) != there[k] for k in range(10))


# Schedules and courses


def test_from_to_includes_the_first_moment_and_not_the_last() -> None:
    switch = Switch(Schedule(from_s=5.0, to_s=10.0), 1)
    assert [switch.on(t) for t in (0.0, 4.999, 5.0, 9.999, 10.0, 1e6)] == [False, False, True, True, False, False]
    assert Switch(Schedule(), 1).on(0.0)
    assert Switch(Schedule(from_s=2.0), 1).on(1e9)


def test_bursts_have_their_rate_and_length_and_are_a_pure_function_of_time() -> None:
    plan = Schedule(bursts_per_minute=6.0, burst_s=1.5)
    times = np.arange(0.0, 6000.0, 0.05)
    switch = Switch(plan, 3)
    on = np.array([switch.on(t) for t in times.tolist()])
    # Poisson: nothing began within the last 1.5 s with probability exp(-6 * 1.5 / 60).
    assert on.mean() == pytest.approx(1.0 - math.exp(-0.15), rel=0.12)
    begins, ends = np.flatnonzero(np.diff(on.astype(int)) == 1), np.flatnonzero(np.diff(on.astype(int)) == -1)
    lengths = (ends[: len(begins)] - begins[: len(ends)]) * 0.05 if begins[0] < ends[0] else (ends[1:] - begins) * 0.05
    assert lengths.min() > 1.4
    assert np.median(lengths) == pytest.approx(1.5, abs=0.06)
    late = Switch(plan, 3)
    assert [late.on(t) for t in times[::-37].tolist()] == on[::-37].tolist()
    other = Switch(plan, 4)
    assert [other.on(t) for t in times[::37].tolist()] != on[::37].tolist()


def test_two_faults_burst_each_at_its_own_moments() -> None:
    plan = {"bursts_per_minute": 6, "burst_s": 1.5}
    picture = landscape(40, 60)

    def moments(name: str) -> list[int]:
        line = line_of(FaultSpec.model_validate({"fault": name, "severity": 3, "schedule": plan}))
        return [k for k in range(0, 4000, 10) if not np.array_equal(line.image(picture, at(k)), picture)]

    assert len(moments("jpeg")) > 10
    assert moments("jpeg") != moments("contrast")


def test_a_burst_longer_than_a_minute_lasts() -> None:
    switch = Switch(Schedule(bursts_per_minute=0.5, burst_s=200.0), 2)
    times = np.arange(0.0, 4000.0, 1.0)
    begin = next(t for t in times.tolist() if switch.on(t))
    assert all(switch.on(begin + t) for t in range(199))


def test_schedule_and_keyframes_reach_the_pictures() -> None:
    course = {"keyframes": [{"route_percent": 0, "severity": 0}, {"route_percent": 10, "severity": 5}]}
    line = line_of(
        FaultSpec.model_validate({"fault": "gaussian_noise", "severity": course, "schedule": {"from_s": 2.0}})
    )
    picture = landscape(40, 60)
    change = [np.abs(line.image(picture, at(k)).astype(int) - picture).mean() for k in range(0, 120, 10)]
    assert change[:4] == [0.0] * 4
    assert 0.0 < change[4] < change[6] < change[8] < change[10]
    assert change[10] == pytest.approx(change[11], rel=0.1)


# The camera, the speed, the actuators


def test_a_knocked_camera_stays_as_it_was_knocked() -> None:
    level = FAULTS["camera_shift"].at(3)
    sides = set()
    for seed in range(12):
        line = line_of("camera_shift:3", seed=seed)
        shift = line.camera_shift(at(0))
        assert shift is not None
        assert line.camera_shift(at(99)) == shift
        side = math.copysign(1.0, shift.left_m)
        sides.add(side)
        wanted = (side * level["dy_m"], level["dz_m"], *(math.radians(level[key]) for key in ("yaw_deg", "pitch_deg")))
        assert shift == pytest.approx(
            (*wanted[:2], side * wanted[2], wanted[3], side * math.radians(level["roll_deg"]))
        )
    assert sides == {-1.0, 1.0}


def test_two_knocks_add_up() -> None:
    one, two = line_of("camera_shift:1").camera_shift(at(0)), line_of("camera_shift:1", "camera_shift:1")
    both = two.camera_shift(at(0))
    assert isinstance(one, CameraShift)
    assert isinstance(both, CameraShift)
    assert both.up_m == pytest.approx(2 * one.up_m)
    assert both.pitch == pytest.approx(2 * one.pitch)


def test_speed_faults() -> None:
    assert line_of("speed_bias:3").speed(10.0, at(0)) == pytest.approx(12.0)
    noisy = np.array([line_of("speed_noise:3").speed(10.0, at(k)) for k in range(400)])
    assert noisy.std() == pytest.approx(1.2, rel=0.12)
    assert noisy.mean() == pytest.approx(10.0, abs=0.25)
    assert min(line_of("speed_noise:5").speed(0.1, at(k)) for k in range(50)) == 0.0
    gone = [line_of("speed_dropout:3").speed(10.0, at(k)) for k in range(400)]
    assert set(gone) == {0.0, 10.0}
    assert gone.count(0.0) / 400 == pytest.approx(0.5, abs=0.08)


def actions(line: SensorLine, given: Sequence[Sequence[float]]) -> list[list[float]]:
    return [line.action(np.array(one, dtype=np.float32), at(k)).tolist() for k, one in enumerate(given)]


def test_actuator_faults() -> None:
    steps = [[0.01 * k, -0.5] for k in range(1, 12)]
    for severity, frames in ((1, 1), (3, 3), (5, 8)):
        got = actions(line_of(f"action_delay:{severity}"), steps)
        assert got[:frames] == [[0.0, 0.0]] * frames
        assert got[frames:] == np.array(steps, dtype=np.float32).tolist()[: len(steps) - frames]
    assert actions(line_of("action_bias:5"), [[0.1, 0.3], [0.95, -1.0]]) == pytest.approx(
        np.array([[0.3, 0.3], [1.0, -1.0]]), abs=1e-6
    )
    assert actions(line_of("action_saturation:2"), [[0.9, -0.9], [0.1, 0.2]]) == pytest.approx(
        np.array([[0.5, -0.5], [0.1, 0.2]]), abs=1e-6
    )


def test_actuator_faults_work_in_their_order_and_keep_their_input() -> None:
    given = np.array([0.9, 0.0], dtype=np.float32)
    assert line_of("action_bias:5", "action_saturation:2").action(given, at(0))[0] == pytest.approx(0.5)
    assert line_of("action_saturation:2", "action_bias:5").action(given, at(0))[0] == pytest.approx(0.7)
    line = line_of("action_delay:1")
    line.action(given, at(0))
    assert given.tolist() == pytest.approx([0.9, 0.0])
    given[:] = 0.4
    assert line.action(given, at(1)).tolist() == pytest.approx([0.9, 0.0])
    assert given.dtype == line.action(given, at(2)).dtype == np.float32


def test_a_measured_velocity_has_the_faults_of_the_speed() -> None:
    true = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(line_of("speed_bias:5").velocity(true, at(0)), 1.5 * true)
    line = line_of("speed_noise:3")
    errors = np.array([line.velocity(true, at(frame)) - true for frame in range(2000)])
    assert errors.std(axis=0) == pytest.approx([1.2] * 3, rel=0.1)
    assert np.abs(np.corrcoef(errors.T) - np.eye(3)).max() < 0.1
    line = line_of("speed_dropout:3")
    lost = [not line.velocity(true, at(frame)).any() for frame in range(1000)]
    assert np.mean(lost) == pytest.approx(0.5, abs=0.06)
    assert line_of("jpeg:3").velocity(true, at(0)) is true
