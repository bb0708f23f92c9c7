"""Flights as files: round trips, what an episode makes of them, and one clear line for everything impossible."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any, get_args

import pydantic
import pytest

import scenarios
import scenarios.flight
from envs.drone.control import ControlParameters
from envs.drone.parameters import QuadrotorParameters
from envs.drone.wind import Wind
from launch.listing import list_scenarios
from scenarios.errors import ScenarioError
from scenarios.flight import FASTEST, GUST, STRONGEST_WIND, FlightScenario, FlightSplit
from scenarios.loader import from_dict
from scenarios.schema import HELDOUT_THEMES, TRAIN_THEMES, Scenario

FLIGHTS = scenarios.catalogue(kind="flight")
GOOD = "kind: flight\ndescription: x\n"

MISTAKES = {
    "no kind": ("description: x\ntarget: {colour: red}\n", 2, "for a flight of the drone write `kind: flight`"),
    "wrong kind": ("description: x\nkind: flite\n", 2, "unknown kind 'flite'; did you mean 'flight'?; leave it out"),
    "unknown key": (GOOD + "targett: {}\n", 3, "unknown key 'targett'; did you mean 'target'?"),
    "unknown key deep": (GOOD + "world:\n  tree_per_hectare: 3\n", 4, "did you mean 'trees_per_hectare'?"),
    "key of the camera": (GOOD + "camera:\n  widht: 3\n", 4, "did you mean 'width'?"),
    "colour": (GOOD + "target: {colour: green}\n", 3, "target.colour: should be 'red', 'orange'"),
    "range the wrong way": (GOOD + "target:\n  distance_m: [9, 8]\n", 4, "a range is [least, most], got [9, 8]"),
    "range of three": (GOOD + "target:\n  distance_m: [9, 10, 11]\n", 4, "target.distance_m: "),
    "in the ground": (GOOD + "target:\n  height_m: 0.2\n", 4, "too low for its size of 0.9 m"),
    "arrived already": (GOOD + "target:\n  distance_m: [2, 9]\n", 4, "success.radius_m is 3"),
    "outside the world": (GOOD + "target: {kind: camping_chair,\n  distance_m: 100}\n", 4, "at most 86"),
    "too far for the time": (GOOD + "target:\n  distance_m: 30\nlimits: {time_limit_s: 5}\n", 4, "takes 10 s"),
    "inside the target": (GOOD + "success:\n  radius_m: 0.5\n", 4, "at least 0.75, got 0.5"),
    "behind": (GOOD + "target:\n  bearing_deg: [0, 190]\n", 4, "within 0 and 180, to either side"),
    "too fast": (GOOD + "target:\n  moves: {radius_m: 3, speed: 3.5}\n", 4, "flees at 3.5 m/s"),
    "no room for obstacles": (GOOD + "obstacles:\n  count: 3\n  spacing_m: 5\n", 5, "3 obstacles 5 m apart need 20 m"),
    "hidden backwards": (GOOD + "target:\n  hidden: {from_s: 3, to_s: 2}\n", 4, "must come after from_s (3)"),
    "turned before": (GOOD + "turned_away:\n  from_s: -1\n", 4, "turned_away.from_s: must be >= 0, got -1"),
    "turned too far": (GOOD + "turned_away:\n  angle_deg: [90, 170]\n", 4, "at most 130, or it may pass the tail"),
    "turned too little": (GOOD + "turned_away:\n  angle_deg: 50\n", 4, "at least 60, or the target stays in"),
    "no rest": (GOOD + "turned_away:\n  rest_s: 0.2\n", 4, "at least 0.5, as until then the turn rate tells"),
    "turned too late": (GOOD + "turned_away:\n  from_s: [1, 9]\n", 4, "may be over before: at most 2.7, got 9"),
    "never seen": (GOOD + "turned_away: {}\ntarget:\n  bearing_deg: [0, 90]\n", 5, "who has not seen the target"),
    "no time": (GOOD + "limits:\n  time_limit_s: 0\n", 4, "limits.time_limit_s: should be greater than 0, got 0"),
    "storm": (GOOD + "weather: HardRainNoon\nwind:\n  full_mps: 6\n", 4, "this drone holds against 8.29"),
    "colours": (GOOD + "world:\n  recolour: 0.5\n  recolour_from: 0.7\n", 5, "at most recolour (0.5), got 0.7"),
    "seed": (GOOD + "world: {seed: -1}\n", 3, "world.seed: must be >= 0, got -1"),
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
    assert message in said, said
    assert "\n" not in said


def test_round_trip_and_other_conditions() -> None:
    for name in FLIGHTS:
        flight = scenarios.load(name)
        assert isinstance(flight, FlightScenario)
        assert scenarios.parse(flight.to_yaml()).to_dict() == flight.to_dict()
        assert from_dict(json.loads(json.dumps(flight.to_dict())), flight.name).to_dict() == flight.to_dict()
        assert pickle.loads(pickle.dumps(flight)) == flight
        assert flight.to_dict()["kind"] == "flight"
    other = flight.with_conditions("fog", scenarios.parse_fault("jpeg:2"))
    assert isinstance(other, FlightScenario)
    assert (other.name, other.weather.label, other.faults[0].label) == (flight.name, "fog", "jpeg:2")
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        flight.split = "fly-train"


def test_an_episode_has_one_world_and_one_theme() -> None:
    flight = scenarios.load_flight("fly-train-meadow")
    one = flight.for_episode(403)
    assert one.world.seed == 3
    assert one.world.theme in TRAIN_THEMES
    assert one.for_episode(99) == one
    assert flight.for_episode(3) == one
    shown: list[str] = [flight.for_episode(seed).world.theme for seed in range(30)]
    assert [shown.count(theme) for theme in TRAIN_THEMES] == [10] * len(TRAIN_THEMES)
    assert flight.course_seed(3) != flight.course_seed(403)
    blocked = scenarios.load_flight("fly-train-obstacles")
    assert blocked.course_seed(3) == blocked.course_seed(403) != blocked.course_seed(4)


def test_limits_are_those_of_the_drone() -> None:
    control = ControlParameters()
    assert control.ahead_max == control.side_max == FASTEST
    assert QuadrotorParameters().max_wind == pytest.approx(STRONGEST_WIND, abs=0.01)
    assert QuadrotorParameters().max_wind >= STRONGEST_WIND
    assert Wind(3.0).strongest == pytest.approx(3.0 * (1.0 + GUST), abs=0.01)
    assert Wind(3.0).strongest <= 3.0 * (1.0 + GUST)


def test_wind_follows_the_weather() -> None:
    flight = FlightScenario.from_dict({"description": "x"})
    assert flight.mean_wind == pytest.approx(0.5)  # clear weather has CARLA's light air
    assert flight.with_conditions("HardRainNoon").mean_wind == pytest.approx(5.0)
    assert FlightScenario.from_dict({"description": "x", "weather": "Default"}).mean_wind == pytest.approx(0.5)


def test_the_catalogue_keeps_worlds_and_looks_apart() -> None:
    seen: dict[int, str] = {}
    for name in FLIGHTS:
        flight = scenarios.load_flight(name)
        assert name.startswith(f"{flight.split}-")
        trained = flight.split in TRAINED
        for episode in (0, 1, 2):
            theme = flight.for_episode(episode).world.theme
            assert theme in TRAIN_THEMES if trained else theme in (*HELDOUT_THEMES, "meadow")
        # Training has every colour but for the target's; elsewhere the land is as it is painted, or beyond training.
        assert (flight.world.recolour, flight.world.recolour_from) in ([(0.8, 0.0)] if trained else PAINTED)
        if trained:
            assert (flight.target.kind, flight.target.colour) == ("ball_on_stand", "red")
        family = flight.world.seed
        assert not isinstance(family, int)
        for seed in range(family.first, family.first + family.count):
            assert seen.setdefault(seed, name) == name
    assert {scenarios.load(name).split for name in FLIGHTS} >= {*get_args(FlightSplit)} - {"fly-demo"}


TRAINED = ("fly-train", "fly-validation")
PAINTED = [(0.0, 0.0), (1.6, 1.3)]


@pytest.mark.parametrize("task", ["meadow", "search", "obstacles", "moving", "memory"])
def test_every_task_can_be_learnt_tuned_and_decided_in_worlds_of_its_own(task: str) -> None:
    train, tune = (scenarios.load_flight(f"{split}-{task}") for split in TRAINED)
    decide = scenarios.load_flight("fly-heldout-meadow" if task == "meadow" else f"fly-task-{task}")

    def what(flight: FlightScenario) -> dict[str, Any]:
        return {key: value for key, value in flight.to_dict().items() if key not in ("world", "description", "split")}

    assert what(train) == what(tune)
    asked, trained = what(decide), what(train)
    if task == "obstacles":  # decided past one trunk more
        assert asked["obstacles"].pop("count") > trained["obstacles"].pop("count") > 0
        assert asked["target"].pop("distance_m")[0] >= trained["target"].pop("distance_m")[0]
    assert asked == trained


def test_who_wants_the_other_kind_is_told_in_one_line() -> None:
    with pytest.raises(ScenarioError, match=r"^scenario 'fly-task-far': a flight of the drone, and a drive on a road"):
        scenarios.load_drive("fly-task-far")
    with pytest.raises(ScenarioError, match=r"flights are fly-heldout-autumn, "):
        scenarios.load_flight("train-mixed")


def test_flights_are_listed() -> None:
    lines = list(list_scenarios())
    assert "fly-heldout:" in lines
    assert any(line.split()[0] == "fly-train-meadow" for line in lines)


def test_every_field_says_what_it_is() -> None:
    for part in vars(scenarios.flight).values():
        if isinstance(part, type) and issubclass(part, pydantic.BaseModel):
            for key, value in part.model_fields.items():
                assert value.description, f"{part.__name__}.{key} has no docstring"


def test_one_json_schema_serves_both_kinds() -> None:
    schema = scenarios.json_schema()
    assert schema["if"] == {"properties": {"kind": {"const": "flight"}}, "required": ["kind"]}
    parts = schema["$defs"]
    flight, drive = (parts[schema[branch]["$ref"].removeprefix("#/$defs/")] for branch in ("then", "else"))
    assert set(flight["properties"]) == set(FlightScenario.model_fields)
    assert set(drive["properties"]) == set(Scenario.model_fields)
    assert (flight["required"], flight["additionalProperties"]) == (["description"], False)
    assert "circle" in parts["Motion"]["properties"]["radius_m"]["description"]
    # A choice of kinds refers to nothing that is not there.
    text = json.dumps(schema)
    assert set(re.findall(r"#/\$defs/(\w+)", text)) <= set(parts)
    # One number is enough where a range may stand.
    assert {"type": "number"} in parts["TargetSpec"]["properties"]["distance_m"]["anyOf"]


def test_one_number_is_a_range_too() -> None:
    data: dict[str, Any] = {"description": "x", "target": {"distance_m": 12}}
    assert FlightScenario.from_dict(data).target.distance_m == (12.0, 12.0)
