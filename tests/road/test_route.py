"""Projection, position and look-ahead of a route."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.road import LaneRef, RoadNetwork, Route, parse_map, plan_route


@pytest.fixture(scope="module")
def network(xodr) -> RoadNetwork:
    """Straight, spiral, arc, spiral back, straight; hilly; the lane gets wider."""
    parts: list[tuple[float, str]] = [
        (60.0, "<line/>"),
        (30.0, '<spiral curvStart="0" curvEnd="-0.03"/>'),
        (60.0, '<arc curvature="-0.03"/>'),
        (50.0, '<spiral curvStart="-0.03" curvEnd="0.02"/>'),
        (80.0, '<arc curvature="0.02"/>'),
    ]
    x, y, heading, s = 3.0, -7.0, 2.9, 0.0
    geometry = ""
    for length, shape in parts:
        one = xodr.geometry(0.0, x, y, heading, length, shape)
        road = parse_map(xodr.map(xodr.road(1, length, one)), "part").roads["1"]
        geometry += xodr.geometry(s, x, y, heading, length, shape)
        end = road.reference([length])
        x, y, heading, s = float(end.x[0]), float(end.y[0]), float(end.heading[0]), s + length
    profile = '<elevationProfile><elevation s="0" a="0" b="0.06" c="-0.0004" d="0.0000005"/></elevationProfile>'
    lanes = xodr.section(0.0, xodr.lane(1), xodr.lane(-1, 'a="3" b="0.005" c="0" d="0"'))
    return parse_map(xodr.map(xodr.road(1, s, geometry, lanes, profile=profile)), "winding")


@pytest.fixture(scope="module", params=[LaneRef("1", -1, 0.0), LaneRef("1", 1, 280.0)], ids=["along", "against"])
def route(request: pytest.FixtureRequest, network: RoadNetwork) -> Route:
    return plan_route(network, request.param)


def exact(network: RoadNetwork, route: Route, at: np.ndarray) -> np.ndarray:
    """(x, y, heading, curvature, z, half width) of the route's lane straight from the road, at road s ``at``."""
    lane = route.lanes[0][1]
    path = network.roads["1"].lane_path(0, lane, at)
    turn, sign = (0.0, 1.0) if lane < 0 else (math.pi, -1.0)
    return np.stack([path.x, path.y, path.heading + turn, sign * path.curvature, path.z, path.half_width], axis=1)


def test_projection_of_points_beside_the_lane_is_exact(network: RoadNetwork, route: Route) -> None:
    hint = -1
    order = 1 if route.lanes[0][1] < 0 else -1
    places = np.linspace(1.0, 279.0, 311)[::order]
    for (x, y, heading, curvature, _, half_width), offset in zip(
        exact(network, route, places).tolist(), (np.sin(np.arange(311) * 0.7) * 3.0).tolist(), strict=True
    ):
        foot = route.project(x - offset * math.sin(heading), y + offset * math.cos(heading), hint)
        hint = foot.index
        assert foot.cross_track == pytest.approx(offset, abs=2e-4)
        assert abs(math.remainder(foot.heading - heading, 2 * math.pi)) < 2e-4
        assert foot.half_width == pytest.approx(half_width, abs=1e-4)
        # the map's own curvature has corners (spiral to arc), in which half a step's slope may be lost
        assert foot.curvature == pytest.approx(curvature, abs=2e-3)
        assert all(type(value) is float for value in foot[:6])
        assert type(foot.index) is int


def test_arc_length_is_that_of_the_lane_centre(network: RoadNetwork, route: Route) -> None:
    fine = exact(network, route, np.linspace(0.0, 280.0, 200_001))
    assert route.length == pytest.approx(np.hypot(*np.diff(fine[:, :2], axis=0).T).sum(), abs=1e-4)
    assert route.s[-1] == pytest.approx(route.length)
    assert 0.45 < route.s[1] <= 0.5
    step = np.hypot(np.diff(route.x), np.diff(route.y))
    assert step == pytest.approx(np.full(len(step), route.s[1]), abs=1e-4)
    assert np.diff(route.heading) == pytest.approx(
        0.5 * (route.curvature[1:] + route.curvature[:-1]) * route.s[1], abs=2e-4
    )
    assert np.diff(route.z) == pytest.approx(0.5 * (route.slope[1:] + route.slope[:-1]) * route.s[1], abs=1e-4)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(-6.0, 6.0), st.integers(-40, 40))
def test_position_and_projection_are_inverse(network: RoadNetwork, share: float, offset: float, off: int) -> None:
    for lane, begin in ((-1, 0.0), (1, 280.0)):
        route = ROUTES.setdefault(lane, plan_route(network, LaneRef("1", lane, begin)))
        s = share * route.length
        x, y, _, heading = route.position(s)
        at = (x - offset * math.sin(heading), y + offset * math.cos(heading))
        near = min(max(int(s / route.s[1]) + off, 0), len(route.s) - 1)
        for hint in (-1, near):
            foot = route.project(*at, hint)
            assert foot.s == pytest.approx(s, abs=2e-3)
            assert foot.cross_track == pytest.approx(offset, abs=1e-4)
            assert foot.heading == pytest.approx(heading, abs=1e-3)


ROUTES: dict[int, Route] = {}


def test_the_foot_moves_smoothly_over_sample_borders(route: Route) -> None:
    """Driving slowly along a parallel line neither s nor the cross-track error may jump."""
    hint, feet = -1, []
    for s in np.arange(100.0, 110.0, 0.01):
        x, y, _, heading = route.position(s)
        foot = route.project(x - 1.3 * math.sin(heading), y + 1.3 * math.cos(heading), hint)
        hint = foot.index
        feet.append(foot[:3])
    s, cross, heading = np.array(feet).T
    assert np.diff(s) == pytest.approx(np.full(len(s) - 1, 0.01), abs=2e-5)
    assert np.abs(np.diff(cross)).max() < 1e-6
    assert np.abs(np.diff(heading, 2)).max() < 1e-5


def test_left_is_positive(route: Route) -> None:
    x, y, _, heading = route.position(80.0)
    assert route.project(x + math.cos(heading + math.pi / 2), y + math.sin(heading + math.pi / 2)).cross_track > 0.9


def test_ahead_follows_the_lane_and_goes_straight_on_behind_its_end(route: Route) -> None:
    distances = np.arange(16) * 4.0
    x, y, curvature = route.ahead(100.3, distances)
    for number, distance in enumerate(distances):
        px, py, _, _ = route.position(100.3 + distance)
        assert (x[number], y[number]) == (pytest.approx(px, abs=1e-9), pytest.approx(py, abs=1e-9))
        assert curvature[number] == pytest.approx(route.curvature_at(100.3 + distance))
    x, y, curvature = route.ahead(route.length, np.array([0.0, 10.0, 60.0, 99.0, 5000.0]))
    _, _, _, heading = route.position(route.length)
    assert x[1:4] == pytest.approx(x[0] + np.array([10.0, 60.0, 99.0]) * math.cos(heading), abs=1e-6)
    assert y[1:4] == pytest.approx(y[0] + np.array([10.0, 60.0, 99.0]) * math.sin(heading), abs=1e-6)
    assert curvature[2:] == pytest.approx([0.0, 0.0, 0.0])
    assert np.isfinite(x).all()
    assert distances == pytest.approx(np.arange(16) * 4.0)  # the caller's array is left alone


def test_behind_the_start_and_beyond_the_finish(route: Route) -> None:
    x, y, _, heading = route.position(0.0)
    foot = route.project(x - 3 * math.cos(heading), y - 3 * math.sin(heading))
    assert (foot.s, foot.cross_track) == (pytest.approx(-3.0), pytest.approx(0.0, abs=1e-9))
    x, y, _, heading = route.position(route.length)
    foot = route.project(x + 30 * math.cos(heading), y + 30 * math.sin(heading))
    assert (foot.s, foot.cross_track) == (pytest.approx(route.length + 30.0), pytest.approx(0.0, abs=1e-9))
    foot = route.project(
        x + 300 * math.cos(heading) - math.sin(heading), y + 300 * math.sin(heading) + math.cos(heading)
    )
    assert (foot.s, foot.cross_track) == (pytest.approx(route.length + 300.0), pytest.approx(1.0))


def test_a_hint_far_off_finds_its_way(route: Route) -> None:
    x, y, _, _ = route.position(90.0)
    for wrong in (0, 100, 260, len(route.s) - 1, 10**6, -7):
        assert route.project(x, y, wrong).s == pytest.approx(90.0, abs=1e-3)


def test_far_away_points_get_finite_answers_near_the_hint(route: Route) -> None:
    foot = route.project(1e5, -1e5, 100)
    assert all(math.isfinite(value) for value in foot)
    assert abs(foot.cross_track) > 1e4


def test_a_crossing_route_stays_on_its_own_branch(xodr) -> None:
    """A figure like a bow: the route crosses itself at a right angle; the hint decides which branch is meant."""
    turn = 1.5 * math.pi * 30.0
    geometry = (
        xodr.geometry(0.0, -60.0, 0.0, 0.0, 90.0)
        + xodr.geometry(90.0, 30.0, 0.0, 0.0, turn, '<arc curvature="0.0333333333333333333"/>')
        + xodr.geometry(90.0 + turn, 0.0, 30.0, -math.pi / 2, 90.0)
    )
    lane = xodr.section(0.0, xodr.lane(-1, 'a="0.000001" b="0" c="0" d="0"'))
    route = plan_route(parse_map(xodr.map(xodr.road(1, 180.0 + turn, geometry, lane)), "m"), LaneRef("1", -1, 0.0))
    first = route.project(0.1, 0.2, int(58.0 / route.s[1]))
    second = route.project(0.1, 0.2, int((90.0 + turn + 28.0) / route.s[1]))
    assert (first.s, first.cross_track) == (pytest.approx(60.1, abs=1e-3), pytest.approx(0.2, abs=1e-3))
    assert (second.s, second.cross_track) == (
        pytest.approx(90.0 + turn + 29.8, abs=1e-3),
        pytest.approx(0.1, abs=1e-3),
    )
