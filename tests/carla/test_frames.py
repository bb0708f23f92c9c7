"""CARLA's frame and ours, against the wheel's own matrices."""

import math

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.carla.frames import Place, flip, from_carla, to_carla

MIRROR = np.diag((1.0, -1.0, 1.0))
ANGLE = st.floats(-179.0, 179.0)


@settings(max_examples=60, deadline=None)
@given(ANGLE, st.floats(-89.0, 89.0), ANGLE, st.tuples(*[st.floats(-500.0, 500.0)] * 3))
def test_a_transform_is_the_wheels_mirrored(yaw, pitch, roll, location):
    theirs = np.array(carla.Transform(carla.Location(*location), carla.Rotation(pitch, yaw, roll)).get_matrix())
    pose = from_carla(location, (pitch, yaw, roll)).pose()
    np.testing.assert_allclose(pose.rotation, MIRROR @ theirs[:3, :3] @ MIRROR, atol=1e-5)
    np.testing.assert_allclose(pose.position, MIRROR @ theirs[:3, 3], atol=1e-3)
    place, angles = to_carla(Place.of(pose))
    again = np.array(carla.Transform(carla.Location(*place), carla.Rotation(*angles)).get_matrix())
    np.testing.assert_allclose(again, theirs, atol=1e-3)


@pytest.mark.parametrize("pitch", [90.0, -90.0])
def test_straight_up_and_down_keep_their_heading(pitch):
    pose = from_carla((1.0, 2.0, 3.0), (pitch, 40.0, 0.0)).pose()
    place = Place.of(pose)
    np.testing.assert_allclose(place.pose().rotation, pose.rotation, atol=1e-6)
    assert place.yaw == pytest.approx(math.radians(-40.0))


def test_right_is_left():
    assert flip((1.0, 2.0, 3.0)) == (1.0, -2.0, 3.0)
