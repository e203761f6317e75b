# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plays pictures as a CARLA camera: a folder, a video, a data set, or the built-in town.

    ros2 run unet_seg_ros camera_node --ros-args -p source:=town -p semantic:=palette

Topics, frames and quality of service are those of carla_ros_bridge. A thread reads pictures ahead;
a timer on the steady clock publishes them, so that one that comes late delays no other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, NoReturn

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.read_ahead import ReadAhead
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.datasets.sources import Source, open_source
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSetError
from unet_seg_ros.messages.images import Header, write_compressed_image, write_image
from unet_seg_ros.messages.semantic import PALETTE, SEMANTIC_ENCODING, TAGS, look_up, semantic_table
from unet_seg_ros.messages.topics import CameraTopics, compressed_topic
from unet_seg_ros.nodes.camera.parameters import PARAMETERS, TOWN_SIZE
from unet_seg_ros.nodes.camera.shots import CONVERSIONS, JPEG, Shot, make_shot
from unet_seg_ros.process import leave
from unet_seg_ros.ros.camera_info import pinhole_camera_info
from unet_seg_ros.ros.parameters import ParameterError, check_topic, declare, read_choice
from unet_seg_ros.ros.qos import overridable
from unet_seg_ros.ros.run import run
from unet_seg_ros.units import NS_PER_S

NODE_NAME = "camera"

QUEUE_DEPTH = 10  # of the publishers, as in carla_ros_bridge
DELIVERY_TIMEOUT_S = 5.0
DEFAULT_RATE = 20.0  # of sources that have no times of their own
POLL_S = 0.002  # how late a frame of a video may be


class CameraNode(Node):
    """The camera, its semantic sister, and the clock.

    Raises:
        ParameterError: A parameter has an impossible value.
        DataError: There is no such source; while it spins, a part of it cannot be read.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__(NODE_NAME, **node_options)
        declare(self, PARAMETERS)
        self._encoding = read_choice("encoding", self._value("encoding"), tuple(CONVERSIONS))
        self._semantic = read_choice("semantic", self._value("semantic"), ("none", PALETTE, TAGS))
        semantic = [] if self._semantic == "none" else ["semantic_camera"]
        for name in ("role_name", "camera", *semantic):
            check_topic(name, f"/carla/{self._value(name)}/image")
        self._rate: float = self._value("rate") or DEFAULT_RATE
        self._has_own_pace = not self._value("rate")
        self._published = 0
        self._next: Shot | None = None
        self._due_s = self._simulated_s = 0.0
        self._is_started = False
        self._ends_at_s = 0.0
        source = self._open_source()
        self._semantic_table: Uint8Array | None = None
        if source.label_set and self._semantic != "none":
            self._semantic_table = semantic_table(self._semantic, source.label_set)
        self._create_publishers()
        self._shots = ReadAhead(self._make_shots(source), self._value("ahead"))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        period_s = POLL_S if self._has_own_pace else 1.0 / self._rate
        self.create_timer(period_s, self._tick, clock=steady)

    def destroy_node(self) -> None:
        """End the reading thread and leave the graph."""
        self._shots.close()
        super().destroy_node()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _open_source(self) -> Source:
        spec = self._value("source")
        try:
            source = open_source(
                spec,
                label_set=self._value("label_set"),
                size=(
                    self._value("width") or TOWN_SIZE[0],
                    self._value("height") or TOWN_SIZE[1],
                ),
                fov_deg=self._value("fov"),
                fps=self._rate,
            )
        except LabelSetError as error:
            raise ParameterError(f"label_set: {error}") from error
        if self._semantic != "none" and source.label_set is None:
            raise ParameterError(
                f"semantic: {spec} has no ground truth for a semantic camera; give none"
            )
        return source

    def _create_publishers(self) -> None:
        role, camera = self._value("role_name"), self._value("camera")
        self._frame_id = f"{role}/{camera}"
        self._topics = CameraTopics(f"/carla/{role}/{camera}/image")
        if self._encoding == JPEG:
            topic = compressed_topic(self._topics.image)
            self._image_publisher = self._publisher(CompressedImage, topic)
        else:
            self._image_publisher = self._publisher(Image, self._topics.image)
        self._info_publisher = self._publisher(CameraInfo, self._topics.camera_info)
        if self._semantic != "none":
            semantic = self._value("semantic_camera")
            self._semantic_frame_id = f"{role}/{semantic}"
            topics = CameraTopics(f"/carla/{role}/{semantic}/image")
            self._semantic_publisher = self._publisher(Image, topics.image)
            self._semantic_info_publisher = self._publisher(CameraInfo, topics.camera_info)
        if self._value("clock"):
            self._clock_publisher = self._publisher(ClockMessage, "/clock")

    def _publisher(self, message_type: type, topic: str) -> Publisher:
        return self.create_publisher(
            message_type,
            topic,
            QoSProfile(depth=QUEUE_DEPTH),
            qos_overriding_options=overridable(),
        )

    def _make_shots(self, source: Source) -> Iterator[Shot]:
        count = self._value("count") or None
        size = self._value("width"), self._value("height")
        last_ns = None
        for sample in islice(_repeated(source, self._value("loop")), count):
            wait_s = 1.0 / self._rate
            if self._has_own_pace and sample.time_ns is not None and last_ns is not None:
                is_next = sample.time_ns > last_ns  # else the source began again
                wait_s = (sample.time_ns - last_ns) / NS_PER_S if is_next else wait_s
            last_ns = sample.time_ns
            yield make_shot(sample, size, self._encoding, wait_s)

    def _tick(self) -> None:
        if not self._value("playing"):
            return
        self._is_started = self._is_started or self._shots.is_filled
        if self._next is None and self._is_started:
            self._next = self._shots.take()
        if self._next is not None:
            if self._is_due(self._next):
                shot, self._next = self._next, None
                self._publish(shot)
        elif self._shots.is_exhausted:
            self._end()
        elif self._is_started:
            self.get_logger().warning(
                f"the source yields fewer than {self._rate:g} pictures a second",
                throttle_duration_sec=5.0,
            )

    def _is_due(self, shot: Shot) -> bool:
        """Tell whether it is time for a shot; the timer tells, but where frames have their own."""
        now_s = time.monotonic()
        if self._has_own_pace and now_s < self._due_s + shot.wait_s:
            return False
        # After a halt the frames that were missed do not come all at once.
        self._due_s = max(self._due_s + shot.wait_s, now_s - shot.wait_s)
        return True

    def _publish(self, shot: Shot) -> None:
        self._published += 1
        self._simulated_s += shot.wait_s
        stamp_ns = self._next_stamp_ns()
        header = Header(stamp_ns, self._frame_id)
        self._info_publisher.publish(self._camera_info(shot, header))
        if self._encoding == JPEG:
            self._image_publisher.publish(write_compressed_image(header, shot.pixels, JPEG))
        else:
            self._image_publisher.publish(write_image(header, shot.pixels, self._encoding))
        if self._semantic_table is not None and shot.labels is not None:
            header = Header(stamp_ns, self._semantic_frame_id)
            pixels = look_up(self._semantic_table, shot.labels)
            self._semantic_info_publisher.publish(self._camera_info(shot, header))
            self._semantic_publisher.publish(write_image(header, pixels, SEMANTIC_ENCODING))

    def _next_stamp_ns(self) -> int:
        if not self._value("clock"):
            return int(self.get_clock().now().nanoseconds)
        time_s = self._simulated_s if self._has_own_pace else self._published / self._rate
        stamp_ns = round(time_s * NS_PER_S)
        self._clock_publisher.publish(ClockMessage(clock=Time(nanoseconds=stamp_ns).to_msg()))
        return stamp_ns

    def _camera_info(self, shot: Shot, header: Header) -> CameraInfo:
        size, fov_deg = (shot.width, shot.height), self._value("fov")
        return pinhole_camera_info(header, *size, fov_deg, shot.pixel_aspect)

    def _end(self) -> None:
        """End the process's spinning, once everything has been delivered."""
        self._ends_at_s = self._ends_at_s or time.monotonic() + DELIVERY_TIMEOUT_S
        is_delivered = all(item.wait_for_all_acked(Duration()) for item in self.publishers)
        if is_delivered or time.monotonic() > self._ends_at_s:
            self.get_logger().info(f"the end, after {self._published} pictures")
            self.context.try_shutdown()


def _repeated(source: Source, is_looping: bool) -> Iterator[Sample]:
    yield from source
    while is_looping:
        yield from source


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the node until its source ends, Ctrl-C or SIGTERM; end the process with its status."""
    # Not by returning: the thread that reads ahead may be in the middle of a picture.
    leave(run(NODE_NAME, CameraNode, arguments, expected_errors=(DataError,)))
