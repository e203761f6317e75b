# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Regions drawn by hand, in the files of labelme (https://github.com/wkentaro/labelme).

A file has the size of its picture (`imageHeight`, `imageWidth`) and `shapes`, each with a `label`,
a `shape_type` and `points`, `[x, y]` in pixels. The older LabelMe, and CVAT after it, write the
same in XML: `imagesize`, and `object` with `name` and `polygon`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.json_files import read_json_object
from unet_seg_ros.datasets.labelme_xml import read_labelme_xml
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet, LabelSetError
from unet_seg_ros.pictures.files import MAX_FILE_BYTES, MAX_PIXELS

LABELME_SUFFIXES = (".json", ".xml")

# OpenCV takes coordinates with this many bits behind the point.
_FRACTION_BITS = 4
# What OpenCV can still draw, far outside of any picture.
_MAX_COORDINATE = 1 << 20
# Shapes come before the picture that labelme may put into its file.
_LOOKED_AT = 1 << 16


def is_region_file(path: Path) -> bool:
    """Tell whether a file is one of labelme or LabelMe, or was before it was damaged."""
    try:
        with path.open("rb") as stream:
            start = stream.read(_LOOKED_AT)
    except OSError:
        return False
    if path.suffix == ".xml":  # Pascal VOC's boxes begin with the same word
        return b"<annotation>" in start and (b"<imagesize>" in start or b"<polygon>" in start)
    return b'"shapes"' in start


def draw_regions(path: Path, label_set: LabelSet) -> Uint8Array:
    """Return the label map that a file describes, `(H, W)` uint8; 255 where no region is.

    Later regions lie over earlier ones.

    Args:
        path: The file.
        label_set: Its classes are what regions may be called.

    Raises:
        DataError: It is no such file, a region has a label that the label set lacks, or a region is
            neither a polygon nor a rectangle.
    """
    return _draw(path, label_set.class_id, UNKNOWN_ID)


def draw_inside(path: Path) -> Uint8Array:
    """Return where any region of a file is, whatever its label: `(H, W)` uint8, 255 or 0.

    Raises:
        DataError: As draw_regions, but for labels.
    """
    return _draw(path, lambda _: 255, 0)


def _draw(path: Path, value_of: Callable[[str], int], nothing: int) -> Uint8Array:
    """Return the regions of a file, each in the value of its label, on `nothing`."""
    if path.suffix == ".xml":
        document = read_labelme_xml(path)
    else:
        document = read_json_object(path, MAX_FILE_BYTES)
    height, width, shapes = (document.get(k) for k in ("imageHeight", "imageWidth", "shapes"))
    if not (_is_length(height) and _is_length(width) and isinstance(shapes, list)):
        raise DataError(f"{path}: has no imageHeight, imageWidth and shapes as labelme writes them")
    if height * width > MAX_PIXELS:
        raise DataError(f"{path}: is for {width}x{height} pixels; at most {MAX_PIXELS} are read")
    labels = np.full((height, width), nothing, np.uint8)
    for number, shape in enumerate(shapes, 1):
        try:
            value, corners = _region(shape, value_of)
        except (LabelSetError, ValueError) as error:
            raise DataError(f"{path}: shape {number}: {error}") from error
        fixed_point = np.round(corners * (1 << _FRACTION_BITS)).astype(np.int32)
        cv2.fillPoly(labels, [fixed_point], value, shift=_FRACTION_BITS)
    return labels


def _is_length(value: object) -> TypeGuard[int]:
    return type(value) is int and value > 0


def _region(shape: Any, value_of: Callable[[str], int]) -> tuple[int, npt.NDArray[np.float64]]:
    """Return the value of a shape's label and its corners, `(N, 2)`: x, y."""
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise ValueError("has no label")
    value = value_of(shape["label"])
    kind = shape.get("shape_type", "polygon")
    try:
        points = np.array(shape.get("points"), np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("its points are not pairs of numbers") from error
    fewest = {"polygon": 3, "rectangle": 2}.get(kind)
    if fewest is None:
        raise ValueError(f"is a {kind!r:.40}; only polygons and rectangles are read")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < fewest:
        raise ValueError(f"a {kind} needs at least {fewest} points [x, y]")
    if not (np.abs(points) < _MAX_COORDINATE).all():
        raise ValueError("has a point far outside of any picture")
    if kind == "rectangle":
        # Two opposite corners, or all four, in any order.
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return value, points
