# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parts in which data sets are published: what they are called, and where names tell them."""

from __future__ import annotations

from collections.abc import Sequence

TRAIN_PARTS = ("train", "training")
VALIDATION_PARTS = ("val", "valid", "validation")
TEST_PARTS = ("test", "testing")
_ALL = frozenset({*TRAIN_PARTS, *VALIDATION_PARTS, *TEST_PARTS})


def is_part(folder_name: str) -> bool:
    """Tell whether a folder is called like a part."""
    return folder_name.lower() in _ALL


def part_and_drive(folders: Sequence[str], otherwise: str) -> tuple[str, str]:
    """Return of a picture the part, empty where there is none, and the drive that it is from.

    Args:
        folders: The folders that it is in, below that of the data set; one may be a part.
        otherwise: What a drive is called that has no folder of its own in no part.
    """
    part = next((name for name in folders if is_part(name)), "")
    drive = "/".join(name for name in folders if name != part)
    return part.lower(), drive or part or otherwise
