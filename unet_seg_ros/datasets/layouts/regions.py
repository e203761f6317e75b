# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with files of regions drawn by hand: labelme's, and LabelMe's as CVAT exports them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.labelme import LABELME_SUFFIXES, draw_regions, is_region_file
from unet_seg_ros.datasets.layouts.layout import Layout, lacks
from unet_seg_ros.datasets.layouts.pairing import (
    by_key,
    listed_below,
    more_than_one,
    parts_of,
)
from unet_seg_ros.datasets.parts import part_and_drive
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.folders import files_below, is_picture


def _has_labelme(folder: Path) -> bool:
    return any(is_region_file(path) for path in _drawn_for(folder).values())


def _open_labelme(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open pictures with labelme's files beside them; a picture without one is left out."""
    drawn_for = _drawn_for(folder)
    if not drawn_for:
        raise lacks(folder, "labelme", "x.json of labelme beside x.png, or x.xml of LabelMe")
    classes = label_set_choice.required(label_set, folder)
    pictures_of = by_key(drawn_for, folder)
    files = []
    for key, pictures in pictures_of.items():
        if len(pictures) == 1:
            part, drive = part_and_drive(key.split("/")[:-1], folder.name)
            files.append(LabelledFile(pictures[0], (drawn_for[pictures[0]],), key, drive, part))
    several = more_than_one(pictures_of, "pictures of one name")
    if several and not files:
        raise DataError(several[0])
    drawn, found = set(drawn_for.values()), files_below(folder)
    strays = [path for path in found if path.suffix in LABELME_SUFFIXES and path not in drawn]
    lost = [path for path in strays if is_region_file(path)]
    others = [path.name for path in strays if path not in lost]
    return LabelledFiles(
        name=folder.name,
        label_set=classes,
        format=partial(formats.ids, label_set=classes),
        files=files,
        parts=parts_of(files),
        faults=[*several, *(f"{path}: has no picture beside it" for path in lost)],
        layout="labelme",
        notes=[f"no files of labelme, left alone: {', '.join(others)}"] if others else [],
        draw_labels=partial(_draw, label_set=classes),
        without_labels=[path for path in found if is_picture(path) and path not in drawn_for],
    )


def _draw(path: Path, _size: tuple[int, int], label_set: LabelSet) -> Uint8Array:
    """Draw the regions of a file, which tells the size of its picture."""
    return draw_regions(path, label_set)


def _drawn_for(folder: Path) -> dict[Path, Path]:
    """Return the file of regions of each picture that has one."""
    candidates = (
        (picture, picture.with_suffix(suffix))
        for picture in listed_below(folder)
        for suffix in LABELME_SUFFIXES
    )
    return {picture: drawn for picture, drawn in candidates if drawn.is_file()}


LABELME = Layout("labelme", _has_labelme, _open_labelme)
