"""Towns: crossings whose every way begins and ends exactly where the lanes that it joins do."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import maps
from tests.scenarios.reading import Road, read_roads
from tests.scenarios.test_generator import check_apart, check_limits, check_smooth, main_roads


def lane_end(road: Road, contact: str, lane: int) -> tuple[float, float, float]:
    """x, y and travelling direction at the centre of lane 1 or -1 where the road begins or ends."""
    g = road.geometry[0] if contact == "start" else road.geometry[-1]
    x, y, heading, _ = g.at(np.array(0.0 if contact == "start" else g.length))
    aside = np.sign(lane) * road.lanes[lane].width / 2
    direction = heading if lane < 0 else heading + np.pi
    return float(x - aside * np.sin(heading)), float(y + aside * np.cos(heading)), float(direction)


def assert_same(a: tuple[float, float, float], b: tuple[float, float, float]) -> None:
    assert np.hypot(a[0] - b[0], a[1] - b[1]) < 1e-6
    assert abs(np.angle(np.exp(1j * (a[2] - b[2])))) < 1e-9


def connections(text: str) -> Iterator[tuple[str, ET.Element]]:
    for junction in ET.fromstring(text.encode()).iter("junction"):
        for connection in junction.findall("connection"):
            yield junction.get("id", ""), connection


def check_crossings(text: str) -> None:
    roads = read_roads(text)
    ways: dict[str, set[tuple[str, str]]] = {}
    for junction, connection in connections(text):
        way = roads[connection.get("connectingRoad", "")]
        assert way.junction == junction
        assert (way.geometry[0].begin, way.geometry[-1].end) == (0.0, 0.0)
        assert way.before is not None
        assert way.after is not None
        assert way.lane_link is not None
        kinds, ids, contacts = zip(way.before, way.after, strict=True)
        assert kinds == ("road", "road")
        assert ids[0] == connection.get("incomingRoad")
        link = connection.find("laneLink")
        assert link is not None
        assert (int(link.get("from", "")), link.get("to")) == (way.lane_link[0], "-1")
        # Traffic enters on the lane that leads here, and leaves on one that leads away.
        assert way.lane_link[0] == (-1 if contacts[0] == "end" else 1)
        assert way.lane_link[1] == (-1 if contacts[1] == "start" else 1)
        assert_same(lane_end(way, "start", -1), lane_end(roads[ids[0]], contacts[0], way.lane_link[0]))
        assert_same(lane_end(way, "end", -1), lane_end(roads[ids[1]], contacts[1], way.lane_link[1]))
        for id, contact in zip(ids, contacts, strict=True):
            back = roads[id].after if contact == "end" else roads[id].before
            assert back == ("junction", junction, "")
        ways.setdefault(junction, set()).add((ids[0], ids[1]))
    for pairs in ways.values():
        arms = {id for pair in pairs for id in pair}
        assert pairs == {(a, b) for a in arms for b in arms if a != b}, "every turn exists, and no U-turn"
        assert len(arms) in (3, 4)
    in_junctions = {road.id for road in roads.values() if road.junction != "-1"}
    assert in_junctions == {connection.get("connectingRoad") for _, connection in connections(text)}


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_towns(seed: int) -> None:
    text = maps.generate(seed, "town", 1000.0)
    roads = read_roads(text)
    for road in roads.values():
        check_smooth(road)
    check_limits(roads, 25.0, 0.0)
    check_apart(roads)
    check_crossings(text)
    main = main_roads(roads)
    assert [road.id for road in main] == [str(i) for i in range(1, len(main) + 1)]
    assert max(main, key=lambda road: road.length).id == "1"


@pytest.mark.parametrize("name", ["town-1", "town-2"])
def test_shipped_towns(name: str) -> None:
    text = maps.read(name)
    check_crossings(text)
    arms: dict[str, set[str | None]] = {}
    for junction, connection in connections(text):
        arms.setdefault(junction, set()).add(connection.get("incomingRoad"))
    assert sum(len(roads) == 4 for roads in arms.values()) >= 3, "several crossings of four arms"


def test_straight_on_is_main_street() -> None:
    """Who takes the way with the least change of heading at each crossing comes to the end of the main street."""
    roads = read_roads(maps.read("town-2"))
    here, length = roads["1"], 0.0
    seen = []
    while True:
        seen.append(here.id)
        length += here.length
        if here.after is None:
            break
        ways = [
            r
            for r in roads.values()
            if r.before is not None and r.before[:2] == ("road", here.id) and r.junction == here.after[1]
        ]
        way = min(ways, key=lambda r: abs(r.geometry[-1].heading - r.geometry[0].heading))
        length += way.length
        assert way.after is not None
        here = roads[way.after[1]]
    assert seen == [road.id for road in main_roads(roads)]
    assert 1500.0 < length < 2100.0


def test_pavements_run_through_where_no_street_opens() -> None:
    text = maps.read("town-2")
    roads = read_roads(text)
    arms: dict[str, set[str | None]] = {}
    for junction, connection in connections(text):
        arms.setdefault(junction, set()).add(connection.get("incomingRoad"))
    for road in roads.values():
        kinds = {lane.kind for lane in road.lanes.values()}
        if road.junction == "-1":
            assert kinds == {"none", "driving", "shoulder", "sidewalk"}
            continue
        turn = road.geometry[-1].heading - road.geometry[0].heading
        corner = turn < -1.0
        straight = abs(turn) < 0.1
        if len(arms[road.junction]) == 4 or not straight:
            assert ("sidewalk" in kinds) == corner
    for junction, ids in arms.items():
        if len(ids) == 3:
            through = [r for r in roads.values() if r.junction == junction and len(r.geometry) == 1 and -2 in r.lanes]
            assert len(through) == 1, "one side of the main street is closed at a T"
