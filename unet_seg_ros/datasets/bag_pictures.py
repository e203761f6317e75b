# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labelled pictures out of a rosbag2: a camera's pictures, and a semantic camera's of equal stamp.

Reads MCAP and SQLite bags with `rosbags`, without a ROS installation.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from rosbags.rosbag2 import Reader
from tqdm import tqdm

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.formats import LabelFormat
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.cdr import CdrError, read_stamp_ns
from unet_seg_ros.messages.images import COMPRESSED_IMAGE, IMAGE, BadImage, Image, read_any_image
from unet_seg_ros.messages.topics import is_camera
from unet_seg_ros.pictures.files import MAX_PIXELS
from unet_seg_ros.units import NS_PER_S

_COMPRESSED = "/compressed"
_SEMANTIC = "semantic"
# How carla_ros_bridge calls cameras that stand at one place.
_SEMANTIC_CAMERA, _RGB_CAMERA = "semantic_segmentation", "rgb"
# So many semantic pictures are looked at to find out what they are.
_SAMPLES = 20

_TO_BGR = {"rgb": cv2.COLOR_RGB2BGR, "rgba": cv2.COLOR_RGBA2BGR}


@dataclass(frozen=True)
class Place:
    """Where a message is: its topic, and when it was recorded; and the stamp in its header."""

    topic: str
    time_ns: int
    stamp_ns: int


@dataclass(frozen=True)
class BagPictures:
    """A data set (`LabelledPictures`) in a bag. It knows where messages are and is cheap to pickle.

    Attributes:
        pairs: Where each picture and the semantic picture of the same stamp are, in order of time.
    """

    bag: Path
    label_set: LabelSet
    format: LabelFormat
    pairs: Sequence[tuple[Place, Place]]
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    faults: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the bag."""
        return self.bag.name

    @property
    def drives(self) -> Sequence[str]:
        """A bag is one drive."""
        return [self.name] * len(self)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Read a picture and its label map.

        Raises:
            DataError: A message is damaged, sizes differ, or there are labels that the label set
                does not have.
        """
        picture, truth = self.pairs[index]
        image = read_image_at(self.bag, picture)
        pixels = _bgr(read_image_at(self.bag, truth))
        where = f"{self.bag}: {truth.topic} at {_seconds(truth.stamp_ns)}"
        if pixels.shape[:2] != image.pixels.shape[:2]:
            raise DataError(f"{where} has another size than the picture")
        labels, complaint = self.format(pixels)
        if complaint:
            raise DataError(f"{where} {complaint}")
        # No view of the message, whose bytes cannot be written.
        rgb = np.require(image.rgb(), requirements="W")
        return Sample(rgb, labels, self.name_of(index))

    def name_of(self, index: int) -> str:
        """Return the name of a picture: its camera and its stamp."""
        picture, _ = self.pairs[index]
        camera = Path(picture.topic.removesuffix(_COMPRESSED)).parent.name
        return f"{camera}_{picture.stamp_ns}"


def open_bag(path: Path, label_set: LabelSet | None) -> BagPictures:
    """Open a bag: find the cameras that belong together and index their pictures by stamp.

    Args:
        path: A rosbag2 folder, or its file.
        label_set: What the semantic camera shows; may be None where it shows colours.

    Raises:
        DataError: It is not a bag, has no such cameras, or no label set is told.
    """
    cameras = _cameras(path)
    places = index_images(path, {topic for pair in cameras for topic in pair})
    pairs, faults = [], []
    for camera, semantic in cameras:
        pictures, truths = places[camera], places[semantic]
        common = pictures.keys() & truths.keys()
        pairs += [(pictures[stamp_ns], truths[stamp_ns]) for stamp_ns in common]
        faults += [
            f"{path}: {len(found) - len(common)} of {len(found)} pictures on {topic} have none of "
            "the same stamp on the other topic"
            for topic, found in ((camera, pictures), (semantic, truths))
            if len(found) > len(common)
        ]
    if not pairs:
        raise DataError(f"{path}: no picture has a semantic picture of the same stamp")
    pairs.sort(key=lambda pair: (pair[0].stamp_ns, pair[0].topic))
    classes, label_format = _decoding(path, [truth for _, truth in pairs], label_set)
    return BagPictures(path, classes, label_format, pairs, faults=faults)


def index_images(path: Path, topics: Collection[str]) -> dict[str, dict[int, Place]]:
    """Return, by topic and stamp, where the messages of image topics are.

    Raises:
        DataError: It is not a bag that can be read.
    """
    places: dict[str, dict[int, Place]] = {topic: {} for topic in topics}
    try:
        reader = _reader(path, os.getpid())
        wanted = [item for item in reader.connections if item.topic in places]
        for connection, time_ns, data in tqdm(
            reader.messages(wanted),
            f"indexing {path.name}",
            total=sum(item.msgcount for item in wanted),
            unit="message",
            disable=None,
        ):
            stamp_ns = read_stamp_ns(data)
            places[connection.topic][stamp_ns] = Place(connection.topic, time_ns, stamp_ns)
    except Exception as error:  # rosbags raises whatever its parsers do at bytes that are no bag
        raise DataError(f"{path}: not a rosbag2 that can be read: {error!s:.200}") from error
    return places


def read_image_at(path: Path, place: Place) -> Image:
    """Return the picture at a place in a bag.

    Raises:
        DataError: The message is damaged.
    """
    reader = _reader(path, os.getpid())
    wanted = [item for item in reader.connections if item.topic == place.topic]
    try:
        found = reader.messages(wanted, place.time_ns, place.time_ns + 1)
        connection, _, data = next(
            item for item in found if read_stamp_ns(item[2]) == place.stamp_ns
        )
        compressed = connection.msgtype == COMPRESSED_IMAGE
        return read_any_image(data, MAX_PIXELS, compressed=compressed)
    except (BadImage, CdrError) as error:
        where = f"{path}: {place.topic} at {_seconds(place.stamp_ns)}"
        raise DataError(f"{where}: {error}") from error


def _cameras(path: Path) -> list[tuple[str, str]]:
    """Return the topics of cameras, each with that of the semantic camera at the same place.

    Raises:
        DataError: There are none, or it cannot be told which belong together.
    """
    types = _topic_types(path)
    semantics = [topic for topic, kind in types.items() if kind == IMAGE and _SEMANTIC in topic]
    cameras = [
        topic
        for topic, kind in types.items()
        if kind in (IMAGE, COMPRESSED_IMAGE) and is_camera(topic)
    ]
    pairs = []
    for semantic in semantics:
        image = semantic.replace(_SEMANTIC_CAMERA, _RGB_CAMERA)
        beside = [topic for topic in (image, image + _COMPRESSED) if topic in cameras]
        pairs += [(topic, semantic) for topic in beside[:1]]
    if not pairs and len(semantics) == len(cameras) == 1:
        pairs = [(cameras[0], semantics[0])]
    if not pairs:
        raise DataError(
            f"{path}: cannot tell which cameras belong together: "
            f"{', '.join(cameras) or 'no camera'} and "
            f"{', '.join(semantics) or 'no semantic camera'}; .../{_RGB_CAMERA}_front/image and "
            f".../{_SEMANTIC_CAMERA}_front/image would"
        )
    return pairs


def _topic_types(path: Path) -> dict[str, str]:
    try:
        return {item.topic: item.msgtype for item in _reader(path, os.getpid()).connections}
    except Exception as error:  # rosbags raises whatever its parsers do at bytes that are no bag
        raise DataError(f"{path}: not a rosbag2 that can be read: {error!s:.200}") from error


def _decoding(
    path: Path, truths: Sequence[Place], label_set: LabelSet | None
) -> tuple[LabelSet, LabelFormat]:
    step = max(len(truths) // _SAMPLES, 1)
    samples = [_bgr(read_image_at(path, truth)) for truth in truths[::step][:_SAMPLES]]
    if not any(formats.is_colored(pixels) for pixels in samples):
        classes = label_set_choice.required(label_set, path)
        return classes, partial(formats.tags, label_set=classes)
    classes = label_set or label_set_choice.by_palette(samples, path)
    return classes, partial(formats.palette, label_set=classes)


@lru_cache(maxsize=4)
def _reader(path: Path, process_id: int) -> Reader:  # noqa: ARG001
    """Return an open reader, one a process: processes that share a file share its position."""
    reader = Reader(path)
    reader.open()
    return reader


def _bgr(image: Image) -> Uint8Array:
    """Return the pixels as `label_formats` takes them, in the order in which OpenCV reads files."""
    code = _TO_BGR.get(image.color_order)
    return image.pixels if code is None else np.asarray(cv2.cvtColor(image.pixels, code), np.uint8)


def _seconds(stamp_ns: int) -> str:
    return f"{stamp_ns / NS_PER_S:.3f} s"
