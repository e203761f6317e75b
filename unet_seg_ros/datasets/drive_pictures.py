# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a drive without their labels: of a folder, a data set, a video, a bag."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.bags.cameras import choose_cameras, read_picture
from unet_seg_ros.bags.paths import is_bag
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.datasets.layouts.known import layout_of
from unet_seg_ros.datasets.sources import VideoFrames
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import BadImage
from unet_seg_ros.pictures import files
from unet_seg_ros.pictures.files import path_for_opencv
from unet_seg_ros.pictures.folders import pictures_in


class DrivePictures(Protocol):
    """Pictures in order, read when they are asked for."""

    def __len__(self) -> int:
        """Return how many there are; of a video, what its file says, which may be wrong."""

    def pictures(self, wanted: Collection[int] | None = None) -> Iterator[Uint8Array]:
        """Yield pictures, `(H, W, 3)` uint8 RGB, as far as they can be read.

        Args:
            wanted: The numbers of those to yield, from 0 on; by default all.

        Raises:
            DataError: A file cannot be read.
        """


@dataclass(frozen=True)
class PictureFiles:
    """Pictures in files (`DrivePictures`)."""

    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def pictures(self, wanted: Collection[int] | None = None) -> Iterator[Uint8Array]:
        """As `DrivePictures` says."""
        for number, path in enumerate(self.paths):
            if wanted is None or number in wanted:
                yield files.read_picture(path)


@dataclass(frozen=True)
class VideoPictures:
    """The frames of a video (`DrivePictures`)."""

    path: Path

    def __len__(self) -> int:
        capture = cv2.VideoCapture(path_for_opencv(self.path))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        return max(count, 0)  # negative where nothing tells

    def pictures(self, wanted: Collection[int] | None = None) -> Iterator[Uint8Array]:
        """As `DrivePictures` says."""
        last = None if wanted is None else max(wanted, default=-1)
        for number, sample in enumerate(VideoFrames(self.path)):
            if wanted is None or number in wanted:
                yield sample.image
            if number == last:
                return


@dataclass(frozen=True)
class BagCameras:
    """The `count` pictures of cameras in a bag (`DrivePictures`); damaged ones are left out."""

    bag: Path
    image_topics: Sequence[str]
    count: int

    def __len__(self) -> int:
        return self.count

    def pictures(self, wanted: Collection[int] | None = None) -> Iterator[Uint8Array]:
        """As `DrivePictures` says."""
        with BagReader(self.bag) as reader:
            for number, message in enumerate(reader.messages(self.image_topics)):
                if wanted is not None and number not in wanted:
                    continue
                try:
                    yield read_picture(reader.topics[message.topic], message.data).rgb()
                except BadImage:
                    continue


def open_drive(
    path: Path,
    image_topics: Sequence[str] = (),
    pictures_of: Callable[[Path], list[Path]] = pictures_in,
    without_labels: bool = False,
) -> DrivePictures:
    """Open the pictures of a drive.

    Args:
        path: A folder of pictures, a data set, a video, or a bag.
        image_topics: Which cameras of a bag; by default all.
        pictures_of: Finds the pictures in a folder that is no data set.
        without_labels: Whether pictures of a data set count that it has no labels for.

    Raises:
        DataError: There is nothing, or nothing that has pictures.
        BagError: It is a bag that cannot be read, or has no such cameras.
    """
    if not path.exists():
        raise DataError(f"{path}: no such folder or file; give pictures, a video or a bag")
    if is_bag(path):
        with BagReader(path) as reader:
            topics = [item.image for item in choose_cameras(reader.filled_topics, image_topics)]
            return BagCameras(path, topics, sum(reader.counts[topic] for topic in topics))
    if image_topics:
        raise DataError(f"{path}: is no bag and has no topics")
    if path.is_dir():
        found = _files_of_data_set(path, without_labels)
        return PictureFiles(pictures_of(path) if found is None else found)
    return VideoPictures(path)


def _files_of_data_set(folder: Path, without_labels: bool) -> list[Path] | None:
    """Return the pictures of a data set; None where a folder is none.

    Raises:
        DataError: It is one, but without pictures: what lies there may be masks.
    """
    layout = layout_of(folder)
    if layout is None:
        return None
    try:
        found = layout.open(folder, None)
    except DataError:
        # It does not tell its classes; which they are does not matter here.
        found = layout.open(folder, LabelSet.load("carla29"))
    pictures = [file.picture for file in found.files]
    if without_labels:
        pictures += found.without_labels
    if not pictures:
        raise DataError(
            f"{folder}: is a data set ({layout.name}) without pictures that can be used; name the "
            "folder of its pictures instead"
        )
    return pictures
