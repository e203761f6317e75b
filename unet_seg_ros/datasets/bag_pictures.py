# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labelled pictures out of a bag: a camera's, and a semantic camera's of the same moment.

Needs no ROS installation.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from unet_seg_ros.bags.cameras import camera_topics, pair_cameras, passed_over, read_picture
from unet_seg_ros.bags.pairing import Pairing, Place, moments_ns
from unet_seg_ros.bags.pairing import pair as pairing_of
from unet_seg_ros.bags.reader import BagReader, Extent
from unet_seg_ros.bags.writer import BagError, Topic
from unet_seg_ros.datasets import encodings
from unet_seg_ros.datasets.encodings import Encoding, LabelPixels
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import published
from unet_seg_ros.labels.formats import LabelFormat
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.cdr import CdrError, read_stamp_ns
from unet_seg_ros.messages.images import BadImage, Image
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.units import NS_PER_S


@dataclass(frozen=True)
class BagPictures:
    """A data set (`LabelledPictures`) in a bag. It knows where messages are and is cheap to pickle.

    Attributes:
        pairs: Where each picture and the semantic picture of the same moment are, in order of time.
        times_ns: When each was taken: by its stamp or, where those of its camera repeat or begin
            again, by recording.
        camera_names: What cameras, by their image topics, are called in the names of pictures.
    """

    bag: Path
    label_set: LabelSet
    format: LabelFormat
    pairs: Sequence[tuple[Place, Place]]
    times_ns: Sequence[int]
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()
    layout: str = "bag"
    camera_names: Mapping[str, str] = field(default_factory=dict)

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
        pixels = read_image_at(self.bag, truth).bgr()
        where = f"{self.bag}: {truth.topic} at {_seconds(truth.stamp_ns)}"
        if pixels.shape[:2] != image.pixels.shape[:2]:
            raise DataError(f"{where} has another size than the picture")
        labels, complaint, note = self.format(pixels)
        if complaint:
            raise DataError(f"{where} {complaint}")
        # No view of the message, whose bytes cannot be written.
        rgb = np.require(image.rgb(), requirements="W")
        told = note and f"{where} {note}"
        return Sample(rgb, labels, self.name_of(index), note=told, camera=picture.topic)

    def name_of(self, index: int) -> str:
        """Return the name of a picture: its camera and its time."""
        picture, _ = self.pairs[index]
        return f"{self.camera_names[picture.topic]}_{self.times_ns[index]}"


def open_bag(path: Path, label_set: LabelSet | None, cameras: Sequence[str] = ()) -> BagPictures:
    """Open a bag: find the cameras that belong together and index their pictures.

    Args:
        path: Whatever `BagReader` reads.
        label_set: What the semantic camera shows; may be None where it shows colours.
        cameras: Which cameras, as `pair_cameras` takes them; without, all.

    Raises:
        DataError: It is not a bag, has no such cameras, or no label set is told.
    """
    topics = _reader(path, os.getpid()).filled_topics
    try:
        chosen = pair_cameras(topics, cameras)
    except BagError as error:
        raise DataError(f"{path}: {error}") from error
    places = index_images(path, {topic for pair in chosen for topic in pair})
    pairs: list[tuple[Place, Place]] = []
    moments: dict[Place, int] = {}
    faults = passed_over(topics)
    for camera, semantic in chosen:
        pairing = pairing_of(places[camera], places[semantic])
        pairs += pairing.pairs
        moments |= moments_ns(places[camera])
        faults += _complaints(pairing, (camera, places[camera]), (semantic, places[semantic]))
    if not pairs:
        reasons = ["no picture has a semantic picture of the same stamp", *faults]
        raise DataError(f"{path}: {'; '.join(reasons)}")
    pairs.sort(key=lambda pair: (moments[pair[0]], pair[0].topic))
    times_ns = [moments[picture] for picture, _ in pairs]
    classes, encoding = _decoding(path, [truth for _, truth in pairs], label_set)
    faults = [f"{path}: {fault}" for fault in faults]
    notes = [encoding.note] if encoding.note else []
    return BagPictures(
        path,
        classes,
        encoding.format,
        pairs,
        times_ns,
        faults=faults,
        notes=notes,
        camera_names=_camera_names(topics, [camera for camera, _ in chosen]),
    )


def _camera_names(topics: Mapping[str, Topic], chosen: Sequence[str]) -> dict[str, str]:
    """Return what to call cameras: `rgb_front`, or the whole topic where others are called so.

    The others may be any of the bag, so that a picture's name is the same whichever are chosen.
    """
    known = dict.fromkeys([*camera_topics(topics), *chosen])
    short = {topic: Path(CameraTopics(topic).raw).parent.name for topic in known}
    counts = Counter(short.values())
    return {
        topic: short[topic] if counts[short[topic]] == 1 else topic.strip("/").replace("/", "_")
        for topic in chosen
    }


def _complaints(
    pairing: Pairing, pictures: tuple[str, Sequence[Place]], truths: tuple[str, Sequence[Place]]
) -> Iterator[str]:
    """Yield a sentence about each thing that pairing two topics showed."""
    if pairing.by_recording:
        yield (
            f"{pairing.by_recording} pictures on {pictures[0]} are paired with {truths[0]} by "
            "their times of recording, since their stamps repeat"
        )
    if pairing.untold:
        yield (
            f"{len(pairing.untold)} pictures on {pictures[0]} are left out: their stamps repeat, "
            f"as {_seconds(pairing.untold[0].stamp_ns)} does, and their times of recording do not "
            f"tell which picture on {truths[0]} is of the same moment"
        )
    for (topic, found), untold in ((pictures, len(pairing.untold)), (truths, 0)):
        if missing := len(found) - len(pairing.pairs) - untold:
            yield (
                f"{missing} of {len(found)} pictures on {topic} have none of the same stamp on "
                "the other topic"
            )


def index_images(path: Path, topics: Collection[str]) -> dict[str, list[Place]]:
    """Return, by topic, where the messages of image topics are, in the order of recording.

    Raises:
        DataError: It is not a bag that can be read.
    """
    places: dict[str, list[Place]] = {topic: [] for topic in topics}
    reader = _reader(path, os.getpid())
    try:
        for message in tqdm(
            reader.messages(places),
            f"indexing {path.name}",
            total=sum(reader.counts.get(topic, 0) for topic in topics),
            unit="message",
            disable=None,
        ):
            stamp_ns = read_stamp_ns(message.data)
            places[message.topic].append(Place(message.topic, message.log_time_ns, stamp_ns))
    except CdrError as error:
        raise DataError(f"{path}: a message on {message.topic} has no stamp: {error}") from error
    except BagError as error:
        raise DataError(str(error)) from error
    return {
        topic: sorted(found, key=lambda place: place.time_ns) for topic, found in places.items()
    }


def read_image_at(path: Path, place: Place) -> Image:
    """Return the picture at a place in a bag.

    Raises:
        DataError: The message is damaged.
    """
    reader = _reader(path, os.getpid())
    extent = Extent(place.time_ns, place.time_ns + 1)
    try:
        found = reader.messages([place.topic], extent)
        message = next(item for item in found if read_stamp_ns(item.data) == place.stamp_ns)
        return read_picture(reader.topics[place.topic], message.data)
    except (BadImage, CdrError, BagError) as error:
        where = f"{path}: {place.topic} at {_seconds(place.stamp_ns)}"
        raise DataError(f"{where}: {error}") from error


def _decoding(
    path: Path, truths: Sequence[Place], label_set: LabelSet | None
) -> tuple[LabelSet, Encoding]:
    def pictures() -> Iterator[LabelPixels]:
        for truth in truths:
            try:
                pixels = read_image_at(path, truth).bgr()
            except DataError:  # named when that picture is read as part of the data set
                continue
            yield LabelPixels(pixels, pixels)

    return encodings.found_out(pictures, label_set, path, published.CARLA)


@lru_cache(maxsize=4)
def _reader(path: Path, process_id: int) -> BagReader:  # noqa: ARG001
    """Return an open reader, one a process: processes that share a file share its position."""
    try:
        return BagReader(path)
    except BagError as error:
        raise DataError(str(error)) from error


def _seconds(stamp_ns: int) -> str:
    return f"{stamp_ns / NS_PER_S:.3f} s"
