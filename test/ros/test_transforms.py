# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CARLA's poses as ROS transforms, judged by the mathematics of the carla package."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped

from unet_seg_ros.messages.images import Header
from unet_seg_ros.ros.transforms import body_transform, camera_transform

HEADER = Header(3_500_000_000, "map")
LEVEL = SimpleNamespace(x=0.0, y=0.0, z=0.0, roll=0.0, pitch=0.0, yaw=0.0)
TILTED = SimpleNamespace(x=1.5, y=-0.4, z=2.0, roll=10.0, pitch=-35.0, yaw=120.0)

MIRROR = np.diag([1.0, -1.0, 1.0])  # from left-handed axes to right-handed ones, and back


def matrix(message: TransformStamped) -> np.ndarray:
    """Return the rotation of a message, `(3, 3)`, by the textbook's formula."""
    q = message.transform.rotation
    x, y, z, w = q.x, q.y, q.z, q.w
    assert x * x + y * y + z * z + w * w == pytest.approx(1.0)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def translation(message: TransformStamped) -> list[float]:
    vector = message.transform.translation
    return [vector.x, vector.y, vector.z]


def test_a_body_is_turned_as_carla_turns_it():
    carla = pytest.importorskip("carla", reason="needs the carla package")
    rotation = carla.Rotation(pitch=TILTED.pitch, yaw=TILTED.yaw, roll=TILTED.roll)
    expected = (
        MIRROR @ np.array(carla.Transform(carla.Location(), rotation).get_matrix())[:3, :3] @ MIRROR
    )
    message = body_transform(HEADER, "ego_vehicle", TILTED)
    assert matrix(message) == pytest.approx(expected, abs=1e-6)
    assert translation(message) == [1.5, 0.4, 2.0]


@pytest.mark.parametrize(
    ("turn", "ahead"),
    [
        ({"yaw": 90.0}, [0, -1, 0]),  # CARLA turns to the right
        ({"pitch": 90.0}, [0, 0, 1]),  # and looks up
        ({"roll": 90.0}, [1, 0, 0]),
    ],
)
def test_single_turns(turn, ahead):
    pose = SimpleNamespace(**{**vars(LEVEL), **turn})
    x_axis = matrix(body_transform(HEADER, "ego_vehicle", pose))[:, 0]
    assert x_axis == pytest.approx(np.array(ahead), abs=1e-9)


def test_a_level_cameras_optical_axes():
    right, down, ahead = matrix(camera_transform(HEADER, "ego_vehicle/front", LEVEL)).T
    assert right == pytest.approx(np.array([0, -1, 0]))
    assert down == pytest.approx(np.array([0, 0, -1]))
    assert ahead == pytest.approx(np.array([1, 0, 0]))


def test_a_camera_looks_where_its_mount_points():
    optical = matrix(camera_transform(HEADER, "ego_vehicle/front", TILTED))
    body = matrix(body_transform(HEADER, "ego_vehicle/front", TILTED))
    assert optical[:, 2] == pytest.approx(body[:, 0])
    assert optical[:, 0] == pytest.approx(-body[:, 1])


def test_frames_and_stamp():
    message = camera_transform(HEADER, "ego_vehicle/front", TILTED)
    assert (message.header.frame_id, message.child_frame_id) == ("map", "ego_vehicle/front")
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (3, 500_000_000)
    assert translation(message) == [1.5, 0.4, 2.0]
