# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A CARLA rig's frames as ROS topics, with the names and encodings of carla_ros_bridge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.carla.rig import RigFrame
from unet_seg_ros.carla.rig_file import CameraEntry
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.messages.semantic import PALETTE, look_up, semantic_table
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.camera_info import pinhole_camera_info
from unet_seg_ros.ros.transforms import TFMessage, body_transform, camera_transform

ENCODING = "bgra8"  # as CARLA's cameras take pictures
LABEL_SET = "carla29"  # the tags of CARLA 0.9.14 to 0.9.16
RED = 2  # the channel of BGRA that has the tags
WORLD_FRAME = "map"

QUEUE_DEPTH = 10  # as in carla_ros_bridge


@dataclass(frozen=True)
class _Camera:
    """A camera's topics, and its camera_info but for the stamp.

    `table` draws its tags; None where pictures go out as they come.
    """

    frame_id: str
    images: Publisher
    infos: Publisher
    info: CameraInfo
    table: Uint8Array | None


class RigTopics:
    """The publishers of a rig: its cameras, /clock and, where tf2_msgs is installed, transforms.

    Created with its node; one thread may `publish`.

    Args:
        node: Whose topics they are.
        role_name: The vehicle's; part of topics and frames.
        cameras: The rig's.
        semantic: What semantic cameras show, `PALETTE` or `TAGS`.
    """

    def __init__(
        self, node: Node, role_name: str, cameras: Sequence[CameraEntry], semantic: str
    ) -> None:
        self._node = node
        self._role_name = role_name
        palette = semantic_table(PALETTE, LabelSet.load(LABEL_SET)) if semantic == PALETTE else None
        self._cameras = {
            camera.id: self._create_camera(camera, palette if camera.is_semantic else None)
            for camera in cameras
        }
        self._clock = self._publisher(Clock, "/clock")
        if TFMessage:
            self._transforms = self._publisher(TFMessage, "/tf")
            self._mounts = node.create_publisher(TFMessage, "/tf_static", qos.latched())
            self._mounts.publish(TFMessage(transforms=[self._mount(item) for item in cameras]))

    def image_topic(self, camera_id: str) -> str:
        """Return the topic of a camera's pictures."""
        return f"/carla/{self._role_name}/{camera_id}/image"

    def publish(self, frame: RigFrame) -> None:
        """Publish a frame: the time, where the vehicle is, and the pictures that there are."""
        self._clock.publish(Clock(clock=Time(nanoseconds=frame.stamp_ns).to_msg()))
        if TFMessage:
            header = Header(frame.stamp_ns, WORLD_FRAME)
            vehicle = body_transform(header, self._role_name, frame.vehicle)
            self._transforms.publish(TFMessage(transforms=[vehicle]))
        for camera_id, bgra in frame.pictures.items():
            _publish_picture(self._cameras[camera_id], frame.stamp_ns, bgra)

    def _create_camera(self, camera: CameraEntry, table: Uint8Array | None) -> _Camera:
        topics = CameraTopics(self.image_topic(camera.id))
        frame_id = self._frame_id(camera)
        return _Camera(
            frame_id,
            self._publisher(Image, topics.image),
            self._publisher(CameraInfo, topics.camera_info),
            pinhole_camera_info(Header(0, frame_id), camera.width, camera.height, camera.fov_deg),
            table,
        )

    def _mount(self, camera: CameraEntry) -> TransformStamped:
        return camera_transform(Header(0, self._role_name), self._frame_id(camera), camera.mount)

    def _frame_id(self, camera: CameraEntry) -> str:
        return f"{self._role_name}/{camera.id}"

    def _publisher(self, message_type: type, topic: str) -> Publisher:
        return self._node.create_publisher(
            message_type,
            topic,
            QoSProfile(depth=QUEUE_DEPTH),
            qos_overriding_options=qos.overridable(),
        )


def _publish_picture(camera: _Camera, stamp_ns: int, bgra: Uint8Array) -> None:
    camera.info.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    camera.infos.publish(camera.info)
    if not camera.images.get_subscription_count():
        return
    if camera.table is not None:
        bgra = look_up(camera.table, np.asarray(cv2.extractChannel(bgra, RED), np.uint8))
    camera.images.publish(write_image(Header(stamp_ns, camera.frame_id), bgra, ENCODING))
