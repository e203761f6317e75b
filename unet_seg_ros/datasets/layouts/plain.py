# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures and of label pictures, as anybody has them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from unet_seg_ros.datasets.labelled_files import LabelledFiles
from unet_seg_ros.datasets.layouts.carla import RGB_SEGMENTATION
from unet_seg_ros.datasets.layouts.layout import Layout
from unet_seg_ros.datasets.layouts.pairing import (
    has_ending,
    has_folders,
    labelled_files,
    listed_below,
    pair_endings,
    pair_folders,
    samples,
)
from unet_seg_ros.datasets.layouts.published import IMAGES_MASKS
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.label_set import LabelSet

_IDS, _PALETTE = "_ids.png", "_palette.png"
# So many label pictures are looked at to find out what they are.
_SAMPLES = 20


def _has_pairs(folder: Path) -> bool:
    return has_ending(folder, _IDS)


def _open_pairs(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `*_rgb.*` beside `*_ids.png`."""
    classes = label_set_choice.required(label_set, folder)
    ids = partial(formats.ids, label_set=classes)
    return labelled_files(folder, classes, ids, [pair_endings(folder, _IDS)])


def _has_palette(folder: Path) -> bool:
    return _folders_in_color(folder) is not None or has_ending(folder, _PALETTE)


def _open_palette(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open pictures with label pictures in the colours of one of CARLA's label sets."""
    folders = _folders_in_color(folder)
    pairing = pair_folders(folder, *folders) if folders else pair_endings(folder, _PALETTE)
    looked_at = samples(pairing.label_files, _SAMPLES)
    classes = label_set or label_set_choice.by_palette(looked_at, folder)
    palette = partial(formats.palette, label_set=classes)
    return labelled_files(folder, classes, palette, [pairing])


def _folders_in_color(folder: Path) -> tuple[str, str] | None:
    """Return the names of the folders of pictures and of label pictures in colour, if any."""
    for pictures, labels in (IMAGES_MASKS, RGB_SEGMENTATION):
        if has_folders(folder, pictures, labels):
            looked_at = samples(listed_below(folder / labels), 1)
            if any(formats.is_colored(pixels) for pixels in looked_at):
                return pictures, labels
    return None


def _has_images_masks(folder: Path) -> bool:
    return has_folders(folder, *IMAGES_MASKS) and _folders_in_color(folder) is None


def _open_images_masks(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `images/` with `masks/`: ids or tags, or 0 and 255 for a label set of two classes."""
    classes = label_set_choice.required(label_set, folder)
    pairing = pair_folders(folder, *IMAGES_MASKS)
    looked_at = samples(pairing.label_files, _SAMPLES)
    is_binary = len(classes) == 2 and formats.is_binary(looked_at)
    tags = partial(formats.tags, label_set=classes)
    return labelled_files(folder, classes, formats.binary if is_binary else tags, [pairing])


PAIRS = Layout("pairs", _has_pairs, _open_pairs)
PALETTE = Layout("palette", _has_palette, _open_palette)
IMAGES_AND_MASKS = Layout("images-masks", _has_images_masks, _open_images_masks)
