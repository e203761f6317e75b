# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which files there are in and below a folder: hidden ones are none, linked folders are followed.

Hidden are files and folders whose names begin with a dot: copies that notebooks keep
(`.ipynb_checkpoints`), what archives from macOS leave (`._photo.png`, and the folder `__MACOSX` of
such files), version control.

A link that leads nowhere is a file, so that whoever reads it says so and none is missing unnoticed.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from unet_seg_ros.errors import DataError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
KINDS = "PNG, JPEG, BMP, TIFF or WebP"


def is_hidden(path: Path) -> bool:
    """Tell whether a file or folder is hidden."""
    return _is_hidden_name(path.name)


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture; hidden files are none."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not is_hidden(path)


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key to sort by: digits count by their value, everything else as text."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)
    ]


def files_in(folder: Path) -> list[Path]:
    """Return the files in a folder, in natural order; no hidden ones."""
    with os.scandir(folder) as entries:
        found = [
            folder / entry.name
            for entry in entries
            if entry.is_file() or (entry.is_symlink() and not entry.is_dir())
        ]
    return _in_order(path for path in found if not is_hidden(path))


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and the folders in it, in natural order; no hidden ones.

    A folder that is there several times, because of links, counts once: where it really is, else
    where the first link to it is.
    """
    return _in_order(_walk(folder, {_identity(folder)}))


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, drive2 before drive10; no hidden ones."""
    with os.scandir(folder) as entries:  # knows what is a folder without asking for each
        found = [folder / entry.name for entry in entries if entry.is_dir()]
    return _in_order(path for path in found if not is_hidden(path))


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in a folder, frame_2 before frame_10.

    Raises:
        DataError: There are none.
    """
    return _pictures(folder, files_in(folder))


def pictures_below(folder: Path) -> list[Path]:
    """Return the pictures in a folder and the folders in it, as `pictures_in` does."""
    return _pictures(folder, files_below(folder))


def listed_suffixes(paths: Iterable[Path]) -> str:
    """Return what kinds of files there are, in words: `.gif (3), .txt (1)`."""
    counts = Counter(path.suffix.lower() or "without suffix" for path in paths)
    return ", ".join(f"{suffix} ({count})" for suffix, count in counts.most_common())


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    with os.scandir(folder) as scanned:
        entries = [entry for entry in scanned if not _is_hidden_name(entry.name)]
    # Folders that are really here before those that are linked.
    for entry in sorted(entries, key=lambda entry: (entry.is_symlink(), natural(entry.name))):
        path = folder / entry.name
        if entry.is_dir():
            identity = _identity(path)
            if identity not in seen:
                seen.add(identity)
                yield from _walk(path, seen)
        elif entry.is_file() or entry.is_symlink():
            yield path


def _is_hidden_name(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural(path.as_posix()))


def _pictures(folder: Path, files: list[Path]) -> list[Path]:
    pictures = [path for path in files if is_picture(path)]
    if not pictures:
        others = f"; it has {listed_suffixes(files)}" if files else ""
        raise DataError(f"{folder}: has no {KINDS} pictures{others}")
    return pictures
