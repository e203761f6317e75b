# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts of Cityscapes and of data sets that are laid out and labelled like it: KITTI, IDD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unet_seg_ros.datasets.labelled_files import LabelledFiles
from unet_seg_ros.datasets.layouts.layout import Layout
from unet_seg_ros.datasets.layouts.pairing import (
    folders_in,
    has_folders,
    labelled_files,
    listed_below,
    pair,
)
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats
from unet_seg_ros.labels.formats import LabelFormat
from unet_seg_ros.labels.label_set import LabelSet

_PICTURES, _LABELS = "leftImg8bit", "gtFine"
_KITTI_PICTURES = "image_2"


@dataclass(frozen=True)
class _Kind:
    """A kind of label pictures: what they and their pictures end with, and what they mean."""

    picture_ending: str
    label_ending: str
    label_set: str
    is_colored: bool = False

    def decoding(self, classes: LabelSet) -> LabelFormat:
        decode = formats.palette if self.is_colored else formats.ids
        return partial(decode, label_set=classes)


_KINDS = (
    _Kind("_leftImg8bit", "_gtFine_labelIds", "cityscapes34"),
    _Kind("_leftImg8bit", "_gtFine_labelTrainIds", "cityscapes19"),
    _Kind("_leftImg8bit", "_gtFine_color", "cityscapes34", is_colored=True),
    _Kind("_image", "_label", "idd7"),
)
# KITTI's folders of label pictures; those in colour are in Cityscapes' colours.
_KITTI_KINDS = {
    "semantic": _Kind("", "", "cityscapes34"),
    "semantic_rgb": _Kind("", "", "cityscapes34", is_colored=True),
}


def _has_cityscapes(folder: Path) -> bool:
    return has_folders(folder, _PICTURES, _LABELS)


def _open_cityscapes(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `leftImg8bit/<part>/<city>/` with `gtFine/<part>/<city>/`; each city is a drive."""
    stems = {path.stem for path in listed_below(folder / _LABELS)}
    there = [kind for kind in _KINDS if any(stem.endswith(kind.label_ending) for stem in stems)]
    if not there:
        wanted = ", ".join(f"*{kind.label_ending}.png" for kind in _KINDS)
        raise DataError(f"{folder / _LABELS}: has none of {wanted}")
    kind = _named_like(there, label_set)
    classes = label_set or LabelSet.load(kind.label_set)
    parts, pairings, start = {}, [], 0
    for part in folders_in(folder / _PICTURES):
        pairing = pair(
            part,
            folder / _LABELS / part.name,
            partial(_city, part.name),
            f"{part.name}/",
            (kind.picture_ending, kind.label_ending),
        )
        parts[part.name] = range(start, start + len(pairing.files))
        pairings.append(pairing)
        start += len(pairing.files)
    found = labelled_files(folder, classes, kind.decoding(classes), pairings)
    return replace(found, parts=parts)


def _named_like(kinds: Sequence[_Kind], label_set: LabelSet | None) -> _Kind:
    """Return the kind whose label set the user named, else the first."""
    named = (kind for kind in kinds if label_set and kind.label_set == label_set.name)
    return next(named, kinds[0])


def _city(part: str, key: str) -> str:
    return key.rpartition("/")[0] or part


def _has_kitti(folder: Path) -> bool:
    return (folder / _KITTI_PICTURES).is_dir() and any(
        (folder / name).is_dir() for name in _KITTI_KINDS
    )


def _open_kitti(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `image_2/` with `semantic/`, else with `semantic_rgb/`; pictures are apart in time."""
    name, kind = next(item for item in _KITTI_KINDS.items() if (folder / item[0]).is_dir())
    classes = label_set or LabelSet.load(kind.label_set)
    pairing = pair(folder / _KITTI_PICTURES, folder / name, str)
    return labelled_files(folder, classes, kind.decoding(classes), [pairing])


CITYSCAPES = Layout("cityscapes", _has_cityscapes, _open_cityscapes)
KITTI = Layout("kitti", _has_kitti, _open_kitti)
