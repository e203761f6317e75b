# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts in which data sets of others are published."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.layouts.layout import Layout
from unet_seg_ros.datasets.layouts.pairing import (
    folders_in,
    has_folders,
    labelled_files,
    listed_below,
    pair,
)
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.label_set import LabelSet

IMAGES_MASKS = ("images", "masks")
_ANNOTATIONS = "annot"


def _has_nuclei(folder: Path) -> bool:
    return any(has_folders(item, *IMAGES_MASKS) for item in folders_in(folder))


def _open_nuclei(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `<id>/images/*.png` with `<id>/masks/*.png`, one an object; each is its own drive."""
    files, faults = [], []
    for item in folders_in(folder):
        pictures, masks = (listed_below(item / name) for name in IMAGES_MASKS)
        if len(pictures) == 1:
            files.append(LabelledFile(pictures[0], tuple(masks), item.name, drive=item.name))
        else:
            faults.append(f"{item / 'images'}: has {len(pictures)} pictures; one is expected")
    nuclei = label_set_choice.fixed("nuclei2", label_set, folder)
    return LabelledFiles(folder.name, nuclei, formats.foreground, files, faults=faults)


def _has_camvid(folder: Path) -> bool:
    return bool(_segnet_parts(folder))


def _open_camvid(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `train/` beside `trainannot/` and so on, as SegNet has CamVid; or one of the parts."""
    classes = label_set or LabelSet.load("camvid11")
    # The id after the last class's is that of unlabelled pixels.
    ids = partial(formats.ids, label_set=classes, ignored=(len(classes),))
    parts, pairings, start = {}, [], 0
    for part in _segnet_parts(folder):
        pairing = pair(part, _annotations(part), partial(_sequence, part.name), f"{part.name}/")
        parts[part.name] = range(start, start + len(pairing.files))
        pairings.append(pairing)
        start += len(pairing.files)
    found = labelled_files(folder, classes, ids, pairings)
    if _annotations(folder).is_dir():
        return replace(found, name=f"{folder.parent.name}/{folder.name}")
    return replace(found, parts=parts)


def _segnet_parts(folder: Path) -> list[Path]:
    if _annotations(folder).is_dir():
        return [folder]
    return [item for item in folders_in(folder) if _annotations(item).is_dir()]


def _annotations(part: Path) -> Path:
    return part.with_name(part.name + _ANNOTATIONS)


def _sequence(part: str, key: str) -> str:
    """Return what CamVid's files begin with: 0016E5 for 0016E5_07959."""
    head, underscore, _ = key.partition("_")
    return head if underscore else part


NUCLEI = Layout("nuclei", _has_nuclei, _open_nuclei)
CAMVID = Layout("camvid", _has_camvid, _open_camvid)
