# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The camera_info of a simulated camera."""

from __future__ import annotations

from math import radians, tan

from rclpy.time import Time
from sensor_msgs.msg import CameraInfo

from unet_seg_ros.messages.images import Header


def pinhole_camera_info(
    header: Header, width: int, height: int, fov_deg: float, pixel_aspect: float = 1.0
) -> CameraInfo:
    """Return the camera_info of a pinhole camera that looks through the picture's middle.

    It has no distortion and, unless told otherwise, square pixels, as CARLA's cameras; the values
    are those of carla_ros_bridge.

    Args:
        header: Goes into the message as it is.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        fov_deg: The horizontal field of view in degrees, more than 0 and less than 180.
        pixel_aspect: How many times as wide as high a pixel is.
    """
    focal_px = width / (2.0 * tan(radians(fov_deg) / 2.0))
    focal_y_px = focal_px * pixel_aspect
    center_x, center_y = width / 2.0, height / 2.0
    message = CameraInfo(
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[focal_px, 0.0, center_x, 0.0, focal_y_px, center_y, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal_px, 0.0, center_x, 0.0, 0.0, focal_y_px, center_y, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    message.header.stamp = Time(nanoseconds=header.stamp_ns).to_msg()
    message.header.frame_id = header.frame_id
    return message
