# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which label set a data set has: the one that is known, or that the user names."""

from __future__ import annotations

from pathlib import Path

from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet


def fixed(name: str, named: LabelSet | None, where: Path | str) -> LabelSet:
    """Return the label set that is known; raise DataError where the user named another."""
    known = LabelSet.load(name)
    if named not in (None, known):
        raise DataError(f"{where}: is labelled in {name}; leave the label set away")
    return known


def required(named: LabelSet | None, where: Path) -> LabelSet:
    """Return the label set that the user named; raise DataError where that is none."""
    if named is None:
        raise DataError(
            f"{where}: nothing tells what its labels mean; give a label set, for example "
            "label-set=carla29"
        )
    return named
