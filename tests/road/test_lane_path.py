"""The lane centre's heading, curvature, slope and stretch against finite differences of its positions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from envs.road import Road, parse_map


@pytest.fixture(scope="module")
def road(xodr) -> Road:
    """A spiral with everything on it: offset, widening lanes, hill, banking."""
    shape = '<spiral curvStart="0.002" curvEnd="0.03"/>'
    profile = (
        '<elevationProfile><elevation s="0" a="2" b="0.05" c="-0.001" d="0.00002"/></elevationProfile>'
        '<lateralProfile><superelevation s="0" a="0.02" b="0.001" c="0" d="0"/></lateralProfile>'
    )
    section = xodr.section(
        0.0,
        xodr.lane(1, 'a="3" b="0.01" c="0" d="0"'),
        xodr.lane(-1, 'a="3.2" b="0" c="0.0004" d="0"'),
        xodr.lane(-2, 'a="2.5" b="0.005" c="0" d="0.000001"', more='<height sOffset="0" inner="0.1" outer="0.2"/>'),
    )
    offset = '<laneOffset s="0" a="0.5" b="0.01" c="-0.0002" d="0"/>'
    geometry = xodr.geometry(0.0, 10.0, -5.0, 0.7, 80.0, shape)
    text = xodr.map(xodr.road(5, 80.0, geometry, section, profile=profile, offset=offset))
    return parse_map(text, "all").roads["5"]


@pytest.mark.parametrize("lane", [1, -1, -2])
def test_derivatives_of_the_lane_centre(road: Road, lane: int) -> None:
    s = np.linspace(5.0, 75.0, 36)
    h = 1e-4
    before, at, after = (road.lane_path(0, lane, s + step) for step in (-h, 0.0, h))
    dx, dy, dz = (after.x - before.x) / (2 * h), (after.y - before.y) / (2 * h), (after.z - before.z) / (2 * h)
    assert at.stretch == pytest.approx(np.hypot(dx, dy), abs=2e-3)
    assert np.abs(np.remainder(at.heading - np.arctan2(dy, dx) + math.pi, 2 * math.pi) - math.pi).max() < 2e-3
    assert at.slope == pytest.approx(dz / np.hypot(dx, dy), abs=2e-4)
    turn = (after.heading - before.heading) / (2 * h) / np.hypot(dx, dy)
    assert at.curvature == pytest.approx(turn, abs=3e-4)


def test_without_banking_the_derivatives_are_exact(road: Road) -> None:
    flat = Road(**{**vars_of(road), "superelevation": type(road.superelevation)(())})
    s = np.linspace(5.0, 75.0, 36)
    h = 1e-4
    before, at, after = (flat.lane_path(0, -2, s + step) for step in (-h, 0.0, h))
    dx, dy = (after.x - before.x) / (2 * h), (after.y - before.y) / (2 * h)
    assert at.stretch == pytest.approx(np.hypot(dx, dy), abs=1e-7)
    assert at.heading == pytest.approx(np.unwrap(np.arctan2(dy, dx)), abs=1e-7)
    assert at.curvature == pytest.approx((after.heading - before.heading) / (2 * h) / np.hypot(dx, dy), abs=1e-7)


def vars_of(road: Road) -> dict[str, object]:
    return {name: getattr(road, name) for name in road.__dataclass_fields__}


def test_banking_and_height_lift_the_left_side(road: Road) -> None:
    s = np.array([30.0])
    roll = 0.02 + 0.001 * 30.0
    reference = road.reference(s)
    left = road.point(s, 2.0)[0]
    assert left[2] - reference.z[0] == pytest.approx(2.0 * math.sin(roll))
    assert math.dist(left, (reference.x[0], reference.y[0], reference.z[0])) == pytest.approx(2.0)
    assert road.height(0, -2, s, outer=True)[0] == pytest.approx(0.2)


def test_lanes_lie_side_by_side(road: Road) -> None:
    s = np.linspace(0.0, 80.0, 9)
    borders = road.borders(0, s)
    assert list(borders) == [1, 0, -1, -2]
    for lane in (1, -1, -2):
        assert road.border(0, lane, s).value == pytest.approx(borders[lane])
    assert borders[-1] - borders[-2] == pytest.approx(road.width(0, -2, s))
    assert road.centre(0, -2, s).value == pytest.approx(0.5 * (borders[-1] + borders[-2]))
