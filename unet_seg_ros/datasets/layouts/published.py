# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts in which data sets of others are published: nuclei, CamVid, Pascal VOC."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from unet_seg_ros.datasets import encodings
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.layouts.layout import Layout, lacks
from unet_seg_ros.datasets.layouts.pairing import (
    Pairing,
    by_key,
    has_folders,
    label_files,
    labelled_files,
    listed_below,
    matched,
    pair,
)
from unet_seg_ros.datasets.parts import is_part
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.class_lists import LABEL_COLORS, LABEL_MAP, read_class_list
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.folders import files_in, folders_in, pictures_below

_IMAGES_MASKS = ("images", "masks")
_ANNOTATIONS = "annot"
_VOC_PICTURES, _VOC_LABELS = "JPEGImages", "SegmentationClass"
_VOC_PARTS = "ImageSets/Segmentation"


def _has_nuclei(folder: Path) -> bool:
    return any(_is_nucleus(item) for item in folders_in(folder) if not is_part(item.name))


def _is_nucleus(folder: Path) -> bool:
    """Tell whether a folder is one picture with a mask for each object, none called like it."""
    if not has_folders(folder, *_IMAGES_MASKS):
        return False
    pictures, masks = (listed_below(folder / name) for name in _IMAGES_MASKS)
    return len(pictures) == 1 and pictures[0].stem not in {mask.stem for mask in masks}


def _open_nuclei(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `<id>/images/*.png` with `<id>/masks/*.png`, one an object; each is its own drive."""
    items = [item for item in folders_in(folder) if (item / _IMAGES_MASKS[0]).is_dir()]
    if not items:
        raise lacks(folder, "nuclei", "folders that each have images/ and masks/")
    files, faults = [], []
    for item in items:
        pictures = listed_below(item / _IMAGES_MASKS[0])
        folder_of_masks = item / _IMAGES_MASKS[1]
        masks = listed_below(folder_of_masks) if folder_of_masks.is_dir() else []
        if len(pictures) == 1:
            files.append(LabelledFile(pictures[0], tuple(masks), item.name, drive=item.name))
        else:
            faults.append(f"{item / 'images'}: has {len(pictures)} pictures; one is expected")
    nuclei = label_set_choice.fixed("nuclei2", label_set, folder)
    return LabelledFiles(
        folder.name, nuclei, formats.foreground, files, faults=faults, layout="nuclei"
    )


def _has_camvid(folder: Path) -> bool:
    return bool(_segnet_parts(folder))


def _open_camvid(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `train/` beside `trainannot/` and so on, as SegNet has CamVid; or one of the parts.

    CVAT writes it as well, with colours and a list of them.
    """
    parts = _segnet_parts(folder)
    if not parts:
        raise lacks(folder, "camvid", "train/ with trainannot/, or another such pair")
    listed = folder / LABEL_COLORS
    if label_set is None and listed.is_file():
        classes = read_class_list(listed, folder.name)
    else:
        classes = label_set or LabelSet.load("camvid11")
    pairings = [
        pair(
            part,
            _annotations(part),
            [part.name],
            otherwise=part.name,
            drive_of=partial(_sequence, part.name),
        )
        for part in parts
    ]
    # The id after the last class's is that of unlabelled pixels.
    ways = [*encodings.class_ids(classes, [len(classes)]), *encodings.colors(classes)]
    encoding = encodings.told_by(encodings.pixels_of(label_files(pairings)), ways)
    found = labelled_files(folder, "camvid", classes, encoding, pairings)
    if _annotations(folder).is_dir():
        return replace(found, name=f"{folder.parent.name}/{folder.name}", parts={})
    return found


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


def _has_voc(folder: Path) -> bool:
    return (folder / _VOC_LABELS).is_dir()


def _open_voc(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `JPEGImages/` with `SegmentationClass/`; the index, or the colour, is the class.

    Pictures without labels are left out: most of Pascal VOC's are for other tasks.
    """
    if not has_folders(folder, _VOC_PICTURES, _VOC_LABELS):
        wanted = f"{_VOC_PICTURES}/ with {_VOC_LABELS}/ (CVAT exports pictures if it is asked to)"
        raise lacks(folder, "voc", wanted)
    listed = folder / LABEL_MAP
    if label_set is None and listed.is_file():
        classes = read_class_list(listed, folder.name)
    else:
        classes = label_set_choice.required(label_set, folder)
    labels_of = by_key(listed_below(folder / _VOC_LABELS), folder / _VOC_LABELS)
    pictures_of = by_key(pictures_below(folder / _VOC_PICTURES), folder / _VOC_PICTURES)
    without = [path for key, paths in pictures_of.items() if key not in labels_of for path in paths]
    labelled = {key: paths for key, paths in pictures_of.items() if key in labels_of}
    part_of = _voc_parts(folder, labelled)
    where = f"in {_VOC_PICTURES}"
    pairs, faults = matched(labelled, labels_of, folder / _VOC_LABELS, "", where)
    files = [
        LabelledFile(picture, (label_file,), key, key, part_of.get(key, ""))
        for key, picture, label_file in pairs
    ]
    if not files:
        raise DataError(f"{folder / _VOC_LABELS}: has labels of no picture in {_VOC_PICTURES}")
    notes = (
        [f"{len(without)} pictures have no file in {_VOC_LABELS} and are left out"]
        if without
        else []
    )
    pairing = Pairing(files, faults, notes)
    ways = [*encodings.class_ids(classes), *encodings.colors(classes)]
    encoding = encodings.told_by(encodings.pixels_of(pairing.label_files), ways)
    found = labelled_files(folder, "voc", classes, encoding, [pairing])
    return replace(found, without_labels=without)


def _voc_parts(folder: Path, known: Collection[str]) -> dict[str, str]:
    """Return of the `known` pictures that are in lists called like parts which one they are of."""
    lists = folder / _VOC_PARTS
    return {
        _listed_picture(line, known): path.stem.lower()
        for path in (files_in(lists) if lists.is_dir() else [])
        if path.suffix == ".txt" and is_part(path.stem)
        for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        if line.strip()
    }


def _listed_picture(line: str, known: Collection[str]) -> str:
    """Return the name in a line of a list, where more may stand behind it.

    The name itself may have spaces; CVAT writes it in quotes then.
    """
    name = line.strip()
    if name.startswith('"'):
        name = name[1:].partition('"')[0]
    return name if name in known else line.split()[0]


NUCLEI = Layout("nuclei", _has_nuclei, _open_nuclei)
CAMVID = Layout("camvid", _has_camvid, _open_camvid)
VOC = Layout("voc", _has_voc, _open_voc)
