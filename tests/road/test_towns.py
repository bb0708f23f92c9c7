"""CARLA's own map reader (the carla wheel) as judge over Town01 to Town03. Its axes: y and yaw are negated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from envs.road import LaneRef, RoadNetwork, default_start, find_curves, lane_strips, plan_route, step_back
from envs.road.lanes import mark_ranges
from envs.road.network import LanePiece

carla = pytest.importorskip("carla")

Town = Callable[[str], tuple[str, RoadNetwork]]
FLOAT32 = 2e-4
"""Metres: CARLA's positions are float32 at some hundred metres from the origin."""


@pytest.fixture(scope="module", params=["Town01", "Town02", "Town03"])
def judged(request: pytest.FixtureRequest, town: Town) -> tuple[RoadNetwork, Any]:
    text, network = town(request.param)
    return network, carla.Map(request.param, text)


def waypoint_pose(waypoint: Any) -> tuple[float, float, float, float]:
    place, turn = waypoint.transform.location, waypoint.transform.rotation
    return place.x, -place.y, place.z, -math.radians(turn.yaw)


def test_lane_centres_headings_and_widths_of_every_lane(judged: tuple[RoadNetwork, Any]) -> None:
    network, judge = judged
    compared, headings = 0, []
    for road in network.roads.values():
        for index, section in enumerate(road.lane_sections):
            length = section.end - section.start
            if length < 0.1:
                continue
            s = np.linspace(section.start + 0.03, section.end - 0.03, 2 + int(length / 8.0))
            for lane in section.ids:
                if lane == 0:
                    continue
                path = road.lane_path(index, lane, s)
                for number, at in enumerate(s.tolist()):
                    waypoint = judge.get_waypoint_xodr(int(road.id), lane, at)
                    x, y, z, heading = waypoint_pose(waypoint)
                    assert math.hypot(path.x[number] - x, path.y[number] - y) < FLOAT32, (road.id, lane, at)
                    assert abs(path.z[number] - z) < FLOAT32
                    assert abs(2 * path.half_width[number] - waypoint.lane_width) < 1e-5
                    turn = 0.0 if road.forward(lane) else math.pi
                    if section.lanes[lane].type == "driving":
                        headings.append(abs(math.remainder(path.heading[number] + turn - heading, 2 * math.pi)))
                    compared += 1
    assert compared > 1400
    # CARLA neglects that a lane beside a bend turns less when its width changes there: a few headings differ
    assert np.quantile(headings, 0.995) < 1e-5
    assert max(headings) < 0.02


def landings(network: RoadNetwork, piece: LanePiece, metres: float) -> list[LanePiece]:
    """Where one is ``metres`` behind the end of a piece: some lane sections are shorter than that."""
    found = []
    for after in network.followers(piece):
        begin, end = network.span(after)
        left = metres - abs(end - begin)
        found += [after] if left < 0 else landings(network, after, left)
    return found


def test_lanes_follow_each_other_as_in_carla(judged: tuple[RoadNetwork, Any]) -> None:
    network, judge = judged
    compared = 0
    for piece in network.pieces:
        begin, end = network.span(piece)
        if network.lane(piece).type != "driving" or abs(end - begin) < 0.5:
            continue
        near = judge.get_waypoint_xodr(int(piece.road), piece.lane, end - 0.05 if piece.forward else end + 0.05)
        theirs = {(str(after.road_id), after.lane_id) for after in near.next(0.1)}
        ours = {(after.road, after.lane) for after in landings(network, piece, 0.05)}
        assert ours == theirs, piece
        compared += 1
    assert compared > 100


def test_road_marks_lie_where_carla_sees_them(judged: tuple[RoadNetwork, Any]) -> None:
    network, judge = judged
    seen = set()
    for piece in network.pieces:
        begin, end = network.span(piece)
        if abs(end - begin) < 0.5:
            continue
        middle = 0.5 * (begin + end)
        waypoint = judge.get_waypoint_xodr(int(piece.road), piece.lane, middle)
        within = piece.lane - (1 if piece.lane > 0 else -1)
        for theirs, lane in ((waypoint.right_lane_marking, piece.lane), (waypoint.left_lane_marking, within)):
            marks = mark_ranges(network.roads[piece.road], piece.section, lane)
            ours = next((mark for mark in marks if mark.start <= middle < mark.end), None)
            kind = "none" if ours is None else ours.type.replace(" ", "")
            assert kind == str(theirs.type).lower(), (piece, lane)
            seen.add(kind)
            if ours is not None:
                assert ours.width == pytest.approx(theirs.width)
            if ours is not None and ours.colour != "standard":
                assert ours.colour == str(theirs.color).lower()
    assert {"none", "broken"} <= seen


def test_a_long_route_lies_on_the_lanes_that_carla_names(judged: tuple[RoadNetwork, Any]) -> None:
    network, judge = judged
    route = plan_route(network, None, 1500.0)
    on_the_named_lane = 0
    places = np.linspace(5.0, 1495.0, 300).tolist()
    entered = np.array([s for _, _, s in route.lanes])
    for s in places:
        x, y, z, heading = route.position(s)
        road, lane, _ = route.lanes[int(np.searchsorted(entered, s, side="right")) - 1]
        waypoint = judge.get_waypoint(carla.Location(x=x, y=-y, z=z))
        on_the_named_lane += (str(waypoint.road_id), waypoint.lane_id) == (road, lane)
        # inside a junction lanes overlap: CARLA may name another one there
        if not waypoint.is_junction:
            assert (str(waypoint.road_id), waypoint.lane_id) == (road, lane)
            wx, wy, _, yaw = waypoint_pose(waypoint)
            foot = route.project(wx, wy, int(s / route.s[1]))
            # half a step of a line next to an arc is bent: 0.1 1/m * (0.5 m)^2 / 8 = 3 mm
            assert abs(foot.cross_track) < 3e-3
            assert abs(foot.s - s) < 0.5
            assert abs(math.remainder(yaw - heading, 2 * math.pi)) < 0.03
            assert waypoint.lane_width == pytest.approx(2 * route.half_width_at(s), abs=1e-3)
    assert on_the_named_lane > 0.85 * len(places)
    # continuous: no jump at any seam of the map
    step = np.hypot(np.diff(route.x), np.diff(route.y))
    assert np.abs(step - route.s[1]).max() < 5e-3
    assert np.abs(np.diff(route.heading)).max() < 0.1


def test_every_default_is_deterministic_and_reaches_far(judged: tuple[RoadNetwork, Any]) -> None:
    network, _ = judged
    start = default_start(network)
    assert start == default_start(network)
    assert network.roads[start.road].junction is None
    assert plan_route(network, start).length > 900.0


def test_curves_of_the_towns_can_be_driven(judged: tuple[RoadNetwork, Any]) -> None:
    network, _ = judged
    curves = find_curves(network, 60.0)
    assert len(curves) >= 6
    for curve in curves[::2]:
        start = step_back(network, curve.start, 30.0)
        route = plan_route(network, start)
        foot = route.project(*lane_point(network, curve.start), 0)
        assert abs(foot.cross_track) < 1e-3
        assert -1e-6 <= foot.s < 60.0
        inside = (route.s > foot.s + 0.5) & (route.s < foot.s + curve.length - 0.5)
        assert (np.sign(route.curvature[inside]) == (1.0 if curve.left else -1.0)).all()
        assert 1.0 / np.abs(route.curvature[inside]).max() == pytest.approx(curve.radius, rel=0.1)


def lane_point(network: RoadNetwork, place: LaneRef) -> tuple[float, float]:
    road = network.roads[place.road]
    path = road.lane_path(road.section_at(place.s), place.lane, [place.s])
    return float(path.x[0]), float(path.y[0])


def test_strips_of_the_towns_meet_at_lane_section_borders(judged: tuple[RoadNetwork, Any]) -> None:
    network, _ = judged
    joints = 0
    for road in network.roads.values():
        strips = {(strip.section, strip.lane): strip for strip in lane_strips(road)}
        for (section, lane), strip in strips.items():
            assert np.isfinite(strip.outer).all()
            piece = network.piece(road.id, section, lane)
            for after in network.followers(piece) if piece is not None and piece.forward else ():
                following = strips.get((after.section, after.lane))
                if after.road == road.id and following is not None:
                    assert math.dist(strip.outer[-1], following.outer[0]) < 1e-3, (road.id, section, lane)
                    assert math.dist(strip.inner[-1], following.inner[0]) < 1e-3, (road.id, section, lane)
                    joints += 1
    assert joints > 30
