# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What six cameras cost the thread that takes their frames, before a network sees any.

A process publishes pictures and camera_info as six cameras would; a node takes them as the
segmentation node does and offers as many topics. Ways that take turns:

* as messages come: every camera_info is taken and read, and every publisher stands by to tell of
  subscribers that do not match, which is what rclpy does unless told otherwise;
* no events: publishers have nothing to tell;
* no camera_info: nor is one taken, as nobody wants it. This is what the node does;
* events executor: the same as the first and the third on rclpy.experimental.EventsExecutor, where
  there is one.

The figure is the thread's own processor time a frame, which other processes cannot lengthen much.
Meanwhile it holds Python's lock. The second table tells whether another thread can run while a mask
becomes a message: how many turns it took, in the node's way and beside an addition of bytes.

    python benchmarks/cameras.py [--seconds N] [--rate HZ] [--json]
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import rclpy
from machine import machine
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from unet_seg_ros.memory import keep_freed_memory
from unet_seg_ros.messages.images import Header, write_image, write_mask
from unet_seg_ros.process import leave
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.domain import free_domain_id
from unet_seg_ros.ros.middleware import prepare_for_pictures

CAMERAS = 6
OUTPUTS = 12  # topics beside each camera
SIZES = ((800, 600), (1920, 1080))
HEADER = Header(0, "camera")
# By name: whether publishers have events, whether camera_info is taken, which executor.
WAYS = {
    "as messages come": (True, True, False),
    "no events": (False, True, False),
    "no camera_info": (False, False, False),
    "events executor, as messages come": (True, True, True),
    "events executor, no camera_info": (False, False, True),
}


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description="What six cameras cost the executor.")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each way (default: 8)")
    parser.add_argument("--rate", type=float, default=20.0, help="frames a second of each camera")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    figures: dict[str, Any] = {"machine": machine(), "executor": {}, "turns": {}}
    for size in SIZES:
        name = f"{size[0]}x{size[1]}"
        figures["executor"][name] = {
            way: measure(way, size, arguments.rate, arguments.seconds) for way in WAYS
        }
        figures["turns"][name] = measure_lock(size)
    print(json.dumps(figures, indent=2) if arguments.json else tables(figures))


def measure(way: str, size: tuple[int, int], rate_hz: float, seconds: float) -> dict[str, float]:
    """Return what `take` measured with cameras of `size` that publish `rate_hz` each."""
    os.environ["ROS_DOMAIN_ID"] = str(free_domain_id())
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    processes = [
        spawn.Process(target=publish, args=(size, rate_hz)),
        spawn.Process(target=take, args=(there, way, seconds)),
    ]
    for process in processes:
        process.start()
    there.close()
    try:
        figures: dict[str, float] = here.recv()
    except EOFError:  # the taker has ended and said why
        figures = {}
    for process in processes:
        process.kill()
        process.join()
    return figures


def publish(size: tuple[int, int], rate_hz: float) -> None:
    """Publish pictures and camera_info of all cameras, one camera after the other, for ever."""
    prepare_for_pictures()
    rclpy.init()
    node = Node("cameras")
    width, height = size
    picture = write_image(HEADER, np.zeros((height, width, 4), np.uint8), "bgra8")
    info = CameraInfo(width=width, height=height, d=[0.0] * 5)
    publishers = [
        (
            node.create_publisher(CameraInfo, info_topic(i), 1),
            node.create_publisher(Image, topic, 1),
        )
        for i, topic in enumerate(map(image_topic, range(CAMERAS)))
    ]
    next_s = time.monotonic()
    while True:
        for infos, pictures in publishers:
            infos.publish(info)
            pictures.publish(picture)
            next_s = max(next_s + 1 / (rate_hz * CAMERAS), time.monotonic() - 1)
            time.sleep(max(0.0, next_s - time.monotonic()))


def take(results: Connection, way: str, seconds: float) -> None:
    """Take frames for a while and send how many there were and what they cost."""
    has_events, takes_info, is_events_executor = WAYS[way]
    prepare_for_pictures()
    rclpy.init()
    node = Node("taker")
    newest: dict[int, bytes] = {}
    count = 0

    def put(camera: int, data: bytes) -> None:
        nonlocal count
        newest[camera] = data
        count += 1

    for camera in range(CAMERAS):
        topic = image_topic(camera)
        node.create_subscription(
            Image, topic, functools.partial(put, camera), qos.newest_only(), raw=True
        )
        if takes_info:
            node.create_subscription(
                CameraInfo, info_topic(camera), lambda _: None, qos.newest_only()
            )
        events = PublisherEventCallbacks() if has_events else qos.no_publisher_events()
        for output in range(OUTPUTS):
            node.create_publisher(
                Image, f"{topic}/output{output}", qos.every_mask(), event_callbacks=events
            )
    executor = make_executor(is_events_executor)
    executor.add_node(node)
    spin(executor, lambda: len(newest) == CAMERAS, seconds=60.0)
    count = 0
    begin_s, begin_cpu_s = time.monotonic(), time.thread_time()
    spin(executor, lambda: False, seconds)
    cpu_s = time.thread_time() - begin_cpu_s
    frames_per_s = count / (time.monotonic() - begin_s)
    results.send({"cpu_ms": cpu_s * 1e3 / max(count, 1), "frames_per_s": frames_per_s})
    results.close()
    leave(0)


def make_executor(is_events_executor: bool) -> Executor:
    """Return the executor; end the process where this rclpy has none of that kind."""
    if not is_events_executor:
        return SingleThreadedExecutor()
    try:
        from rclpy.experimental.events_executor import EventsExecutor
    except ImportError:  # before Kilted
        leave(0)
    return EventsExecutor()


def spin(executor: Executor, is_enough: Callable[[], bool], seconds: float) -> None:
    """Work callbacks off until it is enough or the time is over."""
    end_s = time.monotonic() + seconds
    while not is_enough() and time.monotonic() < end_s:
        executor.spin_once(timeout_sec=0.05)


def image_topic(camera: int) -> str:
    """Return the topic of a camera's pictures."""
    return f"/camera{camera}/image"


def info_topic(camera: int) -> str:
    """Return the topic of a camera's camera_info."""
    return f"/camera{camera}/camera_info"


def measure_lock(size: tuple[int, int], count: int = 15) -> dict[str, float]:
    """Return how many turns another thread takes while a large mask becomes a message, median."""
    keep_freed_memory()
    pixels = np.zeros((4 * size[1], 4 * size[0], 3), np.uint8)  # time for a scheduler
    head = bytes(64)
    ways: dict[str, Callable[[], object]] = {
        "head + pixels": lambda: head + pixels.data.cast("B"),
        "write_mask": lambda: write_mask(HEADER, pixels),
    }
    turns: dict[str, list[int]] = {way: [] for way in ways}
    for _ in range(count):
        for way, write in ways.items():
            turns[way].append(turns_beside(write))
    return {way: statistics.median(numbers) for way, numbers in turns.items()}


def turns_beside(write: Callable[[], object]) -> int:
    """Return how many turns a thread takes during `write` that gives the lock back after each."""
    turns, is_over = 0, False

    def take_turns() -> None:
        nonlocal turns
        while not is_over:
            turns += 1
            time.sleep(0.0)

    other = threading.Thread(target=take_turns)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # nobody loses the lock who does not let go of it
    try:
        other.start()
        before = turns
        write()
        taken = turns - before
        is_over = True
    finally:
        sys.setswitchinterval(interval_s)
    other.join()
    return taken


def tables(figures: dict[str, Any]) -> str:
    """Return the figures as two Markdown tables."""
    sizes = list(figures["executor"])
    lines = [figures["machine"], "", f"| {CAMERAS} cameras | {' | '.join(sizes)} | first / this |"]
    lines.append(f"| --- |{' ---: |' * (len(sizes) + 1)}")
    first = next(iter(WAYS))
    for way in WAYS:
        measured = [figures["executor"][size][way] for size in sizes]
        if not all(measured):
            continue
        cells = [f"{item['cpu_ms']:.2f} ms ({item['frames_per_s']:.0f}/s)" for item in measured]
        ratios = [
            f"{figures['executor'][size][first]['cpu_ms'] / item['cpu_ms']:.1f}"
            for size, item in zip(sizes, measured, strict=True)
        ]
        lines.append(f"| {way} | {' | '.join(cells)} | {', '.join(ratios)} |")
    lines += ["", f"| turns of another thread | {' | '.join(sizes)} |"]
    lines.append(f"| --- |{' ---: |' * len(sizes)}")
    for way in figures["turns"][sizes[0]]:
        cells = [f"{figures['turns'][size][way]:.0f}" for size in sizes]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
