# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from unet_seg_ros.standin.transform import Transform

MIRROR = np.diag([1.0, -1.0, 1.0])  # CARLA's y points the other way
TILTED = Transform(3.0, -4.0, 2.0, pitch=-12.0, yaw=35.0, roll=8.0)


def test_a_camera_looks_the_same_way_in_both_worlds() -> None:
    pose = TILTED.camera_pose
    ahead, right, up = TILTED.rotation.T
    expected = np.array([right, -up, ahead]) @ MIRROR
    np.testing.assert_allclose(pose.rotation, expected, atol=1e-12)
    np.testing.assert_allclose(pose.position, MIRROR @ TILTED.location)


def test_what_turns_left_in_the_town_turns_left_in_carla() -> None:
    turned = Transform.from_town(10.0, 20.0, np.radians(30))
    assert (turned.x, turned.y, turned.yaw) == pytest.approx((10.0, -20.0, -30.0))
    assert turned.town_yaw == pytest.approx(np.radians(30))


def test_a_child_of_a_child() -> None:
    child = Transform(1.5, 0.3, 2.4, pitch=-10.0, yaw=7.0, roll=3.0)
    world = TILTED.compose(child)
    np.testing.assert_allclose(world.rotation, TILTED.rotation @ child.rotation, atol=1e-12)
    np.testing.assert_allclose(
        world.location, TILTED.location + TILTED.rotation @ child.location, atol=1e-12
    )
