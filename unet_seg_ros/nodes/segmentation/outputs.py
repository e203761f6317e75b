# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics that the segmentation node publishes beside one camera."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping

from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.images import Header
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.nodes.segmentation.drop_in import OutputTopics
from unet_seg_ros.nodes.segmentation.forms import Form
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.legend import LabelInfo, label_info_message, legend_image, legend_message
from unet_seg_ros.units import NS_PER_S


class CameraOutputs:
    """The publishers beside one camera.

    Created, changed and destroyed by the executor's thread; `watched` and `publish...` may be
    called by another one.
    """

    def __init__(self, node: Node, names: OutputTopics) -> None:
        self.camera = names.camera
        self._node = node
        self._names = names
        self._lock = threading.Lock()
        self._pictures: dict[str, list[Publisher]] = {}  # by the name of the output
        with self._all_or_none():
            self._camera_infos = self._publishers(CameraInfo, topics.CAMERA_INFO)
            if names.semantic_camera:
                info = CameraTopics(names.semantic_camera).camera_info
                self._camera_infos.append(self._publisher(CameraInfo, info))
        self._legend = self._latched(String, self.camera.output(topics.LEGEND))
        self._legend_image = self._latched(Image, self.camera.output(topics.LEGEND_IMAGE))
        label_infos = names.of(topics.LABEL_INFO) if LabelInfo else ()
        self._label_infos = [self._latched(LabelInfo, topic) for topic in label_infos]
        if names.nav2 and not LabelInfo:
            node.get_logger().warning(
                "nav2_topics: without vision_msgs there are no class names on "
                f"{topics.NAV2_TOPICS[topics.LABEL_INFO]}, which Nav2's layer waits for; install "
                "ros-$ROS_DISTRO-vision-msgs"
            )

    def offer(self, forms: Mapping[str, Form]) -> None:
        """Offer just these outputs; keep what is offered."""
        with self._all_or_none():
            added = {
                output: self._publishers(form.message_type, output)
                for output, form in forms.items()
                if output not in self._pictures
            }
        with self._lock:
            self._pictures.update(added)
            for output in self._pictures.keys() - forms.keys():
                for publisher in self._pictures.pop(output):
                    self._node.destroy_publisher(publisher)

    def describe(
        self, label_set: LabelSet, groups: Mapping[str, tuple[int, ...]], checkpoint: str
    ) -> None:
        """Publish what the class ids mean; latched."""
        self._legend.publish(legend_message(label_set, groups, checkpoint))
        self._legend_image.publish(legend_image(label_set))
        for publisher in self._label_infos:
            publisher.publish(label_info_message(label_set))

    def watched(self) -> frozenset[str]:
        """Return the names of the pictures that somebody listens to: `labels`, `masks/lane`."""
        with self._lock:
            return frozenset(
                output
                for output, publishers in self._pictures.items()
                if any(map(_is_watched, publishers))
            )

    def publish(self, output: str, message: bytes) -> None:
        """Publish a serialized picture by its name, unless it is no longer offered."""
        with self._lock:
            for publisher in filter(_is_watched, self._pictures.get(output, ())):
                publisher.publish(message)

    def is_info_watched(self) -> bool:
        """Return whether somebody listens to the camera_info of the masks."""
        return any(map(_is_watched, self._camera_infos))

    def publish_camera_info(self, info: CameraInfo, header: Header) -> None:
        """Publish the camera's `info` with the header of a mask, if somebody listens."""
        for publisher in filter(_is_watched, self._camera_infos):
            info.header.stamp.sec, info.header.stamp.nanosec = divmod(header.stamp_ns, NS_PER_S)
            info.header.frame_id = header.frame_id
            publisher.publish(info)

    def destroy(self) -> None:
        """Take every topic away."""
        self.offer({})
        latched = self._legend, self._legend_image, *self._label_infos
        for publisher in (*self._camera_infos, *latched):
            self._node.destroy_publisher(publisher)

    @contextlib.contextmanager
    def _all_or_none(self) -> Iterator[None]:
        """Take the publishers made within away again where one of them cannot be made."""
        before = set(self._node.publishers)
        try:
            yield
        except Exception:  # an impossible QoS override
            for publisher in set(self._node.publishers) - before:
                self._node.destroy_publisher(publisher)
            raise

    def _publishers(self, message_type: type, output: str) -> list[Publisher]:
        return [self._publisher(message_type, topic) for topic in self._names.of(output)]

    def _latched(self, message_type: type, topic: str) -> Publisher:
        return self._node.create_publisher(
            message_type, topic, qos.latched(), event_callbacks=qos.no_publisher_events()
        )

    def _publisher(self, message_type: type, topic: str) -> Publisher:
        return self._node.create_publisher(
            message_type,
            topic,
            qos.every_mask(),
            qos_overriding_options=qos.overridable(),
            event_callbacks=qos.no_publisher_events(),
        )


def _is_watched(publisher: Publisher) -> bool:
    return publisher.get_subscription_count() > 0
