# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Label maps out of the polygons and run-length masks of COCO and YOLO.

They are drawn by pycocotools, so that they cover exactly the pixels that COCO counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError

_FEWEST_NUMBERS = 6  # of a polygon: three corners


@dataclass(frozen=True)
class Region:
    """A region of one class.

    Attributes:
        class_id: Its class, or 255 where the label set has none for it.
        shape: Polygons, each a list x, y, x, y, ... in pixels; or a run-length mask of COCO.
        size: (height, width) of the picture on which it was drawn; None where nothing tells.
    """

    class_id: int
    shape: Any
    size: tuple[int, int] | None = None


def draw_listed(
    picture: Path,
    size: tuple[int, int],
    regions: Mapping[Path, Sequence[Region]],
    background: int,
) -> Uint8Array:
    """Return the label map of a picture, `(H, W)` uint8: small regions lie over large ones.

    Args:
        picture: The picture.
        size: Its (height, width).
        regions: Those of every picture.
        background: The class of what no region covers, 255 where that says nothing.

    Raises:
        DataError: A region cannot be drawn, or pycocotools is missing.
    """
    return _draw(picture, size, regions.get(picture, ()), background)


def draw_yolo(
    path: Path, size: tuple[int, int], class_ids: Sequence[int], background: int
) -> Uint8Array:
    """Return the label map that a text file of YOLO describes, `(H, W)` uint8.

    Each line is `class x y x y x y ...`, in shares of width and height.

    Args:
        path: The file.
        size: (height, width) of its picture.
        class_ids: What YOLO's classes are in the label set, 255 for those that it lacks.
        background: The class of what no polygon covers, 255 where that says nothing.

    Raises:
        DataError: A line is no polygon of a known class, or pycocotools is missing.
    """
    height, width = size
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    regions = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            name, *values = line.split()
            corners = [float(value) for value in values]
            class_id = class_ids[_index(name)]
        except (ValueError, IndexError) as error:
            raise DataError(f"{path}, line {number}: not a known class and numbers") from error
        if len(corners) == 4:
            raise DataError(
                f"{path}, line {number}: is a box and no polygon; boxes do not say which pixels "
                "are of the class"
            )
        is_polygon = len(corners) >= _FEWEST_NUMBERS and len(corners) % 2 == 0
        if not is_polygon or not all(map(math.isfinite, corners)):
            raise DataError(f"{path}, line {number}: needs three or more pairs of numbers")
        scaled = (np.array(corners) * np.tile([width, height], len(corners) // 2)).tolist()
        regions.append(Region(class_id, [scaled]))
    return _draw(path, size, regions, background)


def _index(text: str) -> int:
    """Return a whole number from 0 on; raises ValueError where it is none."""
    number = int(text)
    if number < 0:
        raise ValueError("a negative number counts from the end")
    return number


def _draw(
    path: Path, size: tuple[int, int], regions: Sequence[Region], background: int
) -> Uint8Array:
    for region in regions:
        _check_size(path, region.size or size, size)
    masks = [(region.class_id, _mask(path, region.shape, size)) for region in regions]
    labels = np.full(size, background, np.uint8)
    for class_id, mask in sorted(masks, key=lambda item: -int(item[1].sum())):
        labels[mask] = class_id
    return labels


def _mask(path: Path, shape: Any, size: tuple[int, int]) -> np.ndarray:
    """Return which pixels a region covers, `(H, W)` bool."""
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise DataError(
            f"{path}: polygons of COCO and YOLO are drawn by pycocotools, which is missing; "
            "install it: pip install pycocotools"
        ) from error
    height, width = size
    try:
        if isinstance(shape, dict) and isinstance(shape["counts"], str):
            encoded = {**shape, "counts": shape["counts"].encode()}
        elif isinstance(shape, dict):
            encoded = coco.frPyObjects(shape, *shape["size"])
        else:
            # Of a list that begins with four numbers pycocotools makes boxes: x, y, width, height.
            # Beside polygons they are mostly the lines that tools trace around thin parts.
            polygons = [corners for corners in shape if len(corners) >= _FEWEST_NUMBERS]
            if not polygons:
                raise ValueError("it has no polygon of three or more corners")
            encoded = coco.merge(coco.frPyObjects(polygons, height, width))
        mask = np.asarray(coco.decode(encoded), np.bool_)
    except Exception as error:  # pycocotools raises whatever its parser meets
        raise DataError(f"{path}: a region cannot be drawn: {error!s:.100}") from error
    _check_size(path, mask.shape, size)
    return mask


def _check_size(path: Path, drawn_on: tuple[int, ...], size: tuple[int, int]) -> None:
    if drawn_on != size:
        raise DataError(
            f"{path}: a region is for {drawn_on[1]}x{drawn_on[0]} pixels, the picture has "
            f"{size[1]}x{size[0]}"
        )
