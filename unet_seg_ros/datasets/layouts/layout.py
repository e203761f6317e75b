# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a layout of picture files is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unet_seg_ros.datasets.labelled_files import LabelledFiles
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.folders import files_in, folders_in, listed_suffixes

SHOWN = "docs/datasets.md shows every layout"
_NAMES_SHOWN = 6


@dataclass(frozen=True)
class Layout:
    """A layout of picture files.

    Attributes:
        name: What users call it.
        fits: Whether a folder is laid out like this.
        open: The data set in such a folder; takes the label set that the user named, None where
            the layout is to tell, and raises DataError where something is missing.
    """

    name: str
    fits: Callable[[Path], bool]
    open: Callable[[Path, LabelSet | None], LabelledFiles]


class NotLaidOutError(DataError):
    """A folder that does not have what the layout needs."""


def lacks(folder: Path, layout: str, wanted: str) -> NotLaidOutError:
    """Return the error of a folder that does not have what its layout needs.

    Args:
        folder: The folder.
        layout: The name of the layout.
        wanted: What was looked for.
    """
    return NotLaidOutError(
        f"{folder}: is not laid out as {layout}: looked for {wanted}, found {content(folder)}; "
        f"{SHOWN}"
    )


def content(folder: Path) -> str:
    """Return what is in a folder, in words."""
    folders = [f"{path.name}/" for path in folders_in(folder)]
    shown = folders[:_NAMES_SHOWN]
    if len(folders) > len(shown):
        shown.append(f"{len(folders) - len(shown)} more folders")
    if files := files_in(folder):
        shown.append(f"files {listed_suffixes(files)}")
    return ", ".join(shown) or "nothing"
