# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Data sets without the own car: it is neither scored nor learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unet_seg_ros.datasets.bag_pictures import BagPictures
from unet_seg_ros.datasets.ego_masks import EgoMasks, unknown_inside
from unet_seg_ros.datasets.samples import Derived, LabelledPictures, Sample
from unet_seg_ros.datasets.selection import Selection
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.ego_mask import EgoMask


def without_own_car(pictures: LabelledPictures, masks: EgoMasks) -> LabelledPictures:
    """Return a data set in which the own car has no truth, and samples that tell where it is.

    Raises:
        DataError: A mask is for a camera that the data set has not.
    """
    if not masks:
        return pictures
    if isinstance(pictures, Selection):  # the whole tells which picture is which camera's
        return pictures.of(without_own_car(pictures.whole, masks))
    if isinstance(pictures, BagPictures):
        topics = [picture.topic for picture, _ in pictures.pairs]
        by_topic = masks.of(dict.fromkeys(topics))
        return _WithoutOwnCar(pictures, [by_topic.get(topic) for topic in topics])
    if masks.by_camera:
        raise DataError(
            f"{pictures.name}: only a bag tells which picture is which camera's; give one mask "
            "for all, without CAMERA="
        )
    return _WithoutOwnCar(pictures, [masks.everywhere] * len(pictures))


class _WithoutOwnCar(Derived):
    """A data set (`LabelledPictures`) whose labels are 255 on the own car."""

    def __init__(self, pictures: LabelledPictures, masks: Sequence[EgoMask | None]) -> None:
        super().__init__(pictures)
        self._pictures = pictures
        self._masks = masks

    def __len__(self) -> int:
        return len(self._pictures)

    def name_of(self, index: int) -> str:
        return self._pictures.name_of(index)

    def __getitem__(self, index: int) -> Sample:
        sample, mask = self._pictures[index], self._masks[index]
        if mask is None or sample.labels is None:
            return sample
        return replace(sample, labels=unknown_inside(sample.labels, mask), ego_mask=mask)
