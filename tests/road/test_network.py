"""Which lane follows which: sections, roads, junctions, either traffic rule; and the routes that come of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from envs.road import LaneRef, RoadNetwork, RouteError, default_start, find_curves, parse_map, plan_route, step_back
from envs.road.network import LanePiece


def joined(kind: str, identity: int, contact: str | None = None, tag: str = "successor") -> str:
    point = f' contactPoint="{contact}"' if contact else ""
    return f'<{tag} elementType="{kind}" elementId="{identity}"{point}/>'


@pytest.fixture(scope="module")
def renumbered(xodr) -> RoadNetwork:
    """Lane -1 becomes -2 where a lane opens on its left (the lane offset jumps), then road 2 is met at its end."""
    one = xodr.section(0.0, xodr.lane(-1, after=-2)) + xodr.section(
        40.0,
        xodr.lane(-1, 'a="3" b="0" c="0" d="0"', after=1),
        xodr.lane(-2, before=-1, after=2),
    )
    offset = '<laneOffset s="0" a="0" b="0" c="0" d="0"/><laneOffset s="40" a="3" b="0" c="0" d="0"/>'
    road1 = xodr.road(1, 100.0, sections=one, offset=offset, link=joined("road", 2, "end"))
    # road 2 runs towards road 1: its left lanes carry the traffic on
    two = xodr.section(0.0, xodr.lane(1, 'a="3" b="0" c="0" d="0"', after=-1), xodr.lane(2, after=-2))
    back = '<laneOffset s="0" a="-3" b="0" c="0" d="0"/>'
    road2 = xodr.road(
        2,
        50.0,
        xodr.geometry(0.0, 150.0, 0.0, math.pi, 50.0),
        two,
        offset=back,
        link=joined("road", 1, "end"),
    )
    return parse_map(xodr.map(road1, road2), "renumbered")


def test_lane_links_across_sections_and_roads_are_followed(renumbered: RoadNetwork) -> None:
    route = plan_route(renumbered, LaneRef("1", -1, 5.0))
    assert [(road, lane, round(s, 6)) for road, lane, s in route.lanes] == [("1", -1, 0), ("1", -2, 35), ("2", 2, 95)]
    assert route.length == pytest.approx(145.0)
    # the lane goes straight on although its number, the lane offset and the road's direction change
    assert route.y == pytest.approx(np.full(len(route.s), -1.75), abs=1e-6)
    assert route.x == pytest.approx(5.0 + route.s, abs=1e-6)
    assert route.heading == pytest.approx(np.zeros(len(route.s)), abs=1e-9)
    assert route.half_width == pytest.approx(np.full(len(route.s), 1.75))
    assert not route.closed


def test_the_route_error_says_where_the_road_ended_and_what_there_was(renumbered: RoadNetwork) -> None:
    with pytest.raises(
        RouteError, match=r"400 m long but ends after 145\.0 m: lane 2 of road 2 ends at s=0\.00, where"
    ):
        plan_route(renumbered, LaneRef("1", -1, 5.0), 400.0)


def test_neighbours_left_and_right_of_the_driver(renumbered: RoadNetwork) -> None:
    outer = LanePiece("1", 1, -2, True)
    inner = LanePiece("1", 1, -1, True)
    assert renumbered.neighbour(outer, left=True) == inner
    assert renumbered.neighbour(inner, left=False) == outer
    assert renumbered.neighbour(outer, left=False) is None
    backward = LanePiece("2", 0, 2, False)
    assert renumbered.neighbour(backward, left=True) == LanePiece("2", 0, 1, False)


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (LaneRef("9", -1, 0.0), "starts on road '9', which this map does not have"),
        (LaneRef("1", -1, 400.0), "s=400 on road 1, which reaches from 0 to 100.00 m"),
        (LaneRef("1", -1, math.nan), "s=nan"),
        (LaneRef("1", -2, 3.0), "lane -2 of road 1 does not exist at s=3; drivable lanes there: -1"),
        (LaneRef("1", 0, 3.0), "lane 0 of road 1 does not exist"),
    ],
)
def test_starts_that_are_no_lane(renumbered: RoadNetwork, place: LaneRef, what: str) -> None:
    with pytest.raises(RouteError) as caught:
        plan_route(renumbered, place)
    assert what in str(caught.value)


@pytest.mark.parametrize("length", [0.0, -5.0, math.nan, math.inf, 1e9])
def test_lengths_that_are_none(renumbered: RoadNetwork, length: float) -> None:
    with pytest.raises(RouteError, match="its length must be"):
        plan_route(renumbered, None, length)


def test_a_sidewalk_is_no_route(xodr) -> None:
    section = xodr.section(0.0, xodr.lane(-1), xodr.lane(-2, kind="sidewalk"))
    network = parse_map(xodr.map(xodr.road(1, 60.0, sections=section)), "m")
    with pytest.raises(RouteError, match="is of type 'sidewalk' at s=5; drivable lanes there: -1"):
        plan_route(network, LaneRef("1", -2, 5.0))
    only = xodr.section(0.0, xodr.lane(-1, kind="sidewalk"))
    with pytest.raises(RouteError, match="no drivable lane"):
        plan_route(parse_map(xodr.map(xodr.road(1, 60.0, sections=only)), "m"))


def test_the_default_start_is_the_own_side_of_the_road(xodr) -> None:
    both = xodr.section(0.0, xodr.lane(1), xodr.lane(-1))
    arc = xodr.geometry(0.0, 0.0, 0.0, 0.0, 60.0, '<arc curvature="-0.02"/>')
    for rule, start in (("", LaneRef("1", -1, 0.0)), ('rule="LHT"', LaneRef("1", 1, 0.0))):
        network = parse_map(xodr.map(xodr.road(1, 60.0, arc, both, rule=rule)), "m")
        assert default_start(network) == start
        # in the right-hand curve the outer lane is longer than 61 m, the inner one is not: it takes the oncoming lane
    network = parse_map(xodr.map(xodr.road(1, 60.0, arc, both)), "m")
    assert default_start(network, 61.0) == LaneRef("1", 1, 60.0)


def test_left_hand_traffic_drives_on_positive_lanes(xodr) -> None:
    both = xodr.section(0.0, xodr.lane(1), xodr.lane(-1))
    network = parse_map(xodr.map(xodr.road(1, 60.0, sections=both, rule='rule="LHT"')), "m")
    assert not network.right_hand
    assert plan_route(network, LaneRef("1", 1, 0.0)).position(10.0)[:2] == (pytest.approx(10.0), pytest.approx(1.75))
    against = plan_route(network, LaneRef("1", -1, 60.0))
    assert against.position(10.0)[0] == pytest.approx(50.0)
    assert abs(math.remainder(against.heading[0], 2 * math.pi)) == pytest.approx(math.pi)


def crossing(xodr, link_lanes: bool = True) -> RoadNetwork:
    """Road 1 leads into junction 9; from there left (11), slightly left (12) and right (13); the left road leads on."""
    lane_link = '<laneLink from="-1" to="-1"/>' if link_lanes else ""
    quarter = math.pi / 2 * 20.0
    shapes = {11: (quarter, 0.05), 12: (20.0, 0.002), 13: (quarter, -0.05)}
    ends = {11: (120.0, 20.0, math.pi / 2), 13: (120.0, -20.0, -math.pi / 2)}
    roads = [xodr.road(1, 100.0, link=joined("junction", 9))]
    connections = ""
    for number, (identity, (length, bend)) in enumerate(shapes.items()):
        geometry = xodr.geometry(0.0, 100.0, 0.0, 0.0, length, f'<arc curvature="{bend}"/>')
        section = xodr.section(0.0, xodr.lane(-1, before=-1, after=-1))
        link = joined("road", 1, "end", "predecessor")
        if identity in ends:
            link += joined("road", identity + 10, "start")
            x, y, heading = ends[identity]
            behind = joined("road", identity, "end", "predecessor")
            roads.append(xodr.road(identity + 10, 80.0, xodr.geometry(0.0, x, y, heading, 80.0), link=behind))
        roads.append(xodr.road(identity, length, geometry, section, link=link, junction="9"))
        connections += (
            f'<connection id="{number}" incomingRoad="1" connectingRoad="{identity}" contactPoint="start">'
            f"{lane_link}</connection>"
        )
    return parse_map(xodr.map(*roads, f'<junction id="9">{connections}</junction>'), "crossing")


@pytest.mark.parametrize("link_lanes", [True, False])
def test_junctions_are_crossed_straight_on_unless_via_says_otherwise(xodr, link_lanes: bool) -> None:
    network = crossing(xodr, link_lanes)
    start = LaneRef("1", -1, 10.0)

    def roads(via: list[str] | None) -> list[str]:
        return [lane[0] for lane in plan_route(network, start, via=via).lanes]

    assert roads(None) == ["1", "12"]
    assert roads(["11"]) == ["1", "11", "21"]  # the connecting road itself
    assert roads(["23"]) == ["1", "13", "23"]  # the road behind it
    assert roads(["1", "11", "21"]) == ["1", "11", "21"]


def test_via_that_is_not_there_or_not_reached(xodr) -> None:
    network = crossing(xodr)
    with pytest.raises(RouteError, match="via names road '77'"):
        plan_route(network, LaneRef("1", -1, 0.0), via=["77"])
    with pytest.raises(RouteError, match="road 23 is not reached before lane -1 of road 21 ends"):
        plan_route(network, LaneRef("1", -1, 0.0), via=["21", "23"])
    with pytest.raises(RouteError, match="road 23 is not reached within 120 m"):
        plan_route(network, LaneRef("1", -1, 0.0), 120.0, via=["13", "23"])
    assert plan_route(network, LaneRef("1", -1, 0.0), 140.0, via=["13", "23"]).lanes[-1][0] == "23"


def test_a_link_to_a_lane_far_away_is_not_believed(xodr) -> None:
    far = xodr.geometry(0.0, 500.0, 0.0, 0.0, 40.0)
    one = xodr.section(0.0, xodr.lane(-1, after=-1))
    network = parse_map(
        xodr.map(xodr.road(1, 60.0, sections=one, link=joined("road", 2, "start")), xodr.road(2, 40.0, far)), "m"
    )
    with pytest.raises(RouteError, match=r"ends after 60\.0 m: lane -1 of road 1 ends at s=60.00 at road 2"):
        plan_route(network, LaneRef("1", -1, 0.0), 80.0)


@pytest.fixture(scope="module")
def ring(xodr) -> RoadNetwork:
    """A circle of two half circles, radius 30 m of the reference line, driven to the left on its outside."""
    half = math.pi * 30.0
    arc = '<arc curvature="0.033333333333333333"/>'
    lane = xodr.section(0.0, xodr.lane(-1, before=-1, after=-1))
    first = joined("road", 2, "start") + joined("road", 2, "end", "predecessor")
    second = joined("road", 1, "start") + joined("road", 1, "end", "predecessor")
    return parse_map(
        xodr.map(
            xodr.road(1, half, xodr.geometry(0.0, 30.0, 0.0, math.pi / 2, half, arc), lane, link=first),
            xodr.road(2, half, xodr.geometry(0.0, -30.0, 0.0, -math.pi / 2, half, arc), lane, link=second),
        ),
        "ring",
    )


def test_a_loop_is_closed_after_one_lap_and_can_be_driven_many_times(ring: RoadNetwork) -> None:
    lap = 2 * math.pi * 31.75
    once = plan_route(ring, LaneRef("1", -1, 20.0))
    assert once.closed
    assert once.length == pytest.approx(lap, rel=1e-9)
    assert math.dist(once.position(0.0)[:2], once.position(once.length)[:2]) < 1e-6
    thrice = plan_route(ring, None, 3.2 * lap)
    assert thrice.closed
    assert thrice.heading[-1] - thrice.heading[0] == pytest.approx(3.2 * 2 * math.pi, rel=1e-6)
    assert np.hypot(thrice.x, thrice.y) == pytest.approx(np.full(len(thrice.s), 31.75), abs=1e-4)
    assert not plan_route(ring, None, 0.9 * lap).closed
    # what lies ahead of the finish is the next lap
    x, y, curvature = once.ahead(once.length, np.array([0.0, 30.0]))
    assert math.dist((x[1], y[1]), once.position(30.0)[:2]) < 1e-4
    assert curvature == pytest.approx([1 / 31.75] * 2)


def test_curves_are_found_and_led_into(xodr) -> None:
    straight, arc = 50.0, 40.0
    pieces = (
        xodr.geometry(0.0, 0.0, 0.0, 0.0, straight)
        + xodr.geometry(50.0, 50.0, 0.0, 0.0, arc, '<arc curvature="0.025"/>')
        + xodr.geometry(90.0, 50.0 + 40 * math.sin(1), 40 * (1 - math.cos(1)), 1.0, straight)
    )
    both = xodr.section(0.0, xodr.lane(1), xodr.lane(-1))
    network = parse_map(xodr.map(xodr.road(1, 140.0, pieces, both)), "m")
    left, right = sorted(find_curves(network, 60.0), key=lambda curve: curve.start.lane)
    assert (left.start.lane, left.left, right.start.lane, right.left) == (-1, True, 1, False)
    assert left.radius == pytest.approx(41.75)
    assert right.radius == pytest.approx(38.25)
    assert left.start.s == pytest.approx(50.0, abs=0.55)
    assert right.start.s == pytest.approx(90.0, abs=0.55)
    assert left.length == pytest.approx(41.75, abs=1.0)
    assert find_curves(network, 40.0) == [right]
    assert find_curves(network, 60.0, min_length=50.0) == []
    assert step_back(network, left.start, 30.0) == LaneRef("1", -1, left.start.s - 30.0)
    assert step_back(network, right.start, 200.0) == LaneRef("1", 1, 140.0)
    assert plan_route(network, step_back(network, left.start, 30.0), 100.0).length == 100.0


def test_a_link_against_the_traffic_is_none(xodr) -> None:
    """Road 2 is met at its end, where only its positive lane carries the traffic on; the map links lane -1."""
    one = xodr.section(0.0, xodr.lane(-1, after=-1))
    # shifted so that the two lane centres touch, and short: only the direction speaks against the link
    towards = xodr.geometry(0.0, 61.5, -3.5, math.pi, 1.5)
    network = parse_map(
        xodr.map(xodr.road(1, 60.0, sections=one, link=joined("road", 2, "end")), xodr.road(2, 1.5, towards)), "m"
    )
    with pytest.raises(RouteError, match=r"ends after 60\.0 m"):
        plan_route(network, LaneRef("1", -1, 0.0), 80.0)
