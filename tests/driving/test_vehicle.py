"""The car: against CommonRoad's single-track model in the linear tyre range, and against physics beyond it."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from vehiclemodels.parameters_vehicle2 import parameters_vehicle2
from vehiclemodels.vehicle_dynamics_st import vehicle_dynamics_st

from envs.driving.vehicle import AIR_DENSITY, GRAVITY, Vehicle, VehicleParameters

CAR = VehicleParameters()


def follow_with_commonroad(
    speed: float, steering: Callable[[float], float], pedal: float, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Drive our car; feed its wheel-angle rate and its acceleration to CommonRoad's model (RK4, 2 ms).

    Returns two (T, 6) arrays, ours and theirs: x, y, heading, yaw rate, sideslip, speed, every 10 ms.
    """
    parameters = parameters_vehicle2()
    parameters.steering.v_min, parameters.steering.v_max = -10.0, 10.0
    car = Vehicle()
    car.place(0.0, 0.0, 0.0, speed)
    state = np.array([0.0, 0.0, 0.0, speed, 0.0, 0.0, 0.0])
    ours, theirs = [], []
    for step in range(int(seconds * 100)):
        angle, velocity = car.steering_angle, math.hypot(car.speed, car.lateral_velocity)
        car.advance(steering(step * 0.01), pedal, 0.01, substeps=1)
        turn = (car.steering_angle - angle) / 0.01
        pull = (math.hypot(car.speed, car.lateral_velocity) - velocity) / 0.01

        def rate(x: np.ndarray, u: tuple[float, float] = (turn, pull)) -> np.ndarray:
            return np.array(vehicle_dynamics_st(x, list(u), parameters))

        for _ in range(5):
            k1 = rate(state)
            k2 = rate(state + 0.001 * k1)
            k3 = rate(state + 0.001 * k2)
            k4 = rate(state + 0.002 * k3)
            state = state + 0.002 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        slip = math.atan2(car.lateral_velocity, car.speed)
        ours.append((car.x, car.y, car.heading, car.yaw_rate, slip, math.hypot(car.speed, car.lateral_velocity)))
        theirs.append(state[[0, 1, 4, 5, 6, 3]])
    return np.array(ours), np.array(theirs)


def test_parameters_are_commonroads_vehicle_2() -> None:
    p = parameters_vehicle2()
    assert (CAR.mass, CAR.yaw_inertia, CAR.to_front, CAR.to_rear, CAR.centre_height) == (p.m, p.I_z, p.a, p.b, p.h_s)
    assert (CAR.length, CAR.width, CAR.friction, CAR.cornering) == (p.l, p.w, p.tire.p_dy1, -p.tire.p_ky1)


@pytest.mark.parametrize("speed", [3.0, 8.0, 15.0, 25.0])
@pytest.mark.parametrize("pedal", [-0.1, 0.06, 0.3])
def test_trajectory_is_commonroads_while_tyres_are_linear(speed: float, pedal: float) -> None:
    lateral = 1.0  # m/s^2, about a tenth of what the tyres can do
    wheel = math.atan(CAR.wheelbase * min(lateral / speed**2, 0.05)) / CAR.steering_max
    seconds = min(5.0, 0.6 * speed / (8.0 * -pedal)) if pedal < 0 else 5.0
    ours, theirs = follow_with_commonroad(speed, lambda t: wheel * math.sin(2.0 * t), pedal, seconds)
    assert np.abs(ours[:, 1]).max() > 0.2
    np.testing.assert_allclose(ours[:, :2], theirs[:, :2], atol=0.02)
    np.testing.assert_allclose(ours[:, 2], theirs[:, 2], atol=0.002)
    np.testing.assert_allclose(ours[:, 3], theirs[:, 3], atol=0.01 * np.abs(theirs[:, 3]).max())
    np.testing.assert_allclose(ours[:, 4], theirs[:, 4], atol=0.02 * np.abs(theirs[:, 4]).max())


def test_load_transfer_is_needed_to_agree() -> None:
    # The reference has it, so leaving it out must show: otherwise the test above would not see it at all.
    with_it, without = Vehicle(), Vehicle(VehicleParameters(load_transfer=False))
    for car in (with_it, without):
        car.place(0.0, 0.0, 0.0, 20.0)
        for _ in range(20):
            car.advance(0.05, -0.5, 0.05)
    assert with_it.yaw_rate > 1.02 * without.yaw_rate  # braking loads the front axle: the nose turns in


def test_placed_on_a_circle_it_stays_on_it() -> None:
    radius, speed = 40.0, 9.0
    car = Vehicle()
    sideslip = (CAR.to_rear - speed**2 / (CAR.cornering * GRAVITY)) / radius
    car.place(0.0, 0.0, -sideslip, speed, 1 / radius)
    steering = car.steering_angle / CAR.steering_max
    for _ in range(200):
        car.advance(steering, CAR.pedal_for(CAR.resistance(car.speed) + 0.03), 0.05)
        assert math.hypot(car.x, car.y - radius) == pytest.approx(radius, rel=0.01)


def test_slow_car_moves_as_the_kinematic_model_says() -> None:
    car = Vehicle()
    car.place(0.0, 0.0, 0.0, 0.5)
    for _ in range(100):
        car.advance(1.0, CAR.pedal_for(CAR.resistance(0.5)), 0.05)
    assert car.yaw_rate == pytest.approx(car.speed * math.tan(0.5) / CAR.wheelbase, rel=0.01)
    assert car.lateral_velocity == pytest.approx(CAR.to_rear * car.yaw_rate, rel=0.02)


def test_wheel_turns_no_faster_than_its_rate_and_no_further_than_its_limit() -> None:
    car = Vehicle()
    car.place(0.0, 0.0, 0.0, 5.0)
    angles = [0.0]
    for step in range(60):
        car.advance(1.0 if step < 30 else -1.0, 0.0, 0.05)
        angles.append(car.steering_angle)
    assert np.abs(np.diff(angles)).max() == pytest.approx(0.7 * 0.05)
    assert max(angles) == pytest.approx(0.5)
    assert min(angles) == pytest.approx(-0.5)


@pytest.mark.parametrize("grip", [1.0, 0.4])
def test_all_tyre_forces_stay_in_the_friction_circle(grip: float) -> None:
    rng = np.random.default_rng(0)
    car = Vehicle()
    car.grip = grip
    car.place(0.0, 0.0, 0.0, 30.0)
    felt = []
    for _ in range(400):
        car.advance(float(rng.uniform(-1, 1)), float(rng.choice([-1.0, 0.0, 1.0])), 0.05)
        car.speed = max(car.speed, 15.0)
        resistance = CAR.resistance(car.speed)
        felt.append(math.hypot(min(0.0, car.acceleration + resistance), car.lateral_acceleration))
    limit = grip * CAR.friction * GRAVITY
    assert max(felt) < 1.03 * limit
    assert max(felt) > 0.8 * limit


def test_braking_takes_the_tyres_that_cornering_needs() -> None:
    lateral = []
    for pedal in (0.0, -1.0):
        car = Vehicle()
        car.grip = 0.7
        car.place(0.0, 0.0, 0.0, 25.0)
        for _ in range(10):
            car.advance(0.5, pedal, 0.05)
        lateral.append(car.lateral_acceleration)
    assert lateral[1] < 0.7 * lateral[0]


def test_motor_brake_power_and_top_speed() -> None:
    car = Vehicle()
    car.advance(0.0, 1.0, 0.05)
    assert car.acceleration == pytest.approx(4.0 - CAR.resistance(0.0), rel=0.01)
    for _ in range(4000):
        car.advance(0.0, 1.0, 0.05)
    top = car.speed
    drag = 0.5 * AIR_DENSITY * CAR.drag_area * top**2 + CAR.rolling_resistance * CAR.mass * GRAVITY
    assert drag * top == pytest.approx(CAR.motor_power, rel=0.01)
    car.place(0.0, 0.0, 0.0, 20.0)
    time = 0.0
    while car.speed > 0.0:
        car.advance(0.0, -1.0, 0.05)
        time += 0.05
    assert time == pytest.approx(20.0 / 8.2, rel=0.03)
    assert car.x == pytest.approx(20.0**2 / 2 / 8.2, rel=0.03)


def test_standing_car_is_exactly_still() -> None:
    car = Vehicle()
    car.place(3.0, 4.0, 0.3, 8.0)
    for _ in range(60):
        car.advance(0.8, -1.0, 0.05)
    rest = (car.x, car.y, car.heading)
    for step in range(100):
        car.advance(math.sin(step), -0.2, 0.05, slope=0.05)
        assert (car.x, car.y, car.heading) == rest
        assert (car.speed, car.lateral_velocity, car.yaw_rate) == (0.0, 0.0, 0.0)
        assert (car.acceleration, car.lateral_acceleration) == (0.0, 0.0)


def test_it_never_rolls_backwards_and_rolls_down_by_itself() -> None:
    car = Vehicle()
    for _ in range(40):
        car.advance(0.0, 0.0, 0.05, slope=0.1)
    assert car.x == 0.0
    for _ in range(40):
        car.advance(0.0, 0.0, 0.05, slope=-0.1)
    expected = GRAVITY * (0.1 - CAR.rolling_resistance) / math.sqrt(1.01)
    assert car.speed == pytest.approx(2.0 * expected, rel=0.02)


def test_hill_costs_the_energy_of_its_height() -> None:
    frictionless = VehicleParameters(drag_area=0.0, rolling_resistance=0.0)
    car = Vehicle(frictionless)
    car.place(0.0, 0.0, 0.0, 15.0)
    slope = 0.06
    for _ in range(100):
        car.advance(0.0, 0.0, 0.05, slope=slope)
    # The slope enters as gravity along the car's way, the plane distance being measured along that way.
    height = car.x * slope / math.sqrt(1.0 + slope**2)
    assert 0.5 * (15.0**2 - car.speed**2) == pytest.approx(GRAVITY * height, rel=0.002)


def test_kinetic_energy_never_grows_without_the_motor() -> None:
    rng = np.random.default_rng(1)
    for speed in (0.5, 3.0, 12.0, 30.0):
        car = Vehicle()
        car.place(0.0, 0.0, 0.0, speed)
        energy = math.inf
        for _ in range(200):
            car.advance(float(rng.uniform(-1, 1)), float(rng.uniform(-0.3, 0)), 0.01, substeps=1)
            now = 0.5 * CAR.mass * (car.speed**2 + car.lateral_velocity**2) + 0.5 * CAR.yaw_inertia * car.yaw_rate**2
            assert now <= energy * (1 + 1e-9) + 1e-9
            energy = now


@pytest.mark.parametrize("speed", [0.0, 0.01, 0.2, 1.0, 5.0, 20.0, 45.0])
def test_any_command_at_any_speed_stays_finite(speed: float) -> None:
    rng = np.random.default_rng(2)
    car = Vehicle()
    car.place(0.0, 0.0, 0.0, speed)
    for _ in range(400):
        car.advance(float(rng.choice([-1.0, 1.0])), float(rng.choice([-1.0, 1.0])), 0.05, float(rng.uniform(-0.2, 0.2)))
        assert car.speed >= 0.0
        assert math.isfinite(car.x + car.y + car.heading)
        assert abs(car.yaw_rate) < 4.0


def test_mirrored_steering_gives_the_mirrored_drive() -> None:
    left, right = Vehicle(), Vehicle()
    for car, sign in ((left, 1.0), (right, -1.0)):
        car.place(0.0, 0.0, 0.0, 12.0)
        for step in range(100):
            car.advance(sign * 0.3 * math.sin(step / 10), 0.2 * math.cos(step / 7), 0.05)
    assert (left.x, left.y, left.heading) == (right.x, -right.y, -right.heading)
