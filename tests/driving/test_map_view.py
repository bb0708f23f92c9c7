"""The map picture: the car where it is, turned as it is turned."""

from __future__ import annotations

import math

import numpy as np
import pytest

from envs.driving.map_view import MapView
from envs.road import parse_map, plan_route
from scenarios import maps

RED = np.array((226, 52, 44))


@pytest.fixture(scope="module")
def world() -> tuple[object, np.ndarray]:
    network = parse_map(maps.generate(2, "country", 500.0), "country")
    route = plan_route(network, None, None)
    return network, np.stack((route.x, route.y), 1)


def car_pixels(picture: np.ndarray) -> np.ndarray:
    """(N, 2) column, row of the pixels that are the car's red."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - RED) < 6).all(-1))
    return np.stack((columns, rows), 1)


@pytest.mark.parametrize("span", [None, 120.0])
def test_car_is_drawn_at_its_place_and_heading(world, span) -> None:
    network, route = world
    view = MapView(network, 320, 240, "meadow", route, span)
    start, end = len(route) // 4, len(route) // 2
    where = []
    for index in (start, end):
        picture = view.draw(float(route[index, 0]), float(route[index, 1]), 0.0)
        assert picture.shape == (240, 320, 3)
        assert picture.dtype == np.uint8
        where.append(car_pixels(picture).mean(0))
    moved = (route[end] - route[start]) * view.scale
    if span is None:
        assert where[1] - where[0] == pytest.approx((moved[0], -moved[1]), abs=2.0)  # north is up
    else:
        assert where[1] == pytest.approx((160, 120), abs=6.0)  # the view goes with the car
    # The arrow's tip is the pixel farthest from the notch: to the east for heading 0, to the north for 90 degrees.
    for heading, direction in ((0.0, (1, 0)), (math.pi / 2, (0, -1))):
        pixels = car_pixels(view.draw(*route[end].tolist(), heading))
        spread = (pixels - pixels.mean(0)) @ np.array(direction)
        assert spread.max() > -1.1 * spread.min()


def test_drawing_leaves_no_trace(world) -> None:
    network, route = world
    view = MapView(network, 200, 150, route=route)
    place = route[10].tolist()
    first = view.draw(*place, 0.3)
    view.draw(*route[200].tolist(), 1.0, trail=route[:200])
    assert (view.draw(*place, 0.3) == first).all()


def test_trail_and_route_show(world) -> None:
    network, route = world
    plain = MapView(network, 200, 150).draw(*route[10].tolist(), 0.0)
    view = MapView(network, 200, 150, route=route)
    with_route = view.draw(*route[10].tolist(), 0.0)
    with_trail = view.draw(*route[10].tolist(), 0.0, trail=route[:300])
    assert (plain != with_route).any()
    assert (with_route != with_trail).any()
