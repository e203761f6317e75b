# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The camera_info of a pinhole camera."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unet_seg_ros.messages.images import Header
from unet_seg_ros.ros.camera_info import pinhole_camera_info

HEADER = Header(1_000_000_007, "ego_vehicle/rgb_front")


def test_a_point_at_the_edge_of_the_field_of_view_is_at_the_pictures_edge():
    info = pinhole_camera_info(HEADER, 640, 480, 110.0)
    right_edge = np.array([math.tan(math.radians(55)), 0.0, 1.0])
    assert info.k.reshape(3, 3) @ right_edge == pytest.approx(np.array([640, 240, 1]))
    assert info.p.reshape(3, 4) @ [*right_edge, 1.0] == pytest.approx(np.array([640, 240, 1]))


def test_pixels_are_square_and_straight():
    info = pinhole_camera_info(HEADER, 640, 480, 110.0)
    assert info.k[0] == info.k[4] == info.p[0] == info.p[5]
    assert (info.width, info.height) == (640, 480)
    assert info.distortion_model == "plumb_bob"
    assert not any(info.d)
    assert info.r.tolist() == np.eye(3).ravel().tolist()


def test_the_header_is_the_pictures():
    header = pinhole_camera_info(HEADER, 640, 480, 90.0).header
    assert (header.stamp.sec, header.stamp.nanosec) == (1, 7)
    assert header.frame_id == HEADER.frame_id
