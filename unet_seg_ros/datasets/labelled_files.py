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
from unet_seg_ros.pictures.files import read_label_picture, read_picture


@dataclass(frozen=True)
class LabelledFile:
    """A picture and where its labels are.

    Attributes:
        picture: The picture's file.
        labels: One label picture, or the masks of its objects.
        name: What the picture is called in reports; unique in its data set.
        drive: The drive that it is from.
    """

    picture: Path
    labels: tuple[Path, ...]
    name: str
    drive: str

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
    """

    name: str
    label_set: LabelSet
    format: LabelFormat
    files: Sequence[LabelledFile]
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    faults: Sequence[str] = ()
    read_labels: Callable[[Path], Uint8Array] = read_label_picture

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
        image = read_picture(file.picture)
        file.require_labels()
        labels, complaint = self._read_labels(file.labels[0], image)
        for path in file.labels[1:]:  # one mask an object: the objects of all of them
            more, also = self._read_labels(path, image)
            np.maximum(labels, more, out=labels)
            complaint = complaint or also
        return Sample(image, labels, file.name), complaint

    def _read_labels(self, path: Path, image: Uint8Array) -> Decoded:
        pixels = self.read_labels(path)
        if pixels.shape[:2] != image.shape[:2]:
            raise DataError(f"{path}: has {_size(pixels)} pixels, its picture {_size(image)}")
        try:
            labels, complaint = self.format(pixels)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error
        return Decoded(labels, complaint and f"{path}: {complaint}")


def _size(pixels: Uint8Array) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
