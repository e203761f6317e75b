# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tells recordings from other files and folders, by their names."""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = frozenset({".mcap", ".db3", ".bag", ".active", ".zstd"})
_IN_FOLDERS = ("metadata.yaml", "[!.]*.mcap", "[!.]*.db3")


def is_bag(path: Path) -> bool:
    """Tell whether a path is a recording: a file of one, also unfinished, or a folder with some."""
    is_folder_of_one = path.is_dir() and any(any(path.glob(name)) for name in _IN_FOLDERS)
    return path.suffix in _SUFFIXES or is_folder_of_one
