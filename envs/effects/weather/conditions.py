"""From CARLA's 14 numbers to light, air and water: what each of them does to a picture, and how much.

Everything here is 0 (or 1, where it is a factor) at ``clear`` and continuous in every number. Tones are factors or
colours in the picture's own gamma space: a weather is judged by eye, beside photographs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from envs.render.scene import Colour, Sky
from scenarios.weather import CLEAR, Weather

FOG_LIMIT, DUST_LIMIT, RAIN_LIMIT = 0.11, 0.09, 0.005
"""Extinction at 100, 1/m. The meteorological visibility (5 % contrast, Koschmieder) is 3 / extinction: 27 m in the
densest fog, 33 m in the worst dust, 600 m behind a cloudburst."""
FALLOFF = 0.05
"""1/m of height per unit of ``fog_falloff``: at 1 the fog is 20 m high, at CARLA's usual 0.1 it is 200 m."""


@dataclass(frozen=True)
class Hour:
    """Light at one height of the sun: factors on the land, colours of the sky."""

    level: float
    """Brightness of the land."""
    lit: Colour
    """Tint of what the sun reaches, a factor."""
    shade: Colour
    """Tint of what only the sky reaches, a factor."""
    zenith: Colour
    horizon: Colour
    glow: Colour
    """Of the horizon on the sun's side."""
    cloud: Colour
    """Of thin, lit cloud."""
    own: float
    """Share of the land's own sky colours; the rest is zenith and horizon of this table."""


_WHITE: Colour = (1.0, 1.0, 1.0)
_NIGHT = Hour(
    0.11, (0.66, 0.82, 1.22), (0.66, 0.82, 1.22), (0.016, 0.024, 0.056), (0.040, 0.054, 0.098), (0.045, 0.056, 0.095),
    (0.040, 0.048, 0.078), 0.0,
)  # fmt: skip
_HOURS: tuple[tuple[float, Hour], ...] = (
    (-14.0, _NIGHT),
    (-9.0, Hour(0.17, (0.68, 0.82, 1.18), (0.68, 0.82, 1.18), (0.05, 0.08, 0.19), (0.15, 0.19, 0.31),
                (0.34, 0.24, 0.24), (0.11, 0.12, 0.19), 0.0)),
    (-4.0, Hour(0.42, (0.82, 0.88, 1.10), (0.78, 0.86, 1.12), (0.17, 0.27, 0.50), (0.52, 0.54, 0.64),
                (0.96, 0.62, 0.42), (0.42, 0.40, 0.50), 0.0)),
    (0.0, Hour(0.54, (1.04, 0.90, 0.86), (0.86, 0.89, 1.06), (0.22, 0.33, 0.54), (0.66, 0.60, 0.60),
               (1.0, 0.66, 0.36), (0.80, 0.58, 0.52), 0.0)),
    (4.0, Hour(0.72, (1.17, 0.94, 0.72), (0.84, 0.90, 1.06), (0.27, 0.41, 0.64), (0.80, 0.74, 0.68),
               (1.0, 0.76, 0.44), (0.98, 0.80, 0.66), 0.0)),
    (8.0, Hour(0.83, (1.16, 0.97, 0.78), (0.85, 0.92, 1.05), (0.30, 0.46, 0.71), (0.86, 0.81, 0.75),
               (1.0, 0.83, 0.57), (1.0, 0.88, 0.76), 0.15)),
    (15.0, Hour(0.93, (1.11, 0.99, 0.86), (0.90, 0.95, 1.03), (0.28, 0.47, 0.76), (0.86, 0.85, 0.83),
                (1.0, 0.90, 0.72), (1.0, 0.95, 0.89), 0.5)),
    (30.0, Hour(1.0, (1.02, 1.0, 0.97), (0.98, 0.99, 1.01), (0.25, 0.47, 0.80), (0.78, 0.85, 0.91),
                (1.0, 0.95, 0.84), (1.0, 0.99, 0.97), 0.95)),
    (CLEAR.sun_altitude_angle, Hour(1.0, _WHITE, _WHITE, (0.25, 0.47, 0.80), (0.76, 0.85, 0.92),
                                    (1.0, 0.96, 0.88), (1.0, 0.99, 0.97), 1.0)),
)  # fmt: skip


@dataclass(frozen=True)
class Conditions:
    """What a weather does to the pictures of a land, whichever way its cameras look."""

    hour: Hour
    """Light of the cloudless sky at this height of the sun."""
    sun: tuple[float, float, float]
    """Unit vector towards the sun, world."""
    clouds: float
    """As `Sky.clouds`, but up to 2, where no gap is left."""
    overcast: float
    """0..1, how much of the sun's direct light clouds hold back beyond `clear`."""
    gloom: float
    """Factor on all light by thick cloud and rain."""
    saturation: float
    """Factor on the land's colours' distance from grey."""
    lift: float
    """0..1, how much of the land's contrast between sun and shade is gone."""
    direct: float
    """0..1, strength of the sun's disc: none behind clouds, dust or the horizon."""
    dazzle: float
    """0..1, how much a sun this low dazzles when it is ahead."""
    headlights: float
    """0..1."""
    repaint: float
    """0..1, share of the repainted sky in the picture's sky."""
    fog: float
    """Extinction of fog, 1/m at the camera's height."""
    fog_start: float
    """Metres."""
    fog_falloff: float
    """1/m of height."""
    rain_veil: float
    """Extinction of falling rain, 1/m."""
    dust_veil: float
    """Extinction of dust, 1/m."""
    dust: float
    rain: float
    wind: float
    film: float
    puddles: float
    """Each 0..1: dust, rain, wind, water film on the road, share of the road under water."""
    scatter: float
    """Strength of the sun's glow in fog, 1 as usual."""
    haze_glow: float
    """Strength of the glow around the sun in the sky, 1 as usual."""
    blue: float
    """Factor on the blueness of the sky."""

    @property
    def hazy(self) -> bool:
        """Whether something in the air hides what is far."""
        return self.fog + self.rain_veil + self.dust_veil > 0.0

    @property
    def wet(self) -> bool:
        """Whether there is water on the road."""
        return self.film + self.puddles > 0.0

    @property
    def relit(self) -> bool:
        """Whether the land's own light is changed."""
        hour = self.hour
        changed = (hour.level * self.gloom, self.saturation, *hour.lit, *hour.shade)
        return self.lift > 0.0 or any(value != 1.0 for value in changed)


def conditions(weather: Weather, sky: Sky, north: float) -> Conditions:
    """What this weather does under this sky; ``north`` as in `View`."""
    weather = weather.settled()
    altitude = weather.sun_altitude_angle
    hour = hour_at(altitude)
    overcast = _ramp(CLEAR.cloudiness, 100.0, weather.cloudiness)
    rain = weather.precipitation / 100.0
    dust = weather.dust_storm / 100.0
    if weather.cloudiness <= CLEAR.cloudiness:
        clouds = sky.clouds * weather.cloudiness / CLEAR.cloudiness
    else:
        clouds = sky.clouds + (2.0 - sky.clouds) * overcast
    gloom = (1.0 - 0.10 * overcast) * (1.0 - 0.22 * rain * (0.3 + 0.7 * overcast)) * (1.0 - 0.22 * dust)
    level = hour.level * gloom
    through = (1.0 - overcast) ** 1.5 * (1.0 - dust) ** 2
    direct = through * smooth(-1.2, 2.0, altitude)
    lift = 1.0 - (1.0 - 0.8 * overcast) * (1.0 - 0.6 * dust)
    azimuth = north - math.radians(weather.sun_azimuth_angle)
    flat = math.cos(math.radians(altitude))
    turned = abs((weather.sun_azimuth_angle - CLEAR.sun_azimuth_angle + 180.0) % 360.0 - 180.0)
    haze_glow = min(weather.mie_scattering_scale / CLEAR.mie_scattering_scale, 8.0)
    blue = min(weather.rayleigh_scattering_scale / CLEAR.rayleigh_scattering_scale, 4.0) ** 0.5
    # Every number that shows in the sky; the cross-fade from the painted sky is over after a small step of any.
    steps = (
        abs(weather.cloudiness - CLEAR.cloudiness) / 12.0, abs(altitude - CLEAR.sun_altitude_angle) / 12.0,
        turned / 60.0, 4.0 * dust, 2.0 * rain, abs(haze_glow - 1.0), abs(blue - 1.0),
    )  # fmt: skip
    return Conditions(
        hour=hour,
        sun=(flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(math.radians(altitude))),
        clouds=clouds,
        overcast=overcast,
        gloom=gloom,
        saturation=(1.0 - 0.30 * overcast) * (1.0 - 0.15 * rain) * (1.0 - 0.3 * smooth(2.0, -8.0, altitude)),
        lift=lift,
        direct=direct,
        dazzle=direct * smooth(34.0, 9.0, altitude),
        headlights=smooth(0.62, 0.38, level),
        repaint=min(1.0, sum(steps)),
        fog=FOG_LIMIT * (weather.fog_density / 100.0) ** 1.7,
        fog_start=min(weather.fog_distance, 1e5),
        fog_falloff=FALLOFF * min(weather.fog_falloff, 1e4),
        rain_veil=RAIN_LIMIT * rain * rain,
        dust_veil=DUST_LIMIT * dust * dust,
        dust=dust,
        rain=rain,
        wind=weather.wind_intensity / 100.0,
        film=weather.wetness / 100.0,
        puddles=weather.precipitation_deposits / 100.0,
        scatter=min(weather.scattering_intensity, 10.0),
        haze_glow=haze_glow,
        blue=blue,
    )


def hour_at(altitude: float) -> Hour:
    """Light with the sun this many degrees above the horizon."""
    if altitude <= _HOURS[0][0]:
        return _HOURS[0][1]
    for (low, before), (high, after) in pairwise(_HOURS):
        if altitude < high:
            return _between(before, after, (altitude - low) / (high - low))
    return _HOURS[-1][1]


def _between(a: Hour, b: Hour, share: float) -> Hour:
    return Hour(
        a.level + share * (b.level - a.level),
        blend(a.lit, b.lit, share),
        blend(a.shade, b.shade, share),
        blend(a.zenith, b.zenith, share),
        blend(a.horizon, b.horizon, share),
        blend(a.glow, b.glow, share),
        blend(a.cloud, b.cloud, share),
        a.own + share * (b.own - a.own),
    )


def blend(a: Colour, b: Colour, share: float) -> Colour:
    """The colour between ``a`` (share 0) and ``b`` (share 1)."""
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])


def scaled(a: Colour, factor: float) -> Colour:
    """The colour, so many times as bright."""
    return a[0] * factor, a[1] * factor, a[2] * factor


def _ramp(low: float, high: float, x: float) -> float:
    return min(1.0, max(0.0, (x - low) / (high - low)))


def smooth(low: float, high: float, x: float) -> float:
    """0 before ``low``, 1 after ``high``, a smooth S between; ``low`` > ``high`` turns it round."""
    t = _ramp(low, high, x) if low < high else 1.0 - _ramp(high, low, x)
    return t * t * (3.0 - 2.0 * t)
