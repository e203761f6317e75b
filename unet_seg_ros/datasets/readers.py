# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens data sets with ground truth, wherever they are from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unet_seg_ros.datasets.layouts.known import LAYOUTS, layout_of
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.datasets.town import TOWN, TownViews, is_town
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet

AUTO = "auto"
BAG = "bag"
LAYOUT_NAMES = (AUTO, *(layout.name for layout in LAYOUTS), BAG, TOWN)

# Those that cannot be read as they are, too: opening them says what to do.
_BAG_SUFFIXES = frozenset({".mcap", ".db3", ".bag", ".active", ".zstd"})
_BAG_DESCRIPTION = "metadata.yaml"


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
    labels = LabelSet.load(label_set) if label_set else None
    kind = recognise(spec) if layout == AUTO else layout
    if kind == TOWN:
        return TownViews.parse(spec, labels)
    path = _existing(spec)
    if kind == BAG:
        from unet_seg_ros.datasets.bag_pictures import open_bag

        return open_bag(path, labels, cameras)
    if cameras:
        raise DataError(f"{spec}: is no bag, of which cameras= could name some")
    for known in LAYOUTS:
        if known.name == kind:
            if not path.is_dir() or not known.fits(path):
                raise DataError(f"{spec}: is not laid out as {kind}; docs/datasets.md shows how")
            return known.open(path, labels)
    raise DataError(f"there is no layout {kind!r}; give one of {', '.join(LAYOUT_NAMES)}")


def recognise(spec: str) -> str:
    """Return the name of the layout that `open_dataset` finds.

    Raises:
        DataError: There is nothing, or it is in no layout.
    """
    if is_town(spec):
        return TOWN
    path = _existing(spec)
    if path.suffix in _BAG_SUFFIXES or _is_bag_folder(path):
        return BAG
    if path.is_dir() and (layout := layout_of(path)):
        return layout.name
    raise DataError(
        f"{spec}: has pictures with labels in no known layout; known are "
        f"{', '.join(LAYOUT_NAMES[1:])}"
    )


def _is_bag_folder(path: Path) -> bool:
    names = (_BAG_DESCRIPTION, "[!.]*.mcap", "[!.]*.db3")
    return path.is_dir() and any(any(path.glob(name)) for name in names)


def _existing(spec: str) -> Path:
    path = Path(spec).expanduser().resolve()
    if not path.exists():
        raise DataError(f"{spec}: no such folder or file; give one, or {TOWN}:SEED:COUNT")
    return path
