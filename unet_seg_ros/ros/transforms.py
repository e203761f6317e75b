# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CARLA's poses as ROS transforms.

CARLA's axes are left-handed, x ahead, y to the right, z up, its angles in degrees; those of ROS are
right-handed, y to the left (REP 103). As in carla_ros_bridge (carla_common/transforms.py), y,
pitch and yaw change their sign. A camera's frame is an optical one: z ahead, x to the picture's
right, y down it.
"""

from __future__ import annotations

from math import cos, radians, sin

from geometry_msgs.msg import TransformStamped
from rclpy.time import Time

from unet_seg_ros.messages.images import Header
from unet_seg_ros.poses import Pose

try:  # comes with ROS installations only
    from tf2_msgs.msg import TFMessage
except ImportError:
    TFMessage = None

__all__ = ["TFMessage", "body_transform", "camera_transform"]

_Quaternion = tuple[float, float, float, float]  # x, y, z, w

_OPTICAL: _Quaternion = (-0.5, 0.5, -0.5, 0.5)  # the optical axes, seen from a frame's own


def body_transform(header: Header, child: str, pose: Pose) -> TransformStamped:
    """Return where the body of `child`, x ahead, is in the frame and at the time of `header`."""
    return _transform(header, child, pose, _rotation(pose))


def camera_transform(header: Header, child: str, mount: Pose) -> TransformStamped:
    """Return where the optical frame `child` of a camera that is mounted at `mount` is."""
    return _transform(header, child, mount, _product(_rotation(mount), _OPTICAL))


def _transform(header: Header, child: str, pose: Pose, rotation: _Quaternion) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.stamp = Time(nanoseconds=header.stamp_ns).to_msg()
    message.header.frame_id = header.frame_id
    translation, quaternion = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = pose.x, -pose.y, pose.z
    quaternion.x, quaternion.y, quaternion.z, quaternion.w = rotation
    return message


def _rotation(pose: Pose) -> _Quaternion:
    """Return yaw about z, then pitch about y, then roll about x, each about the turned axis."""
    roll, pitch, yaw = radians(pose.roll), -radians(pose.pitch), -radians(pose.yaw)
    about_x = (sin(roll / 2), 0.0, 0.0, cos(roll / 2))
    about_y = (0.0, sin(pitch / 2), 0.0, cos(pitch / 2))
    about_z = (0.0, 0.0, sin(yaw / 2), cos(yaw / 2))
    return _product(_product(about_z, about_y), about_x)


def _product(p: _Quaternion, q: _Quaternion) -> _Quaternion:
    """Return the rotation `q` followed, in its turned axes seen from outside, by `p` (Hamilton)."""
    px, py, pz, pw = p
    qx, qy, qz, qw = q
    return (
        pw * qx + px * qw + py * qz - pz * qy,
        pw * qy - px * qz + py * qw + pz * qx,
        pw * qz + px * qy - py * qx + pz * qw,
        pw * qw - px * qx - py * qy - pz * qz,
    )
