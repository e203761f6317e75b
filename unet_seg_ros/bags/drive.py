# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a segmented drive out of a bag: camera pictures with their label maps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.bags.cameras import read_picture
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.cdr import CdrReader
from unet_seg_ros.messages.images import BadImage, Image
from unet_seg_ros.messages.topics import LABELS, LEGEND, CameraTopics

Kept = TypeVar("Kept")

# Pictures of a camera may wait so many frames for their label maps.
_MAX_WAITING = 40


@dataclass(frozen=True)
class RecordedFrame:
    """A camera picture, its label map, its truth where there is one, and when they were published.

    Attributes:
        image: The camera's picture.
        labels: `(H, W)` uint8 class ids.
        truth: The picture of the semantic camera with the same stamp.
        image_published_ns: When the picture was published, on the clock of the machine.
        published_ns: When the label map was.
    """

    image: Image
    labels: Uint8Array
    truth: Image | None
    image_published_ns: int
    published_ns: int


@dataclass(frozen=True)
class DriveTopics:
    """The topics of a segmented drive; `truth` is empty where there is no semantic camera."""

    image: str
    labels: str
    truth: str = ""

    @property
    def names(self) -> list[str]:
        """The topics there are."""
        return [name for name in (self.image, self.labels, self.truth) if name]


def count_messages(bag: Path) -> dict[str, int]:
    """Return how many messages every topic of a bag has."""
    with BagReader(bag) as reader:
        return reader.counts


def read_legend(reader: BagReader, camera: CameraTopics) -> tuple[LabelSet, str]:
    """Return what the label maps of a camera mean, and the name of the network that made them.

    Raises:
        BagError: The bag does not tell.
    """
    topic = camera.output(LEGEND)
    for message in reader.messages([topic]):
        try:
            legend = json.loads(CdrReader(message.data).string())
            return LabelSet.from_dict(legend), str(legend.get("checkpoint", ""))
        except ValueError as error:
            raise BagError(f"{reader.path}: {topic} is no legend: {error!s:.200}") from error
    raise BagError(
        f"{reader.path}: has no label maps of {camera.image} with a legend on {topic}; make them "
        "with unet-seg bag segment"
    )


def labels_topic(reader: BagReader, camera: CameraTopics) -> str:
    """Return the topic of a camera's label maps, raw or compressed; "" where there are none."""
    raw = camera.output(LABELS)
    return next((name for name in (raw, f"{raw}/compressed") if name in reader.topics), "")


def _refuse(fault: str) -> None:
    raise BagError(fault)


def read_drive(
    bag: Path,
    topics: DriveTopics,
    max_pixels: int,
    on_fault: Callable[[str], None] = _refuse,
) -> Iterator[RecordedFrame]:
    """Yield the frames that have a label map, in the order of the label maps.

    Args:
        bag: Whatever `BagReader` reads.
        topics: Image topics, raw or compressed.
        max_pixels: Larger pictures are faults.
        on_fault: Called with topic, time and reason of every picture that is damaged; it is left
            out, if this returns.

    Raises:
        BagError: The bag cannot be read, or `on_fault` is not given and a picture is damaged.
    """
    images: dict[int, tuple[Image, int]] = {}
    truths: dict[int, Image] = {}
    with BagReader(bag) as reader:
        for message in reader.messages(topics.names):
            try:
                image = read_picture(reader.topics[message.topic], message.data, max_pixels)
            except BadImage as error:
                on_fault(f"{message.topic} at {reader.since_start(message.log_time_ns)}: {error}")
                continue
            stamp_ns = image.header.stamp_ns
            if message.topic == topics.image:
                _keep(images, stamp_ns, (image, message.publish_time_ns))
            elif message.topic == topics.truth:
                _keep(truths, stamp_ns, image)
            elif stamp_ns in images:
                camera, published_ns = images[stamp_ns]
                yield RecordedFrame(
                    camera,
                    image.pixels[..., 0],
                    truths.get(stamp_ns),
                    published_ns,
                    message.publish_time_ns,
                )
                _forget_until(stamp_ns, images)
                _forget_until(stamp_ns, truths)


def _keep(by_stamp: dict[int, Kept], stamp_ns: int, kept: Kept) -> None:
    """Keep something until the label map of its stamp comes, and not for ever."""
    by_stamp[stamp_ns] = kept
    if len(by_stamp) > _MAX_WAITING:
        del by_stamp[next(iter(by_stamp))]


def _forget_until(stamp_ns: int, by_stamp: dict[int, Any]) -> None:
    """Forget what is of a stamp or earlier: label maps come in the order of their frames."""
    for old in [stamp for stamp in by_stamp if stamp <= stamp_ns]:
        del by_stamp[old]
