# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What readers give: samples, and sets of labelled pictures that training and evaluation take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.ego_mask import EgoMask


@dataclass(frozen=True)
class Sample:
    """A picture, `(H, W, 3)` uint8 RGB, and where there is ground truth its `(H, W)` label map.

    `ego_mask` says where the picture shows the own car, if that is known.
    `time_ns` is when a frame of a video is shown, since its beginning; None where nothing tells.
    `note` says what was passed over in the labels, empty where nothing was.
    `camera` is the one of the drive that took it, empty where there is one only or nothing tells.
    """

    image: Uint8Array
    labels: Uint8Array | None
    name: str
    ego_mask: EgoMask | None = None
    time_ns: int | None = None
    note: str = ""
    camera: str = ""


class LabelledPictures(Protocol):
    """A data set with ground truth; pictures are read when they are asked for."""

    @property
    def name(self) -> str:
        """What reports and model cards call it."""

    @property
    def label_set(self) -> LabelSet:
        """What the ids of the label maps mean; 255 = not labelled."""

    @property
    def drives(self) -> Sequence[str]:
        """For every picture the drive that it is from (a folder, a town, a sequence).

        Neighbours of one drive look alike, so a split keeps drives apart.
        """

    @property
    def parts(self) -> Mapping[str, Sequence[int]]:
        """Positions by the name of the part, where the data set is published in parts.

        CamVid is, in `train` and `val`; empty where there are none.
        """

    @property
    def faults(self) -> Sequence[str]:
        """What is wrong with files that belong to no picture: a mask without one, for example."""

    @property
    def layout(self) -> str:
        """The name of its layout."""

    @property
    def notes(self) -> Sequence[str]:
        """What is unusual about it though not wrong, and which files were left alone."""

    def __len__(self) -> int:
        """Return how many pictures there are."""

    def name_of(self, index: int) -> str:
        """Return the name of a picture, without reading it."""

    def __getitem__(self, index: int) -> Sample:
        """Read a picture and its label map; raises DataError, naming the file."""


class Derived:
    """What a data set that is made of another takes over from it."""

    def __init__(self, pictures: LabelledPictures) -> None:
        self.name = pictures.name
        self.label_set = pictures.label_set
        self.drives = pictures.drives
        self.parts = pictures.parts
        self.faults = pictures.faults
        self.layout = pictures.layout
        self.notes = pictures.notes
