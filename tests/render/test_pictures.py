"""What arrives in the pixels, against closed forms of the pinhole camera."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest

from envs.render.errors import BadScene, RendererClosed
from envs.render.labels import Label
from envs.render.pose import Pose
from envs.render.renderer import Renderer
from envs.render.scene import Mesh, SceneDescription, Sky
from tests.render.worlds import RIGHT_ANGLE, ROOT, WHITE, ground, quad, small_world


def test_depth_of_a_wall_is_exact(make_renderer):
    walls = [quad(((d, -200, -200), (d, -200, 200), (d, 200, 200), (d, 200, -200)), two_sided=True) for d in (0,)]
    camera = make_renderer(SceneDescription(walls)).camera(200, 78, RIGHT_ANGLE, {"depth"})
    for distance in (2.0, 7.5, 20.0, 60.0, 100.0):
        depth = camera.render(Pose.from_angles(-distance, 3.0, 1.0)).depth
        assert depth is not None
        assert depth.dtype == np.float32
        np.testing.assert_allclose(depth, distance, rtol=4e-4)


def test_depth_of_the_ground_falls_as_the_pinhole_says(make_renderer):
    camera = make_renderer(SceneDescription([ground()])).camera(200, 78, RIGHT_ANGLE, {"depth"})
    height, pitch = 1.4, math.radians(-10)
    depth = camera.render(Pose.from_angles(0, 0, height, 0.4, pitch)).depth
    focal = 100.0
    rows = (np.arange(78) + 0.5 - 39) / focal  # tangent of the angle below the axis
    # A ray (1, -, -r) in the camera's frame falls by sin(-pitch) + r cos(pitch) per metre along the axis.
    expected = height / (math.sin(-pitch) + rows * math.cos(pitch))
    seen = (expected > 0) & (expected < 60)
    assert seen.sum() > 30
    error = np.abs(depth[seen] / expected[seen, None] - 1)
    # Rows are whole pixels: half a row is what a far point may be off.
    assert error.mean() < 0.01
    assert np.abs(depth[seen][:, 100] / expected[seen] - 1).max() < 0.05
    assert np.isinf(depth[0]).all()


def test_a_box_hides_what_is_behind_it(make_renderer):
    front = quad(((10, 1, -1), (10, -1, -1), (10, -1, 1), (10, 1, 1)), Label.CAR)
    behind = quad(((20, 8, -8), (20, -8, -8), (20, -8, 8), (20, 8, 8)), Label.WALLS)
    renderer = make_renderer(SceneDescription([behind, front]))
    frame = renderer.camera(200, 200, RIGHT_ANGLE, {"rgb", "depth", "segmentation"}).render(Pose.from_angles(0, 0, 0))
    assert frame.depth is not None
    assert frame.segmentation is not None
    rows, columns = np.indices((200, 200))
    inside = (np.abs(rows + 0.5 - 100) < 9) & (np.abs(columns + 0.5 - 100) < 9)  # 1 m at 10 m: 10 pixels
    around = (np.maximum(np.abs(rows + 0.5 - 100), np.abs(columns + 0.5 - 100)) > 11.5) & (
        np.maximum(np.abs(rows + 0.5 - 100), np.abs(columns + 0.5 - 100)) < 39
    )
    np.testing.assert_allclose(frame.depth[inside], 10, rtol=1e-3)
    np.testing.assert_allclose(frame.depth[around], 20, rtol=1e-3)
    assert (frame.segmentation[inside] == Label.CAR).all()
    assert (frame.segmentation[around] == Label.WALLS).all()
    # Depth, colour and labels see the same outline.
    assert ((frame.segmentation == Label.CAR) == (np.abs(frame.depth - 10) < 0.1)).all()


def test_every_label_arrives_exactly(make_renderer):
    """Flat labels, labels in a texture: all 256 values, pixel for pixel."""
    cell = 0.1
    flat = []
    for value in range(256):
        x, y = value % 16, value // 16
        corners = np.array(((0, 0), (0, -1), (1, -1), (1, 0))) * cell + ((7 - y) * cell, (8 - x) * cell)
        flat.append(quad([(1.0, v, u) for u, v in corners], value, two_sided=True))
    numbers = np.arange(256, dtype=np.uint8).reshape(16, 16)
    labels = np.kron(numbers, np.ones((4, 4), dtype=np.uint8))
    uv = np.array(((0, 0), (1, 0), (1, 1), (0, 1)), dtype=float)
    wall = quad(((1, 0.8, -0.8), (1, -0.8, -0.8), (1, -0.8, 0.8), (1, 0.8, 0.8)), uv=uv,
                texture=np.zeros((64, 64, 3), np.uint8), texture_labels=labels)  # fmt: skip
    for meshes in (flat, [wall]):
        camera = make_renderer(SceneDescription(meshes)).camera(128, 128, 2 * math.atan(0.8), {"segmentation"})
        seen = camera.render(Pose.from_angles(0, 0, 0)).segmentation
        np.testing.assert_array_equal(seen[4::8, 4::8], numbers)


def test_labels_of_props_are_only_their_own(make_renderer):
    scene = small_world()
    renderer = make_renderer(SceneDescription((), scene.instances, scene.sky))
    camera = renderer.camera(200, 78, RIGHT_ANGLE, {"segmentation"})
    allowed = {Label.VEGETATION, Label.BUILDINGS, Label.POLES, Label.STATIC, Label.FENCES, Label.SKY, Label.TERRAIN}
    seen = set()
    for x in range(-100, 100, 10):
        for yaw in (0.0, 2.0, 4.0):
            seen |= set(np.unique(camera.render(Pose.from_angles(x, 0, 1.5, yaw)).segmentation).tolist())
    assert seen <= set(map(int, allowed))
    assert seen >= {Label.VEGETATION, Label.BUILDINGS, Label.POLES, Label.SKY}


def test_road_lines_are_labelled_where_they_are_painted(make_renderer):
    camera = make_renderer(small_world()).camera(200, 78, RIGHT_ANGLE, {"rgb", "segmentation"})
    frame = camera.render(Pose.from_angles(-60, 0, 1.4, 0, -0.1))
    assert frame.rgb is not None
    near = np.s_[45:, :]
    lines = frame.segmentation[near] == Label.ROAD_LINES
    asphalt = frame.segmentation[near] == Label.ROADS
    bright = frame.rgb[near].mean(axis=2)
    assert lines.sum() > 40
    assert bright[lines].mean() > 1.5 * bright[asphalt].mean()


@pytest.mark.parametrize(("width", "height", "samples"), [(200, 78, 1), (200, 78, 4), (321, 240, 1)])
def test_points_land_on_the_pixels_of_the_pinhole_model(make_renderer, width, height, samples):
    """Centroids of small plates against `Camera.project`, in colour and over the whole picture, within a tenth of a
    pixel on average: neither shifted by half a pixel nor scaled by the renderer's odd viewport."""
    rng = np.random.default_rng(5)
    fov = math.radians(80)
    focal = width / 2 / math.tan(fov / 2)
    black = Sky(horizon=(0, 0, 0), zenith=(0, 0, 0), clouds=0, hills=0, ground=(0, 0, 0), sun_elevation=-1.0)
    renderer = make_renderer(SceneDescription(sky=black))
    camera = renderer.camera(width, height, fov, supersample=samples)
    pose = Pose.from_angles(0, 0, 0)
    offsets = []
    for _ in range(60):
        u, v = rng.uniform(12, width - 12), rng.uniform(12, height - 12)
        distance, half = rng.uniform(4, 40), rng.uniform(2.0, 7.0) / focal
        middle = np.array((1.0, (width / 2 - u) / focal, (height / 2 - v) / focal)) * distance
        corners = middle + distance * half * np.array(((0, 1, -1), (0, -1, -1), (0, -1, 1), (0, 1, 1)))
        plate = renderer.add(quad(corners, shade=False), pose)
        weight = camera.render(pose).rgb.astype(float).sum(axis=2)
        plate.remove()
        weight[weight < 60] = 0
        rows, columns = np.indices(weight.shape) + 0.5
        seen = np.array(((columns * weight).sum(), (rows * weight).sum())) / weight.sum()
        np.testing.assert_allclose(camera.project(pose, middle[None])[0], (u, v), atol=1e-9)
        offsets.append(seen - (u, v))
    offsets = np.array(offsets)
    assert np.abs(offsets.mean(axis=0)).max() < 0.12 / samples + 0.03
    assert np.abs(offsets).max() < 1.0 / samples + 0.1


def test_intrinsics_are_those_of_project(make_renderer):
    camera = make_renderer(SceneDescription()).camera(320, 200, 1.2)
    point = np.array(((9.0, -2.0, 1.0),))
    right_down_forward = np.array((2.0, -1.0, 9.0))
    pixel = camera.intrinsics @ right_down_forward / 9.0
    np.testing.assert_allclose(camera.project(Pose.from_angles(0, 0, 0), point)[0], pixel[:2])
    assert np.isnan(camera.project(Pose.from_angles(20, 0, 0), point)).all()


def test_far_away_worlds_are_as_sharp_as_near_ones(make_renderer):
    """A world 40 km from the origin looks the same, byte for byte: vertices are kept relative to its middle."""
    scene = small_world()
    shift = np.array((40_000.0, -25_000.0, 300.0))
    meshes = [Mesh(**{**mesh.__dict__, "vertices": mesh.vertices + shift}) for mesh in scene.meshes]
    pictures = []
    for world, offset in ((scene, np.zeros(3)), (SceneDescription(meshes, (), scene.sky), shift)):
        world = SceneDescription(world.meshes, (), world.sky)
        camera = make_renderer(world).camera(200, 78, RIGHT_ANGLE)
        pictures.append(camera.render(Pose.from_angles(*np.add(offset, (0, 1, 1.4)), 0.3)).rgb)
    different = (pictures[0] != pictures[1]).any(axis=2).mean()
    assert different < 0.12  # texture phases differ by the repeats; the shapes do not


def test_the_sun_is_where_it_should_be(make_renderer):
    sky = Sky(sun_azimuth=1.1, sun_elevation=0.5, clouds=0.0)
    camera = make_renderer(SceneDescription(sky=sky)).camera(400, 300, math.radians(60))
    pose = Pose.from_angles(0, 0, 0, 1.0, 0.4)
    picture = camera.render(pose).rgb.astype(int).sum(axis=2)
    rows, columns = np.nonzero(picture == picture.max())
    expected = camera.project(pose, 100 * sky.sun_direction[None])[0]
    np.testing.assert_allclose((columns.mean(), rows.mean()), expected, atol=6)


def test_supersampling_smooths_edges(make_renderer):
    renderer = make_renderer(small_world())
    pose = Pose.from_angles(-60, 0, 1.4)
    plain, smooth = (renderer.camera(200, 78, RIGHT_ANGLE, supersample=s).render(pose).rgb for s in (1, 3))
    assert plain.shape == smooth.shape
    assert np.abs(plain.astype(int) - smooth).mean() < 12
    assert np.abs(np.diff(smooth.astype(int), axis=1)).mean() < np.abs(np.diff(plain.astype(int), axis=1)).mean()


def test_channels_that_were_not_asked_for_are_none(make_renderer):
    frame = make_renderer(small_world()).camera(64, 48, 1.0, {"depth"}).render(Pose.from_angles(0, 0, 1))
    assert frame.rgb is None
    assert frame.segmentation is None
    assert frame.depth is not None


def test_cameras_of_any_width_give_whole_pictures(make_renderer):
    """The software renderer pads rows to four pixels; the colours and depths must not slant."""
    renderer = make_renderer(SceneDescription([ground()]))
    for width in (61, 62, 63, 64):
        frame = renderer.camera(width, 40, 1.2, {"rgb", "depth", "segmentation"}).render(Pose.from_angles(0, 0, 2))
        lower = frame.depth[30:]
        assert (np.ptp(lower, axis=1) < 0.08 * lower.mean(axis=1)).all()
        assert (frame.segmentation[30:] == Label.TERRAIN).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"channels": {"rgb", "lidar"}}, "lidar"),
        ({"channels": ()}, "channel"),
        ({"width": 0}, "0 x 48"),
        ({"width": 2100, "supersample": 2}, "4096"),
        ({"fov": 3.1}, "field of view"),
    ],
)
def test_senseless_cameras_are_refused(make_renderer, arguments, words):
    renderer = make_renderer(SceneDescription())
    with pytest.raises(BadScene, match=words):
        renderer.camera(**{"width": 64, "height": 48, "fov": 1.0, **arguments})


def test_senseless_planes_are_refused():
    with pytest.raises(BadScene, match="near plane"):
        Renderer(SceneDescription(), near=5.0, far=2.0)
    with pytest.raises(BadScene, match="8192 times near"):
        Renderer(SceneDescription(), near=0.1, far=2000.0)


def test_sky_and_hills_have_no_depth_and_hide_nothing(make_renderer):
    """Both are drawn behind everything, up to the far plane, and their labels follow the hills' outline."""
    wall = quad(((390, 60, 0), (390, -60, 0), (390, -60, 90), (390, 60, 90)), Label.WALLS)
    camera = make_renderer(SceneDescription([wall])).camera(200, 150, RIGHT_ANGLE, {"rgb", "depth", "segmentation"})
    frame = camera.render(Pose.from_angles(0, 0, 1.4, 0.6))
    seen = frame.segmentation == Label.WALLS
    assert seen.sum() > 200
    assert (np.isfinite(frame.depth) == seen).all()
    np.testing.assert_allclose(frame.depth[seen], frame.depth[seen].mean(), rtol=0.2)
    labels = frame.segmentation[:75]
    assert {Label.SKY, Label.TERRAIN} <= set(np.unique(labels))
    hills = frame.rgb[:75][labels == Label.TERRAIN].mean(axis=0)
    sky = frame.rgb[60:75][labels[60:75] == Label.SKY].mean(axis=0)
    assert hills[2] < 0.8 * sky[2]


def test_after_close_nothing_is_drawn():
    renderer = Renderer(small_world())
    camera = renderer.camera(64, 48, 1.0)
    car = renderer.add("car", Pose.from_angles(0, 0, 0))
    renderer.close()
    renderer.close()
    car.remove()
    for use in (
        lambda: camera.render(Pose.from_angles(0, 0, 1)),
        lambda: renderer.camera(64, 48, 1.0),
        lambda: renderer.add("car", Pose.from_angles(0, 0, 0)),
    ):
        with pytest.raises(RendererClosed, match="closed"):
            use()


DIGEST = """
import sys
from tests.render.test_pictures import digest
sys.stdout.write(digest())
"""


def digest() -> str:
    """Of every channel over a drive through the small world, with something moving."""
    renderer = Renderer(small_world())
    camera = renderer.camera(200, 78, RIGHT_ANGLE, {"rgb", "depth", "segmentation"})
    smooth = renderer.camera(64, 64, 1.0, supersample=2)
    car = renderer.add("car", Pose.from_angles(0, 0, 0))
    total = hashlib.sha256()
    for step in range(40):
        pose = Pose.from_angles(-90 + 4 * step, math.sin(step), 1.4, 0.1 * math.sin(step / 3))
        car.move(Pose.from_angles(-80 + 4 * step, 1, 0, 0.3 * step))
        frame = camera.render(pose)
        for channel in (frame.rgb, frame.depth, frame.segmentation, smooth.render(pose).rgb):
            total.update(np.ascontiguousarray(channel).tobytes())
    renderer.close()
    return total.hexdigest()


def test_the_same_bytes_in_another_process_and_a_second_time():
    first = digest()
    other = Renderer(small_world(9))  # a world in between must not change anything
    other.camera(120, 50, 1.0).render(Pose.from_angles(0, 0, 1))
    other.close()
    assert digest() == first
    run = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == first


def test_a_picture_does_not_depend_on_what_was_drawn_before(make_renderer):
    renderer = make_renderer(small_world())
    camera = renderer.camera(200, 78, RIGHT_ANGLE)
    pose = Pose.from_angles(-30, 0, 1.4, 0.2)
    first = camera.render(pose).rgb
    for x in range(-90, 90, 7):
        camera.render(Pose.from_angles(x, 2, 30.0, x))
    np.testing.assert_array_equal(camera.render(pose).rgb, first)


def test_white_is_what_remains_without_light_and_texture(make_renderer):
    renderer = make_renderer(SceneDescription([quad(((5, 9, -9), (5, -9, -9), (5, -9, 9), (5, 9, 9)), shade=False)]))
    rgb = renderer.camera(32, 32, 1.0).render(Pose.from_angles(0, 0, 0)).rgb
    assert (rgb == WHITE).all()
