# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the segmentation node subscribes to beside one camera while it is active."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from unet_seg_ros.nodes.segmentation.camera import Camera
from unet_seg_ros.nodes.segmentation.worker import Worker
from unet_seg_ros.ros import qos


class Listening:
    """The subscriptions to one camera's pictures and, while somebody wants it, its camera_info.

    Taking a camera_info beside every picture would wake the executor twice as often.
    """

    def __init__(self, node: Node, camera: Camera, worker: Worker) -> None:
        self._node = node
        self._camera = camera
        self._worker = worker
        self._info: Subscription | None = None
        topics = camera.outputs.camera
        self._pictures = node.create_subscription(
            CompressedImage if topics.compressed else Image,
            topics.image,
            self._receive,
            qos.newest_only(),
            qos_overriding_options=qos.overridable(),
            raw=True,
        )

    def stop(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._pictures)
        self._stop_info()

    def _receive(self, data: bytes, info: Mapping[str, Any]) -> None:
        self._worker.put(self._camera.topic, data, info)
        is_wanted = self._camera.outputs.is_info_watched()
        if is_wanted and not self._info:
            self._info = self._node.create_subscription(
                CameraInfo,
                self._camera.outputs.camera.camera_info,
                functools.partial(setattr, self._camera, "info"),
                qos.newest_only(),
            )
        elif not is_wanted:
            self._stop_info()

    def _stop_info(self) -> None:
        if self._info:
            self._node.destroy_subscription(self._info)
            self._info = self._camera.info = None  # it will be out of date
