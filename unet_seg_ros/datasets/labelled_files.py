# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures and their label pictures, as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.formats import Decoded, LabelFormat
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.exif import upright
from unet_seg_ros.pictures.files import read_label_ids, read_picture_and_orientation


@dataclass(frozen=True)
class LabelledFile:
    """A picture and where its labels are.

    Attributes:
        picture: The picture's file.
        labels: One label picture, or the masks of its objects.
        name: What the picture is called in reports; unique in its data set.
        drive: The drive that it is from.
        part: The part of the data set that it belongs to, empty where there are none.
        camera: The camera of the drive, empty where nothing tells.
    """

    picture: Path
    labels: tuple[Path, ...]
    name: str
    drive: str
    part: str = ""
    camera: str = ""

    def require_labels(self) -> None:
        """Raise DataError where a file with labels is missing."""
        if not self.labels:
            raise DataError(f"{self.picture}: has no masks")
        for path in self.labels:
            if not path.is_file():
                raise DataError(f"{path}: is missing, though its picture is there")


@dataclass(frozen=True)
class LabelledFiles:
    """A data set (`LabelledPictures`) of picture files. It holds paths only and is cheap to pickle.

    Attributes:
        format: How the label pictures are decoded.
        files: The files, those of a drive one after another.
        read_labels: How the pixels of a label picture come out of its file.
        layout: The name of its layout.
        notes: What is unusual about it, and what was left alone.
        draw_labels: How a file that describes regions becomes pixels of a (height, width), where
            labels are no pictures; their drawer saw pictures upright, as their EXIF asks for.
        without_labels: Pictures that its layout leaves out since they have no labels.
    """

    name: str
    label_set: LabelSet
    format: LabelFormat
    files: Sequence[LabelledFile]
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    faults: Sequence[str] = ()
    read_labels: Callable[[Path], Uint8Array] = read_label_ids
    layout: str = ""
    notes: Sequence[str] = ()
    draw_labels: Callable[[Path, tuple[int, int]], Uint8Array] | None = None
    without_labels: Sequence[Path] = ()

    @property
    def drives(self) -> Sequence[str]:
        """For every picture the drive that it is from."""
        return [file.drive for file in self.files]

    def __len__(self) -> int:
        return len(self.files)

    def name_of(self, index: int) -> str:
        """Return the name of a picture."""
        return self.files[index].name

    def __getitem__(self, index: int) -> Sample:
        """Read a picture and its label map.

        Raises:
            DataError: A file is missing or cannot be read, sizes differ, or there are labels that
                the label set does not have.
        """
        sample, complaint = self.read(index)
        if complaint:
            raise DataError(complaint)
        return sample

    def read(self, index: int) -> tuple[Sample, str]:
        """Read a picture, and say what in its labels the label set lacks: 255 in the label map.

        Raises:
            DataError: As `self[index]`, apart from that.
        """
        file = self.files[index]
        image, orientation = read_picture_and_orientation(file.picture)
        file.require_labels()
        labels, complaint, note = self._read_labels(file, file.labels[0], image, orientation)
        for path in file.labels[1:]:  # one mask an object: the objects of all of them
            more, also, _ = self._read_labels(file, path, image, orientation)
            np.maximum(labels, more, out=labels)
            complaint = complaint or also
        return Sample(image, labels, file.name, note=note, camera=file.camera), complaint

    def _read_labels(
        self, file: LabelledFile, path: Path, image: Uint8Array, orientation: int
    ) -> Decoded:
        if self.draw_labels is None:
            pixels = self.read_labels(path)
        else:
            pixels = self.draw_labels(path, (image.shape[0], image.shape[1]))
        try:
            labels, complaint, note = self.format(pixels)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error
        if orientation != 1 and self.draw_labels is None:
            labels = _turned_like(file, image, labels, orientation)
        if labels.shape != image.shape[:2]:
            raise DataError(f"{path}: has {_size(labels)} pixels, its picture {_size(image)}")
        return Decoded(labels, complaint and f"{path}: {complaint}", note and f"{path}: {note}")


def _turned_like(
    file: LabelledFile, image: Uint8Array, labels: Uint8Array, orientation: int
) -> Uint8Array:
    """Return a label map turned like its picture, whose file notes that it lay on its side.

    Raises:
        DataError: Nothing tells whether it was drawn on the turned picture.
    """
    turned = upright(labels, orientation)
    fits = [candidate.shape == image.shape[:2] for candidate in (labels, turned)]
    if all(fits):
        raise DataError(
            f"{file.picture}: notes an orientation in its EXIF data ({orientation}), and nothing "
            "tells whether its labels were drawn on the picture as it is stored or as it is shown; "
            "store it as it is shown, without that note (mogrify -auto-orient), and look whether "
            "the labels fit"
        )
    return turned if fits[1] else labels


def _size(pixels: Uint8Array) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
