# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `carla_node` adds to a frame: from the client's last callback until everything is published.

A rig of two 800x600 cameras drives in the stand-in; a process subscribes to both. Frame by frame,
three ways take turns, so that a busy machine slows all alike:

* bytes, palette and bytes, tags: `RigTopics` of the node, serialized messages;
* messages, palette: message objects filled by cv_bridge, as carla_ros_bridge publishes.

The time includes waking the thread that waits for the frame, copying the pictures out of the
client's memory, colours, camera_info, /clock and the middleware. Steps a second are those of the
whole loop, most of which is the stand-in's drawing.

    python benchmarks/carla_node.py [--frames N] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import time
from itertools import cycle
from typing import Any, NoReturn

import rclpy
from cv_bridge import CvBridge
from machine import machine
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from simulator import simulator

from unet_seg_ros.carla import rig as rig_module
from unet_seg_ros.carla.client import connect
from unet_seg_ros.carla.inbox import Inbox
from unet_seg_ros.carla.rig import Rig, RigFrame, open_rig
from unet_seg_ros.carla.rig_file import RigFile, load_rig
from unet_seg_ros.carla.setting import Setting
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header
from unet_seg_ros.messages.semantic import PALETTE, TAGS, look_up, semantic_table
from unet_seg_ros.nodes.carla.topics import RigTopics
from unet_seg_ros.process import leave
from unet_seg_ros.ros.camera_info import pinhole_camera_info
from unet_seg_ros.ros.domain import free_domain_id
from unet_seg_ros.ros.middleware import prepare_for_pictures

WARM_UP_FRAMES = 6
TIMEOUT_S = 20.0


class TimedInbox(Inbox[Any]):
    """An inbox that remembers when the client's last callback began."""

    last_callback_s = 0.0

    def put(self, camera: str, picture: Any) -> None:
        """Store a picture of a camera."""
        TimedInbox.last_callback_s = time.perf_counter()
        super().put(camera, picture)


class MessageTopics:
    """Publishes frames the usual way: message objects, filled by cv_bridge."""

    def __init__(self, node: Node, role_name: str, rig_file: RigFile) -> None:
        self._bridge = CvBridge()
        self._table = semantic_table(PALETTE, LabelSet.load("carla29"))
        self._cameras = {camera.id: camera for camera in rig_file.cameras}
        self._publishers = {
            camera_id: (
                node.create_publisher(Image, f"/carla/{role_name}/{camera_id}/image", 10),
                node.create_publisher(
                    CameraInfo, f"/carla/{role_name}/{camera_id}/camera_info", 10
                ),
            )
            for camera_id in self._cameras
        }

    def publish(self, frame: RigFrame) -> None:
        """Publish a frame's pictures."""
        for camera_id, bgra in frame.pictures.items():
            camera, (images, infos) = self._cameras[camera_id], self._publishers[camera_id]
            header = Header(frame.stamp_ns, camera_id)
            infos.publish(pinhole_camera_info(header, camera.width, camera.height, camera.fov_deg))
            pixels = look_up(self._table, bgra[..., 2]) if camera.is_semantic else bgra
            message = self._bridge.cv2_to_imgmsg(pixels, "bgra8")
            message.header.stamp = Time(nanoseconds=frame.stamp_ns).to_msg()
            message.header.frame_id = camera_id
            images.publish(message)


def main() -> NoReturn:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="What carla_node adds to a frame.")
    parser.add_argument("--frames", type=int, default=60, help="frames of each way (default: 60)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(free_domain_id())
    with simulator() as port:
        figures = measure(port, arguments.frames)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        print_table(figures)
    leave(0)


def measure(port: int, count: int) -> dict[str, Any]:
    """Return the milliseconds from callback to published of every way, and the steps a second."""
    setattr(rig_module, "Inbox", TimedInbox)  # noqa: B010 - its module imports it for itself
    prepare_for_pictures()
    rclpy.init()
    node, rig_file = Node("carla"), load_rig("front")
    ways = {
        "bytes, palette": RigTopics(node, "palette", rig_file.cameras, PALETTE),
        "bytes, tags": RigTopics(node, "tags", rig_file.cameras, TAGS),
        "messages, palette": MessageTopics(node, "messages", rig_file),
    }
    images = [item for item in node.publishers if item.topic_name.endswith("/image")]
    spawn = multiprocessing.get_context("spawn")
    listener = spawn.Process(target=listen, args=([item.topic_name for item in images],))
    listener.start()
    while not all(publisher.get_subscription_count() for publisher in images):
        if not listener.is_alive():
            raise SystemExit("the listener ended")
        time.sleep(0.01)
    try:
        with open_rig(connect("127.0.0.1", port, TIMEOUT_S), rig_file, Setting()) as rig:
            return take_turns(rig, ways, count)
    finally:
        listener.kill()
        listener.join()


def take_turns(rig: Rig, ways: dict[str, Any], count: int) -> dict[str, Any]:
    """Publish frame after frame, in one way after the other."""
    durations_ms: dict[str, list[float]] = {way: [] for way in ways}
    begin_s = time.perf_counter()
    turns = zip(range(len(ways) * (count + WARM_UP_FRAMES)), cycle(ways), strict=False)
    for _, way in turns:
        frame = rig.tick(TIMEOUT_S)
        ways[way].publish(frame)
        durations_ms[way].append(1e3 * (time.perf_counter() - TimedInbox.last_callback_s))
    frames = sum(map(len, durations_ms.values()))
    return {
        "machine": machine(),
        "steps_per_s": frames / (time.perf_counter() - begin_s),
        "added_ms": {
            way: {
                "median": statistics.median(times[WARM_UP_FRAMES:]),
                "p95": statistics.quantiles(times[WARM_UP_FRAMES:], n=20)[-1],
            }
            for way, times in durations_ms.items()
        },
    }


def listen(topics: list[str]) -> None:
    """Subscribe to pictures and do nothing with them."""
    prepare_for_pictures()
    rclpy.init()
    node = Node("listener")
    for topic in topics:
        node.create_subscription(Image, topic, lambda _: None, 10, raw=True)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with contextlib.suppress(ExternalShutdownException):
        executor.spin()


def print_table(figures: dict[str, Any]) -> None:
    """Print the figures as a Markdown table."""
    added_ms = figures["added_ms"]
    slowest = added_ms["messages, palette"]["median"]
    print(f"{figures['machine']}\n")
    print("| two 800x600 cameras | added, ms | p95, ms | messages / this |")
    print("| --- | ---: | ---: | ---: |")
    for way, times in added_ms.items():
        ratio = slowest / times["median"]
        print(f"| {way} | {times['median']:.2f} | {times['p95']:.2f} | {ratio:.1f} |")
    print(f"\n{figures['steps_per_s']:.1f} steps a second against the stand-in")


if __name__ == "__main__":
    main()
