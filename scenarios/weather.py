"""Weather as CARLA's 14 parameters, under CARLA's names, for every world; presets, and plans that change on the way.

``PRESETS["HardRainNoon"]`` is CARLA 0.9.16's own, number for number; ours are in lower_snake_case. ``clear`` is
special: it is the land as it is painted. In the embedded world it renders nothing in addition, and every effect has
strength 0 at its numbers and grows from there without a jump.

The 14 parameters are documented in CARLA's Python API reference, ``carla.WeatherParameters``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from scenarios.errors import ScenarioError
from scenarios.keyframes import Keyframe, find_span, in_order
from scenarios.names import unknown
from scenarios.part import OrText, Part


def _percent(value: float) -> float:
    if value != -1.0 and not 0.0 <= value <= 100.0:
        raise ValueError(f"should be 0 to 100, or -1 to leave it as the land has it, got {value:g}")
    return value


def _not_negative(value: float) -> float:
    if value != -1.0 and value < 0.0:
        raise ValueError(f"should be 0 or more, or -1 to leave it as the land has it, got {value:g}")
    return value


Percent = Annotated[float, AfterValidator(_percent), Field(json_schema_extra={"minimum": -1, "maximum": 100})]
Amount = Annotated[float, AfterValidator(_not_negative), Field(json_schema_extra={"minimum": -1})]
Azimuth = Annotated[float, Field(ge=-360.0, le=360.0)]
Altitude = Annotated[float, Field(ge=-90.0, le=90.0)]
Scale = Annotated[float, Field(ge=0.0)]


class Weather(Part):
    """CARLA's 14 weather parameters; without arguments those of ``clear``.

    -1 in an amount (clouds, rain, puddles, wind, fog, wetness, dust) means "as the land has it", see :meth:`settled`:
    CARLA's preset ``Default`` is made of it.
    """

    cloudiness: Percent = 15.0
    """Share of the sky under clouds, 0..100."""
    precipitation: Percent = 0.0
    """Rain, 0..100: drops in the air, not water on the ground."""
    precipitation_deposits: Percent = 0.0
    """Puddles, 0..100: how much of the road stands under water."""
    wind_intensity: Percent = 10.0
    """Wind, 0..100: how far the rain slants."""
    sun_azimuth_angle: Azimuth = 308.4
    """Where the sun stands, in degrees clockwise seen from above (as CARLA's yaw), 0 along the map's x axis. CARLA's
    presets all say -1, which is that angle and no code."""
    sun_altitude_angle: Altitude = 45.0
    """Height of the sun in degrees, 90 straight above, below 0 it has set; from about -8 it is night."""
    fog_density: Percent = 0.0
    """Fog, 0..100."""
    fog_distance: Amount = 0.75
    """Metres before which there is no fog."""
    fog_falloff: Amount = 0.1
    """How fast the fog thins with height: at 0 it reaches the sky, at 1 the roofs, at 5 it lies on the ground."""
    wetness: Percent = 0.0
    """How wet the road is, 0..100: darker, and mirroring."""
    scattering_intensity: Scale = 1.0
    """How much light the fog scatters."""
    mie_scattering_scale: Scale = 0.03
    """Scattering on large particles: haze and a glow around the sun."""
    rayleigh_scattering_scale: Scale = 0.0331
    """Scattering on air: the blue of the sky."""
    dust_storm: Percent = 0.0
    """Dust in the air, 0..100."""

    def settled(self) -> Weather:
        """The same with what is left to the land (-1) replaced by what ``clear`` has.

        The sun's two angles are left to the land only where the clouds are too: -1 degree is also an angle.
        """
        left = [key for key in _MAY_BE_LEFT if getattr(self, key) == -1.0]
        if "cloudiness" in left:
            left += [key for key in ("sun_azimuth_angle", "sun_altitude_angle") if getattr(self, key) == -1.0]
        return self.model_copy(update={key: getattr(CLEAR, key) for key in left}) if left else self

    def mix(self, other: Weather, share: float) -> Weather:
        """The weather between this one (share 0) and the other (share 1), each parameter linearly.

        The sun goes round the shorter way. At the ends the very weathers come back; between them -1 is settled.
        """
        if share <= 0.0 or self == other:
            return self
        if share >= 1.0:
            return other
        one, two = self.settled().__dict__, other.settled().__dict__
        # a + share * (b - a) rather than two products: equal numbers stay what they are, to the last bit.
        mixed = {key: one[key] + share * (two[key] - one[key]) for key in FIELDS}
        turn = (two["sun_azimuth_angle"] - one["sun_azimuth_angle"] + 180.0) % 360.0 - 180.0
        if turn:
            mixed["sun_azimuth_angle"] = (one["sun_azimuth_angle"] + share * turn) % 360.0
        # Nothing between two valid weathers is invalid, and this runs once a frame.
        return Weather.model_construct(**mixed)


FIELDS = tuple(Weather.model_fields)
"""The 14 names, in the order of CARLA's constructor."""
_MAY_BE_LEFT = (
    "cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "fog_density", "fog_distance",
    "fog_falloff", "wetness", "dust_storm",
)  # fmt: skip

# Clouds, rain, puddles, wind, sun's azimuth and altitude, fog's density, distance and falloff, wetness, dust. The three
# scattering values are the same in all: 1, 0.03, 0.0331. Wet at night and dry at noon is what the wheel says.
_CARLA: dict[str, tuple[float, ...]] = {
    "ClearNoon": (5, 0, 0, 10, -1, 45, 2, 0.75, 0.1, 0, 0),
    "CloudyNoon": (60, 0, 0, 10, -1, 45, 3, 0.75, 0.1, 0, 0),
    "WetNoon": (5, 0, 50, 10, -1, 45, 3, 0.75, 0.1, 0, 0),
    "WetCloudyNoon": (60, 0, 50, 10, -1, 45, 3, 0.75, 0.1, 0, 0),
    "SoftRainNoon": (20, 30, 50, 30, -1, 45, 3, 0.75, 0.1, 0, 0),
    "MidRainyNoon": (60, 60, 60, 60, -1, 45, 3, 0.75, 0.1, 0, 0),
    "HardRainNoon": (100, 100, 90, 100, -1, 45, 7, 0.75, 0.1, 0, 0),
    "ClearSunset": (5, 0, 0, 10, -1, 15, 2, 0.75, 0.1, 0, 0),
    "CloudySunset": (60, 0, 0, 10, -1, 15, 3, 0.75, 0.1, 0, 0),
    "WetSunset": (5, 0, 50, 10, -1, 15, 2, 0.75, 0.1, 0, 0),
    "WetCloudySunset": (60, 0, 50, 10, -1, 15, 2, 0.75, 0.1, 0, 0),
    "SoftRainSunset": (20, 30, 50, 30, -1, 15, 2, 0.75, 0.1, 0, 0),
    "MidRainSunset": (60, 60, 60, 60, -1, 15, 3, 0.75, 0.1, 0, 0),
    "HardRainSunset": (100, 100, 90, 100, -1, 15, 7, 0.75, 0.1, 0, 0),
    "ClearNight": (5, 0, 0, 10, -1, -90, 60, 75, 1, 0, 0),
    "CloudyNight": (60, 0, 0, 10, -1, -90, 60, 0.75, 0.1, 0, 0),
    "WetNight": (5, 0, 50, 10, -1, -90, 60, 75, 1, 60, 0),
    "WetCloudyNight": (60, 0, 50, 10, -1, -90, 60, 0.75, 0.1, 60, 0),
    "SoftRainNight": (60, 30, 50, 30, -1, -90, 60, 0.75, 0.1, 60, 0),
    "MidRainyNight": (80, 60, 60, 60, -1, -90, 60, 0.75, 0.1, 80, 0),
    "HardRainNight": (100, 100, 90, 100, -1, -90, 100, 0.75, 0.1, 100, 0),
    "DustStorm": (100, 0, 0, 100, -1, 45, 2, 0.75, 0.1, 0, 100),
    "Default": (-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0),
}

_OURS: dict[str, tuple[str, dict[str, float]]] = {
    "clear": ("A fine day: the land as it is painted, nothing rendered in addition.", {}),
    "overcast": ("A lid of grey cloud, soft light, no shadows.", {"cloudiness": 95, "wind_intensity": 20}),
    "drizzle": (
        "Fine drops, a damp road, a grey sky.",
        {"cloudiness": 75, "precipitation": 15, "precipitation_deposits": 10, "wind_intensity": 15, "fog_density": 4,
         "wetness": 35},
    ),
    "rain": (
        "Steady rain on a wet road, with puddles.",
        {"cloudiness": 90, "precipitation": 50, "precipitation_deposits": 45, "wind_intensity": 35, "fog_density": 8,
         "wetness": 80},
    ),
    "heavy_rain": (
        "A downpour: streaks and spray, half of the road under water.",
        {"cloudiness": 100, "precipitation": 80, "precipitation_deposits": 70, "wind_intensity": 55, "fog_density": 14,
         "wetness": 100},
    ),
    "storm": (
        "The worst of the day: sheets of rain in a gale, under a dark sky.",
        {"cloudiness": 100, "precipitation": 100, "precipitation_deposits": 95, "wind_intensity": 100,
         "sun_altitude_angle": 20, "fog_density": 20, "wetness": 100},
    ),
    "wet_road": (
        "After the rain: dry air, a mirroring road, puddles, broken cloud.",
        {"cloudiness": 40, "precipitation_deposits": 60, "wetness": 100},
    ),
    "mist": ("A veil over the far half of the view.", {"cloudiness": 40, "fog_density": 15, "fog_falloff": 0.5}),
    "fog": ("Fog that hides the next bend.", {"cloudiness": 75, "fog_density": 40}),
    "dense_fog": ("A wall of fog a few car lengths ahead.", {"cloudiness": 95, "fog_density": 80}),
    "sunset": ("A low warm sun and long shadows.", {"cloudiness": 30, "sun_altitude_angle": 8}),
    "low_sun_ahead": (
        "A blinding sun just above the road, for who drives along the map's x axis.",
        {"cloudiness": 5, "sun_azimuth_angle": 0, "sun_altitude_angle": 6},
    ),
    "dusk": ("The sun has just set: the land in blue half-light.", {"cloudiness": 30, "sun_altitude_angle": -4}),
    "night": ("No moon: what the headlights reach, and nothing else.", {"cloudiness": 20, "sun_altitude_angle": -40}),
    "rainy_night": (
        "Rain in the headlights, the lamps mirrored in the road.",
        {"cloudiness": 95, "precipitation": 60, "precipitation_deposits": 55, "wind_intensity": 40,
         "sun_altitude_angle": -40, "fog_density": 10, "wetness": 90},
    ),
    "stormy_night": (
        "The storm, in the dark.",
        {"cloudiness": 100, "precipitation": 100, "precipitation_deposits": 95, "wind_intensity": 100,
         "sun_altitude_angle": -40, "fog_density": 20, "wetness": 100},
    ),
    "dust": ("Brown haze from dry fields.", {"wind_intensity": 50, "dust_storm": 35}),
    "dust_storm": ("A wall of dust, and the sun a pale disc in it.", {"wind_intensity": 100, "dust_storm": 85}),
}  # fmt: skip


def _carla(row: tuple[float, ...]) -> Weather:
    *before, dust = row
    return Weather(**dict(zip(FIELDS, (*before, 1.0, 0.03, 0.0331, dust), strict=True)))


CARLA_PRESETS = tuple(_CARLA)
"""The names of CARLA 0.9.16's 23 presets."""
DESCRIPTIONS: Mapping[str, str] = MappingProxyType({name: text for name, (text, _) in _OURS.items()})
"""Our own presets, each with one line that says what it looks like."""
PRESETS: Mapping[str, Weather] = MappingProxyType(
    {name: Weather(**numbers) for name, (_, numbers) in _OURS.items()}
    | {name: _carla(row) for name, row in _CARLA.items()}
)
"""Every preset by its name, ours first."""
CLEAR = PRESETS["clear"]
"""The land as it is painted."""

_NAMES_SCHEMA = {"type": "string", "enum": list(PRESETS), "description": "Name of a preset."}


class WeatherSettings(Part):
    """A weather in a file: the name of a preset, or a mapping of `preset` and any of the 14 parameters on top."""

    preset: str = Field(default="clear", json_schema_extra={"enum": list(PRESETS)})
    """The weather to start from."""
    cloudiness: Percent | None = None
    """Share of the sky under clouds, 0..100."""
    precipitation: Percent | None = None
    """Rain in the air, 0..100."""
    precipitation_deposits: Percent | None = None
    """Puddles, 0..100."""
    wind_intensity: Percent | None = None
    """Wind, 0..100."""
    sun_azimuth_angle: Azimuth | None = None
    """Where the sun stands, degrees clockwise from the map's x axis."""
    sun_altitude_angle: Altitude | None = None
    """Height of the sun in degrees, -90..90."""
    fog_density: Percent | None = None
    """Fog, 0..100."""
    fog_distance: Amount | None = None
    """Metres before which there is no fog."""
    fog_falloff: Amount | None = None
    """How fast the fog thins with height."""
    wetness: Percent | None = None
    """How wet the road is, 0..100."""
    scattering_intensity: Scale | None = None
    """How much light the fog scatters."""
    mie_scattering_scale: Scale | None = None
    """Scattering on large particles."""
    rayleigh_scattering_scale: Scale | None = None
    """Scattering on air."""
    dust_storm: Percent | None = None
    """Dust in the air, 0..100."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"preset": value}
        if not isinstance(value, dict | WeatherSettings):
            raise ValueError(f"should be the name of a preset or a mapping, got {value!r:.60}")
        return value

    @field_validator("preset")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in PRESETS:
            raise ValueError(unknown("weather", name, PRESETS))
        return name

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        data = handler(self)
        return data if self.changes else data["preset"]

    @property
    def changes(self) -> dict[str, float]:
        """The parameters that differ from the preset's because the file says so."""
        return {key: value for key in FIELDS if (value := getattr(self, key)) is not None}

    @property
    def label(self) -> str:
        """A short name for tables: ``night`` or ``clear (fog_density 40)``."""
        changes = ", ".join(f"{key} {value:g}" for key, value in self.changes.items())
        return f"{self.preset} ({changes})" if changes else self.preset

    def resolve(self) -> Weather:
        """The 14 numbers."""
        return _resolve(self.preset, *(getattr(self, key) for key in FIELDS))


@lru_cache(maxsize=256)
def _resolve(preset: str, *values: float | None) -> Weather:
    changes = {key: value for key, value in zip(FIELDS, values, strict=True) if value is not None}
    return PRESETS[preset].model_copy(update=changes) if changes else PRESETS[preset]


class WeatherKeyframe(Keyframe):
    """The weather at one place of the way."""

    weather: Annotated[WeatherSettings, OrText(_NAMES_SCHEMA)]
    """Name of a preset, or a mapping of `preset` and parameters."""


class WeatherPlan(WeatherSettings):
    """The weather of an episode: one that stays, or `keyframes` between which it slides."""

    keyframes: Annotated[tuple[WeatherKeyframe, ...], AfterValidator(in_order)] | None = Field(
        default=None, strict=False, json_schema_extra={"minItems": 2}
    )
    """At least two, all placed by the same of route_percent, route_m and time_s, increasing. Nothing else then."""

    @model_validator(mode="after")
    def _either(self) -> WeatherPlan:
        if self.keyframes is not None and (self.model_fields_set - {"keyframes"}):
            others = ", ".join(sorted(self.model_fields_set - {"keyframes"}))
            raise ValueError(f"keyframes stand alone: put {others} into the `weather` of each keyframe")
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        data = handler(self)
        keyframes = data.pop("keyframes", None)
        if self.keyframes is not None:
            return {"keyframes": keyframes}
        return data if self.changes else data["preset"]

    @property
    def label(self) -> str:
        """A short name for tables: ``night``, ``clear (fog_density 40)`` or ``clear > rain > night``."""
        if self.keyframes is None:
            return super().label
        return " > ".join(frame.weather.label for frame in self.keyframes)

    @property
    def constant(self) -> Weather | None:
        """The weather that stays all the way; None where it changes."""
        if self.keyframes is None:
            return self.resolve()
        weathers = {frame.weather.resolve() for frame in self.keyframes}
        return weathers.pop() if len(weathers) == 1 else None

    def at(self, time_s: float, route_m: float, route_share: float) -> Weather:
        """The weather of one moment.

        Args:
            time_s: seconds since the episode began.
            route_m: metres along the route.
            route_share: share of the route, 0..1.
        """
        if self.keyframes is None:
            return self.resolve()
        span = find_span(self.keyframes, time_s, route_m, route_share)
        before, after = self.keyframes[span.before], self.keyframes[span.after]
        return before.weather.resolve().mix(after.weather.resolve(), span.share)


WeatherField = Annotated[WeatherPlan, OrText(_NAMES_SCHEMA)]
"""The type of a scenario's `weather`."""


def parse_weather(text: str) -> WeatherPlan:
    """The weather of a command line: the name of a preset. Raises ScenarioError with the nearest name."""
    if text not in PRESETS:
        raise ScenarioError(f"weather {text!r:.60}", unknown("weather", text, PRESETS))
    return WeatherPlan(preset=text)
