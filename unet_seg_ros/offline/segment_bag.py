# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adds masks to a recorded drive, offline: every picture of every camera, none dropped.

    messages of the bag -> groups, pictures decoded | engine, a batch a group | new bag

The three parts work at the same time (`pipeline`), so memory holds three groups however long the
bag is. Everything is written in the order in which it was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rosbags.interfaces import Qos
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.bags.cameras import choose_cameras, passed_over, read_picture
from unet_seg_ros.bags.qos import EVERY_MASK, LATCHED
from unet_seg_ros.bags.reader import BagReader, Recorded
from unet_seg_ros.bags.writer import BagError, BagWriter, Topic
from unet_seg_ros.datasets.ego_masks import EgoMasks
from unet_seg_ros.errors import DataError
from unet_seg_ros.inference.frames import Frame, Request, Segmentation
from unet_seg_ros.messages import topics
from unet_seg_ros.messages.compressed import write_compressed_mask
from unet_seg_ros.messages.definitions import Definitions
from unet_seg_ros.messages.images import (
    COMPRESSED_IMAGE,
    IMAGE,
    BadImage,
    Header,
    Image,
    write_mask,
)
from unet_seg_ros.messages.legend import legend_text
from unet_seg_ros.messages.topics import CameraTopics, compressed_topic
from unet_seg_ros.offline.pipeline import run_in_stages

if TYPE_CHECKING:  # torch takes seconds to import
    from unet_seg_ros.inference.segmenter import Segmenter

BATCH = 8
# A group ends early with so many bytes of other messages between its pictures.
_MAX_GROUP_BYTES = 64 << 20

_STRING = "std_msgs/msg/String"


@dataclass(frozen=True)
class MaskSettings:
    """What to add to a bag.

    Attributes:
        image_topics: What to segment; empty for every camera (`choose_cameras`).
        outputs: Which masks, of `messages.topics.OUTPUTS`. Group masks are those of the label set.
        compress_labels: Whether label maps are PNG on `<labels>/compressed`, instead of raw.
        replace: Whether masks that the bag has beside these cameras are left out of the copy.
        ego_masks: Where the cameras see the own car, which is unknown in all masks.
    """

    image_topics: Sequence[str] = ()
    outputs: Sequence[str] = (topics.LABELS,)
    compress_labels: bool = False
    replace: bool = False
    ego_masks: EgoMasks = field(default_factory=EgoMasks)


@dataclass
class BagOutcome:
    """What was done.

    Attributes:
        checkpoint: The name of the network.
        frames: By image topic, how many pictures got masks.
        copied: How many messages were copied.
        faults: What was wrong with each picture that got none: topic, time and reason.
        notes: What was passed over, and why.
    """

    checkpoint: str
    frames: dict[str, int]
    copied: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many pictures were worked on."""
        return sum(self.frames.values()) + len(self.faults)


def segment_bag(
    source: Path,
    target: Path,
    segmenter: Segmenter,
    settings: MaskSettings,
    after_group: Callable[[int, int], None] = lambda _done, _total: None,
) -> BagOutcome:
    """Copy a bag and add masks beside its cameras, with the stamps and times of their pictures.

    All messages are copied as they are. Until it is whole the new bag is called
    `<target>.partial`. That is removed when something goes wrong, Ctrl-C included; it is left only
    where the process is killed.

    Args:
        source: What `BagReader` reads.
        target: The rosbag2 folder to write, MCAP.
        segmenter: The network. One that compiles does so for every size of picture that comes.
        settings: What to add.
        after_group: Called now and then with how many pictures are done, and of how many.

    Raises:
        BagError: One of the bags cannot be read or written, there is nothing to segment, or the
            source has masks already, or an ego mask is for no camera or no picture of it.
    """
    with BagReader(source) as reader:
        cameras = choose_cameras(reader.filled_topics, settings.image_topics)
        earlier = _earlier_masks(reader.topics, cameras)
        if earlier and not settings.replace:
            raise BagError(
                f"{source}: has masks of these cameras already: {', '.join(earlier)}; leave them "
                "out of the copy with --replace, or choose other cameras with --camera"
            )
        copied = [topic for topic in reader.topics.values() if topic.name not in earlier]
        notes = [*reader.notes, *passed_over(reader.topics)]
        frames = {camera.image: 0 for camera in cameras}
        outcome = BagOutcome(segmenter.checkpoint.name, frames, notes=notes)
        total = sum(reader.counts[camera.image] for camera in cameras)
        groups = _groups(reader, [topic.name for topic in copied], outcome.frames.keys())
        try:
            engine = _Engine(segmenter, cameras, settings)
        except DataError as error:
            raise BagError(f"{source}: {error}") from error

        def segment(group: _Group) -> None:
            try:
                engine.segment(group)
            except DataError as error:
                raise BagError(f"{source}: {error}") from error
            _count(group, outcome)
            after_group(outcome.done, total)

        with _new_bag(target) as bag:
            output = _Output(bag, copied, settings.compress_labels)
            for camera in cameras:
                output.describe(camera, segmenter, reader.start_ns)
            run_in_stages(groups, segment, output.write)
    return outcome


@contextmanager
def _new_bag(path: Path) -> Iterator[BagWriter]:
    """Give a bag to write, which is complete at the end; nothing is left of it after an error."""
    bag = BagWriter(path)
    try:
        yield bag
        bag.close()
    except OSError as error:
        bag.discard()
        raise BagError(f"cannot write {bag.partial_path}: {error.strerror}") from error
    except BaseException:
        bag.discard()
        raise


class _Mask(NamedTuple):
    """A picture that the network made, and the topic that it goes to."""

    topic: str
    pixels: Uint8Array


@dataclass
class _Group:
    """Messages that follow each other, and by position what is in those of cameras.

    `images` are the pictures that they hold, `masks` is what the network made of them, `faults`
    says which messages hold no picture, and why.
    """

    messages: list[Recorded] = field(default_factory=list)
    images: dict[int, Image] = field(default_factory=dict)
    masks: dict[int, list[_Mask]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def _groups(
    reader: BagReader, wanted: Collection[str], cameras: Collection[str]
) -> Iterator[_Group]:
    """Yield the `wanted` messages in groups, each with a batch of the cameras' pictures."""
    group, size = _Group(), 0
    for message in reader.messages(wanted):
        if message.topic in cameras:
            try:
                picture = read_picture(reader.topics[message.topic], message.data)
                group.images[len(group.messages)] = picture
            except BadImage as error:
                time = reader.since_start(message.log_time_ns)
                group.faults.append(f"{message.topic} at {time}: {error}")
        group.messages.append(message)
        size += len(message.data)
        if len(group.images) == BATCH or size >= _MAX_GROUP_BYTES:
            yield group
            group, size = _Group(), 0
    if group.messages:
        yield group


def _count(group: _Group, outcome: BagOutcome) -> None:
    outcome.copied += len(group.messages)
    outcome.faults += group.faults
    for position in group.images:
        outcome.frames[group.messages[position].topic] += 1


class _Engine:
    """The network, and which masks of which camera are wanted of it."""

    def __init__(
        self, segmenter: Segmenter, cameras: Sequence[CameraTopics], settings: MaskSettings
    ) -> None:
        outputs = settings.outputs
        self._segmenter = segmenter
        self._cameras = {camera.image: camera for camera in cameras}
        self._ego_masks = settings.ego_masks.of(self._cameras)
        groups = segmenter.label_set.groups
        self._wanted = set(outputs)
        if topics.MASKS in outputs:
            self._wanted |= {topics.mask_output(group) for group in groups}
        self._request = Request.of(self._wanted, groups)

    def segment(self, group: _Group) -> None:
        """Make the masks of a group's pictures."""
        images = group.images
        frames = [
            Frame(
                image.pixels,
                image.color_order,
                self._ego_masks.get(group.messages[position].topic),
            )
            for position, image in images.items()
        ]
        if self._segmenter.compiled:
            sizes = {frame.size for frame in frames}
            self._segmenter.warm_up(sizes, BATCH, self._request.confidence)
        results = self._segmenter(frames, self._request)
        for position, result in zip(images, results, strict=True):
            camera = self._cameras[group.messages[position].topic]
            group.masks[position] = self._copies(camera, result)

    def _copies(self, camera: CameraTopics, result: Segmentation) -> list[_Mask]:
        """Return the wanted masks; the segmenter needs its own arrays for the next group."""
        return [
            _Mask(camera.output(output), pixels.copy())
            for output, pixels in result.pictures()
            if output in self._wanted
        ]


class _Output:
    """The new bag: what is copied of the source, and the masks."""

    def __init__(self, bag: BagWriter, copied: Iterable[Topic], compress_labels: bool) -> None:
        self._bag = bag
        self._compress_labels = compress_labels
        self._definitions = Definitions()
        self._ids = {topic.name: bag.add_topic(topic) for topic in copied}

    def describe(self, camera: CameraTopics, segmenter: Segmenter, time_ns: int) -> None:
        """Write what the class ids mean, for whoever listens, however late."""
        label_set = segmenter.label_set
        legend = legend_text(label_set, label_set.groups, segmenter.checkpoint.name)
        store = get_typestore(Stores.LATEST)
        message = store.serialize_cdr(store.types[_STRING](data=legend), _STRING)
        topic_id = self._topic_id(camera.output(topics.LEGEND), _STRING, LATCHED)
        self._bag.write(topic_id, bytes(message), time_ns)

    def write(self, group: _Group) -> None:
        """Write messages, each followed by its masks."""
        for position, message in enumerate(group.messages):
            times = message.log_time_ns, message.publish_time_ns
            self._bag.write(self._ids[message.topic], message.data, *times)
            for mask in group.masks.get(position, ()):
                topic_id, data = self._serialized(mask, group.images[position].header)
                self._bag.write(topic_id, data, *times)

    def _serialized(self, mask: _Mask, header: Header) -> tuple[int, bytes]:
        """Return the id of a mask's topic, and the message for it."""
        if self._compress_labels and mask.topic.endswith(f"segmentation/{topics.LABELS}"):
            topic_id = self._topic_id(compressed_topic(mask.topic), COMPRESSED_IMAGE, EVERY_MASK)
            return topic_id, write_compressed_mask(header, mask.pixels)
        topic_id = self._topic_id(mask.topic, IMAGE, EVERY_MASK)
        return topic_id, write_mask(header, mask.pixels)

    def _topic_id(self, name: str, type_name: str, offered_qos: Qos) -> int:
        if name not in self._ids:
            definition = self._definitions.get(type_name)
            topic = Topic(name, type_name, definition.text, definition.digest, [offered_qos])
            self._ids[name] = self._bag.add_topic(topic)
        return self._ids[name]


def _earlier_masks(names: Iterable[str], cameras: Iterable[CameraTopics]) -> list[str]:
    """Return the topics of a bag that masks of these cameras have."""
    places = tuple(camera.output("") for camera in cameras)
    return [name for name in names if name.startswith(places)]
