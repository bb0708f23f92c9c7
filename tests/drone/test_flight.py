"""The drone under its controller: step responses, limits, wind, repeatability and what is refused."""

import hashlib
import itertools
import math
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pybullet
import pytest

from envs.drone.control import mix
from envs.drone.errors import BadStart, WindTooStrong
from envs.drone.flight import Flight
from envs.drone.parameters import CONTROL_PERIOD
from envs.drone.wind import Wind
from envs.errors import BadAction, NonFiniteAction, ResetNeeded
from envs.render.pose import Pose

HIGH = Pose.from_angles(0.0, 0.0, 20.0)


@pytest.fixture(scope="module")
def flight() -> Iterator[Flight]:
    with Flight() as made:
        yield made


def response(flight: Flight, command: tuple[float, ...], steps: int, start: Pose = HIGH) -> np.ndarray:
    """Fly from rest; (steps, 6): velocity ahead, left, up, yaw rate, tilt, height."""
    flight.reset(start)
    rows = []
    for _ in range(steps):
        flight.advance(command)
        rows.append((*flight.heading_velocity, flight.yaw_rate, flight.tilt, flight.position[2]))
    return np.array(rows)


def timing(values: np.ndarray, goal: float) -> tuple[float, float, float]:
    """Time to 90 %, overshoot as a share, time after which it stays within 5 %; seconds."""
    share = values / goal
    late = np.nonzero(np.abs(share - 1) > 0.05)[0]
    settled = (late[-1] + 2) * CONTROL_PERIOD if len(late) else 0.0
    return (int(np.argmax(share > 0.9)) + 1) * CONTROL_PERIOD, float(share.max()) - 1.0, settled


def test_it_hovers_where_it_is_put(flight: Flight) -> None:
    response(flight, (0, 0, 0, 0), 200, Pose.from_angles(1.0, 2.0, 3.0, yaw=0.8))
    np.testing.assert_allclose(flight.position, (1.0, 2.0, 3.0), atol=1e-6)
    assert flight.heading == pytest.approx(0.8, abs=1e-9)
    np.testing.assert_allclose(flight.rotor_speeds, flight.quadrotor.hover_rotor_speed, rtol=1e-6)
    assert flight.time == pytest.approx(10.0)


# Full scale: 3, 3, 1.5 m/s and 2 rad/s.
@pytest.mark.parametrize(
    ("axis", "goal", "reach", "settle"),
    [
        (0, 2.0, 1.1, 1.3), (0, -2.0, 1.1, 1.3), (1, 2.0, 1.1, 1.3), (0, 3.0, 1.5, 1.7),
        (2, 1.0, 0.6, 0.7), (2, -1.5, 0.8, 0.9), (3, 1.5, 0.3, 0.4), (3, -2.0, 0.35, 0.45),
    ],
)  # fmt: skip
def test_step_response(flight: Flight, axis: int, goal: float, reach: float, settle: float) -> None:
    command = [0.0] * 4
    command[axis] = goal / (3.0, 3.0, 1.5, 2.0)[axis]
    rows = response(flight, tuple(command), 120)
    to_90, overshoot, settled = timing(rows[:, axis], goal)
    assert to_90 <= reach
    assert overshoot < 0.02
    assert settled <= settle
    assert rows[-1, axis] == pytest.approx(goal, rel=0.003)
    others = np.delete(rows[:, :4], axis, axis=1)
    assert np.abs(others).max() < 0.07  # nothing else moves
    assert rows[:, 4].max() < math.radians(20.0)
    if axis != 2:
        assert np.abs(rows[:, 5] - 20.0).max() < 0.02


def test_velocity_set_points_never_ask_for_more_than_their_slew(flight: Flight) -> None:
    flight.reset(HIGH)
    speeds = [0.0]
    for step in range(120):
        sign = 1.0 if step < 60 else -1.0
        flight.advance((sign, sign, 0.0, 0.0))
        speeds.append(float(np.dot(flight.velocity[:2], (math.sqrt(0.5), math.sqrt(0.5)))))
        assert abs(flight.velocity[0] - flight.velocity[1]) < 0.1  # of 4.2: diagonal commands are flown so
    assert np.abs(np.diff(speeds)).max() / CONTROL_PERIOD < 1.25 * flight.control.slew


@pytest.mark.parametrize("side", [0, 1])  # flying ahead, or to the left
def test_a_turn_at_speed_does_not_slip_away(flight: Flight, side: int) -> None:
    go = (2 / 3 * (1 - side), 2 / 3 * side, 0.0)
    flight.reset(HIGH)
    for _ in range(60):
        flight.advance((*go, 0.0))
    headings, slips = [], []
    for _ in range(100):
        flight.advance((*go, 0.75))
        headings.append(flight.heading)
        slips.append(abs(flight.heading_velocity[1 - side]))
    assert max(slips) < 0.45
    assert slips[-1] < 0.04
    assert flight.heading_velocity[side] == pytest.approx(2.0, rel=0.01)
    assert flight.yaw_rate == pytest.approx(1.5, rel=0.001)
    # The heading is late by half the slew (0.075 s) and the motors' lag (0.04 s), and loses nothing more.
    assert np.unwrap(headings)[-1] == pytest.approx(1.5 * (100 * CONTROL_PERIOD - 0.115), abs=0.03)
    assert flight.position[2] == pytest.approx(20.0, abs=0.03)


def test_commands_are_in_the_frame_of_the_heading(flight: Flight) -> None:
    response(flight, (2 / 3, 0, 0, 0), 80, Pose.from_angles(0.0, 0.0, 20.0, yaw=2.0))
    np.testing.assert_allclose(flight.velocity, (2 * math.cos(2.0), 2 * math.sin(2.0), 0.0), atol=0.02)
    np.testing.assert_allclose(flight.rotation @ flight.body_velocity, flight.velocity, atol=1e-12)
    np.testing.assert_allclose(flight.heading_velocity, (2.0, 0.0, 0.0), atol=0.02)


def test_yaw_rate_is_the_rate_of_the_heading(flight: Flight) -> None:
    flight.reset(Pose.from_angles(0.0, 0.0, 20.0, yaw=0.3))
    for step in range(40):
        flight.advance((math.sin(step), math.cos(step), 0.0, 0.5 * math.sin(0.3 * step)))
        b = flight.body
        rate, before = flight.yaw_rate, flight.heading
        b.step(b.rotors)
        assert (flight.heading - before) * 240 == pytest.approx(rate, abs=0.02)


@pytest.mark.parametrize(
    "start",
    [
        Pose.from_angles(0, 0, 20, roll=math.radians(70)),
        Pose.from_angles(0, 0, 20, pitch=math.radians(-100), yaw=1.0),
        Pose.from_angles(0, 0, 20, roll=math.pi),
        Pose.from_angles(0, 0, 20, roll=3.0, pitch=0.3, yaw=-2.0),
    ],
)
def test_it_recovers_from_any_attitude(flight: Flight, start: Pose) -> None:
    flight.reset(start, (1.0, -2.0, 0.5))
    np.testing.assert_allclose(flight.rotation, start.rotation, atol=1e-12)
    np.testing.assert_allclose(flight.velocity, (1.0, -2.0, 0.5), atol=1e-12)
    for _ in range(100):
        flight.advance((0, 0, 0, 0))
    assert flight.tilt < 0.02
    assert np.abs(flight.velocity).max() < 0.1
    assert flight.position[2] > 15.0


def test_any_commands_keep_it_upright_and_in_its_limits(flight: Flight) -> None:
    rng = np.random.default_rng(0)
    flight.reset(HIGH, seed=1, wind=Wind(speed=4.0))
    for step in range(400):
        flight.advance(rng.choice((-1.0, 1.0), 4) if step % 4 == 0 else rng.uniform(-1, 1, 4))
        assert flight.tilt < math.radians(45.0)
        assert np.isfinite(flight.velocity).all()
        assert np.abs(flight.heading_velocity).max() < 5.0
        assert (flight.rotor_speeds <= flight.quadrotor.max_rotor_speed + 1e-9).all()


def test_it_holds_against_the_steady_wind_that_is_said_to_be_the_most(flight: Flight) -> None:
    most = flight.quadrotor.max_wind
    flight.reset(HIGH, wind=Wind(speed=0.96 * most, direction=1.0, gusts=0.0))
    for _ in range(200):
        flight.advance((0, 0, 0, 0))
    assert np.linalg.norm(flight.velocity) < 0.02
    # It knows the mean wind from the start, and only loses what it drifts while it leans.
    assert np.linalg.norm(flight.position - HIGH.position) < 1.0
    assert flight.tilt == pytest.approx(flight.quadrotor.max_tilt, rel=0.07)
    with pytest.raises(WindTooStrong):
        flight.reset(HIGH, wind=Wind(speed=1.01 * most, gusts=0.0))


def test_it_holds_its_place_in_gusts(flight: Flight) -> None:
    speeds = []
    for seed in range(3):
        flight.reset(HIGH, seed=seed, wind=Wind(speed=5.0))
        for air in itertools.islice(Wind(speed=5.0).series(seed), 200):
            flight.advance((0, 0, 0, 0))
            assert flight.wind == air
            speeds.append(float(np.linalg.norm(flight.velocity)))
    assert 0.05 < np.sqrt(np.mean(np.square(speeds))) < 0.5


TILTS = [(1.0, 1.0, -1.0, -1.0), (0.5, -1.5, -0.5, 1.5), (0.0, 0.0, 0.0, 0.0)]


@pytest.mark.parametrize("tilt", TILTS)
@pytest.mark.parametrize("size", [0.02, 0.06, 0.3])
@pytest.mark.parametrize("quarter", [0.0, 0.07, 0.2])
@pytest.mark.parametrize("yaw", [-0.5, 0.01, 0.5])
def test_mixer_keeps_tilt_first(tilt: tuple[float, ...], size: float, quarter: float, yaw: float) -> None:
    floor, roof = 0.003, 0.149
    wanted = np.array(tilt) * size
    got = np.array(mix(quarter, tuple(wanted), yaw, floor, roof))
    assert (got >= floor).all()
    assert (got <= roof).all()
    room = (roof - floor) / max(np.ptp(wanted), 1e-12)
    roll, pitch, turn = np.array(((-1, -1, 1, 1), (-1, 1, 1, -1), (-1, 1, -1, 1))) @ got / 4
    wanted_roll, wanted_pitch = np.array(((-1, -1, 1, 1), (-1, 1, 1, -1))) @ wanted / 4
    scale = min(1.0, room)
    assert (roll, pitch) == pytest.approx((wanted_roll * scale, wanted_pitch * scale), abs=1e-12)
    assert turn * yaw >= -1e-12  # never the wrong way
    assert abs(turn) <= abs(yaw) + 1e-12
    # Thrust: as near to the wish as tilt leaves room for.
    low, high = wanted.min() * scale, wanted.max() * scale
    assert got.mean() == pytest.approx(min(max(quarter, floor - low), roof - high), abs=1e-12)


def random_flight(flight: Flight, seed: int) -> Iterator[bytes]:
    """Gusts, random commands, and a start that goes up into the ceiling; the whole state after every control step."""
    flight.reset(Pose.from_angles(0.0, 0.0, 1.0, yaw=0.4), (0.5, 0.0, 1.5), seed=seed, wind=Wind(speed=3.0))
    for command in np.random.default_rng(seed).uniform(-1, 1, (100, 4)):
        flight.advance(command)
        state = (flight.position, flight.rotation, flight.velocity, flight.angular_velocity, flight.rotor_speeds)
        yield b"".join(part.tobytes() for part in state) + repr(len(flight.contacts)).encode()


def digest_of(states: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(states)).hexdigest()


def furnish(flight: Flight) -> None:
    """Ground, and a ceiling low enough to be hit."""
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=(50, 50, 0.5), physicsClientId=flight.client)
    for height in (-0.5, 1.7):
        pybullet.createMultiBody(0, shape, -1, (0, 0, height), physicsClientId=flight.client)


def furnished_digest(seed: int) -> tuple[str, bool]:
    with Flight() as flight:
        furnish(flight)
        return digest_of(random_flight(flight, seed)), bool(flight.contacts)


def test_same_seed_same_bits_whatever_was_flown_before() -> None:
    digest, touched = furnished_digest(3)
    assert touched  # contacts must repeat too
    with Flight() as flight:
        furnish(flight)
        digest_of(random_flight(flight, 4))
        for _ in range(40):
            flight.advance((0, 0, -1, 0))  # into the ground
        assert digest_of(random_flight(flight, 3)) == digest
        assert digest_of(random_flight(flight, 4)) != digest


def test_same_seed_same_bits_in_another_process() -> None:
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('flights', {str(Path(__file__))!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "sys.stdout.write(module.furnished_digest(3)[0])\n"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout == furnished_digest(3)[0]


def test_two_flights_in_one_process_do_not_disturb_each_other() -> None:
    alone = {seed: furnished_digest(seed)[0] for seed in (3, 4)}
    with Flight() as one, Flight() as two:
        furnish(one)
        furnish(two)
        assert one.client != two.client
        woven = list(zip(random_flight(one, 3), random_flight(two, 4), strict=True))
        assert {3: digest_of(a for a, _ in woven), 4: digest_of(b for _, b in woven)} == alone


def test_commands_that_are_refused(flight: Flight) -> None:
    flight.reset(HIGH)
    before = flight.position
    for bad in ((math.nan, 0, 0, 0), (0, 0, math.inf, 0), (0, 0, 0, -math.inf)):
        with pytest.raises(NonFiniteAction, match="not finite"):
            flight.advance(bad)
    for shape in ((0, 0, 0), (0, 0, 0, 0, 0), ((0, 0, 0, 0),), 0.0):
        with pytest.raises(BadAction, match="shape"):
            flight.advance(shape)
    assert (flight.position == before).all()
    assert flight.steps == 0


def test_commands_beyond_full_scale_are_clipped(flight: Flight) -> None:
    full = response(flight, (1, -1, 1, -1), 20)
    np.testing.assert_array_equal(response(flight, (7, -1.5, 1e300, -2), 20), full)


def test_starts_that_are_refused(flight: Flight) -> None:
    with pytest.raises(BadStart, match="finite"):
        flight.reset(HIGH, (0.0, math.nan, 0.0))
    with pytest.raises(BadStart, match="shape"):
        flight.reset(HIGH, (0.0, 0.0))
    with pytest.raises(BadStart, match="finite"):
        flight.reset(Pose.from_angles(math.inf, 0.0, 0.0))


def test_order_of_calls() -> None:
    flight = Flight()
    with pytest.raises(ResetNeeded, match="reset"):
        flight.advance((0, 0, 0, 0))
    flight.reset(HIGH)
    flight.close()
    flight.close()
    with pytest.raises(ResetNeeded):
        flight.advance((0, 0, 0, 0))
    with pytest.raises(ResetNeeded, match="closed"):
        flight.reset(HIGH)
