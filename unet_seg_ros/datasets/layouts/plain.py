# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures and of label pictures, or both in one, as anybody has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unet_seg_ros.datasets import encodings
from unet_seg_ros.datasets.encodings import Encoding
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.layouts.layout import Layout, lacks
from unet_seg_ros.datasets.layouts.pairing import (
    Pairing,
    best_ending,
    by_key,
    has_folders,
    label_files,
    labelled_files,
    left_alone,
    listed_below,
    matched,
    pair,
    places,
)
from unet_seg_ros.datasets.parts import is_part, part_and_drive
from unet_seg_ros.labels import label_set_choice
from unet_seg_ros.labels.class_lists import CLASSES, read_class_list
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.folders import files_in, folders_in, is_picture

_PICTURES = ("images", "imgs", "image", "img")
_LABELS = ("masks", "labels", "mask")
_SIDES = [
    *((pictures, labels) for pictures in _PICTURES for labels in _LABELS),
    ("rgb", "segmentation"),
]
_ENDINGS = ("", "_mask", "-mask", "_label", "_labels")

_RGB, _IDS, _PALETTE, _MASK = "_rgb", "_ids", "_palette", "_mask"


# --- pictures in one folder, labels in another


def sides(folder: Path) -> tuple[Path, Path] | None:
    """Return the folders of pictures and of labels in a folder, if it has them."""
    found = next((names for names in _SIDES if has_folders(folder, *names)), None)
    return (folder / found[0], folder / found[1]) if found else None


def _has_sides(folder: Path) -> bool:
    return any(listed_below(labels) for _, labels in all_sides(folder))


def all_sides(folder: Path) -> list[tuple[Path, Path]]:
    """Return those of this folder, or of the folders of parts and drives in it."""
    found = [sides(place) for place in places(folder, lambda place: sides(place) is not None)]
    return [pair_of_folders for pair_of_folders in found if pair_of_folders]


def _pairings(folder: Path, layout: str) -> list[Pairing]:
    """Pair what is in `images/` and `masks/`, here or in the folders of parts and drives."""
    found = all_sides(folder)
    if not found:
        raise lacks(
            folder,
            layout,
            f"{'/, '.join(_PICTURES)}/ with {'/, '.join(_LABELS)}/, here or in folders in it",
        )
    return [
        pair(
            pictures,
            labels,
            pictures.parent.relative_to(folder).parts,
            otherwise=folder.name,
            endings=("", best_ending(pictures, labels, _ENDINGS)),
        )
        for pictures, labels in found
    ]


def _open_any(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `images/` with `masks/` that hold classes in whatever way they do."""
    pairings = _pairings(folder, "images-masks")
    paths = label_files(pairings)
    classes, encoding = encodings.found_out(lambda: encodings.pixels_of(paths), label_set, folder)
    layout = "palette" if encoding.in_color else "images-masks"
    return labelled_files(folder, layout, classes, encoding, pairings)


def _open_images_masks(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `images/` with `masks/` that have class ids, or 0 and 255 for two classes."""
    classes = label_set_choice.required(label_set, folder)
    pairings = _pairings(folder, "images-masks")
    ways = encodings.class_ids(classes)
    encoding = encodings.told_by(encodings.pixels_of(label_files(pairings)), ways)
    return labelled_files(folder, "images-masks", classes, encoding, pairings)


def _open_palette(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open pictures with label pictures in the colours of a label set."""
    if _places_beside(folder, _RGB, _PALETTE):
        pairings = _pairings_beside(folder, "palette", _RGB, _PALETTE)
    else:
        pairings = _pairings(folder, "palette")
    classes, encoding = _in_colors(folder, pairings, label_set)
    return labelled_files(folder, "palette", classes, encoding, pairings)


def _in_colors(
    folder: Path, pairings: Sequence[Pairing], label_set: LabelSet | None
) -> tuple[LabelSet, Encoding]:
    pixels = encodings.pixels_of(label_files(pairings))
    if label_set is None:
        return encodings.published_colors(pixels, folder)
    return label_set, encodings.told_by(pixels, encodings.colors(label_set))


# --- labels beside their pictures


def _places_beside(folder: Path, picture_ending: str, label_ending: str) -> list[Path]:
    """Return this folder, or the parts in it, that have label pictures beside pictures.

    No other folders: beside each other they may be of different label sets.
    """
    parts = [item for item in folders_in(folder) if is_part(item.name)]
    return [
        item
        for item in ([folder] if _has_beside(folder, picture_ending, label_ending) else parts)
        if _has_beside(item, picture_ending, label_ending)
    ]


def _has_beside(folder: Path, picture_ending: str, label_ending: str) -> bool:
    """Tell whether a folder has a label picture, and a picture that it may be of."""
    stems = {path.stem for path in files_in(folder) if is_picture(path)}
    return any(
        stem.endswith(label_ending) and stem.removesuffix(label_ending) + picture_ending in stems
        for stem in stems
    )


def _pairings_beside(
    folder: Path, layout: str, picture_ending: str, label_ending: str
) -> list[Pairing]:
    """Pair files of one folder, or of each folder in it, by what their names end with."""
    found = _places_beside(folder, picture_ending, label_ending)
    if not found:
        wanted = f"x{picture_ending}.png with x{label_ending}.png beside it"
        raise lacks(folder, layout, wanted)
    return [
        _beside(place, place.relative_to(folder).parts, folder, picture_ending, label_ending)
        for place in found
    ]


def _beside(
    place: Path, names: Sequence[str], folder: Path, picture_ending: str, label_ending: str
) -> Pairing:
    part, drive = part_and_drive(names, folder.name)
    pictures = [path for path in files_in(place) if is_picture(path)]
    labels_of = by_key(pictures, place, label_ending)
    others = (path for path in pictures if not path.stem.endswith(label_ending))
    pictures_of = by_key(others, place, picture_ending)
    pairs, faults = matched(pictures_of, labels_of, place, label_ending, "beside it")
    files = [
        LabelledFile(picture, (label_file,), "/".join([*names, key]), drive, part)
        for key, picture, label_file in pairs
    ]
    return Pairing(files, faults, left_alone(place))


def _has_pairs(folder: Path) -> bool:
    return bool(_places_beside(folder, _RGB, _IDS))


def _open_pairs(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `*_rgb.*` beside `*_ids.png`."""
    classes = label_set_choice.required(label_set, folder)
    pairings = _pairings_beside(folder, "pairs", _RGB, _IDS)
    ways = encodings.class_ids(classes)
    encoding = encodings.told_by(encodings.pixels_of(label_files(pairings)), ways)
    return labelled_files(folder, "pairs", classes, encoding, pairings)


def _has_palette_beside(folder: Path) -> bool:
    return bool(_places_beside(folder, _RGB, _PALETTE))


def _has_masks_beside(folder: Path) -> bool:
    return bool(_places_beside(folder, "", _MASK))


def _open_masks_beside(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `x.jpg` with `x_mask.png` beside it, as Roboflow exports with a list of classes."""
    pairings = _pairings_beside(folder, "beside", "", _MASK)
    paths = label_files(pairings)
    lists = [path.parent / CLASSES for path in paths[:1] if (path.parent / CLASSES).is_file()]
    if label_set is None and lists:
        classes = read_class_list(lists[0], folder.name)
    else:
        classes = label_set_choice.required(label_set, folder)
    ways = [*encodings.class_ids(classes), *encodings.colors(classes)]
    encoding = encodings.told_by(encodings.pixels_of(paths), ways)
    return labelled_files(folder, "beside", classes, encoding, pairings)


PAIRS = Layout("pairs", _has_pairs, _open_pairs)
PALETTE = Layout("palette", _has_palette_beside, _open_palette)
IMAGES_MASKS = Layout("images-masks", _has_sides, _open_images_masks)
MASKS_BESIDE = Layout("beside", _has_masks_beside, _open_masks_beside)
ANY_MASKS = Layout("images-masks", _has_sides, _open_any)
"""Which of `palette` and `images-masks` it is, is seen in the label pictures."""
