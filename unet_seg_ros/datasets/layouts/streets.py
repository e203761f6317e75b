# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts of Cityscapes and of data sets that are laid out and labelled like it: KITTI, IDD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unet_seg_ros.datasets import encodings
from unet_seg_ros.datasets.encodings import Encoding
from unet_seg_ros.datasets.labelled_files import LabelledFiles
from unet_seg_ros.datasets.layouts.layout import Layout, lacks
from unet_seg_ros.datasets.layouts.pairing import has_folders, labelled_files, listed_below, pair
from unet_seg_ros.labels.label_set import LabelSet

_PICTURES, _LABELS = "leftImg8bit", "gtFine"
_KITTI_PICTURES = "image_2"


@dataclass(frozen=True)
class _Kind:
    """A kind of label pictures: what they and their pictures end with, and what they mean."""

    picture_ending: str
    label_ending: str
    label_set: str
    in_color: bool = False

    def encoding(self, classes: LabelSet) -> Encoding:
        ways = encodings.colors if self.in_color else encodings.class_ids
        return ways(classes)[0]


_KINDS = (
    _Kind("_leftImg8bit", "_gtFine_labelIds", "cityscapes34"),
    _Kind("_leftImg8bit", "_gtFine_labelTrainIds", "cityscapes19"),
    _Kind("_leftImg8bit", "_gtFine_color", "cityscapes34", in_color=True),
    _Kind("_image", "_label", "idd7"),
)
# KITTI's folders of label pictures; those in colour are in Cityscapes' colours.
_KITTI_KINDS = {
    "semantic": _Kind("", "", "cityscapes34"),
    "semantic_rgb": _Kind("", "", "cityscapes34", in_color=True),
}


def _has_cityscapes(folder: Path) -> bool:
    return has_folders(folder, _PICTURES, _LABELS)


def _open_cityscapes(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `leftImg8bit/<part>/<city>/` with `gtFine/<part>/<city>/`; each city is a drive."""
    if not _has_cityscapes(folder):
        raise lacks(folder, "cityscapes", f"{_PICTURES}/ with {_LABELS}/")
    stems = {path.stem for path in listed_below(folder / _LABELS)}
    there = [kind for kind in _KINDS if any(stem.endswith(kind.label_ending) for stem in stems)]
    if not there:
        wanted = ", ".join(f"*{kind.label_ending}.png" for kind in _KINDS)
        raise lacks(folder / _LABELS, "cityscapes", wanted)
    kind = _named_like(there, label_set)
    classes = label_set or LabelSet.load(kind.label_set)
    pairing = pair(
        folder / _PICTURES,
        folder / _LABELS,
        [],
        otherwise=folder.name,
        endings=(kind.picture_ending, kind.label_ending),
    )
    # Beside each label picture there are polygons of the same, in JSON.
    pairing = replace(pairing, notes=[])
    return labelled_files(folder, "cityscapes", classes, kind.encoding(classes), [pairing])


def _named_like(kinds: Sequence[_Kind], label_set: LabelSet | None) -> _Kind:
    """Return the kind whose label set the user named, else the first."""
    named = (kind for kind in kinds if label_set and kind.label_set == label_set.name)
    return next(named, kinds[0])


def _kitti_kind(folder: Path) -> str | None:
    there = (name for name in _KITTI_KINDS if has_folders(folder, _KITTI_PICTURES, name))
    return next(there, None)


def _open_kitti(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `image_2/` with `semantic/`, else with `semantic_rgb/`; pictures are apart in time."""
    name = _kitti_kind(folder)
    if name is None:
        raise lacks(folder, "kitti", f"{_KITTI_PICTURES}/ with {'/ or '.join(_KITTI_KINDS)}/")
    kind = _KITTI_KINDS[name]
    classes = label_set or LabelSet.load(kind.label_set)
    pairing = pair(folder / _KITTI_PICTURES, folder / name, [], otherwise=folder.name, drive_of=str)
    return labelled_files(folder, "kitti", classes, kind.encoding(classes), [pairing])


CITYSCAPES = Layout("cityscapes", _has_cityscapes, _open_cityscapes)
KITTI = Layout("kitti", lambda folder: _kitti_kind(folder) is not None, _open_kitti)
