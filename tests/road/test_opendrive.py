"""Reading maps: what is understood, and that everything broken becomes one MapError."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.road import LaneRef, MapError, RoadNetwork, lane_strips, parse_map, plan_route
from envs.road import opendrive as reader
from liquid_pilot.errors import LiquidPilotError
from scenarios.errors import MapError as ScenarioMapError


def broken(xodr, old: str, new: str) -> str:
    text = xodr.map(xodr.road(5, 50.0))
    assert old in text
    return text.replace(old, new)


def test_a_plain_road_is_read(xodr) -> None:
    network = parse_map(xodr.map(xodr.road(5, 50.0)), "plain")
    assert isinstance(network, RoadNetwork)
    road = network.roads["5"]
    assert (road.length, road.junction, network.right_hand) == (50.0, None, True)
    assert [section.ids for section in road.lane_sections] == [(0, -1)]
    assert road.lane_path(0, -1, [10.0]).y[0] == pytest.approx(-1.75)


def test_names_in_a_namespace_are_read(xodr) -> None:
    text = xodr.map(xodr.road(5, 50.0)).replace("<OpenDRIVE>", '<OpenDRIVE xmlns="http://code.asam.net/x">')
    assert parse_map(text, "n").roads["5"].length == 50.0


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("<?xml", "<<?xml", "not well-formed XML"),
        ("</OpenDRIVE>", "", "not well-formed XML"),
        ("OpenDRIVE>", "Other>", "outermost element is <Other>"),
        ('<?xml version="1.0"?>', '<!DOCTYPE a [<!ENTITY b "bb">]>', "DOCTYPE"),
        ('x="0.0"', 'x="nan"', "road 5, geometry 0: <geometry> x='nan'"),
        ('hdg="0.0"', 'hdg="inf"', "hdg='inf'"),
        ('y="0.0"', 'y="1e300"', "y='1e300'"),
        ('y="0.0"', 'y="north"', "y='north'"),
        ('y="0.0"', "", "no attribute 'y'"),
        ('id="5" length="50.0"', 'id="5" length="-3"', "length=-3.0"),
        ('id="5" length="50.0"', 'id="5" length="0"', "length=0.0"),
        ('id="5" length="50.0"', 'id="5" length="70"', "reaches to 50.000 m"),
        ("<line/>", "", "no <line>, <arc>"),
        ("<line/>", '<arc curvature="1e9"/>', "turns by"),
        ("<line/>", '<arc curvature="round"/>', "curvature='round'"),
        ("<line/>", '<spiral curvStart="0"/>', "'curvEnd'"),
        ("<line/>", '<paramPoly3 aU="0" bU="0" cU="0" dU="0" aV="0" bV="0" cV="0" dV="0"/>', "a curve of 0 m"),
        ('id="-1"', 'id="right"', "id='right' is not a whole number"),
        ('a="3.5"', 'a="NaN"', "lane section 0, lane -1: <width> a='NaN'"),
        ('<width sOffset="0" a="3.5" b="0" c="0" d="0"/>', "", "lane -1: no <width>"),
        ('<laneSection s="0.0">', '<laneSection s="20.0">', "do not fit"),
        ("<lanes>", "<other>", "not well-formed"),
        ('junction="-1" ', 'junction="-1" rule="UK"', "neither RHT nor LHT"),
        ("<link></link><plan", '<link><successor elementType="road" elementId="8"/></link><plan', "contactPoint"),
        (
            "<link></link><plan",
            '<link><successor elementType="road" elementId="8" contactPoint="end"/></link><plan',
            "road 5: its successor is road 8, which does not exist",
        ),
        (
            "<link></link><plan",
            '<link><predecessor elementType="junction" elementId="9"/></link><plan',
            "junction 9, which does not exist",
        ),
        (
            "</OpenDRIVE>",
            '<junction id="1"><connection incomingRoad="5" connectingRoad="6"/></junction></OpenDRIVE>',
            "junction 1: a connection names road 6",
        ),
    ],
)
def test_a_broken_map_is_one_error_that_names_the_place(xodr, old: str, new: str, what: str) -> None:
    with pytest.raises(MapError) as caught:
        parse_map(broken(xodr, old, new), "my.xodr")
    assert "my.xodr" in str(caught.value)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.source == "my.xodr"
    assert str(copy.copy(caught.value)) == str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "  \n", "<OpenDRIVE/>", "not xml", "\x00", "\ud800", "<OpenDRIVE><road/></OpenDRIVE>"]
)
def test_empty_and_foreign_texts(text: str) -> None:
    with pytest.raises(MapError):
        parse_map(text, "e")


def test_the_error_of_a_broken_map_is_the_scenarios_map_error() -> None:
    assert MapError is ScenarioMapError


def test_ids_used_twice(xodr) -> None:
    with pytest.raises(MapError, match="road 5: the id is used twice"):
        parse_map(xodr.map(xodr.road(5, 50.0), xodr.road(5, 50.0)), "m")
    twice = xodr.section(0.0, xodr.lane(-1), xodr.lane(-1))
    with pytest.raises(MapError, match="lane -1 appears twice"):
        parse_map(xodr.map(xodr.road(5, 50.0, sections=twice)), "m")


def test_oversized_texts_are_refused_before_they_are_parsed(xodr, monkeypatch: pytest.MonkeyPatch) -> None:
    text = xodr.map(xodr.road(5, 50.0))
    monkeypatch.setattr(reader, "MAX_ELEMENTS", 3)
    with pytest.raises(MapError, match="more than 3 elements"):
        parse_map(text, "m")
    monkeypatch.setattr(reader, "MAX_CHARACTERS", 100)
    with pytest.raises(MapError, match="more than 100"):
        parse_map(text, "m")


def test_deep_nesting_neither_crashes_nor_hangs() -> None:
    with pytest.raises(MapError):
        parse_map("<OpenDRIVE>" + "<a>" * 100_000 + "</a>" * 100_000 + "</OpenDRIVE>", "deep")


def test_geometries_of_no_length_are_skipped(xodr) -> None:
    geometry = xodr.geometry(0.0, 0.0, 0.0, 0.0, 20.0) + xodr.geometry(20.0, 20.0, 0.0, 0.0, 0.0)
    geometry += xodr.geometry(20.0, 20.0, 0.0, 0.0, 30.0, '<arc curvature="0.02"/>')
    road = parse_map(xodr.map(xodr.road(5, 50.0, geometry)), "m").roads["5"]
    assert len(road.plan.pieces) == 2


@pytest.mark.parametrize(
    "shape",
    [
        '<poly3 a="0" b="0" c="0.005" d="-0.00005"/>',
        '<paramPoly3 aU="0" bU="50" cU="0" dU="0" aV="0" bV="0" cV="8" dV="-2" pRange="normalized"/>',
        '<paramPoly3 aU="0" bU="1" cU="0" dU="0" aV="0" bV="0" cV="0.003" dV="0" pRange="arcLength"/>',
    ],
)
def test_polynomial_roads_are_walked_by_arc_length(xodr, shape: str) -> None:
    text = xodr.map(xodr.road(5, 50.0, xodr.geometry(0.0, 0.0, 0.0, 0.0, 50.0, shape)))
    at = parse_map(text, "m").roads["5"].reference(np.linspace(0.0, 50.0, 5001))
    steps = np.hypot(np.diff(at.x), np.diff(at.y))
    assert np.ptp(steps) < 1e-6  # equal steps of s are equal steps on the ground
    if "poly3 a=" in shape:
        assert steps.sum() == pytest.approx(50.0, abs=1e-4)
        assert at.y[-1] == pytest.approx(0.005 * at.x[-1] ** 2 - 0.00005 * at.x[-1] ** 3, abs=1e-6)


def test_road_marks_and_what_they_paint(xodr) -> None:
    own = (
        '<roadMark sOffset="0" type="custom" color="yellow" width="0.2"><type name="x" width="0.2">'
        '<line length="4" space="8" tOffset="0.15" sOffset="2" width="0.1"/></type></roadMark>'
    )
    double = '<roadMark sOffset="3" type="solid broken" color="white" width="0.12"/>'
    bold = '<roadMark sOffset="0" type="broken" weight="bold"/>'
    section = xodr.section(0.0, xodr.lane(1, more=own), xodr.lane(2, more=double), xodr.lane(-1, more=bold + double))
    lanes = parse_map(xodr.map(xodr.road(5, 50.0, sections=section)), "m").roads["5"].lane_sections[0].lanes
    (line,) = lanes[1].marks[0].lines
    assert (line.offset, line.width, line.length, line.space, line.s_offset) == (0.15, 0.1, 4.0, 8.0, 2.0)
    assert lanes[1].marks[0].colour == "yellow"
    # named from the inside to the outside: on a left lane's border inside is right of it
    solid, dashed = lanes[2].marks[0].lines
    assert (solid.space, dashed.space > 0, solid.offset < 0 < dashed.offset) == (0.0, True, True)
    first, second = lanes[-1].marks
    assert (first.type, first.width, first.colour) == ("broken", 0.25, "standard")
    assert second.lines[0].space == 0.0
    assert second.lines[0].offset > 0


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_a_map_or_a_named_error(xodr, data: st.DataObject) -> None:
    arc = xodr.geometry(20.0, 20.0, 0.0, 0.0, 30.0, '<spiral curvStart="0.0" curvEnd="0.02"/>')
    profile = '<elevationProfile><elevation s="0.0" a="1.0" b="0.02" c="0.001" d="0.0"/></elevationProfile>'
    link = '<successor elementType="road" elementId="5" contactPoint="start"/>'
    text = xodr.map(xodr.road(5, 50.0, xodr.geometry(0.0, 0.0, 0.0, 0.0, 20.0) + arc, profile=profile, link=link))
    numbers = ["nan", "-1", "0", "1e9", "-1e300", "", "1e-300", "inf", "x", "3"]
    if data.draw(st.booleans()):
        quotes = [i for i, c in enumerate(text) if c == '"']
        pair = 2 * data.draw(st.integers(0, len(quotes) // 2 - 1))
        text = text[: quotes[pair] + 1] + data.draw(st.sampled_from(numbers)) + text[quotes[pair + 1] :]
    else:
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 80)))
        text = text[:start] + data.draw(st.sampled_from(["", "<", ">", "&", "<road/>", "\x07"])) + text[end:]
    try:
        network = parse_map(text, "damaged")
        for road in network.roads.values():
            for strip in lane_strips(road):
                assert np.isfinite(strip.outer).all()
        route = plan_route(network, LaneRef(next(iter(network.roads)), -1, 0.0))
        assert math.isfinite(route.project(3.0, 1.0).cross_track)
    except LiquidPilotError as error:
        message = str(error)
        assert "damaged" in message
