# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The XML files of LabelMe 3.0, which CVAT exports as well, as what labelme's JSON files hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from unet_seg_ros.errors import DataError

_MAX_BYTES = 1 << 26


def read_labelme_xml(path: Path) -> dict[str, Any]:
    """Return `imageHeight`, `imageWidth` and `shapes` as labelme has them.

    Raises:
        DataError: The file cannot be read, or is no such file.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"larger than {_MAX_BYTES >> 20} MiB")
        root = ElementTree.fromstring(path.read_bytes())
        return {
            "imageHeight": int(root.findtext("imagesize/nrows", "")),
            "imageWidth": int(root.findtext("imagesize/ncols", "")),
            "shapes": [_shape(item) for item in root.iter("object") if not _is_deleted(item)],
        }
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise DataError(f"{path}: cannot be read as a file of LabelMe: {error}") from error


def _is_deleted(item: ElementTree.Element) -> bool:
    return item.findtext("deleted", "0").strip() == "1"


def _shape(item: ElementTree.Element) -> dict[str, Any]:
    """Return an object as a shape; a mask in a picture of its own is named, to be refused."""
    points = [
        [float(point.findtext("x", "nan")), float(point.findtext("y", "nan"))]
        for point in item.iterfind("polygon/pt")
    ]
    return {
        "label": item.findtext("name", "").strip(),
        "shape_type": "polygon" if item.find("polygon") is not None else "mask",
        "points": points,
    }
