# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a layout of picture files is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unet_seg_ros.datasets.labelled_files import LabelledFiles
from unet_seg_ros.labels.label_set import LabelSet


@dataclass(frozen=True)
class Layout:
    """A layout of picture files.

    Attributes:
        name: What users call it.
        fits: Whether a folder is laid out like this.
        open: The data set in such a folder; takes the label set that the user named, None where
            the layout is to tell, and raises DataError where that cannot be.
    """

    name: str
    fits: Callable[[Path], bool]
    open: Callable[[Path, LabelSet | None], LabelledFiles]
