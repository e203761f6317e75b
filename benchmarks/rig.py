# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Six cameras through the segmentation node, beside one camera that sends as many frames.

A process publishes pictures, the node segments them, and this process takes the class ids. Where
more frames come than the machine segments, the node takes the newest of each camera. The figures
tell whether any camera waits for another: how many masks each got, and the latency, from the
moment before a picture is published until its mask has arrived.

    python benchmarks/rig.py [--seconds N] [--rate HZ] [--checkpoint NAME] [--json]
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from cameras import CAMERAS, spin
from machine import machine
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from unet_seg_ros.demo.monitor import Monitor
from unet_seg_ros.demo.processes import NodeProcesses
from unet_seg_ros.messages.cdr import read_stamp_ns
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.messages.topics import LABELS, CameraTopics
from unet_seg_ros.ros import qos
from unet_seg_ros.ros.domain import free_domain_id
from unet_seg_ros.ros.middleware import prepare_for_pictures

SIZE = (800, 600)
# Loading, compiling.
START_TIMEOUT_S = 180.0
SETTLING_S = 3.0


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Six cameras through the segmentation node.")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each rig (default: 20)")
    parser.add_argument("--rate", type=float, default=10.0, help="frames a second of each of six")
    parser.add_argument("--checkpoint", default="carla29-small", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    prepare_for_pictures()
    figures: dict[str, Any] = {"machine": machine(), "checkpoint": arguments.checkpoint, "rigs": {}}
    for cameras in (1, CAMERAS):
        rate_hz = arguments.rate * CAMERAS / cameras
        figures["rigs"][f"{cameras} x {rate_hz:g} Hz"] = measure(
            cameras, rate_hz, arguments.seconds, arguments.checkpoint
        )
    print(json.dumps(figures, indent=2) if arguments.json else table(figures))


def measure(cameras: int, rate_hz: float, seconds: float, checkpoint: str) -> dict[str, Any]:
    """Return what came of each camera, with cameras that publish `rate_hz` each."""
    os.environ["ROS_DOMAIN_ID"] = str(free_domain_id())
    topics = [f"/camera{number}/image" for number in range(cameras)]
    publisher = multiprocessing.get_context("spawn").Process(target=publish, args=(topics, rate_hz))
    with tempfile.TemporaryDirectory() as folder, NodeProcesses(Path(folder)) as nodes:
        parameters = {
            "image_topics": topics,
            "checkpoint": checkpoint,
            "compile": "auto",
            "warm_up_sizes": [f"{SIZE[0]}x{SIZE[1]}"],
            "outputs": [LABELS],
            "autostart": True,
        }
        nodes.start("segmentation", "segmentation", parameters)
        with Monitor() as monitor:
            monitor.wait_for(
                lambda: _state(monitor) == "active",
                "the node",
                START_TIMEOUT_S,
                nodes.require_running,
            )
        publisher.start()
        try:
            return figures_of(take(topics, seconds), seconds)
        finally:
            publisher.kill()
            publisher.join()


def _state(monitor: Monitor) -> str:
    return monitor.diagnostics.get("unet_segmentation: engine", {}).get("state", "")


def publish(topics: Sequence[str], rate_hz: float) -> None:
    """Publish pictures of all cameras, one camera after the other, for ever."""
    prepare_for_pictures()
    rclpy.init()
    node = Node("cameras")
    width, height = SIZE
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    pixels = cv2.blur(noise, (9, 9)).astype(np.uint8, copy=False)
    publishers = [node.create_publisher(Image, topic, qos.newest_only()) for topic in topics]
    next_s = time.monotonic()
    while True:
        for publisher in publishers:
            publisher.publish(write_image(Header(time.time_ns(), "camera"), pixels, "bgra8"))
            next_s = max(next_s + 1 / (rate_hz * len(topics)), time.monotonic() - 1)
            time.sleep(max(0.0, next_s - time.monotonic()))


def take(topics: Sequence[str], seconds: float) -> list[list[float]]:
    """Return the latencies in milliseconds of what arrives, camera by camera."""
    rclpy.init()
    node = Node("taker")
    latencies_ms: list[list[float]] = [[] for _ in topics]

    def put(camera: int, data: bytes) -> None:
        latencies_ms[camera].append((time.time_ns() - read_stamp_ns(data)) / 1e6)

    for camera, topic in enumerate(topics):
        labels = CameraTopics(topic).output(LABELS)
        node.create_subscription(
            Image, labels, functools.partial(put, camera), qos.every_mask(), raw=True
        )
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spin(executor, lambda: all(latencies_ms), START_TIMEOUT_S)
    if silent := [topic for topic, found in zip(topics, latencies_ms, strict=True) if not found]:
        raise TimeoutError(f"no masks of {', '.join(silent)} in {START_TIMEOUT_S:.0f} s")
    for pause_s in (SETTLING_S, seconds):
        for found in latencies_ms:
            found.clear()
        spin(executor, lambda: False, pause_s)
    node.destroy_node()
    rclpy.shutdown()
    return latencies_ms


def figures_of(latencies_ms: Sequence[Sequence[float]], seconds: float) -> dict[str, Any]:
    """Return masks a second and latencies, of all cameras and of each."""
    together = [latency for found in latencies_ms for latency in found]
    # A camera that got no mask in all that time waited at least as long.
    each = [_p95(found or [seconds * 1e3]) for found in latencies_ms]
    return {
        "masks_per_s": len(together) / seconds,
        "p50_ms": statistics.median(together or [seconds * 1e3]),
        "p95_ms": _p95(together or [seconds * 1e3]),
        "masks": [len(found) for found in latencies_ms],
        "p95_ms_each": each,
    }


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


def table(figures: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        f"{figures['machine']}, {figures['checkpoint']}",
        "",
        "| cameras | masks/s | p50, ms | p95, ms | masks of a camera | its p95, ms |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    for name, found in figures["rigs"].items():
        masks, each = found["masks"], found["p95_ms_each"]
        lines.append(
            f"| {name} | {found['masks_per_s']:.1f} | {found['p50_ms']:.0f} | "
            f"{found['p95_ms']:.0f} | {min(masks)} to {max(masks)} | "
            f"{min(each):.0f} to {max(each):.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
