"""Hypothesis strategies for the weather and the faults of a scenario file, as plain data."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from scenarios.faults import FAULTS
from scenarios.weather import FIELDS, PRESETS, Weather

percents = st.one_of(st.just(-1.0), st.floats(0.0, 100.0))
values = {
    "sun_azimuth_angle": st.floats(-360.0, 360.0),
    "sun_altitude_angle": st.floats(-90.0, 90.0),
    "fog_distance": st.floats(0.0, 500.0),
    "fog_falloff": st.floats(0.0, 10.0),
    "scattering_intensity": st.floats(0.0, 10.0),
    "mie_scattering_scale": st.floats(0.0, 5.0),
    "rayleigh_scattering_scale": st.floats(0.0, 2.0),
}
numbers = {key: values.get(key, percents) for key in FIELDS}
any_weather = st.fixed_dictionaries(numbers).map(lambda data: Weather(**data)) | st.sampled_from(list(PRESETS.values()))
names = st.sampled_from(list(PRESETS))
settings = names | st.fixed_dictionaries({}, optional={"preset": names, **numbers})
severities = st.floats(0.0, 5.0) | st.integers(0, 5)


@st.composite
def keyframes(draw: st.DrawFn, key: str, value: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
    """Increasing keyframes by one of the three axes, each with ``key: value``."""
    axis = draw(st.sampled_from(["route_percent", "route_m", "time_s"]))
    # Hundredths, so that no rounding of a share of the route is as large as the way to the next keyframe.
    places = draw(st.lists(st.integers(0, 10000), min_size=2, max_size=5, unique=True))
    return [{axis: place / 100, key: draw(value)} for place in sorted(places)]


weathers = settings | st.fixed_dictionaries({"keyframes": keyframes("weather", settings)})
schedules = st.one_of(
    st.just("always"),
    st.just({}),
    st.fixed_dictionaries({"from_s": st.floats(0.0, 50.0)}, optional={"to_s": st.floats(50.5, 99.0)}),
    st.fixed_dictionaries({"bursts_per_minute": st.floats(0.1, 60.0), "burst_s": st.floats(0.1, 9.0)}),
)
faults = st.fixed_dictionaries(
    {
        "fault": st.sampled_from(list(FAULTS)),
        "severity": severities | st.fixed_dictionaries({"keyframes": keyframes("severity", severities)}),
    },
    optional={"schedule": schedules},
)
