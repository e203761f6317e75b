# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small bags for tests, written with `rosbags`: cameras, raw and compressed, and what is none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from engines import picture
from rosbags import rosbag1, rosbag2
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.bags.qos import LATCHED
from unet_seg_ros.messages.images import Header, write_compressed_image, write_image

STORE = get_typestore(Stores.LATEST)
ROS1_STORE = get_typestore(Stores.ROS1_NOETIC)

CAMERA = "/carla/hero/rgb_front/image"
SEMANTIC = "/carla/hero/semantic_segmentation_front/image"
DEPTH = "/carla/hero/depth_front/image"
REAR = "/carla/hero/rgb_rear/image/compressed"
NOTES = "/notes"
MAP = "/map"
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
STRING = "std_msgs/msg/String"

SIZE = (96, 64)
START_NS = 1_700_000_000_000_000_000
STEP_NS = 50_000_000


class Message(NamedTuple):
    """Topic, type, when it was recorded (ns), serialized as ROS 2 does."""

    topic: str
    type_name: str
    time_ns: int
    data: bytes


def camera_pixels(index: int) -> np.ndarray:
    """Return the picture of a frame, `(64, 96, 4)` BGRA."""
    return np.asarray(cv2.cvtColor(picture(*SIZE, seed=index), cv2.COLOR_RGB2BGRA), np.uint8)


def image(
    topic: str, stamp_ns: int, pixels: np.ndarray, encoding: str, delay_ns: int = 1_000_000
) -> Message:
    data = write_image(Header(stamp_ns, "camera"), pixels, encoding)
    return Message(topic, IMAGE, stamp_ns + delay_ns, data)


def jpeg(topic: str, stamp_ns: int, pixels: np.ndarray) -> Message:
    compressed = np.asarray(cv2.imencode(".jpg", pixels[..., :3])[1], np.uint8)
    data = write_compressed_image(Header(stamp_ns, "rear"), compressed, "bgra8; jpeg compressed")
    return Message(topic, COMPRESSED, stamp_ns + 2_000_000, data)


def text(topic: str, time_ns: int, words: str) -> Message:
    data = STORE.serialize_cdr(STORE.types[STRING](data=words), STRING)
    return Message(topic, STRING, time_ns, bytes(data))


def stamp(index: int) -> int:
    """Return the stamp of a frame."""
    return START_NS + index * STEP_NS


def drive(frames: int = 5) -> list[Message]:
    """Return a drive's messages in order: two cameras, truth of class 0, 1, ..., depth, texts."""
    messages = [text(MAP, START_NS, "latched")]
    for index in range(frames):
        pixels = camera_pixels(index)
        tags = np.zeros_like(pixels)
        tags[..., 2] = index % 11
        messages += [
            image(CAMERA, stamp(index), pixels, "bgra8"),
            image(SEMANTIC, stamp(index), tags, "bgra8", 1_000_001),
            image(DEPTH, stamp(index), pixels, "bgra8", 1_000_002),
            jpeg(REAR, stamp(index), camera_pixels(100 + index)),
            text(NOTES, stamp(index) + 3_000_000, f"frame {index}"),
        ]
    return messages


def write_rosbag2(
    path: Path,
    messages: Iterable[Message],
    storage: rosbag2.StoragePlugin = rosbag2.StoragePlugin.MCAP,
) -> Path:
    with rosbag2.Writer(path, version=9, storage_plugin=storage) as writer:
        connections = {}
        for topic, type_name, time_ns, data in messages:
            if topic not in connections:
                qos = [LATCHED] if topic == MAP else []
                connections[topic] = writer.add_connection(
                    topic, type_name, typestore=STORE, offered_qos_profiles=qos
                )
            writer.write(connections[topic], time_ns, data)
    return path


def write_ros1(path: Path, messages: Iterable[Message]) -> Path:
    """Write a ROS 1 bag; headers have the sequence number 0."""
    with rosbag1.Writer(path) as writer:
        connections = {}
        for topic, type_name, time_ns, data in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, type_name, typestore=ROS1_STORE, latching=int(topic == MAP)
                )
            writer.write(connections[topic], time_ns, STORE.cdr_to_ros1(data, type_name))
    return path
