# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a segmented drive out of a bag: camera pictures with their label maps."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.bags.cameras import read_picture
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.cdr import CdrReader
from unet_seg_ros.messages.images import BadImage, Image
from unet_seg_ros.messages.pairing import RESTART_NS, StampPairs
from unet_seg_ros.messages.topics import LEGEND, CameraTopics
from unet_seg_ros.units import NS_PER_S

# Pictures of a camera may wait so many frames for their label maps, and these for their truth: a
# recorder that is behind takes what has come of each topic in whatever order.
_MAX_WAITING = 40
_MAX_WAITING_FOR_TRUTH = 20


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

    Of several networks with the same classes, one after the other, it is all their names.

    Raises:
        BagError: The bag does not tell, or ids have one meaning before and another one later.
    """
    topic = camera.output(LEGEND)
    first: LabelSet | None = None
    names: list[str] = []
    for message in reader.messages([topic]):
        try:
            legend = json.loads(CdrReader(message.data).string())
            label_set = LabelSet.from_dict(legend)
        except ValueError as error:
            raise BagError(f"{reader.path}: {topic} is no legend: {error!s:.200}") from error
        first = first or label_set
        if label_set.names != first.names:
            raise BagError(
                f"{reader.path}: {topic} says {first.name} at first and {label_set.name} after "
                f"{reader.since_start(message.log_time_ns)}: ids of label maps mean other classes "
                "from then on; make new ones with unet-seg bag segment --replace"
            )
        names.append(str(legend.get("checkpoint", "")))
    if first is None:
        raise BagError(
            f"{reader.path}: has no label maps of {camera.image} with a legend on {topic}; make "
            "them with unet-seg bag segment"
        )
    return first, ", then ".join(dict.fromkeys(filter(None, names)))


def _refuse(fault: str) -> None:
    raise BagError(fault)


def read_drive(
    bag: Path,
    topics: DriveTopics,
    max_pixels: int,
    on_fault: Callable[[str], None] = _refuse,
) -> Iterator[RecordedFrame]:
    """Yield the frames that have a label map, in the order of the label maps.

    Pictures and label maps are paired by their stamps or, where these repeat, if they were recorded
    at the same time, as offline masks are (`StampPairs`).

    Args:
        bag: Whatever `BagReader` reads.
        topics: Image topics, raw or compressed.
        max_pixels: Larger pictures are faults.
        on_fault: Called with topic, time and reason of every picture that is damaged, and with how
            many label maps cannot be paired since their stamps repeat; they are left out, if this
            returns.

    Raises:
        BagError: The bag cannot be read, or `on_fault` is not given and there is a fault.
    """
    pairs: StampPairs[_Published] = StampPairs((topics.image, topics.labels), _MAX_WAITING)
    truths = _Truths()
    waiting: deque[RecordedFrame] = deque()
    unpaired = 0
    with BagReader(bag) as reader:
        for message in reader.messages(topics.names):
            try:
                image = read_picture(reader.topics[message.topic], message.data, max_pixels)
            except BadImage as error:
                on_fault(f"{message.topic} at {reader.since_start(message.log_time_ns)}: {error}")
                continue
            if message.topic == topics.truth:
                truths.add(image)
                yield from _complete(waiting, truths, _MAX_WAITING_FOR_TRUTH)
                continue
            one = _Published(image, message.publish_time_ns)
            stamp_ns = image.header.stamp_ns
            twin = pairs.put(message.topic, stamp_ns, one, message.log_time_ns)
            unpaired += message.topic == topics.labels
            if twin:
                unpaired -= 1
                both = (one, twin) if message.topic == topics.image else (twin, one)
                waiting.append(_frame(*both, truths.at(stamp_ns)))
                yield from _complete(waiting, truths, _MAX_WAITING_FOR_TRUTH * bool(topics.truth))
        yield from _complete(waiting, truths, 0)
    if unpaired and pairs.repeated:
        [stamp_ns, *_] = pairs.repeated.values()
        on_fault(
            f"{topics.labels}: {unpaired} label maps are left out: stamps repeat, as "
            f"{stamp_ns / NS_PER_S:.3f} s does, and their pictures were recorded at other times"
        )


def _frame(picture: _Published, labels: _Published, truth: Image | None) -> RecordedFrame:
    return RecordedFrame(
        picture.image,
        labels.image.gray(),
        truth,
        picture.published_ns,
        labels.published_ns,
    )


def _complete(
    waiting: deque[RecordedFrame], truths: _Truths, limit: int
) -> Iterator[RecordedFrame]:
    """Take the frames out that came first: those with their truth, and those beyond a limit."""
    while waiting:
        frame = waiting[0]
        truth = frame.truth or truths.at(frame.image.header.stamp_ns)
        if truth is None and len(waiting) <= limit:
            return
        waiting.popleft()
        yield replace(frame, truth=truth)


class _Published(NamedTuple):
    image: Image
    published_ns: int


class _Truths:
    """The last pictures of a semantic camera, by their stamps as far as these tell."""

    def __init__(self) -> None:
        self._by_stamp: dict[int, Image | None] = {}

    def add(self, image: Image) -> None:
        stamp_ns = image.header.stamp_ns
        newest_ns = next(reversed(self._by_stamp), stamp_ns)
        if stamp_ns < newest_ns - RESTART_NS:  # a restarted simulation
            self._by_stamp.clear()
        self._by_stamp[stamp_ns] = None if stamp_ns in self._by_stamp else image
        if len(self._by_stamp) > _MAX_WAITING:
            del self._by_stamp[next(iter(self._by_stamp))]

    def at(self, stamp_ns: int) -> Image | None:
        return self._by_stamp.get(stamp_ns)
