# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How long a camera picture takes from array to array over DDS: our bytes against message objects.

Two processes on one machine, the default middleware, reliable, depth 1. A picture is an array
before it is published and an array again in the subscription's callback; the time between is
measured, the conversions at both ends included:

* messages: `cv_bridge.cv2_to_imgmsg`, message objects on both sides, `cv_bridge.imgmsg_to_cv2`;
* bytes: `write_image`, serialized bytes on both sides, `read_image`;
* prepared: in processes that called `prepare_for_pictures`, as the package's nodes do.

The ways take turns picture by picture, one picture in flight at a time, so that a busy machine
slows all alike. A second table compares ways to read and write the bytes, without DDS: it is why
the package has a reader of its own (rosbags' typestore copies the pixels) and why `write_image`
adds the pixels to the message's head in one copy. A third one compares the network's pictures of a
drive through the town as raw and as compressed messages: their size, and the time to write them.

    python benchmarks/transport.py [--pictures N] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import rclpy
from cv_bridge import CvBridge
from machine import machine
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image

from unet_seg_ros.inference.frames import Frame, Request
from unet_seg_ros.messages.compressed import write_compressed_mask
from unet_seg_ros.messages.images import Header, read_image, write_image, write_mask
from unet_seg_ros.messages.topics import COMPRESSED_OUTPUTS
from unet_seg_ros.ros.domain import free_domain_id
from unet_seg_ros.ros.middleware import prepare_for_pictures
from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.town import Town
from unet_seg_ros.weights import SMALL, find_checkpoint

SIZES = ((800, 600), (1920, 1080))
ENCODING = "bgra8"
HEADER = Header(stamp_ns=1_234_567_890, frame_id="ego_vehicle/rgb_front")
MAX_PIXELS = 1920 * 1080
KINDS = ("messages", "bytes")
WARM_UP_PICTURES = 5
MASK_WAYS = {"raw": write_mask, "compressed": write_compressed_mask}
# Of the drive; seconds apart, so that no two look alike.
MASK_FRAMES = range(0, 800, 100)


def main() -> None:
    """Measure the tables and print them."""
    parser = argparse.ArgumentParser(description="Camera pictures over DDS: bytes or messages.")
    parser.add_argument("--pictures", type=int, default=150, help="pictures per size and way")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(free_domain_id())

    figures: dict[str, Any] = {
        "machine": machine(),
        "transport_ms": {},
        "conversion_ms": {},
        "masks": measure_masks(),
    }
    for width, height in SIZES:
        shape, size = (height, width, 4), f"{width}x{height}"
        figures["transport_ms"][size] = measure_transport(shape, arguments.pictures)
        figures["conversion_ms"][size] = measure_conversions(shape, arguments.pictures)

    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        print_tables(figures)


def measure_transport(shape: tuple[int, ...], count: int) -> dict[str, float]:
    """Return the median time from array to array of each way, in milliseconds."""
    links = {"": Link(shape, is_prepared=False), ", prepared": Link(shape, is_prepared=True)}
    durations_ms: dict[str, list[float]] = {kind + suffix: [] for suffix in links for kind in KINDS}
    try:
        for _ in range(count + WARM_UP_PICTURES):
            for suffix, link in links.items():
                for kind in KINDS:
                    durations_ms[kind + suffix].append(link.send_picture(kind))
    finally:
        for link in links.values():
            link.close()
    return {way: statistics.median(times[WARM_UP_PICTURES:]) for way, times in durations_ms.items()}


class Link:
    """A talking and a listening process; pictures go from one to the other on request."""

    def __init__(self, shape: tuple[int, ...], is_prepared: bool) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.talker, talker_end = spawn.Pipe()
        self.listener, listener_end = spawn.Pipe()
        name = "prepared" if is_prepared else "default"
        self.processes = [
            spawn.Process(target=talk, args=(talker_end, name, is_prepared, shape)),
            spawn.Process(target=listen, args=(listener_end, name, is_prepared)),
        ]
        for process in self.processes:
            process.start()
        self._receive(self.talker)

    def send_picture(self, kind: str) -> float:
        """Send one picture in one of the two ways and return its duration in milliseconds."""
        self.talker.send(kind)
        start_ns = self._receive(self.talker)
        return (self._receive(self.listener) - start_ns) / 1e6

    def close(self) -> None:
        """End both processes."""
        self.talker.send(None)
        self.processes[1].terminate()
        for process in self.processes:
            process.join()

    @staticmethod
    def _receive(connection: Connection) -> int:
        if not connection.poll(20):
            raise SystemExit("a picture did not arrive within 20 s")
        return int(connection.recv())


def talk(requests: Connection, name: str, is_prepared: bool, shape: tuple[int, ...]) -> None:
    """Publish a picture for every request and answer with the monotonic time before."""
    node = join_graph(f"{name}_talker", is_prepared)
    publishers = {kind: node.create_publisher(Image, f"{name}/{kind}", 1) for kind in KINDS}
    while not all(publisher.get_subscription_count() for publisher in publishers.values()):
        time.sleep(0.01)
    requests.send(0)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    bridge = CvBridge()
    while (kind := requests.recv()) is not None:
        start_ns = time.monotonic_ns()
        if kind == "bytes":
            publishers[kind].publish(write_image(HEADER, pixels, ENCODING))
        else:
            message = bridge.cv2_to_imgmsg(pixels, ENCODING)
            message.header.frame_id = HEADER.frame_id
            publishers[kind].publish(message)
        requests.send(start_ns)


def listen(results: Connection, name: str, is_prepared: bool) -> None:
    """Send, for every picture that arrives, the monotonic time at which it was an array."""
    bridge = CvBridge()

    def on_message(message: Image) -> None:
        pixels = bridge.imgmsg_to_cv2(message)
        results.send(time.monotonic_ns())
        assert pixels.shape[2] == 4

    def on_bytes(message: bytes) -> None:
        pixels = read_image(message, MAX_PIXELS).pixels
        results.send(time.monotonic_ns())
        assert pixels.shape[2] == 4

    node = join_graph(f"{name}_listener", is_prepared)
    node.create_subscription(Image, f"{name}/messages", on_message, 1)
    node.create_subscription(Image, f"{name}/bytes", on_bytes, 1, raw=True)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with contextlib.suppress(ExternalShutdownException):
        executor.spin()


def join_graph(name: str, is_prepared: bool) -> Node:
    """Return the only node of this process."""
    if is_prepared:
        prepare_for_pictures()
    rclpy.init()
    return Node(name)


def measure_conversions(shape: tuple[int, ...], count: int) -> dict[str, float]:
    """Return the median time of each way to read and write a message's bytes, in milliseconds."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    message = write_image(HEADER, pixels, ENCODING)
    head = message[: -pixels.nbytes]
    types = get_typestore(Stores.ROS2_HUMBLE)
    ways: dict[str, Callable[[], object]] = {
        "read: read_image": lambda: read_image(message, MAX_PIXELS),
        "read: rosbags deserialize_cdr": lambda: types.deserialize_cdr(
            message, "sensor_msgs/msg/Image"
        ),
        "write: write_image": lambda: write_image(HEADER, pixels, ENCODING),
        "write: head + pixels.tobytes()": lambda: head + pixels.tobytes(),
        "write: bytes(bytearray)": lambda: bytes(bytearray(head) + pixels.data),
    }
    durations_ms: dict[str, list[float]] = {way: [] for way in ways}
    order = list(ways)
    for _ in range(count):
        random.shuffle(order)
        for way in order:
            start_ns = time.perf_counter_ns()
            ways[way]()
            durations_ms[way].append((time.perf_counter_ns() - start_ns) / 1e6)
    return {way: statistics.median(times) for way, times in durations_ms.items()}


def measure_masks() -> dict[str, dict[str, tuple[float, float]]]:
    """Return the medians of size in kB and time to write in ms, of each picture in each way."""
    from unet_seg_ros.inference.segmenter import Segmenter

    drive, checkpoint = Drive(Town(seed=0)), find_checkpoint(SMALL)
    segmenter = Segmenter.from_checkpoint(checkpoint, device="cpu", compile="off")
    found: dict[str, dict[str, list[tuple[float, float]]]] = {
        name: {way: [] for way in MASK_WAYS} for name in COMPRESSED_OUTPUTS
    }
    for number in MASK_FRAMES:
        rgb, _ = drive.frame(number)
        request = Request(color_mask=True, overlay=True)
        [masks] = segmenter([Frame(np.ascontiguousarray(rgb), "rgb")], request)
        for name, pixels in masks.pictures():
            for way, write in MASK_WAYS.items():
                size = len(write(HEADER, pixels)) / 1e3
                found[name][way].append((size, best_ms(partial(write, HEADER, pixels))))
    return {
        name: {
            way: (
                statistics.median(size for size, _ in figures),
                statistics.median(duration for _, duration in figures),
            )
            for way, figures in ways.items()
        }
        for name, ways in found.items()
    }


def best_ms(work: Callable[[], object]) -> float:
    """Return the shortest of five durations: others use the machine too."""
    durations_ns = []
    for _ in range(5):
        start_ns = time.perf_counter_ns()
        work()
        durations_ns.append(time.perf_counter_ns() - start_ns)
    return min(durations_ns) / 1e6


def print_tables(figures: dict[str, Any]) -> None:
    """Print the figures as Markdown tables."""
    print(f"{figures['machine']}\n")
    ways = list(next(iter(figures["transport_ms"].values())))
    print(f"| {ENCODING} picture, ms | {' | '.join(ways)} | first / last |")
    print(f"| --- |{' ---: |' * (len(ways) + 1)}")
    for size, medians in figures["transport_ms"].items():
        times = (f"{medians[way]:.2f}" for way in ways)
        print(f"| {size} | {' | '.join(times)} | {medians[ways[0]] / medians[ways[-1]]:.1f} |")
    sizes = list(figures["conversion_ms"])
    print(f"\n| conversion | {', ms | '.join(sizes)}, ms |\n| --- |{' ---: |' * len(sizes)}")
    for way in figures["conversion_ms"][sizes[0]]:
        times = (f"{figures['conversion_ms'][size][way]:.3f}" for size in sizes)
        print(f"| {way} | {' | '.join(times)} |")
    print("\n| mask, 800x600 | raw, kB | ms | compressed, kB | ms |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, medians in figures["masks"].items():
        parts = (f"{size:.0f} | {time_ms:.2f}" for size, time_ms in medians.values())
        print(f"| {name} | {' | '.join(parts)} |")


if __name__ == "__main__":
    main()
