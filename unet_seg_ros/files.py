# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files and folders that have their names when they are whole, and which versions made them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@contextmanager
def named_when_whole(path: Path, mark: str = "partial") -> Iterator[Path]:
    """Give a path to write a file or folder at, which is renamed to `path` at the end of the block.

    It is `NAME.<mark>.SUFFIX`. Whatever is there is removed when the block is left by an
    exception.

    Raises:
        FileExistsError: `path` exists, or is being written, or was when a process was killed.
    """
    partial = path.with_name(f"{path.stem}.{mark}{path.suffix}")
    if path.exists():
        raise FileExistsError(f"{path} exists already: give another output, or remove it")
    if partial.exists():
        raise FileExistsError(
            f"{partial} is being written, or left over from a run that was killed: remove it then"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        partial.rename(path)
    except BaseException:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)
        raise


def check_output(path: Path) -> None:
    """Raise at once what `named_when_whole` would raise after hours of work.

    Raises:
        FileExistsError: `path` exists.
        OSError: Nothing can be written there; the message says why.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already: give another output, or remove it")
    check_writable(path)


def check_writable(path: Path) -> None:
    """Raise OSError, with the reason, where a file or folder cannot be written; nothing is made."""
    absolute = path.absolute()
    folder = next(place for place in (absolute, *absolute.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"{path}: cannot be written: {folder}: {error.strerror}") from error


@contextmanager
def replaced_when_whole(path: Path) -> Iterator[Path]:
    """Give a path to write a file at, which takes the place of `path` at the end of the block.

    It is hidden, `.NAME.partial.SUFFIX`. An exception leaves what was there.
    """
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file, or leave what was there.

    Args:
        path: The file.
        content: What is in it.
        sync: Whether it is on the disk before it gets its name, so that it survives a power cut.
    """
    with replaced_when_whole(path) as partial, partial.open("wb") as stream:
        stream.write(content)
        if sync:
            stream.flush()
            os.fsync(stream.fileno())


def require_writable(folder: Path) -> None:
    """Make a folder, where it is missing, and make sure that files can be written into it.

    So that whoever waits for results hears of it before the work and not after.

    Raises:
        OSError: It cannot be made or written into; the message says why.
    """
    check_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)


def installed_version(package: str) -> str | None:
    """Return the version of an installed package; None where it runs from its folder."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
