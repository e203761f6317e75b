# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a segmented drive out of a rosbag2 folder: camera pictures with their label maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcap.reader import make_reader

from unet_seg_ros.labels import Uint8Array
from unet_seg_ros.ros.images import Header, Image, read_image


@dataclass(frozen=True)
class SegmentedFrame:
    """A camera picture, its label map, its truth where there is one, and when it was published.

    Attributes:
        image: The camera's picture.
        labels: `(H, W)` uint8 class ids.
        truth: The picture of the semantic camera with the same stamp.
        published_ns: When the label map was published, on the clock of the machine.
    """

    image: Image
    labels: Uint8Array
    truth: Image | None
    published_ns: int

    @property
    def header(self) -> Header:
        """The header that all of them carry."""
        return self.image.header


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
    with _mcap_file(bag).open("rb") as stream:
        summary = make_reader(stream).get_summary()
        if not summary or not summary.statistics:
            raise ValueError(f"{bag}: has no summary; was its recording cut off?")
        return {
            channel.topic: summary.statistics.channel_message_counts.get(channel.id, 0)
            for channel in summary.channels.values()
        }


def read_drive(bag: Path, topics: DriveTopics, max_pixels: int) -> Iterator[SegmentedFrame]:
    """Yield the frames that have a label map, in the order of the label maps.

    Raises:
        BadImage: a recorded picture is malformed.
    """
    images: dict[int, Image] = {}
    truths: dict[int, Image] = {}
    with _mcap_file(bag).open("rb") as stream:
        for _, channel, message in make_reader(stream).iter_messages(topics=topics.names):
            image = read_image(message.data, max_pixels)
            stamp_ns = image.header.stamp_ns
            if channel.topic == topics.image:
                images[stamp_ns] = image
            elif channel.topic == topics.truth:
                truths[stamp_ns] = image
            elif stamp_ns in images:
                yield SegmentedFrame(
                    images[stamp_ns],
                    image.pixels[..., 0],
                    truths.get(stamp_ns),
                    message.publish_time,
                )
                _forget_until(stamp_ns, images)
                _forget_until(stamp_ns, truths)


def _forget_until(stamp_ns: int, images: dict[int, Image]) -> None:
    """Forget the pictures up to a stamp: label maps come in the order of their frames."""
    for old in [stamp for stamp in images if stamp <= stamp_ns]:
        del images[old]


def _mcap_file(bag: Path) -> Path:
    files = sorted(bag.glob("*.mcap"))
    if len(files) != 1:
        raise ValueError(f"{bag}: holds {len(files)} .mcap files where one is expected")
    return files[0]
