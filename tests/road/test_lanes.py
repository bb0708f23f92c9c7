"""Strips for the renderer: they meet, they follow the true borders, and marks are where the map says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from envs.road import LaneStrip, Road, lane_strips, parse_map
from envs.road.marks import mark_lines


@pytest.fixture(scope="module")
def road(xodr) -> Road:
    """A bend over a crest; at 50 m a second lane opens to the right and the centre line shifts."""
    marks = (
        '<roadMark sOffset="0" type="solid" color="white" width="0.15"/>'
        '<roadMark sOffset="20" type="none" color="white"/>'
        '<roadMark sOffset="30" type="broken" color="yellow" width="0.12"/>'
        '<roadMark sOffset="49.99" type="solid" color="red" width="0.12"/>'
    )
    centre = (
        '<center><lane id="0" type="none"><roadMark sOffset="0" type="solid solid" color="yellow"/></lane></center>'
    )
    sections = xodr.section(0.0, xodr.lane(1), xodr.lane(-1, more=marks), centre=centre) + xodr.section(
        50.0,
        xodr.lane(1),
        xodr.lane(-1),
        xodr.lane(-2, 'a="0" b="0.05" c="0" d="0"', "parking"),
        xodr.lane(-3, 'a="1" b="0" c="0" d="0"', "sidewalk", more='<height sOffset="0" inner="0.15" outer="0.15"/>'),
    )
    profile = '<elevationProfile><elevation s="0" a="0" b="0.1" c="-0.001" d="0"/></elevationProfile>'
    geometry = xodr.geometry(0.0, 0.0, 0.0, 0.0, 40.0) + xodr.geometry(
        40.0, 40.0, 0.0, 0.0, 60.0, '<arc curvature="0.04"/>'
    )
    return parse_map(xodr.map(xodr.road(1, 100.0, geometry, sections, profile=profile)), "m").roads["1"]


@pytest.fixture(scope="module")
def strips(road: Road) -> list[LaneStrip]:
    return lane_strips(road)


def test_lanes_from_left_to_right_section_by_section(strips: list[LaneStrip]) -> None:
    assert [(strip.section, strip.lane) for strip in strips] == [
        (0, 1),
        (0, 0),
        (0, -1),
        (1, 1),
        (1, 0),
        (1, -1),
        (1, -2),
        (1, -3),
    ]
    assert [strip.type for strip in strips[3:]] == ["driving", "none", "driving", "parking", "sidewalk"]
    assert [strip.forward for strip in strips[:3:2]] == [False, True]


def test_neighbours_share_their_border_and_sections_their_ends(strips: list[LaneStrip]) -> None:
    by_place = {(strip.section, strip.lane): strip for strip in strips}
    for section, lanes in ((0, (1, -1)), (1, (1, -1))):
        for lane in lanes:
            assert np.array_equal(by_place[section, lane].inner, by_place[section, 0].outer)
    assert np.array_equal(by_place[1, -2].inner, by_place[1, -1].outer)
    for lane in (1, 0, -1):
        assert math.dist(by_place[0, lane].outer[-1], by_place[1, lane].outer[0]) < 1e-6
    assert by_place[0, 1].s[0] == 0.0
    assert by_place[0, 1].s[-1] == by_place[1, 1].s[0] == 50.0
    assert by_place[1, 1].s[-1] == 100.0


def test_lane_height_lifts_the_sidewalk(road: Road, strips: list[LaneStrip]) -> None:
    sidewalk = strips[-1]
    parking = strips[-2]
    assert sidewalk.inner[:, 2] - parking.outer[:, 2] == pytest.approx(np.full(len(sidewalk.s), 0.15))
    assert sidewalk.inner[:, :2] == pytest.approx(parking.outer[:, :2])


@pytest.mark.parametrize("tolerance", [0.05, 0.005])
def test_straight_edges_stay_within_the_tolerance(road: Road, tolerance: float) -> None:
    for strip in lane_strips(road, step=20.0, tolerance=tolerance):
        middle = 0.5 * (strip.s[1:] + strip.s[:-1])
        place = road.border(strip.section, strip.lane, middle).value
        height = road.height(strip.section, strip.lane, middle, True) if strip.lane else 0.0
        off = np.linalg.norm(road.point(middle, place, height) - 0.5 * (strip.outer[1:] + strip.outer[:-1]), axis=1)
        assert off.max() < 1.3 * tolerance


def test_samples_are_spent_where_the_road_bends(xodr, road: Road) -> None:
    straight = parse_map(xodr.map(xodr.road(1, 300.0)), "m").roads["1"]
    assert len(lane_strips(straight, step=20.0)[0].s) == 16
    strip = lane_strips(road)[0]
    assert np.diff(strip.s).max() <= 10.0 + 1e-9
    fine, coarse = (len(lane_strips(road, tolerance=tolerance)[0].s) for tolerance in (0.002, 0.05))
    assert fine > 2 * coarse


def test_marks_with_their_ranges(strips: list[LaneStrip]) -> None:
    lane = next(strip for strip in strips if (strip.section, strip.lane) == (0, -1))
    assert [(mark.start, mark.end, mark.type, mark.colour, mark.width) for mark in lane.marks] == [
        (0.0, 20.0, "solid", "white", 0.15),
        (30.0, 49.99, "broken", "yellow", 0.12),
    ]
    centre = strips[1]
    assert [mark.type for mark in centre.marks] == ["solid solid"]
    assert np.array_equal(centre.inner, centre.outer)
    assert strips[3].marks == ()


@pytest.mark.parametrize(
    ("kind", "lane", "pattern"),
    [
        ("none", -1, []),
        ("curb", -1, []),
        ("solid", -1, [(0, False)]),
        ("broken", 1, [(0, True)]),
        ("solid solid", 0, [(1, False), (-1, False)]),
        # centre line: from left to right; elsewhere from the inside to the outside
        ("solid broken", 0, [(1, False), (-1, True)]),
        ("broken solid", -1, [(1, True), (-1, False)]),
        ("solid broken", 2, [(-1, False), (1, True)]),
        ("broken broken", -2, [(1, True), (-1, True)]),
        ("unheard of", -2, []),
    ],
)
def test_paint_of_every_kind(kind: str, lane: int, pattern: list[tuple[int, bool]]) -> None:
    lines = mark_lines(kind, 0.12, lane)
    assert [(round(line.offset / 0.12), line.space > 0) for line in lines] == pattern
    assert all(line.width == 0.12 for line in lines)
