from __future__ import annotations

import math

import numpy as np
import pytest

from envs.render.errors import BadScene
from envs.render.labels import Label
from envs.render.pose import Pose
from envs.render.scene import Mesh, SceneDescription, Sky
from tests.render.worlds import RIGHT_ANGLE, ground, quad

ALL = {"rgb", "depth", "segmentation"}
EYE = Pose.from_angles(0, 0, 1.4)


def seen(camera, label, pose=EYE):
    return camera.render(pose).segmentation == label


def test_a_car_comes_moves_hides_and_goes(make_renderer):
    renderer = make_renderer(SceneDescription([ground()]))
    camera = renderer.camera(200, 78, RIGHT_ANGLE, ALL)
    before = camera.render(EYE)
    car = renderer.add("car", Pose.from_angles(10, 3, 0))
    first = seen(camera, Label.CAR)
    expected = camera.project(EYE, np.array(((10.0, 3.0, 0.7),)))[0]
    rows, columns = np.nonzero(first)
    np.testing.assert_allclose((columns.mean(), rows.mean()), expected, atol=5)  # its rear is nearer than its middle

    car.move(Pose.from_angles(10, -3, 0))
    second = seen(camera, Label.CAR)
    assert not (first & second).any()
    corners = np.array([(x, y, 0.5) for x in (7.95, 12.05) for y in (-3.8, -2.2)])
    expected = camera.project(EYE, corners)[:, 0]
    columns = np.nonzero(second)[1]
    assert columns.min() == pytest.approx(expected.min(), abs=3)
    assert columns.max() == pytest.approx(expected.max(), abs=3)

    car.visible = False
    assert not car.visible
    assert not seen(camera, Label.CAR).any()
    car.visible = True
    np.testing.assert_array_equal(seen(camera, Label.CAR), second)

    car.remove()
    car.remove()
    after = camera.render(EYE)
    for channel in ("rgb", "depth", "segmentation"):
        np.testing.assert_array_equal(getattr(after, channel), getattr(before, channel))


def test_the_shadow_leaves_depth_and_labels_alone(make_renderer):
    renderer = make_renderer(SceneDescription([ground()]))
    camera = renderer.camera(200, 78, RIGHT_ANGLE, ALL)
    before = camera.render(EYE)
    renderer.add("car", Pose.from_angles(9, 0, 0))
    after = camera.render(EYE)
    untouched = after.segmentation == before.segmentation
    np.testing.assert_array_equal(after.depth[untouched], before.depth[untouched])
    darker = (after.rgb.astype(int).sum(axis=2) < before.rgb.astype(int).sum(axis=2)) & untouched
    assert darker.sum() > 20  # a shadow there is


def test_only_chosen_cameras_see_it(make_renderer):
    renderer = make_renderer(SceneDescription([ground()]))
    cockpit, chase = (renderer.camera(100, 60, RIGHT_ANGLE, ALL) for _ in range(2))
    empty = cockpit.render(EYE)
    renderer.add("car", Pose.from_angles(8, 0, 0), cameras=[chase])
    assert seen(chase, Label.CAR).any()
    frame = cockpit.render(EYE)
    np.testing.assert_array_equal(frame.segmentation, empty.segmentation)
    np.testing.assert_array_equal(frame.rgb, empty.rgb)
    np.testing.assert_array_equal(frame.depth, empty.depth)


def test_a_mesh_of_ones_own_moves_in_all_six_ways(make_renderer):
    """A plate on an arm, against `Pose.compose`."""
    centre = np.array((0.5, 0.3, 0.2))
    plate = quad(centre + 0.05 * np.array(((0, 1, -1), (0, -1, -1), (0, -1, 1), (0, 1, 1))), Label.DYNAMIC,
                 two_sided=True)  # fmt: skip
    renderer = make_renderer(SceneDescription())
    camera = renderer.camera(400, 400, RIGHT_ANGLE, {"segmentation"})
    thing = renderer.add(plate, Pose.from_angles(3, 0, 0))
    for angles in ((0.4, 0, 0), (0, 0.5, 0), (0, 0, 0.6), (0.5, -0.4, 0.8)):
        pose = Pose.from_angles(3, 0.2, -0.1, *angles)
        thing.move(pose)
        rows, columns = np.nonzero(seen(camera, Label.DYNAMIC, Pose.from_angles(0, 0, 0)))
        expected = camera.project(Pose.from_angles(0, 0, 0), pose.to_world(centre[None]))[0]
        np.testing.assert_allclose((columns.mean() + 0.5, rows.mean() + 0.5), expected, atol=0.8)


def test_labels_of_things_that_come_after_the_camera(make_renderer):
    renderer = make_renderer(SceneDescription([ground()]))
    camera = renderer.camera(100, 100, RIGHT_ANGLE, {"segmentation"})
    holes = np.full((8, 8, 4), 255, dtype=np.uint8)
    holes[:, 4:, 3] = 0
    uv = np.array(((0.02, 0), (0.95, 0), (0.95, 1), (0.02, 1)), dtype=float)
    mesh = quad(((0, 1, 0), (0, -1, 0), (0, -1, 2), (0, 1, 2)), Label.PEDESTRIANS, uv=uv, texture=holes)
    renderer.add(mesh, Pose.from_angles(4, 0, 0.4))
    columns = np.nonzero(seen(camera, Label.PEDESTRIANS).any(axis=0))[0]
    assert columns.max() <= 53  # the right half is cut out
    assert columns.min() in (36, 37, 38)


def test_the_light_follows_the_heading(make_renderer):
    """A white plate facing the sun is brighter than one that looks away, though it is the same thing turned."""
    renderer = make_renderer(SceneDescription(sky=Sky(sun_azimuth=0.0, sun_elevation=0.3)))
    camera = renderer.camera(50, 50, 1.0)
    plate = quad(((0, 1, -1), (0, -1, -1), (0, -1, 1), (0, 1, 1)), two_sided=True)
    towards_camera = renderer.add(Mesh(**{**plate.__dict__, "two_sided": False}), Pose.from_angles(4, 0, 0))
    away = camera.render(Pose.from_angles(0, 0, 0)).rgb[25, 25].sum()
    towards_camera.move(Pose.from_angles(-4, 0, 0, math.pi))
    facing = camera.render(Pose.from_angles(0, 0, 0, math.pi)).rgb[25, 25].sum()
    assert facing > 1.3 * away


def test_unknown_things_are_refused(make_renderer):
    renderer = make_renderer(SceneDescription())
    with pytest.raises(BadScene, match="unknown kind of prop 'bycicle'"):
        renderer.add("bycicle", EYE)
