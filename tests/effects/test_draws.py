"""Random numbers of effects and what is kept between frames: nothing of one key or frame may show in another."""

import hashlib
import math
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest

from envs.effects import IMAGE_FAULTS, Key, apply, blur, drops, lens, noise, tone
from envs.effects import draws as draws_module
from envs.effects.draws import bits16, fractions, normals, quantiles, uniforms, words
from envs.effects.version import EFFECTS
from envs.effects.weather import heaven, light, night, rain, wet
from envs.effects.weather import lens as wet_lens_module
from scenarios.faults import FAULTS
from scenarios.weather import PRESETS
from tests.effects.land import HEAVEN, but, land, under, weather_of
from tests.effects.pictures import landscape

CACHES: dict[str, Any] = {
    "seeds": draws_module._seed_of,
    "grey steps": noise._grey_steps,
    "speckles": noise._speckle_table,
    "photons": noise._poisson_table,
    "smears": blur._smear,
    "drops": drops._drops,
    "middles of drops": drops._middles,
    "field of dirt": lens._dirt_field,
    "dirt": lens._dirt,
    "patch": lens._patch,
    "exposure": tone._exposed,
    "curves of light": light._curves,
    "drops of rain on the lens": wet_lens_module._bank,
    "stamps of drops": wet_lens_module._stamps,
    "opacity of streaks": rain._opacity,
    "puddles": wet.puddle_bank,
    "gloss": wet._glossiness,
    "headlights": night._thrown_back,
}


# Draws


def test_words_are_those_of_sfc64_seeded_by_hand() -> None:
    # Written from the published algorithm, so that another NumPy, or another machine, cannot give others unnoticed.
    mask = (1 << 64) - 1
    seed = int.from_bytes(hashlib.sha256(b"7\x1fgaussian_noise").digest()[:8], "little") >> 1
    a, b, c, counter = seed, 9, 0, 1
    wanted = []
    for _ in range(12 + 50):
        total = (a + b + counter) & mask
        counter = (counter + 1) & mask
        a, b = b ^ (b >> 11), (c + (c << 3)) & mask
        c = (((c << 24) | (c >> 40)) + total) & mask
        wanted.append(total)
    assert words(Key(7, 9), "gaussian_noise", 50).tolist() == wanted[12:]


def test_words_depend_on_key_and_purpose_alone_and_more_begin_alike() -> None:
    first = words(Key(1, 2), "a", 100).tolist()
    others = [words(key, name, 100).tolist() for key, name in ((Key(1, 3), "a"), (Key(2, 2), "a"), (Key(1, 2), "b"))]
    assert len({tuple(one) for one in (first, *others)}) == 4
    assert words(Key(1, 2), "a", 100).tolist() == first
    assert words(Key(1, 2), "a", 7).tolist() == first[:7]
    # Keys that are neighbours have nothing in common, not even shifted.
    near = [set(words(Key(1, frame), "a", 100).tolist()) for frame in range(20)]
    assert len(set().union(*near)) == 2000


def test_draws_of_threads_do_not_mix() -> None:
    alone = {frame: bits16(Key(3, frame), "x", (5000,)).tobytes() for frame in range(40)}
    together: dict[int, bytes] = {}

    def draw(frames: range) -> None:
        for frame in frames:
            together[frame] = bits16(Key(3, frame), "x", (5000,)).tobytes()

    threads = [threading.Thread(target=partial(draw, range(i, 40, 4))) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_draws_have_their_distributions() -> None:
    even = uniforms(Key(4, 0), "u", (200, 500))
    assert 0.0 <= even.min() < 0.001
    assert 0.999 < even.max() < 1.0
    assert even.mean() == pytest.approx(0.5, abs=0.004)
    assert even.var() == pytest.approx(1 / 12, rel=0.02)
    few = np.array([fractions(Key(4, frame), "f", 2) for frame in range(20_000)])
    assert 0.0 <= few.min() < 0.001
    assert 0.999 < few.max() < 1.0
    assert few.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    assert few.var(axis=0) == pytest.approx([1 / 12, 1 / 12], rel=0.03)
    # Neither one number and the next, nor one frame and the next.
    assert abs(np.corrcoef(few[:, 0], few[:, 1])[0, 1]) < 0.03
    assert abs(np.corrcoef(few[1:, 0], few[:-1, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(few[1:, 0], few[:-1, 1])[0, 1]) < 0.03
    normal = normals(Key(4, 0), "n", (500, 400)).astype(float)
    assert normal.mean() == pytest.approx(0.0, abs=0.008)
    assert normal.std() == pytest.approx(1.0, rel=0.01)
    assert (normal**4).mean() == pytest.approx(3.0, rel=0.05)
    # Frame after frame, nothing is left of the one before.
    following = normals(Key(4, 1), "n", (500, 400)).astype(float)
    assert abs(np.corrcoef(normal.ravel(), following.ravel())[0, 1]) < 0.01
    assert quantiles().size == 65536


# What is kept


@pytest.mark.parametrize("name", CACHES)
def test_what_is_kept_is_bounded(name: str) -> None:
    assert CACHES[name].cache_info().maxsize is not None


@pytest.mark.parametrize("name", IMAGE_FAULTS)
def test_two_keys_and_sizes_share_nothing(name: str) -> None:
    small, large = landscape(40, 60), landscape(78, 200)
    jobs = [
        (picture, severity, Key(seed, frame))
        for picture in (small, large)
        for severity in (1.0, 4.3)
        for seed in (1, 2)
        for frame in (0, 90)
    ]
    alone = []
    for job in jobs:
        for cache in CACHES.values():
            cache.cache_clear()
        alone.append(apply(name, *job).tobytes())
    mixed = [apply(name, *job).tobytes() for job in reversed(jobs)]
    assert mixed[::-1] == alone


def test_weathers_in_turn_share_nothing() -> None:
    from envs.effects.weather import WeatherLook

    picture = land()
    names = ("HardRainNoon", "night", "low_sun_ahead", "stormy_night", "dense_fog", "wet_road")

    def seen(look: WeatherLook, name: str, frame: int) -> bytes:
        return under(look, picture, PRESETS[name], Key(5, frame)).tobytes()

    look = WeatherLook(HEAVEN.sky, 11)
    in_turn = [seen(look, name, frame) for frame in (0, 300) for name in names]
    other = WeatherLook(HEAVEN.sky, 11)
    again = {(frame, name): seen(other, name, frame) for name in reversed(names) for frame in (300, 0)}
    assert in_turn == [again[frame, name] for frame in (0, 300) for name in names]
    assert len(set(in_turn)) > len(names)


def test_tables_that_are_kept_cannot_be_written() -> None:
    now = weather_of(but(cloudiness=90.0))
    kept = (quantiles(), noise._grey_steps(0.1), noise._speckle_table(0.1), light._curves(now, 0.0), rain._opacity())
    for table in kept:
        with pytest.raises(ValueError, match="read-only"):
            table[..., 0] = 1


def test_the_sky_remembers_only_the_conditions_it_was_asked_for() -> None:
    sky = heaven.Heaven(HEAVEN.sky)
    dim, bright = weather_of(but(sun_altitude_angle=-5.0)), weather_of(but(cloudiness=80.0))
    first = sky.tones(dim)
    assert sky.tones(bright) != first
    assert sky.tones(dim) == first == heaven.Heaven(HEAVEN.sky).tones(dim)


# Cheaper, and still what it says


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_motion_blur_is_the_half_gaussian_line(severity: float) -> None:
    spot = np.zeros((121, 201, 3), dtype=np.uint8)
    spot[58:63, 98:103] = 255
    level = FAULTS["motion_blur"].at(severity)
    radius, sigma = (level[name] * 201 / 224 for name in ("radius", "sigma"))
    for frame in range(6):
        turn, side = fractions(Key(1, frame), "motion_blur", 2)
        angle, way = blur.MOTION_ANGLE * (2.0 * turn - 1.0), 1.0 if side < 0.5 else -1.0
        steps = np.arange(2 * round(radius) + 1)
        weights = np.exp(-0.5 * (steps / sigma) ** 2)
        weights /= weights.sum()
        along = way * (steps - weights @ steps)
        wanted = np.zeros(spot.shape[:2])
        for a, weight in zip(along, weights, strict=True):
            # What is at x comes to x - a.
            shift = (-round(a * math.sin(angle)), -round(a * math.cos(angle)))
            wanted += weight * np.roll(spot[..., 0], shift, axis=(0, 1))
        got = apply("motion_blur", spot, severity, Key(1, frame))[..., 0].astype(float)
        # Pixels that share a weight are moved together: the spot, of 5 pixels, becomes wider by up to 3.
        assert np.abs(got - wanted).mean() < 0.25 * wanted.mean()
        assert got.sum() == pytest.approx(wanted.sum(), rel=0.15)


@pytest.mark.parametrize("size", [(8, 8), (9, 201), (78, 200), (300, 400)])
def test_drops_of_rain_stay_within_pictures_of_any_size(size: tuple[int, int]) -> None:
    now, picture = weather_of(PRESETS["storm"]), landscape(*size)
    for frame in range(0, 4000, 97):
        wet_picture = wet_lens_module.wet_lens(picture, now, Key(frame, frame))
        assert wet_picture.shape == picture.shape


# The bits and their number

BITS = "ed8c01fd7dcce925"
EXACT = (
    "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "paper_gaussian", "motion_blur", "defocus_blur",
    "lens_drops", "dead_pixels", "dead_rows", "lost_blocks",
)  # fmt: skip
"""Those in which only whole numbers, or exact products, decide."""


def test_other_bits_have_another_number() -> None:
    digest = hashlib.sha256()
    for name in EXACT:
        for severity in (0.5, 3.0, 5.0):
            digest.update(apply(name, landscape(78, 200), severity, Key(7, 40)).tobytes())
    assert (EFFECTS, digest.hexdigest()[:16]) == ("3", BITS), "raise envs.effects.version.EFFECTS and pin its bits here"
