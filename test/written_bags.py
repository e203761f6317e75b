# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags that tests write with `bags.writer`, and what the readers of others say of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Qos
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.bags.qos import LATCHED
from unet_seg_ros.bags.writer import UNLIMITED, BagWriter, Limits, Topic

STORE = get_typestore(Stores.LATEST)
CAMERA, LABELS, LEGEND = "/camera/image", "/camera/segmentation/labels", "/camera/legend"
IMAGE, STRING = "sensor_msgs/msg/Image", "std_msgs/msg/String"
STEP_NS = 50_000_000
PICTURE_SIZE = 300_000


class Message(NamedTuple):
    """Topic, when it was received (ns), content."""

    topic: str
    time_ns: int
    data: bytes


def topic(name: str, type_name: str = STRING, *qos: Qos) -> Topic:
    definition, _ = STORE.generate_msgdef(type_name, ros_version=2)
    return Topic(name, type_name, definition, STORE.hash_rihs01(type_name), qos)


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that no compressor makes smaller."""
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()


def drive(frames: int = 8, size: int = PICTURE_SIZE) -> list[Message]:
    """Return a latched text, then in turn pictures, which do not compress, and labels, which do."""
    messages = [Message(LEGEND, 100, b"\x00\x01\x00\x00" + b"legend")]
    for i in range(frames):
        time_ns = 1_000_000_000 + i * STEP_NS
        messages.append(Message(CAMERA, time_ns, noise(size, i)))
        messages.append(Message(LABELS, time_ns + 10, bytes([i]) * size))
    return messages


def open_drive(path: Path, limits: Limits = UNLIMITED) -> tuple[BagWriter, dict[str, int]]:
    """Begin a bag of a drive; return it and the ids of its topics."""
    bag = BagWriter(path, limits)
    topics = (topic(LEGEND, STRING, LATCHED), topic(CAMERA, IMAGE), topic(LABELS, IMAGE))
    return bag, {item.name: bag.add_topic(item) for item in topics}


def write_drive(
    path: Path, messages: list[Message] | None = None, limits: Limits = UNLIMITED
) -> list[Message]:
    """Write a drive and return its messages."""
    messages = drive() if messages is None else messages
    bag, ids = open_drive(path, limits)
    with bag:
        for name, time_ns, data in messages:
            bag.write(ids[name], data, log_time_ns=time_ns, publish_time_ns=time_ns - 7)
    return messages


def mcap_files(bag: Path) -> list[Path]:
    """Return the files of a bag of at most ten, in their order."""
    return sorted(bag.glob("*.mcap"))


def read_with_rosbags(bag: Path) -> list[Message]:
    """Return the messages of a folder in the order of time."""
    with AnyReader([bag]) as reader:
        return [Message(item.topic, time_ns, data) for item, time_ns, data in reader.messages()]


def read_with_mcap(bag: Path) -> list[Message]:
    """Return the messages of a folder's files, in the order of time, or of one file."""
    messages = []
    for file in mcap_files(bag) if bag.is_dir() else [bag]:
        with file.open("rb") as stream:
            for _, channel, item in make_reader(stream, validate_crcs=True).iter_messages():
                messages.append(Message(channel.topic, item.log_time, item.data))
    return messages
