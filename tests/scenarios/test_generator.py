"""Generated roads, judged by reading their text back with other mathematics than they were made with."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from scenarios import maps
from scenarios.errors import MapError
from scenarios.maps.__main__ import main, write_shipped
from scenarios.maps.curve import Piece, Pose, sine_cosine
from scenarios.maps.orders import HELDOUT, ORDERS, TRAIN
from scenarios.maps.profile import Height, terrain_is_natural
from tests.scenarios.reading import Road, read_roads

HASHES = {
    "country-1": "0229231c8e6a357e",
    "country-2": "23a4fee43af58e45",
    "hairpins-1": "52d6fadbaee512e5",
    "hairpins-2": "01dadfaa5fef35ec",
    "hills-1": "7d6fc898f732238b",
    "hills-2": "8512b19fc9b7d213",
    "lane-1": "6a9e7e5c2378ddc6",
    "lane-2": "9950f4a2f840346f",
    "motorway-1": "f110a625c1aa81b1",
    "motorway-2": "60226957782fd342",
    "s-bends-1": "c2b3901cad617582",
    "s-bends-2": "346a4573f0c7483e",
    "town-1": "abe803c6d0d4a743",
    "town-2": "662c2ce08cb82855",
}
GRADES = {"country": 0.02, "s_bends": 0.02, "motorway": 0.02, "hairpins": 0.06, "hills": 0.08, "lane": 0.05,
          "corners": 0.02, "avenue": 0.02}  # fmt: skip
RADII = {"country": 30.0, "s_bends": 32.0, "motorway": 200.0, "hairpins": 25.0, "hills": 50.0, "lane": 27.0,
         "corners": 6.0, "avenue": 24.0}  # fmt: skip
"""m, at the centre of the driven lane."""
IN_TOWN = ("corners", "avenue")
"""Streets, wider than country roads, whose corners are turned into at walking pace rather than eased into."""
some_seeds = st.integers(0, 2**40)


def main_roads(roads: dict[str, Road]) -> list[Road]:
    return [road for road in roads.values() if road.junction == "-1" and int(road.id) < 100]


def check_smooth(road: Road) -> None:
    """Position, heading and curvature go on from piece to piece; heights and grades as well."""
    s = 0.0
    for before, after in zip(road.geometry, road.geometry[1:], strict=False):
        s += before.length
        assert after.s == pytest.approx(s, abs=1e-8)
        x, y, heading, curvature = before.at(np.array(before.length))
        assert np.hypot(x - after.x, y - after.y) < 1e-7
        assert abs(heading - after.heading) < 1e-9
        assert curvature == pytest.approx(after.begin, abs=1e-12)
    assert road.geometry[-1].s + road.geometry[-1].length == pytest.approx(road.length, abs=1e-8)
    for before, after in zip(road.elevation, road.elevation[1:], strict=False):
        ds = after[0] - before[0]
        assert ds > 0.0
        _, a, b, c, d = before
        assert a + b * ds + c * ds**2 + d * ds**3 == pytest.approx(after[1], abs=1e-7)
        assert b + 2 * c * ds + 3 * d * ds**2 == pytest.approx(after[2], abs=1e-7)


def check_limits(roads: dict[str, Road], radius: float, grade: float, in_town: bool = False) -> None:
    for road in main_roads(roads):
        here = road.sample()
        half = road.lanes[-1].width / 2
        bent = np.abs(here["curvature"]) > 1e-9
        # Both lanes beside the reference line: in a right bend -1 is the inner one, in a left bend 1.
        inner = 1.0 / np.abs(here["curvature"][bent]) - half
        assert inner.min(initial=1e9) >= radius - 0.011
        assert np.abs(here["slope"]).max() <= grade + 1e-9
        assert max(abs(2 * record[3]) for record in road.elevation) <= 1.0 / 690.0
        assert 2.9 <= road.lanes[-1].width <= (4.2 if in_town else 3.75)
        for g in road.geometry:
            if g.begin != g.end and not in_town:
                # Lateral jerk at the speed that 2.5 m/s2 allow (at most 15 m/s) stays comfortable.
                speed = min(15.0, np.sqrt(2.5 / max(abs(g.begin), abs(g.end))))
                assert speed**3 * abs(g.end - g.begin) / g.length < 3.4  # the trial: 3.1


def check_apart(roads: dict[str, Road]) -> None:
    """No two parts of the main road nearer than 45 m that are more than 100 m apart along it.

    The generator compares places every 5 m, so that either side may come 2.5 m nearer between them.
    """
    x, y, z, along, s = [], [], [], [], 0.0
    for road in main_roads(roads):
        here = road.sample(4.0)
        x, y, z = [*x, *here["x"]], [*y, *here["y"]], [*z, *here["z"]]
        along = [*along, *(here["s"] + s)]
        s += road.length + 30.0
    points = np.stack([x, y], axis=1)
    for i, j in cKDTree(points).query_pairs(100.0):
        if abs(along[i] - along[j]) > 100.0:
            apart = float(np.hypot(*(points[i] - points[j])))
            assert apart >= 45.0 - 2 * 2.5
            assert abs(z[i] - z[j]) <= 0.35 * apart, "a cliff between two parts of the road"


@pytest.mark.parametrize("style", [style for style in maps.STYLES if style not in ("town", "mixed")])
@settings(max_examples=4, deadline=None)
@given(seed=some_seeds)
def test_each_style_keeps_its_limits(style: maps.Style, seed: int) -> None:
    roads = read_roads(maps.generate(seed, style, 1500.0))
    assert list(roads) == ["1"]
    assert roads["1"].length == pytest.approx(1500.0, abs=1e-9)
    assert (roads["1"].geometry[0].begin, roads["1"].geometry[-1].end) == (0.0, 0.0)
    check_smooth(roads["1"])
    check_limits(roads, RADII[style], GRADES[style], style in IN_TOWN)
    check_apart(roads)


@settings(max_examples=8, deadline=None)
@given(seed=some_seeds, length=st.floats(200.0, 3000.0))
def test_mixed_roads_of_any_length(seed: int, length: float) -> None:
    roads = read_roads(maps.generate(seed, "mixed", length))
    for road in roads.values():
        check_smooth(road)
    check_limits(roads, 25.0, 0.08)
    check_apart(roads)


def test_mixed_is_really_mixed() -> None:
    drawn = [read_roads(maps.generate(seed, "mixed", 1000.0)) for seed in range(4000, 4040)]
    first = [roads["1"] for roads in drawn]
    radius = np.array([1.0 / max(1e-9, np.abs(road.sample()["curvature"]).max()) for road in first])
    grade = np.array([np.abs(road.sample()["slope"]).max() for road in first])
    width = np.array([road.lanes[-1].width for road in first])
    assert sum(len(roads) > 1 for roads in drawn) >= 1, "towns"
    assert (radius < 30.0).sum() >= 4
    assert (radius > 180.0).sum() >= 1
    assert (grade == 0.0).sum() >= 4
    assert (grade > 0.045).sum() >= 4
    assert (width < 3.05).sum() >= 4
    assert (width > 3.5).sum() >= 4
    centre = {mark[1] for road in first for mark in road.lanes[0].marks}
    assert centre == {"solid", "broken", "solid solid", "solid broken", "broken solid", "none"}
    assert {road.lanes[-1].marks[0][1] for road in first} >= {"solid", "broken", "none"}
    assert {mark[2] for road in first for mark in road.lanes[0].marks} == {"white", "yellow"}
    turns = np.concatenate([road.sample()["curvature"] for road in first])
    assert 0.4 < (turns > 1e-4).sum() / (np.abs(turns) > 1e-4).sum() < 0.6, "left and right alike"


def test_lanes_beside_the_driven_ones() -> None:
    country = read_roads(maps.generate(3, "country", 500.0))["1"]
    assert [country.lanes[i].kind for i in (-1, -2, -3, 1, 2, 3)] == ["driving", "shoulder", "none"] * 2
    assert country.speed == 70.0
    for seed in range(6):
        lanes = read_roads(maps.generate(seed, "motorway", 500.0))["1"].lanes
        assert [lanes[-1].kind, lanes[-2].kind] == ["driving", "driving"]
        assert [lane.kind for lane in lanes.values()].count("driving") == 4
    for seed in range(12):
        lanes = read_roads(maps.generate(seed, "lane", 500.0))["1"].lanes
        assert 2.9 <= lanes[-1].width <= 3.0
        assert "none" in {lanes[0].marks[0][1], lanes[-1].marks[0][1]}


def test_streets_have_room_for_their_own_width() -> None:
    """The innermost border of a corner still runs forward: the reference line's radius is above the section's width."""
    widths, kinds = set(), set()
    for seed in range(30):
        for style in IN_TOWN:
            road = read_roads(maps.generate(seed, style, 700.0))["1"]
            bent = np.abs(road.sample()["curvature"]).max()
            sides = [sum(lane.width for i, lane in road.lanes.items() if i * side > 0) for side in (1, -1)]
            assert 1.0 / bent >= max(sides) + 0.49
            widths.add(round(road.lanes[-1].width))
            kinds |= {lane.kind for lane in road.lanes.values()}
            driven = sum(lane.kind == "driving" for lane in road.lanes.values())
            assert driven == 4 if style == "avenue" else driven in (1, 2)
    assert widths >= {3, 4}
    assert kinds >= {"driving", "parking", "shoulder", "sidewalk", "median", "bidirectional"}


def test_the_trial_statistics_of_country_roads() -> None:
    """R log-uniform in 30-180 m, transitions 12-35 m (twice that in an S), about a quarter straight."""
    pieces = [g for seed in range(12) for g in read_roads(maps.generate(seed, "country"))["1"].geometry[1:-1]]
    arcs = np.array([1.0 / abs(g.begin) for g in pieces if g.begin == g.end != 0.0])
    assert 30.0 <= arcs.min() < 36.0
    assert 150.0 < arcs.max() <= 182.0
    assert np.log(arcs).mean() == pytest.approx(np.log(30.0 * 180.0) / 2, abs=0.2)
    transitions = np.array([g.length for g in pieces if g.begin != g.end])
    assert transitions.min() >= 6.0
    assert transitions.max() <= 70.0
    straight = sum(g.length for g in pieces if g.begin == g.end == 0.0) / sum(g.length for g in pieces)
    assert 0.08 < straight < 0.3


@pytest.mark.parametrize("name", ["hairpins-1", "hairpins-2"])
def test_shipped_hairpins_are_as_tight_as_they_say(name: str) -> None:
    road = read_roads(maps.read(name))["1"]
    right = road.sample()["curvature"].min()
    assert -1.0 / right - road.lanes[-1].width / 2 == pytest.approx(25.0, abs=0.011)


def test_the_same_text_in_another_process() -> None:
    code = (
        "import sys\nfrom scenarios import maps\n"
        "for style in maps.STYLES:\n    sys.stdout.write(maps.generate(2**33, style, 700.0))"
    )
    # NumPy without its vector instructions: what another machine would compute with.
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={
            "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
            "PYTHONHASHSEED": "7",
            "PYTHONPATH": ":".join(sys.path),
        },
    )
    here = "".join(maps.generate(2**33, style, 700.0) for style in maps.STYLES)
    assert elsewhere.stdout.decode() == here


def test_shipped_files_are_what_the_generator_gives(tmp_path: Path) -> None:
    assert maps.shipped() == sorted(ORDERS)
    assert not set(TRAIN) & set(HELDOUT)
    for path in write_shipped(tmp_path):
        assert path.read_text(encoding="utf-8") == maps.read(path.stem), "run python -m scenarios.maps --write"


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_shipped_maps(name: str) -> None:
    text = maps.read(name)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == HASHES[name], "recorded drives name this very road"
    assert len(text) < 150_000
    roads = read_roads(text)
    for road in roads.values():
        check_smooth(road)
    assert 1000.0 <= sum(road.length for road in main_roads(roads)) <= 3000.0
    check_limits(roads, RADII.get(ORDERS[name].style, 25.0), GRADES.get(ORDERS[name].style, 0.0))
    check_apart(roads)


def test_bad_orders() -> None:
    with pytest.raises(MapError, match="'contry': unknown; styles are country, motorway"):
        maps.generate(1, "contry")  # type: ignore[arg-type]
    with pytest.raises(MapError, match="not among the shipped maps; did you mean 'town-1'"):
        maps.read("twon-1")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pass.xodr"
    assert main(["--seed", "7", "--style", "hairpins", "--length", "400", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == maps.generate(7, "hairpins", 400.0)
    assert "file:" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["--seed", "7"])
    assert ended.value.code == 2
    assert main(["--seed", "7", "--length", "400", "--out", str(out / "x.xodr")]) == 2
    assert len(capsys.readouterr().err.splitlines()) >= 1


def test_a_road_beside_itself_does_not_stand_on_a_cliff() -> None:
    # Two straights 54 m apart, 500 m along the road from each other at their ends.
    k = 1.0 / 27.0
    pieces = [Piece(200.0, 0.0, 0.0), Piece(round(np.pi / k, 3), k, k), Piece(200.0, 0.0, 0.0)]
    start = Pose(0.0, 0.0, 0.0)
    assert terrain_is_natural(pieces, start, (Height(0.0, 0.0, 0.03, 0.0),))
    assert not terrain_is_natural(pieces, start, (Height(0.0, 0.0, 0.06, 0.0),))
    assert not terrain_is_natural(pieces, start, (Height(0.0, 0.0, -0.06, 0.0),))


def test_sine_and_cosine() -> None:
    angles = np.linspace(-30.0, 30.0, 4001)
    ours = np.array([sine_cosine(float(angle)) for angle in angles])
    np.testing.assert_allclose(ours, np.stack([np.sin(angles), np.cos(angles)], axis=1), rtol=0, atol=2e-15)


def test_a_clothoid_against_quadrature() -> None:
    piece = Piece(60.0, -0.04, 0.1)
    s = np.linspace(0.0, 60.0, 200_001)
    heading = 0.3 - 0.04 * s + 0.5 * (0.14 / 60.0) * s**2
    end = piece.last(Pose(1.0, 2.0, 0.3))
    assert end.x == pytest.approx(1.0 + np.trapezoid(np.cos(heading), s), abs=1e-8)
    assert end.y == pytest.approx(2.0 + np.trapezoid(np.sin(heading), s), abs=1e-8)
    assert end.heading == pytest.approx(heading[-1], abs=1e-12)
    assert piece.turn == pytest.approx(heading[-1] - 0.3, abs=1e-12)
