"""The file format: round trips, what is refused, and what an episode makes of a scenario."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
import scenarios.faults
import scenarios.weather
from scenarios.schema import HELDOUT_THEMES, TRAIN_THEMES, Limits, Scenario
from tests.scenarios.conditions import faults, weathers

seeds = st.integers(0, 2**31)
numbers = st.floats(0.01, 4.9)
roads = st.one_of(
    st.fixed_dictionaries({"map": st.sampled_from(["country-1", "1", "yes", "a: b"])}),
    st.fixed_dictionaries(
        {"file": st.text(min_size=1, max_size=10) | st.sampled_from(["\x85", "a\u2028b", "ä b.xodr"])}
    ),
    st.fixed_dictionaries(
        {
            "generate": st.fixed_dictionaries(
                {"seed": st.one_of(seeds, st.fixed_dictionaries({"first": seeds, "count": st.integers(1, 99)}))},
                optional={"style": st.sampled_from(scenarios.maps.STYLES), "length_m": st.integers(200, 5000)},
            )
        }
    ),
)
dicts = st.fixed_dictionaries(
    {"description": st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40), "road": roads},
    optional={
        "route": st.fixed_dictionaries(
            {},
            optional={
                "length_m": numbers,
                "via": st.lists(st.sampled_from(["1", "007", "x"]), max_size=3),
                "start": st.fixed_dictionaries({"road": st.sampled_from(["3", "on"]), "lane": st.integers(-3, 3)}),
            },
        ),
        "start": st.fixed_dictionaries({"speed": st.one_of(st.just("target"), numbers), "lateral_m": numbers}),
        "surroundings": st.fixed_dictionaries({"theme": st.sampled_from(["autumn", "train"]), "seed": seeds}),
        "camera": st.fixed_dictionaries({"width": st.integers(8, 4000), "pitch_deg": st.integers(-30, 30)}),
        "limits": st.fixed_dictionaries({"off_lane": numbers, "time_limit_s": st.one_of(st.none(), numbers)}),
        "split": st.sampled_from(["train", "validation", "heldout", "weather", "fault", "drift", "worst", "demo"]),
        "wet_grip": st.booleans(),
        "weather": weathers,
        "faults": st.lists(faults, max_size=3),
    },
)


@settings(max_examples=60, deadline=None)
@given(dicts)
def test_yaml_round_trip(data: dict) -> None:
    scenario = Scenario.from_dict(data)
    assert scenarios.parse(scenario.to_yaml()) == scenario
    assert Scenario.from_dict(json.loads(json.dumps(scenario.to_dict()))) == scenario
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    # What was given is still there: a round trip that loses everything would be a round trip as well.
    for key, value in yaml.safe_load(yaml.safe_dump(data)).items():
        kept = scenario.to_dict()[key]
        if key in ("weather", "faults"):
            continue  # test_weather and test_faults look at these
        if isinstance(value, dict) and key != "road":
            assert {k: v for k, v in value.items() if v is not None}.items() <= kept.items() or key == "route"
        elif not isinstance(value, dict):
            assert kept == value


def test_defaults_are_those_of_the_contract() -> None:
    scenario = Scenario.from_dict({"description": "x", "road": {"map": "country-1"}})
    assert scenario.to_dict() == {
        "description": "x",
        "road": {"map": "country-1"},
        "route": {},
        "start": {"position": "begin", "lateral_m": 0.0, "heading_deg": 0.0, "speed": "target"},
        "surroundings": {"theme": "meadow", "seed": 0, "recolour": 0.0},
        "weather": "clear",
        "wet_grip": False,
        "faults": [],
        "camera": {"width": 200, "height": 78, "fov_deg": 90.0, "x_m": 1.3, "z_m": 2.3, "pitch_deg": -20.0},
        "limits": {"off_lane": 1.0},
        "split": "demo",
    }
    assert (scenario.name, scenario.source) == ("unnamed", None)
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        scenario.split = "train"


def test_other_conditions_leave_the_rest_as_it_is() -> None:
    scenario = scenarios.load("heldout-hairpins")
    other = scenario.with_conditions("dense_fog", scenarios.parse_fault("jpeg:2"))
    assert (other.name, other.source) == (scenario.name, scenario.source)
    assert other.to_dict() == {
        **scenario.to_dict(),
        "weather": "dense_fog",
        "faults": [{"fault": "jpeg", "severity": 2.0, "schedule": "always"}],
    }
    assert other.for_episode(3).weather == other.weather
    assert other.with_conditions() == other
    assert other.with_conditions("clear", ()) == scenario
    with pytest.raises(scenarios.ScenarioError, match="did you mean 'dense_fog'"):
        scenario.with_conditions("densefog!")


def test_time_limit_is_that_of_five_kilometres_an_hour() -> None:
    assert Limits().seconds(1000.0) == pytest.approx(20.0 + 1000.0 / 5.0 * 3.6)
    assert Limits(time_limit_s=7.0).seconds(1000.0) == 7.0


def test_a_family_gives_each_episode_its_road() -> None:
    road = {"generate": {"seed": {"first": 50, "count": 3}, "style": "lane", "length_m": 300}}
    scenario = Scenario.from_dict({"description": "x", "road": road, "surroundings": {"theme": "heldout", "seed": 4}})
    assert [scenario.world_seed(episode) for episode in range(5)] == [50, 51, 52, 50, 51]
    name, text = scenario.map_text(4)
    assert (name, text) == ("lane-51", scenarios.maps.generate(51, "lane", 300.0))
    one = scenario.for_episode(4)
    assert one.road.generate is not None
    assert one.road.generate.seed == 51
    assert one.surroundings.theme in HELDOUT_THEMES
    assert one.map_text(12345) == (name, text)
    assert one.for_episode(999) == one  # a recorded scenario is driven again as it was
    assert len({scenario.for_episode(episode).surroundings.seed for episode in range(3)}) == 3
    assert scenario.for_episode(1) == scenario.for_episode(4)


def test_theme_groups_show_each_theme_equally_often() -> None:
    road = {"generate": {"seed": {"first": 1000, "count": 30}}}
    scenario = Scenario.from_dict({"description": "x", "road": road, "surroundings": {"theme": "train", "seed": 1}})
    shown = [scenario.for_episode(episode).surroundings.theme for episode in range(30)]
    assert {theme: shown.count(theme) for theme in TRAIN_THEMES} == dict.fromkeys(TRAIN_THEMES, 10)


def test_a_shipped_map_has_no_road_seed_and_stays_what_it_is() -> None:
    scenario = scenarios.load("heldout-hairpins")
    assert scenario.world_seed(3) is None
    assert scenario.for_episode(3) == scenario
    assert scenario.map_text(3)[0] == "hairpins-2"


def test_a_file_is_found_beside_its_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "my.xodr").write_text("<OpenDRIVE/>", encoding="utf-8")
    (tmp_path / "s.yaml").write_text("description: x\nroad: {file: my.xodr}\n", encoding="utf-8")
    scenario = scenarios.load(tmp_path / "s.yaml")
    assert scenario.map_text() == ("my", "<OpenDRIVE/>")
    # A recorded drive keeps the dict only, and is replayed from another folder.
    assert Scenario.from_dict(scenario.for_episode(0).to_dict()).map_text() == ("my", "<OpenDRIVE/>")


def test_maps_that_cannot_be_had(tmp_path: Path) -> None:
    lost = Scenario.from_dict({"description": "x", "road": {"file": "none.xodr"}}, source=tmp_path / "s.yaml")
    with pytest.raises(scenarios.MapError, match=r"none\.xodr: No such file"):
        lost.map_text()
    (tmp_path / "none.xodr").write_bytes(b"\xff\xfe")
    with pytest.raises(scenarios.MapError, match="not UTF-8 text at byte 0"):
        lost.map_text()
    with pytest.raises(scenarios.MapError, match="did you mean 'hairpins-1'"):
        Scenario.from_dict({"description": "x", "road": {"map": "hairpin-1"}}).map_text()


def test_json_schema_knows_every_key() -> None:
    parts = scenarios.json_schema()["$defs"]
    schema = parts["Scenario"] | {"$defs": parts}
    assert set(schema["properties"]) == set(Scenario.model_fields)
    assert set(schema["required"]) == {"description", "road"}
    assert schema["additionalProperties"] is False
    assert "metres" in schema["$defs"]["StartSpec"]["properties"]["lateral_m"]["description"]
    plan, spec = schema["$defs"]["WeatherPlan"], schema["$defs"]["FaultSpec"]
    assert {*scenarios.weather.FIELDS, "preset", "keyframes"} == set(plan["properties"])
    assert plan["properties"]["preset"]["enum"] == list(scenarios.PRESETS)
    assert spec["properties"]["fault"]["enum"] == list(scenarios.FAULTS)
    # One word is enough where a mapping may stand, and an editor must not underline it.
    name, mapping = schema["properties"]["weather"]["anyOf"]
    assert name["enum"] == list(scenarios.PRESETS)
    assert mapping == {"$ref": "#/$defs/WeatherPlan"}
    assert {"type": "string", "const": "always"} in spec["properties"]["schedule"]["anyOf"]
    assert {"type": "integer"} in parts["LanePosition"]["properties"]["road"]["anyOf"]
    number, course = spec["properties"]["severity"]["oneOf"]
    assert (number["minimum"], number["maximum"]) == (0.0, 5.0)
    assert course == {"$ref": "#/$defs/SeverityCourse"}
    for part in schema["$defs"].values():
        for key, value in part["properties"].items():
            # Where the model that it refers to says the same, pydantic leaves it there.
            told = value if "description" in value else parts[value.get("$ref", "#").rpartition("/")[2]]
            assert told["description"], f"{part['title']}.{key}"
    json.dumps(schema, allow_nan=False)


def test_every_field_says_what_it_is() -> None:
    modules = (scenarios.schema, scenarios.weather, scenarios.faults)
    for part in {part for module in modules for part in vars(module).values() if isinstance(part, type)}:
        if issubclass(part, pydantic.BaseModel):
            for key, value in part.model_fields.items():
                assert value.description, f"{part.__name__}.{key} has no docstring"


def test_importing_the_package_is_light() -> None:
    code = "import sys, scenarios; print(sorted({'pydantic', 'numpy', 'yaml'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        scenarios.lod  # noqa: B018
