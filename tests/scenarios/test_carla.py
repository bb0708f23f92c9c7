"""CARLA's own reader is the independent judge of the maps: it finds the driven lane all along, where we say it is."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from scenarios import maps
from tests.scenarios.reading import read_roads

pytest.importorskip("carla")

# In a process of its own: a map that CARLA does not like ends the process by abort().
JUDGE = """
import json, sys, carla
answers = {}
for name, text in json.load(sys.stdin).items():
    world = carla.Map(name, text)
    found = []
    for s in range(0, int(text.split('length="')[1].split('"')[0].split('.')[0]), 10):
        here = world.get_waypoint_xodr(1, -1, float(s))
        place = here.transform.location
        found.append((here.s, place.x, -place.y, place.z, here.lane_width, here.transform.rotation.pitch))
    marks = world.get_waypoint_xodr(1, -1, 1.0)
    way, gone = world.get_waypoint_xodr(1, -1, 0.5), 0.0
    roads = [way.road_id]
    while gone < 20000.0:
        ahead = way.next(4.0)
        if not ahead:
            break
        turn = lambda w: abs((w.transform.rotation.yaw - way.transform.rotation.yaw + 180.0) % 360.0 - 180.0)
        way, gone = min(ahead, key=turn), gone + 4.0
        if way.road_id != roads[-1]:
            roads.append(way.road_id)
    answers[name] = {
        "waypoints": found, "gone": gone, "roads": roads,
        "marks": [str(marks.left_lane_marking.type), str(marks.right_lane_marking.type)],
        "driving": len({(w.road_id, w.lane_id) for w in world.generate_waypoints(20.0)}),
    }
json.dump(answers, sys.stdout)
"""

SPELLING = {
    "none": "NONE", "solid": "Solid", "broken": "Broken", "solid solid": "SolidSolid",
    "solid broken": "SolidBroken", "broken solid": "BrokenSolid",
}  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    own = {f"{style}-5": maps.generate(5, style, 1200.0) for style in maps.STYLES}
    return own | {name: maps.read(name) for name in maps.shipped()}


def test_carla_reads_every_style_and_every_shipped_map(texts: dict[str, str]) -> None:
    judge = subprocess.run([sys.executable, "-c", JUDGE], input=json.dumps(texts), capture_output=True, text=True)
    assert judge.returncode == 0, judge.stderr[-2000:]
    answers = json.loads(judge.stdout)
    assert set(answers) == set(texts)
    for name, text in texts.items():
        roads, answer = read_roads(text), answers[name]
        first = roads["1"]
        s, x, y, z, width, pitch = np.array(answer["waypoints"]).T
        assert len(s) >= first.length / 10.0 - 1.0
        here = first.sample(0.5)
        heading = np.interp(s, here["s"], here["heading"])
        half = first.lanes[-1].width / 2
        expected_z, slope = first.height(s)
        # CARLA computes in single precision: centimetres at a kilometre's distance.
        np.testing.assert_allclose(x, np.interp(s, here["s"], here["x"]) + half * np.sin(heading), atol=0.03)
        np.testing.assert_allclose(y, np.interp(s, here["s"], here["y"]) - half * np.cos(heading), atol=0.03)
        np.testing.assert_allclose(z, expected_z, atol=2e-3)
        np.testing.assert_allclose(np.tan(np.radians(pitch)), slope, atol=1e-3)
        np.testing.assert_allclose(width, 2 * half, atol=1e-6)
        assert answer["marks"] == [SPELLING[first.lanes[0].marks[0][1]], SPELLING[first.lanes[-1].marks[0][1]]]
        main = [road for road in roads.values() if road.junction == "-1" and int(road.id) < 100]
        assert [id for id in answer["roads"] if id < 100] == [int(road.id) for road in main]
        lanes = sum(lane.kind == "driving" for road in roads.values() for lane in road.lanes.values())
        assert answer["driving"] == lanes
        assert answer["gone"] >= sum(road.length for road in main) - 8.0
