"""The drone's physics against closed forms: what falls, spins, lags, drags and touches."""

import math
from collections.abc import Iterator

import numpy as np
import pybullet
import pytest

from envs.drone.body import Body
from envs.drone.parameters import (
    AIR_DENSITY,
    GRAVITY,
    INERTIA,
    MASS,
    MOTORS,
    PHYSICS_PERIOD,
    QuadrotorParameters,
)

CRAZYFLIE = QuadrotorParameters()
NO_DRAG = QuadrotorParameters(rotor_drag_flat=0.0, rotor_drag_axial=0.0, frame_drag_area=0.0)
OFF = (0.0, 0.0, 0.0, 0.0)
LEVEL = (0.0, 0.0, 0.0, 1.0)
HOVER = CRAZYFLIE.hover_rotor_speed


@pytest.fixture
def body() -> Iterator[Body]:
    made = Body(CRAZYFLIE)
    yield made
    made.close()


@pytest.fixture
def dragless() -> Iterator[Body]:
    made = Body(NO_DRAG)
    yield made
    made.close()


def turned(axis: tuple[float, float, float], angle: float) -> tuple[float, float, float, float]:
    x, y, z = np.array(axis) / np.linalg.norm(axis) * math.sin(angle / 2)
    return float(x), float(y), float(z), math.cos(angle / 2)


def rotation(body: Body) -> np.ndarray:
    return np.array(((body.xx, body.xy, body.xz), (body.yx, body.yy, body.yz), (body.zx, body.zy, body.zz)))


def test_free_fall(dragless: Body) -> None:
    dragless.place((0.0, 0.0, 100.0), LEVEL)
    for _ in range(480):
        dragless.step(OFF)
    # Semi-implicit Euler falls n (n + 1) / 2 g dt^2, exactly; that is half a step more than g t^2 / 2.
    assert dragless.z == pytest.approx(100.0 - GRAVITY * PHYSICS_PERIOD**2 * 480 * 481 / 2, abs=1e-9)
    assert dragless.z == pytest.approx(100.0 - GRAVITY * 2.0**2 / 2, abs=0.05)
    assert (dragless.vx, dragless.vy, dragless.vz) == pytest.approx((0.0, 0.0, -2.0 * GRAVITY), abs=1e-9)
    assert dragless.contacts == set()


def test_ballistic_flight_keeps_its_energy(dragless: Body) -> None:
    dragless.place((0.0, 0.0, 50.0), LEVEL, (4.0, -3.0, 8.0), (0.0, 0.0, 20.0))

    def energy() -> float:
        speed2 = dragless.vx**2 + dragless.vy**2 + dragless.vz**2
        spin = INERTIA[0] * dragless.p**2 + INERTIA[1] * dragless.q**2 + INERTIA[2] * dragless.r**2
        return MASS * (speed2 / 2 + GRAVITY * dragless.z) + spin / 2

    before = energy()
    for _ in range(480):
        dragless.step(OFF)
    # What the integrator itself loses, m g^2 dt / 2 per second, is known; nothing else goes (no hidden damping).
    lost = MASS * GRAVITY**2 * PHYSICS_PERIOD / 2 * 2.0
    assert energy() == pytest.approx(before - lost, rel=1e-9)
    assert lost / before < 0.005
    assert dragless.r == pytest.approx(20.0, rel=1e-9)
    assert (dragless.vx, dragless.vy) == pytest.approx((4.0, -3.0), rel=1e-9)


def test_tumbling_keeps_its_angular_momentum_and_precesses(dragless: Body) -> None:
    dragless.place((0.0, 0.0, 50.0), LEVEL, angular_velocity=(1.0, 0.0, 5.0))
    before = np.array(INERTIA) * (1.0, 0.0, 5.0)
    angle, last = 0.0, 0.0
    for _ in range(240):
        dragless.step(OFF)
        now = math.atan2(dragless.q, dragless.p)
        angle, last = angle + math.remainder(now - last, math.tau), now
    momentum = rotation(dragless) @ (np.array(INERTIA) * (dragless.p, dragless.q, dragless.r))
    np.testing.assert_allclose(momentum, before, atol=0.02 * float(np.linalg.norm(before)))
    # Euler's equations of a symmetric top: (p, q) turns at (Jz - Jx) / Jx r, seen from the body.
    assert angle == pytest.approx((INERTIA[2] - INERTIA[0]) / INERTIA[0] * 5.0, rel=0.01)


def test_the_files_mass_and_inertia_are_used(body: Body) -> None:
    known = pybullet.getDynamicsInfo(body.drone, -1, physicsClientId=body.client)
    assert known[0] == MASS == 0.027
    assert known[2] == INERTIA == (1.4e-5, 1.4e-5, 2.17e-5)
    # What PyBullet would take for the collision cylinder if it were not told otherwise.
    assert pytest.approx(MASS * (3 * 0.0628**2 + 0.029**2) / 12, rel=0.01) != INERTIA[0]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    "quaternion", [LEVEL, turned((0, 0, 1), 1.2), turned((1, 0, 0), -0.7), turned((1, -2, 0.5), 2.0)]
)
def test_a_torque_about_a_body_axis_gives_torque_over_inertia(
    dragless: Body, axis: int, quaternion: tuple[float, float, float, float]
) -> None:
    dragless.place((0.0, 0.0, 50.0), quaternion)
    torque = [0.0, 0.0, 0.0]
    torque[axis] = 2e-6
    for _ in range(10):
        dragless.step(OFF, torque=(torque[0], torque[1], torque[2]))
    expected = np.zeros(3)
    expected[axis] = 2e-6 / INERTIA[axis] * 10 * PHYSICS_PERIOD
    np.testing.assert_allclose((dragless.p, dragless.q, dragless.r), expected, atol=1e-9)


@pytest.mark.parametrize("motor", range(4))
@pytest.mark.parametrize("quaternion", [LEVEL, turned((1, -2, 0.5), 2.0)])
def test_one_motor_pushes_up_and_turns_by_its_place_and_spin(
    motor: int, quaternion: tuple[float, float, float, float]
) -> None:
    body = Body(QuadrotorParameters(rotor_drag_flat=0.0, rotor_drag_axial=0.0, frame_drag_area=0.0, motor_lag=0.0))
    body.place((0.0, 0.0, 50.0), quaternion)
    up = rotation(body)[:, 2]
    wanted = [0.0] * 4
    wanted[motor] = HOVER
    body.step((wanted[0], wanted[1], wanted[2], wanted[3]))
    thrust = MASS * GRAVITY / 4
    x, y, spin = MOTORS[motor]
    place = np.array((x, y, 0.0)) * CRAZYFLIE.arm / math.sqrt(2)
    torque = np.cross(place, (0.0, 0.0, thrust)) - (0.0, 0.0, spin * thrust * CRAZYFLIE.torque_per_thrust)
    np.testing.assert_allclose((body.p, body.q, body.r), torque / INERTIA * PHYSICS_PERIOD, atol=1e-9)
    push = np.array((body.vx, body.vy, body.vz + GRAVITY * PHYSICS_PERIOD))
    np.testing.assert_allclose(push, thrust / MASS * PHYSICS_PERIOD * up, atol=1e-12)
    body.close()


def test_faster_clockwise_rotors_turn_the_drone_counter_clockwise(body: Body) -> None:
    body.place((0.0, 0.0, 10.0), LEVEL, rotor_speed=HOVER)
    for _ in range(48):
        body.step((0.95 * HOVER, 1.05 * HOVER, 0.95 * HOVER, 1.05 * HOVER))
    assert body.r > 1.0
    assert math.atan2(body.yx, body.xx) > 0.1
    assert math.hypot(body.p, body.q) < 1e-9


def test_hover_speed_carries_exactly_the_weight(body: Body) -> None:
    assert 4 * CRAZYFLIE.thrust_coefficient * HOVER**2 == pytest.approx(MASS * GRAVITY)
    body.place((0.0, 0.0, 1.0), LEVEL, rotor_speed=HOVER)
    for _ in range(2400):
        body.step((HOVER, HOVER, HOVER, HOVER))
    assert (body.x, body.y, body.z) == pytest.approx((0.0, 0.0, 1.0), abs=1e-9)


def test_motors_follow_with_their_time_constant(body: Body) -> None:
    steps = 10
    body.place((0.0, 0.0, 50.0), LEVEL, rotor_speed=1000.0)
    for _ in range(steps):
        body.step((2000.0, 1500.0, 500.0, 1000.0))
    left = math.exp(-steps * PHYSICS_PERIOD / CRAZYFLIE.motor_lag)
    assert body.rotors == pytest.approx((2000 - 1000 * left, 1500 - 500 * left, 500 + 500 * left, 1000))


def test_fall_with_motors_off_ends_at_the_frames_terminal_velocity(body: Body) -> None:
    body.place((0.0, 0.0, 500.0), LEVEL)
    terminal = math.sqrt(2 * MASS * GRAVITY / (AIR_DENSITY * CRAZYFLIE.frame_drag_area))
    for step in range(240 * 10):
        body.step(OFF)
        if step == 239:  # on the way: v = terminal tanh(g t / terminal)
            assert -body.vz == pytest.approx(terminal * math.tanh(GRAVITY / terminal), rel=0.003)
    assert -body.vz == pytest.approx(terminal, rel=1e-4)


@pytest.mark.parametrize("flat", [True, False])
def test_rotor_drag_alone_gives_its_terminal_velocity(flat: bool) -> None:
    # Linear drag: all that remains is a push of the wind, or a lack of thrust, against (sum of speeds x coefficient) v.
    body = Body(QuadrotorParameters(frame_drag_area=0.0))
    if flat:
        body.place((0.0, 0.0, 50.0), LEVEL, rotor_speed=HOVER)
        wind, spin = (3.0, -4.0, 0.0), HOVER
    else:
        body.place((0.0, 0.0, 500.0), LEVEL, rotor_speed=0.9 * HOVER)
        wind, spin = (0.0, 0.0, 0.0), 0.9 * HOVER
    seconds = 3.0
    for _ in range(round(seconds / PHYSICS_PERIOD)):
        body.step((spin, spin, spin, spin), wind)
    if flat:
        share = 1 - math.exp(-seconds * 4 * spin * CRAZYFLIE.rotor_drag_flat / MASS)
        assert (body.vx, body.vy) == pytest.approx((3.0 * share, -4.0 * share), rel=0.002)
        assert body.vz == pytest.approx(0.0, abs=1e-9)
    else:
        rate = 4 * spin * CRAZYFLIE.rotor_drag_axial / MASS
        sink = (1 - 0.9**2) * GRAVITY / rate
        assert -body.vz == pytest.approx(sink * (1 - math.exp(-rate * seconds)), rel=0.002)
    body.close()


def test_drag_is_as_strong_seen_from_any_side(body: Body) -> None:
    # The same air speed in the body's frame must give the same force in the body's frame, however the drone is turned.
    forces = []
    air = np.array((2.0, -1.0, 3.0))
    for quaternion in (LEVEL, turned((0, 0, 1), 2.0), turned((1, 1, 0), 0.8), turned((1, -2, 0.5), 2.5)):
        body.place((0.0, 0.0, 50.0), quaternion, rotor_speed=HOVER)
        turn = rotation(body)
        wind = turn @ air
        body.step((HOVER, HOVER, HOVER, HOVER), (float(wind[0]), float(wind[1]), float(wind[2])))
        change = np.array((body.vx, body.vy, body.vz + GRAVITY * PHYSICS_PERIOD)) / PHYSICS_PERIOD
        forces.append(MASS * turn.T @ change)
    np.testing.assert_allclose(forces, np.tile(forces[0], (4, 1)), atol=1e-12)
    spin = 4 * HOVER
    frame = AIR_DENSITY / 2 * CRAZYFLIE.frame_drag_area * float(np.linalg.norm(air))
    flat, axial = spin * CRAZYFLIE.rotor_drag_flat + frame, spin * CRAZYFLIE.rotor_drag_axial + frame
    expected = np.array((flat, flat, axial)) * air + (0.0, 0.0, MASS * GRAVITY)
    np.testing.assert_allclose(forces[0], expected, atol=1e-12)


def test_contacts_name_what_was_touched_and_are_forgotten(body: Body) -> None:
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=(5, 5, 0.5), physicsClientId=body.client)
    ground = pybullet.createMultiBody(0, shape, -1, (0, 0, -0.5), physicsClientId=body.client)
    wall = pybullet.createMultiBody(0, shape, -1, (30, 0, -0.5), physicsClientId=body.client)
    body.place((0.0, 0.0, 0.3), LEVEL)
    touched_at = None
    for step in range(240):
        body.step(OFF)
        if body.contacts and touched_at is None:
            touched_at = step * PHYSICS_PERIOD
            assert body.contacts == {ground}
    fall = math.sqrt(2 * (0.3 - 0.0145) / GRAVITY)
    assert touched_at == pytest.approx(fall, abs=0.015)
    assert body.z == pytest.approx(0.0145, abs=0.002)  # it lies on the ground, half its height up
    body.place((0.0, 0.0, 3.0), LEVEL)
    assert body.contacts == set()
    body.place((30.0, 0.0, 0.1), LEVEL)
    for _ in range(60):
        body.step(OFF)
    assert body.contacts == {wall}


def test_a_start_on_the_ground_forgets_how_the_last_flight_lay_there() -> None:
    def rest(body: Body, x: float) -> list[tuple[float, ...]]:
        body.place((x, 0.0, 0.014), LEVEL)
        rows = []
        for _ in range(60):
            body.step((900.0, 905.0, 900.0, 880.0))
            rows.append((body.x, body.y, body.z, body.vx, body.vy, body.vz, body.p, body.q, body.r, body.xx, body.xy))
        return rows

    def world() -> Body:
        body = Body(CRAZYFLIE)
        shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=(5, 5, 0.5), physicsClientId=body.client)
        pybullet.createMultiBody(0, shape, -1, (0, 0, -0.5), physicsClientId=body.client)
        return body

    fresh = {}
    for x in (0.0, 0.005, 3.0):
        body = world()
        fresh[x] = rest(body, x)
        body.close()
    body = world()
    for x in (0.0, 0.005, 0.0, 3.0, 3.0, 0.0, 0.005):
        assert rest(body, x) == fresh[x]
    body.close()


def test_what_is_only_near_is_not_named_when_something_else_is_touched(body: Body) -> None:
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=(5, 5, 0.5), physicsClientId=body.client)
    ground = pybullet.createMultiBody(0, shape, -1, (0, 0, -0.5), physicsClientId=body.client)
    wall = pybullet.createMultiBody(0, shape, -1, (0.0628 + 0.002 + 5, 0, 0.5), physicsClientId=body.client)
    body.place((0.0, 0.0, 0.016), LEVEL)
    for _ in range(120):
        body.step(OFF)
    assert wall in {point[2] for point in pybullet.getContactPoints(body.drone, physicsClientId=body.client)}
    assert body.contacts == {ground}


def test_flying_close_is_no_contact(body: Body) -> None:
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=(5, 5, 0.5), physicsClientId=body.client)
    pybullet.createMultiBody(0, shape, -1, (0, 0, -0.5), physicsClientId=body.client)
    body.place((-2.0, 0.0, 0.0145 + 0.005), LEVEL, (3.0, 0.0, 0.0), rotor_speed=HOVER)
    for _ in range(240):
        body.step((HOVER, HOVER, HOVER, HOVER))
    assert body.x > 0.0
    assert body.contacts == set()


@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_a_graze_between_two_control_steps_is_seen(body: Body, offset: float) -> None:
    # A thin post that the drone, passing at 3 m/s, hits with its rim only.
    shape = pybullet.createCollisionShape(pybullet.GEOM_CYLINDER, radius=0.02, height=2, physicsClientId=body.client)
    post = pybullet.createMultiBody(0, shape, -1, (0, 0.0628 + 0.015, 1), physicsClientId=body.client)
    body.place((-1.0 - offset, 0.0, 1.0), LEVEL, (3.0, 0.0, 0.0), rotor_speed=HOVER)
    for _ in range(240):
        body.step((HOVER, HOVER, HOVER, HOVER))
    assert body.contacts == {post}
