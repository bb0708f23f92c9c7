"""What weather looks like, against closed forms: fog, rain, water on the road, light, the sky."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from envs.effects import Key
from envs.effects.weather import WeatherLook, street_lamps
from envs.effects.weather.conditions import FALLOFF, FOG_LIMIT
from envs.effects.weather.haze import transmission
from envs.effects.weather.rain import streaks
from envs.effects.weather.view import Shot
from envs.effects.weather.wet import puddles_at
from envs.render.labels import Label
from envs.render.scene import Instance
from scenarios.weather import CLEAR, PRESETS
from tests.effects.land import EYE, KEY, SKY, brightness, but, land, shot_of, under, weather_of


@pytest.fixture(scope="module")
def look() -> WeatherLook:
    return WeatherLook(SKY, 11)


# Fog


@pytest.mark.parametrize(("density", "start"), [(20.0, 0.75), (60.0, 0.0), (60.0, 15.0), (100.0, 0.75)])
def test_contrast_in_fog_follows_beer_lambert(look: WeatherLook, density: float, start: float) -> None:
    picture = land(pitch=-0.1)
    weather = but(fog_density=density, fog_distance=start, fog_falloff=0.0)
    # What is left of the contrast between black and white is the transmission, whatever colour the fog has.
    black, white = (
        look.apply(np.full_like(picture.rgb, value), picture.depth, None, picture.view, weather, KEY).astype(float)
        for value in (0, 255)
    )
    stretch = np.sqrt(1 + (np.arange(200) + 0.5 - 100) ** 2 / 1e4 + ((np.arange(78) + 0.5 - 39) ** 2 / 1e4)[:, None])
    extinction = FOG_LIMIT * (density / 100) ** 1.7
    expected = np.exp(-extinction * np.maximum(picture.depth * stretch - start, 0.0))
    land_part = np.isfinite(picture.depth)
    for channel in range(3):
        left = (white - black)[..., channel] / 255
        np.testing.assert_allclose(left[land_part], expected[land_part], atol=1.1 / 255)


def test_fog_thins_with_height_as_the_integral_says() -> None:
    picture = land(pitch=0.3)
    wall = picture._replace(depth=np.full_like(picture.depth, 120.0))
    weather = but(fog_density=50.0, fog_distance=10.0, fog_falloff=0.8)
    got = transmission(shot_of(wall), weather_of(weather), 0, KEY)
    density, k = FOG_LIMIT * 0.5**1.7, FALLOFF * 0.8
    shot = shot_of(wall)
    for row, column in ((0, 0), (20, 100), (60, 30), (77, 199)):
        length = float(shot.distance[row, column])
        climb = float(shot.world[2, row, column] / shot.rays.stretch[row, column])
        way = np.linspace(10.0, length, 4001)
        depth = float(np.trapezoid(density * np.exp(-k * climb * way), way))
        assert got[row, column] == pytest.approx(math.exp(-depth), rel=2e-3, abs=1e-5)


def test_dense_fog_hides_the_house_and_leaves_the_near_road(look: WeatherLook) -> None:
    picture = land()
    foggy = under(look, picture, PRESETS["dense_fog"]).astype(float)
    house = picture.labels == Label.BUILDINGS
    beside = np.roll(house, 30, axis=1) & (picture.labels == Label.SKY)
    assert abs(foggy[house].mean() - foggy[beside].mean()) < 10
    assert abs(picture.rgb[house].mean() - picture.rgb[beside].mean()) > 30
    line = picture.labels == Label.ROAD_LINES
    near = np.zeros_like(line)
    near[70:] = True
    asphalt = near & (picture.labels == Label.ROADS)
    assert foggy[line & near].mean() - foggy[asphalt].mean() > 40
    # The horizon is gone: just above and just below it is the same grey.
    assert np.abs(foggy[36, :60] - foggy[42, :60]).mean() < 12


# Rain


def slopes(speed: float, wind: float = 0.0, rain: float = 100.0) -> tuple[npt.NDArray[np.float64], ...]:
    """Middles, directions and lengths of the streaks at this speed."""
    weather = but(precipitation=rain, wind_intensity=wind)
    ends = streaks(land(speed=speed).view, weather_of(weather), 11, KEY).ends
    way = ends[:, 2:] - ends[:, :2]
    return (ends[:, 2:] + ends[:, :2]) / 2, way, np.hypot(way[:, 0], way[:, 1])


def test_rain_falls_straight_down_from_a_standing_car() -> None:
    _, way, length = slopes(0.0)
    assert len(length) > 100
    assert (way[:, 1] > 0).all()
    assert np.abs(way[:, 0]).max() < 1e-6


def test_rain_streams_from_the_focus_of_expansion_and_longer_the_faster() -> None:
    middle, way, fast = slopes(40.0)
    _, _, slow = slopes(10.0)
    assert fast.mean() > 1.5 * slow.mean()
    outward = middle - np.array((100.0, 39.0))
    cosine = (way * outward).sum(axis=1) / (fast * np.hypot(outward[:, 0], outward[:, 1]))
    # The fall bends it down a little, so not all of it is exactly radial.
    assert np.median(cosine) > 0.85


def test_the_wind_slants_the_rain() -> None:
    assert np.abs(slopes(0.0, wind=100.0)[1][:, 0]).mean() > 1.0


def test_rain_is_drawn_anew_for_every_frame_and_the_same_for_the_same_key(look: WeatherLook) -> None:
    picture, weather = land(), PRESETS["storm"]
    one, again, other, elsewhere = (
        under(look, picture, weather, key) for key in (KEY, Key(5, 40), Key(5, 41), Key(6, 40))
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any(axis=2).mean() > 0.05
    assert (one != elsewhere).any(axis=2).mean() > 0.05


def test_harder_rain_has_the_same_drops_and_more() -> None:
    now = [weather_of(but(precipitation=rain, wind_intensity=0.0)) for rain in (30.0, 80.0)]
    few, many = (streaks(land().view, part, 11, KEY).ends.round(6).tolist() for part in now)
    assert len(few) < len(many)
    assert [line for line in few if line not in many] == []


def test_drops_on_the_lens_stay_for_a_while() -> None:
    from envs.effects.weather.lens import wet_lens

    rng = np.random.default_rng(0)
    before = rng.integers(0, 256, (78, 200, 3), dtype=np.uint8)
    masks = []
    for frame in (100, 102, 700):
        after = wet_lens(before, weather_of(PRESETS["storm"]), Key(5, frame))
        masks.append((after != before).any(axis=2))
    here, soon, later = masks
    assert 0.01 < here.mean() < 0.25
    assert (here & soon).sum() > 0.8 * here.sum()
    assert (here & later).sum() < 0.5 * here.sum()


# Water on the road


def test_puddles_stay_where_they_are_when_the_car_moves() -> None:
    now = weather_of(but(precipitation_deposits=50.0))
    one, two = land(x=100.0, pitch=-0.14), land(x=101.7, y=0.6, yaw=0.08, pitch=-0.14)
    maps = []
    for picture in (one, two):
        where = np.flatnonzero(picture.labels == Label.ROADS)
        water = np.full(picture.labels.size, np.nan)
        water[where] = puddles_at(shot_of(picture), now, 11, where)
        maps.append(water.reshape(picture.labels.shape))
    # The ground under each near road pixel of the first picture, looked for in the second.
    shot = shot_of(one)
    rows, columns = np.nonzero((one.labels == Label.ROADS) & (one.depth < 14.0))
    ground = (shot.world[:, rows, columns] * one.depth[rows, columns]).T + one.view.position
    body = (ground - two.view.position) @ two.view.rotation
    column = np.floor(100 - 100 * body[:, 1] / body[:, 0]).astype(int)
    row = np.floor(39 - 100 * body[:, 2] / body[:, 0]).astype(int)
    inside = (column >= 0) & (column < 200) & (row >= 0) & (row < 78)
    first, second = maps[0][rows, columns][inside], maps[1][row[inside], column[inside]]
    both = np.isfinite(first) & np.isfinite(second)
    assert both.sum() > 1000
    assert 0.2 < first[both].mean() < 0.8
    moved = np.abs(first[both] - second[both]).mean()
    unmoved = np.nanmean(np.abs(maps[0] - maps[1]))
    assert moved < 0.06
    assert moved < 0.3 * unmoved


def test_as_much_of_the_road_is_under_water_as_was_said() -> None:
    for share in (0.2, 0.5, 0.9):
        covered = []
        for x in np.arange(0.0, 1000.0, 37.0):
            picture = land(x=float(x), pitch=-0.2)
            where = np.flatnonzero((picture.labels == Label.ROADS) & (picture.depth < 12.0))
            covered.append(puddles_at(shot_of(picture), weather_of(but(precipitation_deposits=100 * share)), 4, where))
        assert np.concatenate(covered).mean() == pytest.approx(share, abs=0.12)


@pytest.mark.parametrize("changes", [{"wetness": 100.0}, {"precipitation_deposits": 100.0}], ids=["film", "puddles"])
def test_a_wet_road_is_darker_and_mirrors_the_sky(look: WeatherLook, changes: dict[str, float]) -> None:
    picture = land()
    road = picture.labels == Label.ROADS
    images = []
    for value in (0, 255):
        rgb = picture.rgb.copy()
        rgb[picture.labels == Label.SKY] = value
        wet = under(look, picture._replace(rgb=rgb), but(**changes))
        np.testing.assert_array_equal(wet[picture.labels == Label.TERRAIN], rgb[picture.labels == Label.TERRAIN])
        images.append(wet.astype(float))
    dark_sky, bright_sky = images
    assert dark_sky[road].mean() < 0.85 * picture.rgb[road].mean()
    assert (bright_sky - dark_sky)[road].mean() > 15
    # Fresnel: the far road mirrors most.
    far, near = (road & (picture.depth > 15), road & (picture.depth < 6))
    assert (bright_sky - dark_sky)[far].mean() > 2 * (bright_sky - dark_sky)[near].mean()


def test_the_mirror_image_is_below_what_it_mirrors(look: WeatherLook) -> None:
    picture = land()
    rgb = picture.rgb.copy()
    rgb[:36, 90:110] = (255, 0, 0)
    images = [under(look, picture._replace(rgb=sky), but(precipitation_deposits=100.0)) for sky in (rgb, picture.rgb)]
    red, plain = (image[48:60, :, 0].astype(float) - image[48:60, :, 2] for image in images)
    redness = red - plain
    assert redness[:, 95:105].mean() > 20
    assert redness[:, 70:82].mean() < 5


# Light


def test_day_is_brighter_than_dusk_and_dusk_than_night(look: WeatherLook) -> None:
    picture = land()
    day, dusk, night = (brightness(under(look, picture, PRESETS[name])) for name in ("overcast", "dusk", "night"))
    assert day > 1.3 * dusk
    assert dusk > 1.5 * night
    sky = picture.labels == Label.SKY
    assert under(look, picture, PRESETS["night"])[sky].mean() < 25


def test_headlights_show_the_road_ahead_and_its_lines(look: WeatherLook) -> None:
    picture = land(pitch=-0.14)
    night = under(look, picture, PRESETS["night"]).astype(float)
    road, line = picture.labels == Label.ROADS, picture.labels == Label.ROAD_LINES
    near, far = picture.depth < 15, picture.depth > 70
    assert night[road & near].mean() > 3 * night[road & far].mean()
    # Paint throws the light back: more contrast than by day.
    assert night[line & near].mean() / night[road & near].mean() > 1.2 * 222 / 96
    beside = (picture.labels == Label.TERRAIN) & near
    assert night[beside].mean() < 0.5 * night[road & near].mean()


def test_street_lamps_light_the_ground_below_them() -> None:
    lamps = street_lamps([Instance("lamp", (20.0, -6.0, 0.0), yaw=math.pi / 2), Instance("rock", (9.0, 9.0, 0.0))])
    np.testing.assert_allclose(lamps, [(20.0, -4.3, 7.7)], atol=1e-9)
    picture = land()
    dark, lit = (
        under(WeatherLook(SKY, 11, heads), picture, PRESETS["night"]).astype(float)
        for heads in (np.zeros((0, 3)), lamps)
    )
    below = picture.labels == Label.TERRAIN
    below &= (np.abs(picture.depth - 20) < 3) & (np.arange(200) > 100) & (np.arange(200) < 145)
    assert (lit - dark)[below].mean() > 8
    row, column = 39 - round(100 * 5.7 / 20), 100 + round(100 * 4.3 / 20)
    assert lit[row, column].max() > 200
    assert dark[row, column].max() < 60


def test_a_low_sun_dazzles_who_drives_towards_it(look: WeatherLook) -> None:
    weather = PRESETS["low_sun_ahead"]
    towards, away = land(), land(yaw=math.pi)
    blinding, behind = under(look, towards, weather).astype(float), under(look, away, weather).astype(float)
    sun = 39 - round(100 * math.tan(math.radians(weather.sun_altitude_angle)))
    assert blinding[sun, 100].min() > 240
    around = slice(sun - 20, sun + 20), slice(80, 120)
    assert blinding[around].mean() > behind[around].mean() + 40
    warmth = [(image[..., 0] - image[..., 2]).mean() for image in (blinding, behind)]
    assert warmth[0] > warmth[1] + 15
    # Contrast on the road suffers from the veil.
    line, road = (towards.labels == label for label in (Label.ROAD_LINES, Label.ROADS))
    shares = [image[line].mean() / image[road].mean() for image in (blinding, towards.rgb.astype(float))]
    assert shares[0] < 0.85 * shares[1]
    # North turns the sun: azimuth is clockwise from it.
    turned = towards._replace(view=towards.view._replace(north=-0.6))
    right = under(look, turned, weather).astype(float)
    assert right[sun, 100 + round(100 * math.tan(0.6))].min() > 240
    assert right[sun, 100].mean() < blinding[sun, 100].mean() - 10


def test_overcast_takes_colour_and_contrast(look: WeatherLook) -> None:
    picture = land()
    grey = under(look, picture, PRESETS["overcast"]).astype(float)
    for where in (picture.labels == Label.TERRAIN, picture.labels == Label.SKY):
        assert np.ptp(grey[where].mean(axis=0)) < 0.75 * np.ptp(picture.rgb[where].mean(axis=0))


def test_dust_is_brown(look: WeatherLook) -> None:
    red, green, blue = under(look, land(), PRESETS["dust_storm"])[30:36].reshape(-1, 3).mean(axis=0)
    assert red > green + 15 > blue + 30


# The renderer's own sky


def test_the_painted_sky_is_the_lands_own_at_clear(look: WeatherLook) -> None:
    from envs.render.pose import Pose
    from envs.render.renderer import Renderer
    from envs.render.scene import SceneDescription

    renderer = Renderer(SceneDescription([], [], SKY))
    pose = Pose.from_angles(0.0, 0.0, EYE, 0.5, 0.25)
    frame = renderer.camera(200, 78, math.radians(90), {"rgb", "depth"}).render(pose)
    renderer.close()
    assert frame.rgb is not None
    assert frame.depth is not None
    view = land().view._replace(position=pose.position, rotation=pose.rotation)
    shot = Shot(frame.rgb, frame.depth, None, view)
    rays, stretch = shot.world.reshape(3, -1), shot.rays.stretch.ravel()
    painted = 255 * look.heaven.colours(rays, stretch, weather_of(CLEAR)).T.reshape(78, 200, 3)
    above = shot.world[2] > 0.03
    difference = np.abs(np.clip(painted, 0, 255) - frame.rgb)[above]
    assert difference.mean() < 6.0
    # Hills and clouds are where they were.
    centred = [part[above] - part[above].mean() for part in (painted[..., 0], frame.rgb[..., 0].astype(float))]
    assert np.corrcoef(centred[0], centred[1])[0, 1] > 0.95
