"""Faults of pictures: identity at 0, growth, keys, sizes, and that each does what its parameters say."""

import colorsys
import hashlib
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from envs.effects import IMAGE_FAULTS, BadImage, Key, UnknownEffect, apply, contact_sheet
from envs.effects import blur as blur_module
from scenarios.errors import ScenarioError
from scenarios.faults import FAULTS
from tests.effects.pictures import landscape, rendered

ROOT = Path(__file__).parents[2]
NAMES = tuple(IMAGE_FAULTS)
BY_FRAME = {
    "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "paper_gaussian", "motion_blur", "lost_blocks",
}  # fmt: skip
"""Drawn anew in every frame."""
BY_SEED = {"dead_pixels", "dead_rows", "lens_dirt", "occlusion"}
"""Fixed for an episode."""
SLOW = {"exposure_step", "lens_drops"}
"""Depend on seed and frame, yet neighbouring frames may be equal."""
SIZES = ((8, 8), (9, 201), (480, 640))

Picture = npt.NDArray[np.uint8]


def distortion(name: str, severity: float) -> float:
    """Mean absolute difference over rendered frames and several keys."""
    changes = [
        np.abs(apply(name, frame, severity, Key(seed, 3)).astype(int) - frame).mean()
        for frame in rendered()
        for seed in range(4)
    ]
    return float(np.mean(changes))


def grey(value: int, height: int = 120, width: int = 160) -> Picture:
    return np.full((height, width, 3), value, dtype=np.uint8)


def test_every_fault_of_a_picture_is_there_and_no_other() -> None:
    assert set(IMAGE_FAULTS) == {name for name, kind in FAULTS.items() if kind.part == "image"}


@pytest.mark.parametrize("name", NAMES)
def test_severity_0_gives_the_same_bits(name: str) -> None:
    for picture in (*rendered(), *(landscape(*size) for size in SIZES), rendered()[0][::-1, ::2]):
        for zero in (0, 0.0):
            assert np.array_equal(apply(name, picture, zero, Key(5, 7)), picture)


@pytest.mark.parametrize("name", NAMES)
def test_grows_with_severity(name: str) -> None:
    changes = [distortion(name, severity) for severity in (1, 2, 3, 4, 5)]
    assert changes[0] > 0
    if FAULTS[name].grows:
        assert all(low < high for low, high in itertools.pairwise(changes)), changes


@pytest.mark.parametrize("name", NAMES)
def test_a_slight_severity_changes_little(name: str) -> None:
    # Keyframes slide: there must be no jump at 0. Quality of JPEG begins at 100, which is not lossless.
    assert distortion(name, 0.02) < max(1.5, 0.4 * distortion(name, 1))


@pytest.mark.parametrize("name", NAMES)
def test_never_writes_into_its_input(name: str) -> None:
    picture = landscape(78, 200)
    before = picture.copy()
    for severity in (0.3, 1, 5):
        apply(name, picture, severity, Key(1, 2))
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES)
def test_any_size(name: str, size: tuple[int, int]) -> None:
    for severity in (0.1, 1, 5):
        result = apply(name, landscape(*size), severity, Key(11, 40))
        assert result.shape == (*size, 3)
        assert result.dtype == np.uint8


@pytest.mark.parametrize("name", NAMES)
def test_memory_layout_makes_no_difference(name: str) -> None:
    whole = rendered()[1]
    for view in (whole[:, ::-1], whole[::2, 3:], np.asfortranarray(whole), whole[..., ::-1]):
        got = apply(name, view, 4, Key(3, 9))
        assert np.array_equal(got, apply(name, np.ascontiguousarray(view), 4, Key(3, 9)))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_draws_depend_on(name: str) -> None:
    picture = rendered()[0]

    def pictures(keys: list[Key]) -> int:
        return len({apply(name, picture, 5, key).tobytes() for key in keys})

    seeds, frames = [Key(seed, 0) for seed in range(8)], [Key(6, frame) for frame in range(8)]
    if name in BY_FRAME:
        # Motion blur moves by whole pixels: two angles that are nearly the same may give the same picture.
        least = 7 if name == "motion_blur" else 8
        assert min(pictures(seeds), pictures(frames)) >= least
    elif name in BY_SEED:
        assert pictures(seeds) == 8
        assert pictures([Key(6, 0), Key(6, 1), Key(6, 5000)]) == 1
    elif name in SLOW:
        assert pictures(seeds) > 1
        assert pictures([Key(6, 50 * frame) for frame in range(8)]) > 1
    else:
        assert pictures(seeds + frames) == 1


def test_drops_slide_slowly() -> None:
    picture = rendered()[0]
    wet = [apply("lens_drops", picture, 3, Key(2, frame)).astype(int) for frame in (0, 1, 400)]
    drops = np.abs(wet[0] - picture).mean()
    assert np.abs(wet[1] - wet[0]).mean() < 0.2 * drops
    assert np.abs(wet[2] - wet[0]).mean() > 0.3 * drops


def digests(names: list[str]) -> dict[str, str]:
    picture = landscape(78, 200)
    return {
        f"{name} {severity} {key}": hashlib.sha256(apply(name, picture, severity, Key(*key)).tobytes()).hexdigest()
        for name in names
        for severity in (0.5, 5.0)
        for key in ((1, 0), (2**40, 77))
    }


def test_same_bits_in_another_process_order_and_number_of_threads() -> None:
    code = (
        "import cv2, json; from tests.effects.test_images import *; cv2.setNumThreads(1);"
        "print(json.dumps(digests(list(reversed(NAMES)))))"
    )
    there = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout) == digests(list(NAMES))


# Bad input


@pytest.mark.parametrize(
    ("image", "named"),
    [
        (np.zeros((20, 30, 3), dtype=np.float32), "float32"),
        (np.zeros((20, 30, 3), dtype=np.int64), "int64"),
        (np.zeros((20, 30), dtype=np.uint8), "(20, 30)"),
        (np.zeros((20, 30, 4), dtype=np.uint8), "(20, 30, 4)"),
        (np.zeros((3, 20, 30), dtype=np.uint8), "(3, 20, 30)"),
        (np.zeros((7, 30, 3), dtype=np.uint8), "(7, 30, 3)"),
        ([[1, 2, 3]], "list"),
        (None, "NoneType"),
    ],
)
@pytest.mark.parametrize("severity", [0, 3])
def test_bad_image_is_refused_in_one_line(image: Any, named: str, severity: float) -> None:
    for name in NAMES:
        with pytest.raises(BadImage) as caught:
            apply(name, image, severity, Key(0, 0))
        text = str(caught.value)
        assert named in text
        assert "image" in text
        assert len(text.splitlines()) == 1


@pytest.mark.parametrize("severity", [-0.1, 5.1, float("nan"), float("inf")])
def test_severity_out_of_range_is_refused(severity: float) -> None:
    for name in NAMES:
        with pytest.raises(ScenarioError, match="severity"):
            apply(name, landscape(8, 8), severity, Key(0, 0))


def test_unknown_fault_names_the_nearest() -> None:
    with pytest.raises(UnknownEffect, match="'gaussian_noise'"):
        apply("gausian_noise", landscape(8, 8), 1, Key(0, 0))


# Each does what its parameters say


@pytest.mark.parametrize("severity", [1, 2])
def test_gaussian_noise_has_its_standard_deviation(severity: float) -> None:
    level = FAULTS["gaussian_noise"].at(severity)
    noisy = apply("gaussian_noise", grey(128), severity, Key(1, 1)).astype(float)
    assert noisy.std() == pytest.approx(255 * level["sd"], rel=0.02)
    assert noisy.mean() == pytest.approx(128, abs=0.6)
    # Neither the channels nor neighbours know of one another.
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(noisy[:, 1:].ravel(), noisy[:, :-1].ravel())[0, 1]) < 0.03


def test_paper_gaussian_has_the_papers_variances() -> None:
    for severity, variance in ((1, 0.1), (2, 0.2), (3, 0.3)):
        reference = np.clip(0.5 + np.random.default_rng(0).normal(0, variance**0.5, 100_000), 0, 1)
        noisy = apply("paper_gaussian", grey(128), severity, Key(1, 1)) / 255.0
        assert noisy.var() == pytest.approx(reference.var(), rel=0.02)


def test_speckle_noise_is_in_proportion_to_the_light() -> None:
    dark, bright = (apply("speckle_noise", grey(value), 1, Key(1, 1)).astype(float).std() for value in (40, 120))
    assert bright / dark == pytest.approx(3.0, rel=0.03)
    assert not apply("speckle_noise", grey(0), 5, Key(1, 1)).any()


@pytest.mark.parametrize("severity", [0.1, 0.5, 0.7, 1, 3, 5])
def test_shot_noise_is_poisson(severity: float) -> None:
    photons = FAULTS["shot_noise"].at(severity)["photons"]
    for value in (4, 60, 128, 240):
        noisy = apply("shot_noise", grey(value), severity, Key(1, 1)) / 255.0
        counts = np.random.default_rng(0).poisson(value / 255 * photons, 200_000)
        reference = np.minimum(counts / photons, 1.0)
        assert noisy.mean() == pytest.approx(reference.mean(), rel=0.04, abs=0.002)
        assert noisy.std() == pytest.approx(reference.std(), rel=0.04, abs=0.002)


def test_impulse_noise_hits_its_share() -> None:
    noisy = apply("impulse_noise", grey(128), 3, Key(1, 1))
    assert (noisy == 0).mean() == pytest.approx(0.045, rel=0.1)
    assert (noisy == 255).mean() == pytest.approx(0.045, rel=0.1)
    assert (noisy == 128).mean() == pytest.approx(0.91, rel=0.01)


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "motion_blur"])
@pytest.mark.parametrize("size", [(78, 200), (480, 640)])
def test_blur_keeps_the_light_and_the_place(name: str, size: tuple[int, int]) -> None:
    for value in (0, 100, 255):
        assert np.abs(apply(name, grey(value, *size), 5, Key(1, 1)).astype(int) - value).max() <= 1
    spot = grey(0, *size)
    middle = (size[0] // 2, size[1] // 2)
    spot[middle[0] - 2 : middle[0] + 3, middle[1] - 2 : middle[1] + 3] = 255
    blurred = apply(name, spot, 3, Key(1, 1))[..., 0].astype(float)
    assert blurred.max() < 255
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    # Rounding to whole grey levels loses a part of what is spread widely.
    assert blurred.sum() == pytest.approx(25 * 255, rel=0.35)
    assert (blurred * x).sum() / blurred.sum() == pytest.approx(middle[1], abs=1.0)
    assert (blurred * y).sum() / blurred.sum() == pytest.approx(middle[0], abs=1.0)


@pytest.mark.parametrize(("size", "severity"), [((78, 200), 1), ((78, 200), 5), ((240, 320), 5), ((8, 8), 5)])
def test_defocus_is_the_mean_over_a_disc(size: tuple[int, int], severity: float) -> None:
    picture = landscape(*size)
    level = FAULTS["defocus_blur"].at(severity)
    radius = level["radius"] * size[1] / 224
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = (x * x + y * y <= radius * radius).astype(np.float64)
    assert sum((2 * w + 1) * (2 if dy else 1) for dy, w in enumerate(blur_module.disc(radius))) == kernel.sum()
    mean = cv2.filter2D(picture.astype(np.float64), -1, kernel / kernel.sum())
    sigma = level["alias_blur"]
    wanted = cv2.GaussianBlur(mean, (0, 0), sigma) if sigma >= 0.25 else mean
    assert np.abs(apply("defocus_blur", picture, severity, Key(0, 0)) - wanted).max() <= 1.5


def test_motion_smears_sideways() -> None:
    spot = grey(0, 101, 201)
    spot[50, 100] = 255
    for frame in range(20):
        smear = apply("motion_blur", spot, 3, Key(1, frame))[..., 0]
        rows, columns = np.nonzero(smear)
        assert np.ptp(columns) > 2 * np.ptp(rows)


def test_brightness_and_saturation_are_those_of_hsv() -> None:
    colours = np.random.default_rng(3).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    colours[0, 0], colours[0, 1], colours[0, 2] = 0, 255, 77
    for severity in (1, 2, 3, 4, 5):
        bright = apply("brightness", colours, severity, Key(0, 0)).reshape(-1, 3)
        vivid = apply("saturation", colours, severity, Key(0, 0)).reshape(-1, 3)
        add, level = FAULTS["brightness"].at(severity)["add"], FAULTS["saturation"].at(severity)
        for colour, got_bright, got_vivid in zip(colours.reshape(-1, 3) / 255.0, bright, vivid, strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*colour)
            wanted = np.array(colorsys.hsv_to_rgb(hue, saturation, min(1.0, value + add)))
            assert np.abs(got_bright - 255 * wanted).max() <= 1.01
            more = min(1.0, saturation * level["factor"] + level["add"]) if saturation > 0 else 0.0
            wanted = np.array(colorsys.hsv_to_rgb(hue, more, value))
            assert np.abs(got_vivid - 255 * wanted).max() <= 1.01


def test_contrast_shrinks_differences_around_the_mean() -> None:
    picture = rendered()[0]
    flat = apply("contrast", picture, 2, Key(0, 0)).astype(float)
    mean = picture.mean(axis=(0, 1))
    assert np.abs(flat - (mean + 0.3 * (picture - mean))).max() <= 0.51


def test_exposure_goes_both_ways_and_stays_for_a_while() -> None:
    picture = rendered()[0]
    means = [apply("exposure_step", picture, 3, Key(1, frame)).mean() for frame in range(0, 800, 10)]
    levels = sorted(set(means))
    assert len(levels) == 2
    assert levels[0] < picture.mean() < levels[1]
    jumps = sum(one != two for one, two in itertools.pairwise(means))
    assert 3 <= jumps <= 20
    # One stop up is twice the linear light of the sRGB curve: 0.2122 becomes 0.4244.
    up = max((apply("exposure_step", grey(127), 2, Key(seed, 0)) for seed in range(8)), key=lambda image: image.mean())
    assert up[0, 0, 0] == 174


def test_jpeg_hurts_chroma_and_blocks_but_keeps_the_picture() -> None:
    picture = rendered()[0]
    poor = apply("jpeg", picture, 5, Key(0, 0))
    assert 3 < np.abs(poor.astype(int) - picture).mean() < 25
    # Red stays red: the order of channels is ours, not OpenCV's.
    red = grey(0)
    red[..., 0] = 200
    assert apply("jpeg", red, 5, Key(0, 0)).mean(axis=(0, 1))[0] > 150


def test_lost_blocks_are_whole_blocks_and_as_many_as_said() -> None:
    picture = rendered()[0]
    share, size = FAULTS["lost_blocks"].at(5)["share"], int(FAULTS["lost_blocks"].at(5)["block"])
    lost = []
    for frame in range(20):
        changed = (apply("lost_blocks", picture, 5, Key(1, frame)) != picture).any(axis=2)
        rows, columns = -(-78 // size), -(-200 // size)
        padded = np.zeros((rows * size, columns * size), dtype=bool)
        padded[:78, :200] = changed
        lost.append(padded.reshape(rows, size, columns, size).any(axis=(1, 3)).mean())
    assert max(lost) <= share + 1 / (rows * columns)
    assert np.mean(lost) == pytest.approx(share, rel=0.1)


def test_dead_pixels_and_rows_are_as_many_as_said_and_more_keeps_the_old() -> None:
    picture = grey(100, 78, 200)
    few, many = (apply("dead_pixels", picture, severity, Key(1, 0)) for severity in (3, 5))
    assert (few != 100).any(axis=2).mean() == pytest.approx(0.01, rel=0.05)
    assert ((few != 100) <= (many != 100)).all()
    ramp = landscape(78, 200)
    few, many = (apply("dead_rows", ramp, severity, Key(1, 0)) for severity in (3, 5))
    dead = [(image != ramp).any(axis=(1, 2)) for image in (few, many)]
    assert 4 <= dead[0].sum() <= round(0.1 * 78)
    assert (dead[0] <= dead[1]).all()


@pytest.mark.parametrize("name", ["lens_dirt", "occlusion"])
def test_dirt_and_occlusion_cover_their_share(name: str) -> None:
    white = grey(255, 78, 200)
    for severity in (1, 3, 5):
        level = FAULTS[name].at(severity)
        passing = [apply(name, white, severity, Key(seed, 0)).astype(float)[..., 0] for seed in range(30)]
        darkest = 255 - (255 - 96) * level["opacity"] if name == "lens_dirt" else 10
        covered = np.mean([(255 - image).mean() for image in passing]) / (255 - darkest)
        # A patch near the border is cut off by it.
        assert 0.7 * level["share"] < covered < 1.2 * level["share"]
        # The edge is soft.
        assert max(np.abs(np.diff(image, axis=1)).max() for image in passing) < 0.7 * 255


def test_a_drop_shows_the_world_upside_down() -> None:
    picture = grey(40, 78, 200)
    picture[:39] = 220
    heights = []
    for seed in range(20):
        wet = apply("lens_drops", picture, 4, Key(seed, 0))[..., 0]
        count, parts = cv2.connectedComponents((wet != picture[..., 0]).astype(np.uint8))
        for part in range(1, count):
            rows, columns = np.nonzero(parts == part)
            land = wet[rows, columns] < 60
            # A drop before the sky, whole, which shows some land.
            if rows.min() > 0 and rows.max() < 38 and land.sum() >= 5:
                heights.append(rows[land].mean() - rows.mean())
    assert len(heights) > 10
    # The land is in its upper half.
    assert np.mean(np.array(heights) < 0) > 0.8


# The sheet


def test_contact_sheet_holds_every_picture_at_its_place() -> None:
    picture = landscape(78, 200)
    sheet = contact_sheet([("one", [("a", picture), ("b", 255 - picture)]), ("two", [("a", picture)])])
    width = sheet.shape[1] - 2 * 206
    assert np.array_equal(sheet[28 : 28 + 78, width : width + 200], picture)
    assert np.array_equal(sheet[28 : 28 + 78, width + 206 : width + 406], 255 - picture)
    assert np.array_equal(sheet[112 : 112 + 78, width : width + 200], picture)
    assert (sheet[:28] < 100).any()
    assert (sheet[28:, :width] < 100).any()


def test_contact_sheet_scales_and_labels_each_when_columns_differ() -> None:
    sheet = contact_sheet([("r", [("left", landscape(8, 8))]), ("s", [("other", landscape(480, 640))])], cell_width=160)
    assert sheet.shape[0] > 160 + 120
    assert sheet.dtype == np.uint8
    for rows in ([], [("empty", [])]):
        with pytest.raises(BadImage, match="at least one"):
            contact_sheet(rows)
    with pytest.raises(BadImage, match="float64"):
        contact_sheet([("r", [("a", np.zeros((9, 9, 3)))])])  # type: ignore[list-item]
