from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from envs.render.pose import Pose

angle = st.floats(-3.1, 3.1)


@given(yaw=angle, pitch=angle, roll=angle)
def test_angles_mean_what_the_docstring_says(yaw, pitch, roll):
    # Independent: scipy's intrinsic z-y'-x'' rotation; its y turn lowers the nose, ours lifts it.
    expected = Rotation.from_euler("ZYX", (yaw, -pitch, roll)).as_matrix()
    np.testing.assert_allclose(Pose.from_angles(0, 0, 0, yaw, pitch, roll).rotation, expected, atol=1e-12)


def test_signs_of_the_angles():
    assert Pose.from_angles(0, 0, 0, yaw=0.1).rotation[1, 0] > 0  # the nose goes left
    assert Pose.from_angles(0, 0, 0, pitch=0.1).rotation[2, 0] > 0  # the nose goes up
    assert Pose.from_angles(0, 0, 0, roll=0.1).rotation[2, 1] > 0  # the left side goes up


@given(st.tuples(angle, angle, angle))
def test_quaternions_agree_with_scipy(vector):
    rotation = Rotation.from_rotvec(vector)
    wxyz = rotation.as_quat(scalar_first=True) * 3.0  # any length will do
    np.testing.assert_allclose(Pose.from_quaternion((1, 2, 3), wxyz).rotation, rotation.as_matrix(), atol=1e-12)


def test_looking_at_puts_the_target_straight_ahead():
    pose = Pose.looking_at((1, 2, 3), (4, -3, 5))
    np.testing.assert_allclose(pose.to_body((4, -3, 5)), (math.sqrt(9 + 25 + 4), 0, 0), atol=1e-12)
    assert pose.rotation[2, 1] == pytest.approx(0)  # upright


def test_compose_and_back():
    car = Pose.from_angles(10, -4, 1, 0.7, 0.1, -0.2)
    mount = Pose.from_angles(1.0, 0.2, 1.4, 0.1, -0.1)
    camera = car.compose(mount)
    point = np.array((30.0, 5.0, 2.0))
    np.testing.assert_allclose(camera.to_body(point), mount.to_body(car.to_body(point)), atol=1e-12)
    np.testing.assert_allclose(camera.to_world(camera.to_body(point)), point, atol=1e-12)
