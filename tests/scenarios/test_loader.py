"""Scenario files: every mistake is one line with file, line number and the nearest key; the catalogue has none."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import get_args

import pytest

import scenarios
from scenarios.errors import MapError, ScenarioError, UnknownScenario
from scenarios.schema import SeedFamily, Split
from tests.scenarios.reading import read_roads

GOOD = "description: x\nroad: {map: country-1}\n"

MISTAKES = {
    "unknown key": (GOOD + "camra: {width: 3}\n", 3, "unknown key 'camra'; did you mean 'camera'?"),
    "unknown key deep": (
        "description: x\nroad:\n  generate:\n    style: lane\n    seed:\n      first: 1\n      cout: 3\n",
        7,
        "unknown key 'road.generate.seed.cout'; did you mean 'count'?",
    ),
    "unknown key in flow style": (GOOD + "start: {position: random,\n  latral_m: 1}\n", 4, "did you mean 'lateral_m'?"),
    "nothing near": (GOOD + "zzzzzz: 1\n", 3, "unknown key 'zzzzzz'; known here: description, road"),
    "missing": ("road: {map: a}\n", 1, "key 'description' is missing"),
    "wrong number": (GOOD + "camera:\n  width: wide\n", 4, "camera.width: should be a valid integer, got 'wide'"),
    "yes is no number": (GOOD + "limits: {off_lane: yes}\n", 3, "limits.off_lane: should be a valid number, got True"),
    "nan": (GOOD + "limits:\n  off_lane: .nan\n", 4, "limits.off_lane: should be a finite number"),
    "out of range": (
        GOOD + "start:\n\n  heading_deg: -3\n",
        5,
        "start.heading_deg: should be greater than or equal to 0",
    ),
    "no such theme": (GOOD + "surroundings: {theme: moon}\n", 3, "should be 'meadow', 'forest'"),
    "either of two": (
        GOOD + "start: {speed: fast}\n",
        3,
        "start.speed: should be 'target' or a valid number, got 'fast'",
    ),
    "two lines": ("description: |\n  a\n  b\nroad: {map: a}\n", 1, "description: must be one line of text"),
    "long": (f"description: {'x' * 200}\nroad: {{map: a}}\n", 1, "description: string should have at most 120"),
    "not a name": ("3: x\n" + GOOD, 1, "keys should be strings"),
    "two roads": ("description: x\nroad: {map: a, file: b}\n", 2, "exactly one of map, file and generate"),
    "no road": ("description: x\nroad: {}\n", 2, "got none"),
    "negative seed": ("description: x\nroad: {generate: {seed: -1}}\n", 2, "seed must be >= 0, got -1"),
    "not a mapping": ("description: x\nroad: country-1\n", 2, "road: should be a mapping"),
    "twice": (GOOD + "split: demo\nsplit: train\n", 4, "key 'split' is given twice"),
    "twice deep": (GOOD + "camera:\n  width: 9\n  width: 8\n", 5, "key 'width' is given twice"),
    "broken YAML": (GOOD + "camera: {width: [3\nsplit: a: b", 4, "not YAML"),
    "colon in text": ("description: a: b\nroad: {map: a}\n", 1, "needs quotes"),
    "two documents": (GOOD + "---\n" + GOOD, 3, "not YAML"),
    "python object": ("description: !!python/object/apply:os.getcwd []\n", 1, "could not determine a constructor"),
    "sequence in via": (GOOD + "route:\n  via:\n    - '1'\n    - [2]\n", 6, "route.via.1: should be a valid string"),
    "no such preset": (GOOD + "weather: nigt\n", 3, "weather.preset: unknown weather 'nigt'; did you mean 'night'?"),
    "no such preset deep": (
        GOOD
        + "weather:\n  keyframes:\n  - {time_s: 0, weather: clear}\n  - {time_s: 9, weather:\n     hardrain-nigt}\n",
        6,
        "weather.keyframes.1.weather.preset: unknown weather 'hardrain-nigt'; did you mean 'HardRainNight'",
    ),
    "no weather": (GOOD + "weather: 3\n", 3, "weather: should be the name of a preset or a mapping, got 3"),
    "no such parameter": (GOOD + "weather:\n  fog_densiti: 3\n", 4, "did you mean 'fog_density'?"),
    "too much fog": (GOOD + "weather:\n  fog_density: 101\n", 4, "weather.fog_density: should be 0 to 100, or -1"),
    "nearly -1": (GOOD + "weather: {cloudiness: -0.5}\n", 3, "should be 0 to 100, or -1 to leave it"),
    "sun too high": (GOOD + "weather: {sun_altitude_angle: 91}\n", 3, "should be less than or equal to 90, got 91"),
    "keyframes and more": (
        GOOD + "weather:\n  wetness: 3\n  keyframes: [{time_s: 0, weather: fog}, {time_s: 1, weather: fog}]\n",
        3,
        "weather: keyframes stand alone: put wetness into",
    ),
    "keyframes out of order": (
        GOOD + "weather:\n  keyframes:\n  - {route_percent: 9, weather: clear}\n  - {route_percent: 9, weather: fog}\n",
        6,
        "weather.keyframes.1: keyframes out of order: route_percent 9 comes after 9; they must increase",
    ),
    "keyframes of two kinds": (
        GOOD + "weather:\n  keyframes:\n  - {route_m: 9, weather: clear}\n  - {time_s: 10, weather: fog}\n",
        6,
        "keyframes must all be placed by the same key, got route_m and time_s",
    ),
    "keyframe nowhere": (
        GOOD + "weather:\n  keyframes:\n  - {weather: fog}\n",
        5,
        "route_percent, route_m, time_s must",
    ),
    "keyframe twice": (
        GOOD + "weather:\n  keyframes:\n  - {time_s: 0, route_m: 1, weather: fog}\n",
        5,
        "got route_m and time_s",
    ),
    "one keyframe": (
        GOOD + "weather: {keyframes: [{time_s: 0, weather: fog}]}\n",
        3,
        "at least two keyframes are needed",
    ),
    "no such fault": (
        GOOD + "faults:\n- {fault: jpeg, severity: 1}\n- fault: gaussian_nose\n  severity: 1\n",
        5,
        "faults.1.fault: unknown fault 'gaussian_nose'; did you mean 'gaussian_noise'?",
    ),
    "no list of faults": (GOOD + "faults: jpeg\n", 3, "faults: should be a list, got 'jpeg'"),
    "no severity": (GOOD + "faults:\n- {fault: jpeg}\n", 4, "key 'faults.0.severity' is missing"),
    "severity out of range": (
        GOOD + "faults:\n- fault: jpeg\n  severity: 6\n",
        5,
        "faults.0.severity: should be less than or equal to 5, got 6",
    ),
    "severity in words": (GOOD + "faults: [{fault: jpeg, severity: bad}]\n", 3, "should be a valid number, got 'bad'"),
    "severity out of order": (
        GOOD + "faults:\n- fault: jpeg\n  severity:\n    keyframes:\n"
        "    - {time_s: 5, severity: 1}\n    - {time_s: 4, severity: 2}\n",
        8,
        "faults.0.severity.keyframes.1: keyframes out of order: time_s 4 comes after 5",
    ),
    "key of a fault": (GOOD + "faults:\n- fault: jpeg\n  severty: 6\n", 5, "did you mean 'severity'?"),
    "key of a schedule": (
        GOOD + "faults:\n- {fault: jpeg, severity: 1,\n   schedule: {bursts_per_minut: 6}}\n",
        5,
        "unknown key 'faults.0.schedule.bursts_per_minut'; did you mean 'bursts_per_minute'?",
    ),
    "no schedule": (
        GOOD + "faults: [{fault: jpeg, severity: 1, schedule: often}]\n",
        3,
        "faults.0.schedule: should be 'always' or a mapping, got 'often'",
    ),
    "half a burst": (GOOD + "faults: [{fault: jpeg, severity: 1, schedule: {burst_s: 1}}]\n", 3, "bursts need both"),
    "two schedules": (
        GOOD + "faults: [{fault: jpeg, severity: 1, schedule: {burst_s: 1, bursts_per_minute: 1, from_s: 1}}]\n",
        3,
        "not both",
    ),
    "back in time": (
        GOOD + "faults: [{fault: jpeg, severity: 1, schedule: {from_s: 5, to_s: 5}}]\n",
        3,
        "to_s (5) must come after from_s (5)",
    ),
    "all at once": (GOOD + "camera: {width: 1}\nlimits: {off_lane: 0}\nsplit: none\n", 3, "(and 2 more)"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named_by_line(name: str, tmp_path: Path) -> None:
    text, line, message = MISTAKES[name]
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(path)
    said = str(caught.value)
    assert said.startswith(f"{path}:{line}: "), said
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("text", ["", "- a\n", "just text", "[" * 600, "description: \x00", "description: 2001-13-45"])
def test_what_is_no_scenario_at_all(text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenarios.parse(text, source="mine.yaml")
    assert re.match(r"mine\.yaml(:\d+)?: .{10,300}$", str(caught.value))


def test_a_dict_without_a_file_is_named_by_the_scenario() -> None:
    with pytest.raises(ScenarioError, match=r"^scenario 'mine': unknown key 'rod'; did you mean 'road'\?"):
        scenarios.Scenario.from_dict({"description": "x", "rod": {}}, name="mine")


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(UnknownScenario, match="did you mean train-country") as caught:
        scenarios.load("train-contry")
    assert caught.value.nearest[0] == "train-country"
    with pytest.raises(UnknownScenario, match="no such scenario file"):
        scenarios.load(tmp_path / "heldout-town.yaml")
    with pytest.raises(UnknownScenario):
        scenarios.load("Train-Country")
    with pytest.raises(UnknownScenario):
        scenarios.load("../catalogue/train-country.yaml")
    with pytest.raises(ScenarioError, match="directory"):
        scenarios.load(tmp_path)
    (tmp_path / "huge.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ScenarioError, match="larger than"):
        scenarios.load(tmp_path / "huge.yaml")
    (tmp_path / "latin.yaml").write_bytes("description: ä".encode("latin-1"))
    with pytest.raises(ScenarioError, match="not UTF-8 text at byte 13"):
        scenarios.load(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    "error", [ScenarioError("a.yaml:3", "wrong"), UnknownScenario("a", ("b",)), MapError("town", "no such file")]
)
def test_errors_survive_the_way_from_a_worker(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_load_takes_name_path_and_scenario() -> None:
    scenario = scenarios.load("train-country")
    assert scenario.name == "train-country"
    assert scenario.source is not None
    assert scenarios.load(scenario.source) == scenarios.load(str(scenario.source)) == scenario
    assert scenarios.load(scenario) is scenario


def test_catalogue_has_what_was_promised() -> None:
    by_split = {split: scenarios.catalogue(split) for split in get_args(Split)}
    assert sorted(name for names in by_split.values() for name in names) == scenarios.catalogue(kind="driving")
    for split, names in by_split.items():
        assert all(name.startswith(f"{split}-") for name in names)
    roads = {name: scenarios.load(name).road for name in scenarios.catalogue(kind="driving")}
    used = {split: {roads[name].map for name in names} - {None} for split, names in by_split.items()}
    assert len(used["train"]) >= 6
    assert len(used["heldout"]) >= 6
    assert not used["train"] & used["heldout"]
    assert used["train"] | used["heldout"] == set(scenarios.maps.shipped())
    # Conditions are tried on roads that nobody trained on, each of them under several.
    for split in ("weather", "drift", "worst"):
        assert len(by_split[split]) >= 4
        assert used[split] <= used["heldout"]
    assert len(by_split["fault"]) >= 2
    # No generated road of one split is also in another.
    seen: dict[tuple[str, int], str] = {}
    for split, names in by_split.items():
        for name in names:
            generate = roads[name].generate
            if generate is not None:
                assert isinstance(generate.seed, SeedFamily)
                for seed in range(generate.seed.first, generate.seed.first + generate.seed.count):
                    assert seen.setdefault((generate.style, seed), split) == split


@pytest.mark.parametrize("name", scenarios.catalogue(kind="driving"))
def test_every_entry_loads_and_has_its_road(name: str) -> None:
    scenario = scenarios.load(name)
    trained = scenario.split in ("train", "validation")
    themes = scenarios.schema.TRAIN_THEMES if trained else scenarios.schema.HELDOUT_THEMES
    for episode in (0, 7):
        assert scenario.for_episode(episode).surroundings.theme in themes
        _, text = scenario.map_text(episode)
        main = [r for r in read_roads(text).values() if r.junction == "-1" and int(r.id) < 100]
        assert scenario.route.length_m is not None
        assert sum(road.length for road in main) >= scenario.route.length_m + 300.0, "room for random starts"
        # The default start of a route is the longest road: it must be the first of the chain.
        assert max(main, key=lambda road: road.length).id == "1"
    # Each condition has its own split, so that clear weather is compared with clear weather.
    plain = scenario.weather.label == "clear" and not scenario.faults
    assert plain == (trained or scenario.split in ("heldout", "demo"))
    if not trained:
        assert (scenario.start.lateral_m, scenario.start.heading_deg) == (0.5, 3.0)
        assert scenario.start.position == "random"
