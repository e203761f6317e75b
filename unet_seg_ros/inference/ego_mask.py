# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Takes the own car out of what an engine gives, whatever the device: arrays in place."""

from __future__ import annotations

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.frames import Frame, Segmentation
from unet_seg_ros.labels.label_set import TO_RGB, LabelSet
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.overlay import lay_over


def take_out(
    mask: EgoMask, frame: Frame, result: Segmentation, label_set: LabelSet, opacity: float
) -> None:
    """Make the own car unknown, in every picture of a result that there is.

    Args:
        mask: Where it is.
        frame: What was segmented.
        result: Its masks, which are written to. Inside, labels become 255, colours black, and
            confidence and group masks 0; the overlay is laid over the frame again there.
        label_set: What the labels mean, and the colours of the overlay.
        opacity: Of the overlay.

    Raises:
        DataError: The mask does not fit the frame.
    """
    placed = mask.at(frame.size)
    rows = placed.rows
    result.labels[rows] |= placed.inside
    if result.color_mask is not None:
        result.color_mask[rows] &= placed.outside_rgb
    for mask_ in (result.confidence, *result.group_masks.values()):
        if mask_ is not None:
            mask_[rows] &= placed.outside
    if result.overlay is not None:
        _lay_over_again(frame, result.labels, rows, result.overlay, label_set, opacity)


def _lay_over_again(
    frame: Frame,
    labels: Uint8Array,
    rows: slice,
    overlay: Uint8Array,
    label_set: LabelSet,
    opacity: float,
) -> None:
    """Make an overlay anew in the rows in which labels changed."""
    height = len(labels)
    # An outline lies on both sides of a border, and is found from the rows beside it.
    first, last = max(rows.start - 1, 0), min(rows.stop + 1, height)
    begin, end = max(first - 1, 0), min(last + 1, height)
    conversion, pixels = TO_RGB[frame.color_order], frame.pixels[begin:end]
    rgb = pixels.copy() if conversion is None else cv2.cvtColor(pixels, conversion)
    picture = np.asarray(rgb, np.uint8)
    near = labels[begin:end]
    lay_over(picture, label_set.colorize(near), near, opacity)
    overlay[first:last] = picture[first - begin : last - begin]
