"""The expert: keeps every kind of lane precisely, smoothly, and comes back from where it did not want to be."""

import math
from pathlib import Path

import numpy as np
import pytest

import scenarios
from envs.driving.env import LaneKeepingEnv
from envs.driving.start import target_speed
from envs.driving.vehicle import Vehicle, VehicleParameters
from policies.expert import DriverParameters, ExpertDriver

EXPERT = ExpertDriver()
P = EXPERT.parameters
CAR = VehicleParameters()


def drive(scenario: str | scenarios.Scenario, seed: int, **options: object) -> tuple[dict[str, np.ndarray], str]:
    """(columns per step of one episode driven by the expert, its end)."""
    env = LaneKeepingEnv(scenario, observation_mode="state")
    observation, info = env.reset(seed=seed, options=dict(options))
    names = ("cross_track_error", "heading_error", "speed", "lateral_acceleration", "lane_half_width", "curvature")
    rows = []
    over = False
    while not over:
        action = EXPERT.act(observation, info)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        rows.append([*(info[name] for name in names), *action.tolist()])
    env.close()
    table = np.array(rows)
    return {name: table[:, i] for i, name in enumerate((*names, "steering", "pedal"))}, info["end"]


def arcs(radius: float, angle: float = math.pi / 2) -> str:
    """OpenDRIVE: straight, left arc, straight, right arc, straight, without any transition; one 3.5 m lane."""
    pieces, x, y, heading, s = [], 0.0, 0.0, 0.0, 0.0
    for length, k in (
        (80.0, 0.0),
        (radius * angle, 1 / radius),
        (60.0, 0.0),
        (radius * angle, -1 / radius),
        (90.0, 0.0),
    ):
        shape = "<line/>" if k == 0 else f'<arc curvature="{k:.17g}"/>'
        at = f's="{s:.17g}" x="{x:.17g}" y="{y:.17g}" hdg="{heading:.17g}" length="{length:.17g}"'
        pieces.append(f"<geometry {at}>{shape}</geometry>")
        turn = k * length
        chord = length if k == 0 else 2 / k * math.sin(turn / 2)
        x += chord * math.cos(heading + turn / 2)
        y += chord * math.sin(heading + turn / 2)
        heading += turn
        s += length
    lane = '<lane id="-1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>'
    # The offset puts the centre of the lane on the reference line, so that the radii are the lane's.
    return (
        '<OpenDRIVE><header revMajor="1" revMinor="4"/>'
        f'<road name="arcs" length="{s:.17g}" id="1" junction="-1"><planView>{"".join(pieces)}</planView>'
        '<lanes><laneOffset s="0" a="1.75" b="0" c="0" d="0"/><laneSection s="0">'
        '<center><lane id="0" type="none" level="false"/></center>'
        f"<right>{lane}</right></laneSection></lanes></road></OpenDRIVE>"
    )


# Where the actuators work and the road is dry, so that all that is off is the driver's own.
DRY = [name for split in ("train", "validation", "heldout") for name in scenarios.catalogue(split)]
CORNERS = [name for name in DRY if "corners" in name]


@pytest.mark.parametrize("name", sorted({*DRY} - {*CORNERS}))
def test_expert_drives_every_road_of_the_catalogue(name: str) -> None:
    trace, end = drive(name, seed=3)
    assert end == "completed"
    settled = trace["cross_track_error"][60:]
    assert np.sqrt(np.mean(settled**2)) < 0.05
    assert np.abs(settled).max() < 0.15
    assert np.abs(trace["lateral_acceleration"][60:]).max() < 3.0
    # No jumps that a network would have to guess: a tenth of the wheel's range, a quarter of the pedal's, at most.
    assert np.abs(np.diff(trace["steering"][60:])).max() < 0.1
    assert np.abs(np.diff(trace["pedal"][60:])).max() < 0.25


@pytest.mark.parametrize("name", CORNERS)
def test_expert_turns_right_angled_corners(name: str) -> None:
    for seed in range(4):
        trace, end = drive(name, seed=seed)
        assert end == "completed"
        settled = trace["cross_track_error"][60:]
        assert np.sqrt(np.mean(settled**2)) < 0.12
        assert np.abs(settled).max() < 0.4
        assert np.abs(trace["lateral_acceleration"][60:]).max() < 4.0
        assert np.abs(np.diff(trace["steering"][60:])).max() < 0.2
        assert np.abs(np.diff(trace["pedal"][60:])).max() < 0.35


@pytest.mark.parametrize("name", ["fault-slack-steering", "worst-downpour-hairpins"])
def test_expert_still_arrives_where_actuators_or_tyres_are_bad(name: str) -> None:
    assert drive(name, seed=3)[1] == "completed"


@pytest.mark.parametrize("radius", [6.0, 9.0, 12.0, 25.0])
def test_expert_drives_curves_that_begin_without_warning(radius: float, tmp_path: Path) -> None:
    path = tmp_path / "arcs.xodr"
    path.write_text(arcs(radius))
    scenario = scenarios.Scenario.from_dict({"description": "arcs", "road": {"file": str(path)}})
    trace, end = drive(scenario, seed=0)
    assert end == "completed"
    error = trace["cross_track_error"]
    assert np.sqrt(np.mean(error**2)) < 0.15
    assert np.abs(error).max() < 0.3
    curve = np.abs(trace["curvature"]) > 0
    assert trace["speed"][curve].min() == pytest.approx(max(4.0, math.sqrt(P.lateral_acceleration * radius)), rel=0.06)
    assert trace["speed"].max() > 0.9 * P.speed_max / 1.3


def test_expert_comes_back_from_random_poses_without_leaving_the_lane() -> None:
    rng = np.random.default_rng(5)
    env = LaneKeepingEnv("heldout-s-bends", observation_mode="state")
    for seed in range(25):
        way = env.plan(seed)
        position = float(rng.uniform(0, way.begin_last))
        start = {
            "position_m": position,
            "lateral_m": float(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 0.55)),
            "heading_rad": float(rng.uniform(-0.1, 0.1)),
            "speed": target_speed(way.route, position) * float(rng.uniform(0.6, 1.2)),
        }
        trace, end = drive("heldout-s-bends", seed, start=start, duration_s=5.0)
        assert end == "time_limit", f"seed {seed}: {start} ended with {end}"
        assert np.abs(trace["cross_track_error"][60:]).max() < 0.2


def test_recovery_from_the_edge_is_decisive_but_not_wild() -> None:
    trace, end = drive(
        "heldout-motorway", 0, start={"lateral_m": 1.2, "heading_rad": 0.0, "speed": 12.0}, duration_s=6.0
    )
    assert end == "time_limit"
    error = trace["cross_track_error"]
    assert np.flatnonzero(np.abs(error) < 0.2)[0] * 0.05 < 2.0
    assert error.min() > -0.25
    assert np.abs(trace["lateral_acceleration"]).max() < 6.0


def test_expert_returns_to_its_speed() -> None:
    for speed in (8.0, 18.0):
        trace, _ = drive("heldout-motorway", 0, start={"position_m": 0.0, "speed": speed}, duration_s=8.0)
        assert trace["speed"][-1] == pytest.approx(P.speed_max, abs=0.3)
        late = trace["speed"][100:]
        assert np.abs(np.diff(late)).max() < 0.1


@pytest.mark.parametrize(("speed", "radius"), [(4.0, 6.0), (4.0, 150.0), (9.0, 27.0), (9.0, -40.0), (15.0, 150.0)])
def test_pursuit_is_exact_on_a_circle(speed: float, radius: float) -> None:
    car = Vehicle()
    car.place(0.0, 0.0, 0.0, speed, 1 / radius)
    slip = math.atan2(car.lateral_velocity, speed)
    ahead = np.arange(0.0, 61.0, 2.0)
    x, y = radius * np.sin(ahead / radius), radius * (1 - np.cos(ahead / radius))
    # The car's axis is turned from the circle's tangent by its sideslip.
    path = np.column_stack(
        (
            ahead,
            math.cos(slip) * x - math.sin(slip) * y,
            math.sin(slip) * x + math.cos(slip) * y,
            ahead * 0 + 1 / radius,
        )
    )
    wanted = car.steering_angle / CAR.steering_max
    assert EXPERT.steering(path, speed) == pytest.approx(wanted, rel=0.02)


def test_pedal_holds_the_speed_on_a_slope() -> None:
    for slope in (-0.12, 0.0, 0.1):
        car = Vehicle()
        car.place(0.0, 0.0, 0.0, 12.0)
        for _ in range(100):
            car.advance(0.0, EXPERT.pedal(0.0, car.speed, slope), 0.05, slope)
        assert car.speed == pytest.approx(12.0, abs=0.02)


def test_target_speed_foresees_the_curve() -> None:
    path = np.zeros((31, 4))
    path[:, 0] = path[:, 1] = np.arange(0.0, 61.0, 2.0)
    assert EXPERT.target_speed(path) == P.speed_max
    curved = path.copy()
    radius, begin = 10.0, 14.0
    bent = np.maximum(path[:, 0] - begin, 0.0) / radius
    curved[:, 1] = np.minimum(path[:, 0], begin) + radius * np.sin(bent)
    curved[:, 2] = radius * (1 - np.cos(bent))
    curved[:, 3] = np.where(bent > 0, 1 / radius, 0)
    assert EXPERT.target_speed(curved) == pytest.approx(
        min(P.speed_max, math.sqrt(P.lateral_acceleration * radius + 2 * P.braking * 15.0)), rel=0.03
    )


def test_expert_knows_its_car() -> None:
    d = DriverParameters()
    assert (d.wheelbase, d.to_rear, d.cornering) == (pytest.approx(CAR.wheelbase), CAR.to_rear, CAR.cornering)
    assert (d.steering_max, d.motor_acceleration, d.brake_acceleration) == (
        CAR.steering_max,
        CAR.motor_acceleration,
        CAR.brake_acceleration,
    )
    for speed in (0.0, 10.0, 30.0):
        assert d.rolling_drag + d.air_drag * speed**2 == pytest.approx(CAR.resistance(speed), rel=1e-4)


def test_starts_use_the_speed_that_the_expert_would_hold() -> None:
    env = LaneKeepingEnv("heldout-hairpins", observation_mode="state")
    for seed in range(10):
        _, info = env.reset(seed=seed)
        assert info["speed"] == pytest.approx(EXPERT.target_speed(info["path_ahead"]), rel=0.08)


def test_expert_has_no_memory_and_rows_are_independent() -> None:
    env = LaneKeepingEnv("train-mixed", observation_mode="state")
    infos = [env.reset(seed=seed)[1] for seed in range(4)]
    together = EXPERT.act_rows(range(4), [{}] * 4, infos)
    assert together.dtype == np.float32
    for row in (3, 0, 2, 1):
        np.testing.assert_array_equal(EXPERT.act({}, infos[row]), together[row])
