"""Weather on pictures: what `clear` leaves alone, the same bits everywhere, no jumps, any size and number."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from envs.effects import BadImage, Key
from envs.effects.weather import WeatherLook
from scenarios.weather import CLEAR, FIELDS, PRESETS, Weather
from tests.effects.land import KEY, SKY, but, land, under

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def look() -> WeatherLook:
    return WeatherLook(SKY, 11)


# What does not change, and what is asked for


@pytest.mark.parametrize("weather", [CLEAR, CLEAR.model_copy(), PRESETS["Default"]], ids=["clear", "copy", "Default"])
def test_clear_is_the_identity_and_needs_nothing(look: WeatherLook, weather: Weather) -> None:
    picture = land()
    assert look.needs(weather) == frozenset()
    image = look.apply(picture.rgb, None, None, picture.view, weather, KEY)
    np.testing.assert_array_equal(image, land().rgb)


def test_a_wind_that_moves_nothing_is_not_to_be_seen(look: WeatherLook) -> None:
    picture = land()
    np.testing.assert_array_equal(under(look, picture, but(wind_intensity=80.0)), picture.rgb)


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in ("clear", "Default")])
def test_what_is_needed_suffices_and_the_input_stays(look: WeatherLook, name: str) -> None:
    picture, before, weather = land(), land(), PRESETS[name]
    needs = look.needs(weather)
    depth = picture.depth if "depth" in needs else None
    labels = picture.labels if "segmentation" in needs else None
    image = look.apply(picture.rgb, depth, labels, picture.view, weather, KEY)
    assert image.dtype == np.uint8
    assert image.shape == picture.rgb.shape
    np.testing.assert_array_equal(image, under(look, picture, weather))
    for after, first in zip(picture[:3], before[:3], strict=True):
        np.testing.assert_array_equal(after, first)
    with pytest.raises(BadImage, match=f"needs the {'depth' if depth is not None else 'segmentation'}"):
        look.apply(picture.rgb, None, labels, picture.view, weather, KEY)


def test_shapes_that_do_not_fit_are_named(look: WeatherLook) -> None:
    picture = land()
    with pytest.raises(BadImage, match="200 x 78 pixels, the image has 100 x 78"):
        look.apply(picture.rgb[:, :100].copy(), picture.depth, None, picture.view, PRESETS["fog"], KEY)
    with pytest.raises(BadImage, match=r"depth is .* got shape \(78, 100\)"):
        look.apply(picture.rgb, picture.depth[:, :100], None, picture.view, PRESETS["fog"], KEY)


def test_only_water_and_darkness_need_the_segmentation(look: WeatherLook) -> None:
    assert look.needs(PRESETS["fog"]) == {"depth"}
    assert look.needs(PRESETS["low_sun_ahead"]) == {"depth"}
    assert look.needs(PRESETS["wet_road"]) == {"depth", "segmentation"}
    assert look.needs(PRESETS["night"]) == {"depth", "segmentation"}


# The same bits everywhere


def digests(names: list[str]) -> dict[str, str]:
    look, picture = WeatherLook(SKY, 11, np.array(((20.0, -5.0, 7.7),))), land()
    return {
        name: hashlib.sha256(under(look, picture, PRESETS[name], Key(5, frame)).tobytes()).hexdigest()
        for name in names
        for frame in (0, 40)
    }


def test_the_same_bits_in_another_process_and_another_order() -> None:
    names = list(PRESETS)
    code = (
        "from tests.effects.test_weather import digests; from scenarios.weather import PRESETS\n"
        "import sys; [sys.stdout.write(f'{k} {v}\\n') for k, v in digests(list(PRESETS)[::-1]).items()]"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    there = dict(line.split() for line in done.stdout.splitlines())
    assert there == digests(names)


# Nothing jumps


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_little_weather_changes_little_and_more_weather_more(look: WeatherLook, name: str) -> None:
    picture = land()
    weather = PRESETS[name]
    shares = (0.0, 0.02, 0.25, 0.5, 0.75, 1.0)
    images = [under(look, picture, CLEAR.mix(weather, share)).astype(float) for share in shares]
    change = [float(np.abs(image - images[0]).mean()) for image in images]
    assert change[1] < 5.0
    # When it is dark, fog and rain make it a little lighter again.
    slack = 0.15 * change[-1]
    assert all(after >= before - slack for before, after in pairwise(change))
    if name not in ("clear", "Default"):
        assert change[-1] > 1.0


@pytest.mark.parametrize("name", ["stormy_night", "low_sun_ahead", "dust_storm", "HardRainSunset"])
def test_a_weather_that_slides_makes_no_jump(look: WeatherLook, name: str) -> None:
    picture = land()
    steps = [under(look, picture, CLEAR.mix(PRESETS[name], share / 60)).astype(float) for share in range(61)]
    jumps = [float(np.abs(after - before).mean()) for before, after in pairwise(steps)]
    assert max(jumps) < 12.0


# Any size, any number


@pytest.mark.parametrize("size", [(8, 8), (9, 23), (640, 480)])
@pytest.mark.parametrize("name", ["stormy_night", "low_sun_ahead", "dust_storm", "HardRainNoon"])
def test_any_size(name: str, size: tuple[int, int]) -> None:
    look = WeatherLook(SKY, 11, np.array(((20.0, -5.0, 7.7), (35.0, 5.0, 7.7))))
    picture = land(*size)
    image = under(look, picture, PRESETS[name])
    assert image.shape == (size[1], size[0], 3)
    assert image.std() > 1.0


def test_the_ends_of_every_range(look: WeatherLook) -> None:
    picture, rng = land(60, 40), np.random.default_rng(1)
    ends = {
        **dict.fromkeys(FIELDS, (-1.0, 0.0, 100.0)),
        "sun_azimuth_angle": (-360.0, 0.0, 360.0),
        "sun_altitude_angle": (-90.0, 0.0, 90.0),
        "fog_distance": (0.0, 1e30),
        "fog_falloff": (0.0, 5.0, 1e30),
        **dict.fromkeys(("scattering_intensity", "mie_scattering_scale", "rayleigh_scattering_scale"), (0.0, 1e30)),
    }
    poses = (picture, land(60, 40, x=1e6, y=-1e6), land(60, 40, pitch=1.5), land(60, 40, pitch=-1.5))
    for number in range(120):
        weather = Weather(**{name: float(rng.choice(values)) for name, values in ends.items()})
        image = under(look, poses[number % 4], weather)
        assert image.dtype == np.uint8


def test_views_without_road_or_sky(look: WeatherLook) -> None:
    for pitch in (-1.4, 1.2):
        picture = land(pitch=pitch)
        for name in ("stormy_night", "low_sun_ahead"):
            assert under(look, picture, PRESETS[name]).shape == picture.rgb.shape
