"""Weather: CARLA's presets as in the wheel, what the file says against what comes out of it, sliding between them."""

from __future__ import annotations

import pickle

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios.errors import ScenarioError
from scenarios.weather import CARLA_PRESETS, CLEAR, DESCRIPTIONS, FIELDS, PRESETS, Weather, WeatherPlan, parse_weather
from tests.scenarios.conditions import any_weather, weathers

ROAD = {"description": "x", "road": {"map": "country-1"}}


def test_carla_presets_are_those_of_the_wheel() -> None:
    kind = carla.WeatherParameters
    of_carla = {name: getattr(kind, name) for name in dir(kind) if isinstance(getattr(kind, name), kind)}
    assert set(of_carla) == set(CARLA_PRESETS)
    assert len(of_carla) == 23
    for name, theirs in of_carla.items():
        for key in FIELDS:
            # CARLA keeps single precision.
            assert np.float32(getattr(PRESETS[name], key)) == np.float32(getattr(theirs, key)), f"{name}.{key}"


def test_fields_are_carlas_and_go_into_it_in_order() -> None:
    public = {
        key for key in dir(carla.WeatherParameters()) if isinstance(getattr(carla.WeatherParameters(), key), float)
    }
    assert set(FIELDS) == public
    storm = PRESETS["storm"]
    theirs = carla.WeatherParameters(*(getattr(storm, key) for key in FIELDS))
    assert {key: getattr(theirs, key) for key in FIELDS} == pytest.approx(dict(storm), rel=1e-6)


def test_presets_are_ours_and_carlas_and_all_different() -> None:
    assert set(PRESETS) == {*DESCRIPTIONS, *CARLA_PRESETS}
    assert PRESETS["clear"] == CLEAR == Weather()
    assert len(set(PRESETS.values())) == len(PRESETS)
    assert all(name == name.lower() for name in DESCRIPTIONS)
    # What `clear` promises: nothing in the air, nothing on the road, the sun up.
    nothing = ("precipitation", "precipitation_deposits", "fog_density", "wetness", "dust_storm")
    assert [getattr(CLEAR, key) for key in nothing] == [0.0] * 5
    assert (CLEAR.cloudiness, CLEAR.sun_altitude_angle) == (15.0, 45.0)


@pytest.mark.parametrize(
    ("ladder", "keys"),
    [
        (
            ("clear", "drizzle", "rain", "heavy_rain", "storm"),
            ("precipitation", "precipitation_deposits", "fog_density"),
        ),
        (("clear", "mist", "fog", "dense_fog"), ("fog_density", "cloudiness")),
        (("night", "dusk", "sunset", "clear"), ("sun_altitude_angle",)),
        (("clear", "dust", "dust_storm"), ("dust_storm", "wind_intensity")),
    ],
)
def test_ladders_climb(ladder: tuple[str, ...], keys: tuple[str, ...]) -> None:
    for key in keys:
        steps = [getattr(PRESETS[name], key) for name in ladder]
        assert steps == sorted(set(steps)), key


@settings(max_examples=60, deadline=None)
@given(weathers)
def test_what_the_file_says_is_kept(given_weather: object) -> None:
    scenario = scenarios.Scenario.from_dict({**ROAD, "weather": given_weather})
    again = scenarios.parse(scenario.to_yaml())
    assert again == scenario
    assert pickle.loads(pickle.dumps(scenario)).weather == scenario.weather
    plan = again.weather
    frames = given_weather.get("keyframes") if isinstance(given_weather, dict) else None
    if frames is None:
        expected = meant(given_weather)
        assert plan.constant == expected
        assert plan.at(3.0, 4.0, 0.5) is plan.at(9.0, 99.0, 1.0)
        if isinstance(given_weather, str):
            assert scenario.to_dict()["weather"] == plan.label == given_weather
    else:
        for frame in frames:
            assert difference(plan.at(**moment(frame)), meant(frame["weather"])) < 1e-6


def difference(one: Weather, two: Weather) -> float:
    """The largest difference in any parameter; the azimuth counts the short way round."""
    gaps = {key: abs(value - getattr(two.settled(), key)) for key, value in one.settled()}
    gaps["sun_azimuth_angle"] = min(gaps["sun_azimuth_angle"] % 360.0, -gaps["sun_azimuth_angle"] % 360.0)
    return max(gaps.values())


def meant(data: object) -> Weather:
    """The numbers of a preset's name or mapping, by plain dictionary work."""
    if isinstance(data, str):
        return PRESETS[data]
    assert isinstance(data, dict)
    changes = {key: value for key, value in data.items() if key != "preset"}
    return Weather(**{**dict(PRESETS[data.get("preset", "clear")]), **changes})


def moment(frame: dict[str, float]) -> dict[str, float]:
    """The moment that a keyframe stands for; all other clocks say something else."""
    where = {"time_s": -7.0, "route_m": -7.0, "route_share": -7.0}
    if "route_percent" in frame:
        where["route_share"] = frame["route_percent"] / 100.0
    else:
        axis = "time_s" if "time_s" in frame else "route_m"
        where[axis] = frame[axis]
    return where


def test_keyframes_slide_and_stay_at_the_ends() -> None:
    frames = [{"route_percent": 20, "weather": "clear"}, {"route_percent": 60, "weather": {"fog_density": 80}}]
    plan = WeatherPlan.model_validate({"keyframes": frames})
    fog = [plan.at(0.0, 0.0, share).fog_density for share in (0.0, 0.2, 0.3, 0.4, 0.6, 1.0)]
    assert fog == pytest.approx([0.0, 0.0, 20.0, 40.0, 80.0, 80.0])
    assert plan.at(0.0, 0.0, 0.0) is CLEAR  # identity, so that the embedded world renders nothing in addition
    assert plan.constant is None
    assert plan.label == "clear > clear (fog_density 80)"


@pytest.mark.parametrize(("axis", "wrong"), [("time_s", "route_m"), ("route_m", "time_s")])
def test_keyframes_go_by_their_own_clock(axis: str, wrong: str) -> None:
    plan = WeatherPlan.model_validate({"keyframes": [{axis: 0, "weather": "clear"}, {axis: 10, "weather": "fog"}]})
    assert plan.at(**{axis: 5.0, wrong: 0.0}, route_share=0.0).fog_density == pytest.approx(20.0)
    assert plan.at(**{axis: 0.0, wrong: 9.0}, route_share=1.0) == CLEAR


def test_equal_keyframes_are_a_constant_weather() -> None:
    frames = [{"time_s": 0, "weather": "fog"}, {"time_s": 9, "weather": {"preset": "fog"}}]
    assert WeatherPlan.model_validate({"keyframes": frames}).constant == PRESETS["fog"]


@settings(max_examples=100, deadline=None)
@given(any_weather, any_weather, st.floats(0.0, 1.0))
def test_mixing_is_valid_between_the_two_and_without_a_jump(one: Weather, two: Weather, share: float) -> None:
    assert one.mix(two, 0.0) == one
    assert one.mix(two, 1.0) == two
    assert one.mix(one, share) == one
    mixed = one.mix(two, share)
    assert Weather(**dict(mixed)) == mixed  # passes the checks that mixing leaves out
    low, high = one.settled(), two.settled()
    for key in FIELDS:
        if key != "sun_azimuth_angle" and 0.0 < share < 1.0 and one != two:
            ends = sorted((getattr(low, key), getattr(high, key)))
            assert ends[0] - 1e-9 <= getattr(mixed, key) <= ends[1] + 1e-9, key
    assert difference(one.mix(two, 1e-9), one) < 1e-5
    assert difference(one.mix(two, 1.0 - 1e-9), two) < 1e-5


def test_the_sun_goes_round_the_short_way() -> None:
    one, two = Weather(sun_azimuth_angle=350.0), Weather(sun_azimuth_angle=30.0)
    assert one.mix(two, 0.5).sun_azimuth_angle == pytest.approx(10.0)
    assert two.mix(one, 0.25).sun_azimuth_angle == pytest.approx(20.0)
    assert Weather(sun_azimuth_angle=-1.0).mix(Weather(sun_azimuth_angle=1.0), 0.5).sun_azimuth_angle == 0.0


def test_minus_one_is_as_the_land_has_it() -> None:
    assert PRESETS["Default"].settled() == CLEAR
    assert Weather(fog_density=-1.0, wetness=40.0).settled() == Weather(wetness=40.0)
    # But one degree below the horizon is a place of the sun, and every preset of CARLA has the azimuth -1.
    assert Weather(sun_altitude_angle=-1.0, fog_density=-1.0).settled() == Weather(sun_altitude_angle=-1.0)
    assert PRESETS["ClearNoon"].settled() is PRESETS["ClearNoon"]


def test_weather_of_the_command_line() -> None:
    assert parse_weather("HardRainNoon").constant == PRESETS["HardRainNoon"]
    for wrong, near in (("hard-rain-noon", "HardRainNoon"), ("stormy-nite", "stormy_night"), ("fogg", "fog")):
        with pytest.raises(ScenarioError, match=f"unknown weather '{wrong}'; did you mean '{near}'"):
            parse_weather(wrong)
    with pytest.raises(ScenarioError, match=r"known: clear, overcast, .*, Default$") as caught:
        parse_weather("x" * 500)
    assert len(str(caught.value)) < 800
