# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Label sets out of the lists of classes that annotation tools write beside their pictures."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelClass, LabelSet, LabelSetError
from unet_seg_ros.labels.published import Color

LABEL_COLORS = "label_colors.txt"
LABEL_MAP = "labelmap.txt"
CLASSES = "_classes.csv"
BACKGROUND = "background"
NOTHING = (BACKGROUND, "_background_", "unlabeled", "unlabelled", "other")


def read_class_list(path: Path, name: str) -> LabelSet:
    """Return the label set that a list of classes describes.

    * `label_colors.txt` of CamVid and CVAT: a line `R G B name` for each class;
    * `labelmap.txt` of CVAT: a line `name:R,G,B:parts:actions`;
    * `_classes.csv` of Roboflow: a line `id, name`, from 0 on, after a heading.

    Args:
        path: The list.
        name: What the label set is to be called.

    Raises:
        DataError: It cannot be read, or is no such list.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        classes = _READERS[path.name](line for line in lines if line.strip())
        return label_set_of(name, classes)
    except (OSError, ValueError, LabelSetError) as error:
        raise DataError(f"{path}: cannot be read as a list of classes: {error}") from error


def label_set_of(name: str, classes: Iterable[tuple[str, Color | None]]) -> LabelSet:
    """Return a label set of classes in their order; those without a colour are given one.

    Raises:
        LabelSetError: A name or a colour is there twice, or there are too many.
    """
    return LabelSet(
        name,
        tuple(
            LabelClass(position, class_name, color or distinct_color(position))
            for position, (class_name, color) in enumerate(classes)
        ),
    )


def distinct_color(number: int) -> Color:
    """Return the colour that Pascal VOC gives a number, black for 0: all up to 255 differ."""
    parts = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            parts[channel] |= (number >> 3 * bit + channel & 1) << 7 - bit
    return parts[0], parts[1], parts[2]


def background_id(label_set: LabelSet) -> int | None:
    """Return the class of what no polygon covers, where a label set has one."""
    names = [name.lower() for name in label_set.names]
    return next((names.index(name) for name in NOTHING if name in names), None)


def _label_colors(lines: Iterable[str]) -> list[tuple[str, Color | None]]:
    classes: list[tuple[str, Color | None]] = []
    for line in lines:
        found = re.fullmatch(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(.+?)\s*", line)
        if not found:
            raise ValueError(f"{line!r:.80} is not R G B name")
        red, green, blue = (int(found[group]) for group in (1, 2, 3))
        classes.append((found[4], (red, green, blue)))
    return classes


def _label_map(lines: Iterable[str]) -> list[tuple[str, Color | None]]:
    classes: list[tuple[str, Color | None]] = []
    for line in lines:
        if line.startswith("#"):
            continue
        found = re.match(r"(.+?):(\d+),(\d+),(\d+):", line)
        if not found:
            raise ValueError(f"{line!r:.80} is not name:R,G,B:parts:actions")
        red, green, blue = (int(found[group]) for group in (2, 3, 4))
        classes.append((found[1], (red, green, blue)))
    # CVAT sorts by name; the class of nothing is to be 0, as in its indexed pictures.
    return sorted(classes, key=lambda item: item[0].lower() != BACKGROUND)


def _classes(lines: Iterable[str]) -> list[tuple[str, Color | None]]:
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    found = {int(row[0]): row[1] for row in rows[1:] if len(row) == 2}
    if sorted(found) != list(range(len(found))) or not found:
        raise ValueError("its ids are not 0, 1, 2, ...")
    return [(found[number], None) for number in range(len(found))]


_READERS: dict[str, Callable[[Iterable[str]], list[tuple[str, Color | None]]]] = {
    LABEL_COLORS: _label_colors,
    LABEL_MAP: _label_map,
    CLASSES: _classes,
}
