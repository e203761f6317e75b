# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Label maps as files of labelme, to be corrected there and read again by `labelme`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

# What labelme itself writes in files that this package can read.
_VERSION = "5.5.0"
_SPECK_PX = 24
_TOLERANCE_PX = 1.0


@dataclass(frozen=True)
class Polygon:
    """The outline of a region of one class: `corners` are `(x, y)` of pixels at its border."""

    class_id: int
    corners: tuple[tuple[int, int], ...]


def polygons_of(labels: Uint8Array) -> list[Polygon]:
    """Return the regions of a label map, those that others lie in first.

    Holes are not drawn: a region fills them, and what is in them is drawn later. Regions smaller
    than 24 pixels are left out, and outlines keep within a pixel or so.

    Args:
        labels: `(H, W)` uint8; 255 has no region, unless others enclose it.
    """
    regions: list[tuple[float, Polygon]] = []
    for class_id in np.unique(labels[labels != UNKNOWN_ID]):
        mask = (labels == class_id).astype(np.uint8)
        # Outlines of regions have no parent, those of holes have one; regions in holes have none.
        contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        for contour, parent in zip(contours, tree[0, :, 3], strict=True):
            # An outline goes through pixels' centres, so that thin regions enclose no area.
            size_px = cv2.contourArea(contour) + len(contour) / 2 + 1
            corners = cv2.approxPolyDP(contour, _TOLERANCE_PX, closed=True)[:, 0]
            if parent < 0 and size_px >= _SPECK_PX:
                regions.append((size_px, Polygon(int(class_id), _at_least_three(corners))))
    return [polygon for _, polygon in sorted(regions, key=lambda region: -region[0])]


def write_labelme(picture: Path, labels: Uint8Array, label_set: LabelSet) -> None:
    """Write the regions of a label map beside its picture, as labelme does, a line for each.

    Args:
        picture: Where it lies.
        labels: `(H, W)` uint8.
        label_set: What the ids mean.

    Raises:
        OSError: It cannot be written.
    """
    shapes: list[dict[str, object]] = [
        {
            "label": label_set.names[polygon.class_id],
            "points": polygon.corners,
            "group_id": None,
            "shape_type": "polygon",
            "flags": {},
        }
        for polygon in polygons_of(labels)
    ]
    height, width = labels.shape
    rest = {
        "imagePath": picture.name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    lines = ",\n  ".join(json.dumps(shape) for shape in shapes)
    head = f'{{"version": "{_VERSION}", "flags": {{}}, "shapes": [\n  {lines}\n], '
    text = head + json.dumps(rest)[1:] + "\n"
    picture.with_suffix(".json").write_text(text, encoding="utf-8")


def _at_least_three(corners: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Return `(N, 2)` corners as pairs, the last repeated where a line has but two of them."""
    pairs = [(int(x), int(y)) for x, y in corners]
    return tuple(pairs + pairs[-1:] * (3 - len(pairs)))
