# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens data sets with ground truth, wherever they are from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unet_seg_ros.bags.paths import is_bag
from unet_seg_ros.datasets.layouts.known import LAYOUTS, layout_of
from unet_seg_ros.datasets.layouts.layout import SHOWN, Layout, NotLaidOutError, content
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.datasets.town import TOWN, TownViews, is_town
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet

AUTO = "auto"
BAG = "bag"
LAYOUT_NAMES = (AUTO, *(layout.name for layout in LAYOUTS), BAG, TOWN)


def open_dataset(
    spec: str, *, layout: str = AUTO, label_set: str = "", cameras: Sequence[str] = ()
) -> LabelledPictures:
    """Open a data set. Pictures are read when they are asked for.

    Args:
        spec: A folder, a rosbag2 folder or file, or `town`, `town:SEED`, `town:SEED:COUNT`.
        layout: One of LAYOUT_NAMES; `auto` finds out.
        label_set: Name or path of the label set, where the data set does not tell.
        cameras: Of a bag, which cameras; without, all.

    Raises:
        DataError: There is nothing, or not in that layout, or the label set is missing or wrong.
        LabelSetError: There is no such label set.
    """
    if layout not in LAYOUT_NAMES:
        raise DataError(f"there is no layout {layout!r}; give one of {', '.join(LAYOUT_NAMES)}")
    labels = LabelSet.load(label_set) if label_set else None
    if layout == TOWN or (layout == AUTO and is_town(spec)):
        return TownViews.parse(spec, labels)
    path = _existing(spec)
    if layout == BAG or (layout == AUTO and is_bag(path)):
        from unet_seg_ros.datasets.bag_pictures import open_bag

        return open_bag(path, labels, cameras)
    if cameras:
        raise DataError(f"{spec}: is no bag, of which cameras= could name some")
    if not path.is_dir():
        raise DataError(f"{spec}: is a file; a data set is a folder, a rosbag2, or {TOWN}")
    try:
        return _layout(path, layout).open(path, labels)
    except NotLaidOutError as error:
        if layout != AUTO and (other := layout_of(path)):
            raise DataError(f"{error}; without layout= it is read as {other.name}") from error
        raise


def _layout(folder: Path, name: str) -> Layout:
    """Return the layout that the user named, or the one that a folder has."""
    if name != AUTO:
        return next(known for known in LAYOUTS if known.name == name)
    if found := layout_of(folder):
        return found
    raise DataError(
        f"{folder}: has pictures with labels in no known layout; known are "
        f"{', '.join(LAYOUT_NAMES[1:])}; found {content(folder)}; {SHOWN}"
    )


def _existing(spec: str) -> Path:
    path = Path(spec).expanduser().resolve()
    if not path.exists():
        raise DataError(f"{spec}: no such folder or file; give one, or {TOWN}:SEED:COUNT")
    return path
