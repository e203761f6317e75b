# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A contact sheet: pictures from all over a data set with their labels over them, and a legend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import LabelledPictures, Sample
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.figures import legend, overlay, striped_mask
from unet_seg_ros.pictures.geometry import Size

PICTURES = 12
_CELLS_IN_ROW = 2
# A picture and the same one with its labels, each in such a box, with their name below.
_BOX: Size = (384, 288)
_GAP = 8
_CELL_WIDTH = 2 * (_BOX[0] + _GAP)
_TEXT_HEIGHT = 28
_CHARACTER_WIDTH = 9  # at most, of _FONT at _FONT_SCALE
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.45
_INK = (40, 40, 40)
_WHITE = 255


def positions_for_sheet(pictures: LabelledPictures, count: int = PICTURES) -> list[int]:
    """Return up to `count` positions, from as many drives as possible, spread over each."""
    by_drive: dict[str, list[int]] = defaultdict(list)
    for position, drive in enumerate(pictures.drives):
        by_drive[drive].append(position)
    each = -(-count // max(len(by_drive), 1))
    chosen = [position for drive in by_drive.values() for position in _evenly(drive, each)]
    return _evenly(chosen, count)


def contact_sheet(
    title: str, samples: Sequence[Sample], label_set: LabelSet, class_ids: Iterable[int]
) -> Uint8Array:
    """Return the sheet, `(H, W, 3)` uint8 RGB.

    Args:
        title: What is written above the pictures.
        samples: The pictures, with their label maps; 255 is drawn as stripes.
        label_set: What the ids mean.
        class_ids: The classes in the legend.
    """
    rows = [
        _row([_cell(sample, label_set) for sample in samples[start : start + _CELLS_IN_ROW]])
        for start in range(0, len(samples), _CELLS_IN_ROW)
    ]
    width = rows[0].shape[1]
    heading = _text(f"{title}; stripes are not labelled", width)
    return np.vstack([heading, *rows, legend(label_set, class_ids, width)])


def _row(cells: Sequence[Uint8Array]) -> Uint8Array:
    row = np.full((max(map(len, cells)), _CELLS_IN_ROW * _CELL_WIDTH, 3), _WHITE, np.uint8)
    for position, cell in enumerate(cells):
        left = position * _CELL_WIDTH
        row[: len(cell), left : left + _CELL_WIDTH] = cell
    return row


def _cell(sample: Sample, label_set: LabelSet) -> Uint8Array:
    assert sample.labels is not None
    image, labels = _fitted(sample.image, sample.labels)
    height, width = image.shape[:2]
    pictures = np.full((height, _CELL_WIDTH, 3), _WHITE, np.uint8)
    masked = overlay(image, striped_mask(labels, label_set), labels)
    for left, picture in ((_GAP, image), (_GAP + width + 2, masked)):
        pictures[:, left : left + width] = picture
    return np.vstack([pictures, _text(sample.name, _CELL_WIDTH)])


def _text(text: str, width: int) -> Uint8Array:
    """Return a line of text, shortened in its middle where it is too long."""
    canvas = np.full((_TEXT_HEIGHT, width, 3), _WHITE, np.uint8)
    shown = text.encode("ascii", "replace").decode()  # all that OpenCV draws
    half = (width - 2 * _GAP) // _CHARACTER_WIDTH // 2 - 2
    if len(shown) > 2 * half:
        shown = f"{shown[:half]}...{shown[-half:]}"
    cv2.putText(canvas, shown, (_GAP, 16), _FONT, _FONT_SCALE, _INK, 1, cv2.LINE_AA)
    return canvas


def _fitted(image: Uint8Array, labels: Uint8Array) -> tuple[Uint8Array, Uint8Array]:
    """Scale a picture and its labels to fit in the box."""
    height, width = labels.shape
    zoom = min(_BOX[0] / width, _BOX[1] / height)
    size = max(round(width * zoom), 1), max(round(height * zoom), 1)
    smooth = cv2.INTER_AREA if zoom < 1 else cv2.INTER_NEAREST_EXACT
    scaled = cv2.resize(image, size, interpolation=smooth)
    scaled_labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(scaled, np.uint8), np.asarray(scaled_labels, np.uint8)


def _evenly(items: Sequence[int], count: int) -> list[int]:
    if len(items) <= count:
        return list(items)
    return [items[k * len(items) // count] for k in range(count)]
