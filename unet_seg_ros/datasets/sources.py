# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where pictures come from: folders, videos, data sets with ground truth, the built-in town."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.labelled_files import LabelledFiles
from unet_seg_ros.datasets.layouts.known import layout_of
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.datasets.town import TOWN, TownDrive, is_town
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.files import path_for_opencv, read_picture
from unet_seg_ros.pictures.folders import pictures_in
from unet_seg_ros.units import NS_PER_S


class Source(Protocol):
    """Samples in order. It can be iterated again and then begins at the first."""

    @property
    def label_set(self) -> LabelSet | None:
        """What the ids of the label maps mean; None where there is no ground truth."""

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples; raises DataError for one that cannot be read."""


def open_source(
    spec: str,
    *,
    label_set: str = "",
    size: tuple[int, int] = (800, 600),
    fov_deg: float = 90.0,
    fps: float = 20.0,
) -> Source:
    """Open a source of pictures.

    `spec` is one of

    * `town` or `town:SEED`: an endless drive through the built-in town, with ground truth;
    * a folder in one of the layouts of data sets (docs/datasets.md), with its ground truth;
    * any other folder with pictures, in natural order of their names;
    * a video file.

    Args:
        spec: See above.
        label_set: Name or path of the label set, where the source does not tell.
        size: (width, height) of the town's camera.
        fov_deg: Horizontal field of view of the town's camera.
        fps: Frames per second at which the town's camera drives.

    Raises:
        DataError: There is no such source.
        LabelSetError: There is no such label set.
    """
    if is_town(spec):
        return TownDrive(spec, size, fov_deg, fps)
    path = Path(spec).expanduser().resolve()
    if path.is_dir():
        return _open_folder(path, label_set)
    if path.is_file():
        return VideoFrames(path)
    raise DataError(f"{spec}: no such folder or file; give one, or {TOWN}, or {TOWN}:SEED")


def _open_folder(folder: Path, label_set: str) -> Source:
    layout = layout_of(folder)
    if layout is None:
        return PictureFolder(folder)
    return PlayedFiles(layout.open(folder, LabelSet.load(label_set) if label_set else None))


class PictureFolder:
    """The pictures in a folder, without ground truth."""

    label_set: LabelSet | None = None

    def __init__(self, folder: Path) -> None:
        self._pictures = pictures_in(folder)

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Sample]:
        for picture in self._pictures:
            yield Sample(read_picture(picture), None, picture.stem)


class PlayedFiles:
    """A data set of files as a source. Labels that its label set lacks are 255, no error.

    Raises:
        DataError: A picture has no label file.
    """

    def __init__(self, files: LabelledFiles) -> None:
        for file in files.files:
            file.require_labels()
        self._files = files
        self.label_set = files.label_set

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Sample]:
        for index in range(len(self._files)):
            yield self._files.read(index)[0]


class VideoFrames:
    """The frames of a video file, as far as they can be decoded.

    Raises:
        DataError: From iteration, when OpenCV cannot read the first frame.
    """

    label_set: LabelSet | None = None

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Sample]:
        capture = cv2.VideoCapture(path_for_opencv(self._path))
        try:
            index, last_ns = 0, -1
            while (read := capture.read())[0]:
                time_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * NS_PER_S / 1000)
                name = f"{self._path.stem}_{index:06}"
                # Some containers have no times.
                is_told = time_ns > last_ns
                told_ns = time_ns if is_told else None
                yield Sample(_bgr_to_rgb(read[1]), None, name, time_ns=told_ns)
                index, last_ns = index + 1, max(time_ns, last_ns)
            if index == 0:
                raise DataError(f"{self._path}: not a video that OpenCV can read")
        finally:
            capture.release()


def _bgr_to_rgb(pixels: np.ndarray) -> Uint8Array:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
