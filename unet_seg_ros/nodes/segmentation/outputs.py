# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics that the segmentation node publishes beside one camera."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.images import Header
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.legend import LabelInfo, label_info_message, legend_image, legend_message
from unet_seg_ros.units import NS_PER_S


class CameraOutputs:
    """The publishers beside one camera.

    Created, changed and destroyed by the executor's thread; `watched` and `publish...` may be
    called by another one.
    """

    def __init__(self, node: Node, camera: CameraTopics) -> None:
        self.camera = camera
        self._node = node
        self._lock = threading.Lock()
        self._pictures: dict[str, Publisher] = {}  # by the name of the output
        self._camera_info = self._publisher(CameraInfo, camera.output(topics.CAMERA_INFO))
        self._legend = node.create_publisher(String, camera.output(topics.LEGEND), qos.latched())
        self._legend_image = node.create_publisher(
            Image, camera.output(topics.LEGEND_IMAGE), qos.latched()
        )
        self._label_info = LabelInfo and node.create_publisher(
            LabelInfo, camera.output(topics.LABEL_INFO), qos.latched()
        )

    def offer(self, outputs: Iterable[str], groups: Iterable[str]) -> None:
        """Offer just these `outputs` and the masks of these `groups`; keep what is offered."""
        wanted = set(outputs) - {topics.MASKS}
        if topics.MASKS in outputs:
            wanted |= {topics.mask_output(group) for group in groups}
        added = {
            output: self._publisher(Image, self.camera.output(output))
            for output in wanted - self._pictures.keys()
        }
        with self._lock:
            self._pictures.update(added)
            for output in self._pictures.keys() - wanted:
                self._node.destroy_publisher(self._pictures.pop(output))

    def describe(
        self, label_set: LabelSet, groups: Mapping[str, tuple[int, ...]], checkpoint: str
    ) -> None:
        """Publish what the class ids mean; latched."""
        self._legend.publish(legend_message(label_set, groups, checkpoint))
        self._legend_image.publish(legend_image(label_set))
        if self._label_info:
            self._label_info.publish(label_info_message(label_set))

    def watched(self) -> frozenset[str]:
        """Return the names of the pictures that somebody listens to: `labels`, `masks/lane`."""
        with self._lock:
            return frozenset(
                output for output, publisher in self._pictures.items() if _is_watched(publisher)
            )

    def publish(self, output: str, message: bytes) -> None:
        """Publish a serialized picture by its name, unless it is no longer offered."""
        with self._lock:
            if output in self._pictures:
                self._pictures[output].publish(message)

    def publish_camera_info(self, info: CameraInfo | None, header: Header) -> None:
        """Publish the camera's `info` with the header of a mask, if somebody listens."""
        if info and _is_watched(self._camera_info):
            info.header.stamp.sec, info.header.stamp.nanosec = divmod(header.stamp_ns, NS_PER_S)
            info.header.frame_id = header.frame_id
            self._camera_info.publish(info)

    def destroy(self) -> None:
        """Take every topic away."""
        self.offer((), ())
        latched = self._legend, self._legend_image, self._label_info
        for publisher in filter(None, (self._camera_info, *latched)):
            self._node.destroy_publisher(publisher)

    def _publisher(self, message_type: type, topic: str) -> Publisher:
        return self._node.create_publisher(
            message_type,
            topic,
            qos.every_mask(),
            qos_overriding_options=qos.overridable(),
        )


def _is_watched(publisher: Publisher) -> bool:
    return publisher.get_subscription_count() > 0
