# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures for people: legend, overlay, error picture, and rows of pictures side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.overlay import lay_over

OVERLAY, COLOR_MASK, SIDE_BY_SIDE = "overlay", "color_mask", "side_by_side"
VIEWS = (OVERLAY, COLOR_MASK, SIDE_BY_SIDE)
WRONG_COLOR = (255, 70, 40)
UNKNOWN_COLOR = (128, 128, 128)
# How much of a picture's light is left where it only is the background of something.
_DIMMED = 0.3
# Stripes are told from any label set's colours; so many are as wide as the picture.
_STRIPE_COLORS = ((110, 110, 110), (190, 190, 190))
_STRIPES = 60

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BACKGROUND = 255
_INK = (40, 40, 40)
_GAP = 8
# As wide as a legend must be to have several columns.
_LEGIBLE_PX = 400


@dataclass(frozen=True)
class Column:
    """A column of `picture_table`: its title and its pictures, `(H, W, 3)` uint8 RGB."""

    title: str
    pictures: Sequence[Uint8Array]


def overlay(image: Uint8Array, color_mask: Uint8Array, labels: Uint8Array) -> Uint8Array:
    """Return a picture with the colour mask of its `(H, W)` label map over it (`overlay`).

    Picture, colour mask and result are `(H, W, 3)` uint8 RGB.
    """
    picture = image.copy()
    lay_over(picture, color_mask, labels)
    return picture


def labelled_view(
    view: str, image: Uint8Array, labels: Uint8Array, label_set: LabelSet
) -> Uint8Array:
    """Return a picture with its labels, `(H, W, 3)` uint8 RGB; side by side, twice as wide.

    Args:
        view: One of `VIEWS`.
        image: `(H, W, 3)` uint8 RGB.
        labels: `(H, W)` uint8 label map.
        label_set: What its ids mean.

    Raises:
        ValueError: The two differ in size.
    """
    if labels.shape != image.shape[:2]:
        raise ValueError(
            f"a picture has {image.shape[:2]} rows and columns, its label map {labels.shape}"
        )
    color_mask = label_set.colorize(labels)
    if view == OVERLAY:
        return overlay(image, color_mask, labels)
    return color_mask if view == COLOR_MASK else np.hstack([image, color_mask])


def with_legend(picture: Uint8Array, label_set: LabelSet) -> Uint8Array:
    """Return a picture with a legend of all classes below it, `(H, W, 3)` uint8 RGB.

    One that is too narrow to read names under it is enlarged a whole number of times.
    """
    times = -(-_LEGIBLE_PX // picture.shape[1])
    enlarged = picture.repeat(times, axis=0).repeat(times, axis=1) if times > 1 else picture
    names = legend(label_set, range(len(label_set)), enlarged.shape[1])
    return np.vstack([enlarged, names])


def striped_mask(labels: Uint8Array, label_set: LabelSet) -> Uint8Array:
    """Return the colour mask of a `(H, W)` label map, `(H, W, 3)` RGB, with 255 as grey stripes."""
    mask = label_set.colorize(labels)
    rows, columns = np.nonzero(labels == UNKNOWN_ID)
    stripe_px = -(-labels.shape[1] // _STRIPES)
    mask[rows, columns] = np.array(_STRIPE_COLORS, np.uint8)[(rows + columns) // stripe_px % 2]
    return mask


def error_picture(image: Uint8Array, prediction: Uint8Array, truth: Uint8Array) -> Uint8Array:
    """Return where a prediction is wrong: bright, over the dimmed picture; unknown truth is grey.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        prediction: `(H, W)` uint8 label map.
        truth: `(H, W)` uint8 label map of the same label set; 255 = not known.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    picture = cv2.convertScaleAbs(gray, alpha=_DIMMED).astype(np.uint8, copy=False)
    picture[prediction != truth] = WRONG_COLOR
    picture[truth == UNKNOWN_ID] = UNKNOWN_COLOR
    return picture


def legend(label_set: LabelSet, class_ids: Iterable[int], width: int) -> Uint8Array:
    """Return swatches with the names of the classes, `(H, width, 3)` uint8 RGB, H as needed."""
    items = [label_set.classes[class_id] for class_id in class_ids]
    cell_width = 40 + max((_text_width(item.name) for item in items), default=0) + 2 * _GAP
    columns = max(1, width // cell_width)
    rows = -(-len(items) // columns)
    canvas = np.full((rows * 28 + _GAP, width, 3), _BACKGROUND, np.uint8)
    for position, item in enumerate(items):
        x = position % columns * cell_width + _GAP
        y = position // columns * 28 + _GAP
        cv2.rectangle(canvas, (x, y), (x + 30, y + 18), item.color, cv2.FILLED)
        cv2.rectangle(canvas, (x, y), (x + 30, y + 18), _INK, 1)
        cv2.putText(canvas, item.name, (x + 38, y + 15), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    return canvas


def note(text: str, width: int, height: int) -> Uint8Array:
    """Return a grey `(height, width, 3)` uint8 RGB picture that says something in the middle."""
    canvas = np.full((height, width, 3), UNKNOWN_COLOR, np.uint8)
    scale = 0.5 * (width / 2) / _text_width(text)  # half as wide as the picture
    thickness = max(1, round(2 * scale))
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    corner = (width - text_width) // 2, (height + text_height) // 2
    cv2.putText(canvas, text, corner, _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return canvas


def picture_table(
    columns: Sequence[Column], label_set: LabelSet, class_ids: Iterable[int], cell_width: int = 400
) -> Uint8Array:
    """Return a figure with a titled column per kind of picture, a row per frame, and the legend.

    All pictures are scaled to `cell_width`, nearest neighbour, so that label edges stay sharp.
    """
    titled = [_column(column, cell_width) for column in columns]
    gap = np.full((titled[0].shape[0], _GAP, 3), _BACKGROUND, np.uint8)
    body = np.hstack([part for column in titled for part in (column, gap)][:-1])
    return np.vstack([body, legend(label_set, class_ids, body.shape[1])])


def _column(column: Column, width: int) -> Uint8Array:
    return np.vstack([_title(column.title, width), *(_cell(p, width) for p in column.pictures)])


def _title(text: str, width: int) -> Uint8Array:
    canvas = np.full((30, width, 3), _BACKGROUND, np.uint8)
    cv2.putText(canvas, text, (2, 21), _FONT, 0.6, _INK, 1, cv2.LINE_AA)
    return canvas


def _cell(picture: Uint8Array, width: int) -> Uint8Array:
    height = round(picture.shape[0] * width / picture.shape[1])
    smooth = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_NEAREST_EXACT
    scaled = cv2.resize(picture, (width, height), interpolation=smooth)
    gap = np.full((_GAP, width, 3), _BACKGROUND, np.uint8)
    return np.vstack([scaled, gap]).astype(np.uint8, copy=False)


def _text_width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, 0.5, 1)
    return int(width)
