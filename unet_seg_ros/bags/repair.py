# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Completes bags whose recording was cut off: everything up to the last whole chunk is kept.

Files are completed where they are: what comes after the last whole chunk is cut off, and the index
and summary are written in its place. Nothing that is kept is written anew, so a large bag needs no
room beside it, and a repair that is cut off can be repeated.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.metadata import dump_qos_v8, parse_qos
from tqdm import tqdm

from unet_seg_ros.bags import metadata
from unet_seg_ros.bags.mcap_file import FILE_START
from unet_seg_ros.bags.metadata import BagEntry, FileEntry
from unet_seg_ros.bags.scan import Scan, scan
from unet_seg_ros.bags.writer import PARTIAL, BagError

# A writer that is cut off leaves half a chunk, at most as large as its largest message.
MAX_CUT_BYTES = 1 << 26


@dataclass(frozen=True)
class RepairedBag:
    """A bag that is whole.

    Attributes:
        path: Where it is now.
        entry: What is in it.
        completed: The names of the files that were completed; empty where nothing was missing.
        cut_bytes: How many bytes after the last whole chunk were cut off of them.
    """

    path: Path
    entry: BagEntry
    completed: Sequence[str]
    cut_bytes: int


def repair(path: Path, may_cut_much: bool = False) -> RepairedBag:
    """Complete a rosbag2 folder of MCAP files, or one such file.

    A folder gets its metadata.yaml, and loses `.partial` from its name. Nothing is changed unless
    all files can be completed. Works for what `ros2 bag record` leaves, too.

    Args:
        path: The folder or file.
        may_cut_much: Whether more than `MAX_CUT_BYTES` of a file may be cut off. That is not what a
            recording that was cut off leaves, but damage in the middle.

    Raises:
        BagError: There is no such bag, or it cannot be repaired; the message says why.
        OSError: It cannot be read or written.
    """
    path = path.absolute()
    files, target = _files(path), _target(path)
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(_locked(file)) for file in files]
        found = _scan_all(files)
        if not may_cut_much:
            for file, item in zip(files, found, strict=True):
                _check_cut(file, item)
        for stream, item in zip(streams, found, strict=True):
            if not item.is_whole:
                _complete(stream, item)
    entries = [_entry(file.name, item) for file, item in zip(files, found, strict=True)]
    completed = [file.name for file, item in zip(files, found, strict=True) if not item.is_whole]
    bag = BagEntry(entries, custom_data={})
    if path.is_dir() and (completed or not (path / metadata.FILE_NAME).exists()):
        bag.write(path)
    if target != path:
        path.rename(target)
    return RepairedBag(target, bag, completed, sum(item.useless_bytes for item in found))


def _files(path: Path) -> list[Path]:
    """Return the files of a bag in their order."""
    if not path.exists():
        raise BagError(f"{path}: there is no such bag")
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.mcap"), key=_number)
    if not files:
        raise BagError(f"{path} holds no .mcap file, which is what can be repaired")
    if packed := sorted(path.glob("*.mcap.zstd")):
        raise BagError(f"{packed[0]} is compressed as a whole: unpack it first, with unzstd")
    return files


def _number(file: Path) -> tuple[int, str]:
    """Return what sorts `drive_2.mcap` before `drive_10.mcap`."""
    match = re.search(r"(\d{1,9})$", file.stem)
    return int(match[1]) if match else 0, file.name


def _target(path: Path) -> Path:
    """Return what a bag is called when it is whole."""
    if not path.is_dir() or path.suffix != PARTIAL:
        return path
    target = path.with_suffix("")
    if target.exists():
        raise BagError(f"{target} exists already: move it away, then repair {path}")
    return target


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[BinaryIO]:
    """Open a file that nobody records to."""
    with file.open("r+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BagError(f"{file} is being recorded: stop that first") from None
        except OSError:  # not every file system can lock
            pass
        yield stream


def _scan_all(files: Sequence[Path]) -> list[Scan]:
    size = sum(file.stat().st_size for file in files)
    with tqdm(total=size, desc="reading", unit="B", unit_scale=True, disable=None) as progress:
        return [scan(file, progress.update) for file in files]


def _check_cut(file: Path, found: Scan) -> None:
    if found.useless_bytes > MAX_CUT_BYTES:
        reason = f" ({found.damage})" if found.damage else ""
        raise BagError(
            f"{file} is damaged at byte {found.end}{reason}: what follows, "
            f"{found.useless_bytes >> 20} MiB, is more than a recording that was cut off leaves; "
            "copy the file if you want to keep that, then give --force to cut it off"
        )


def _complete(stream: BinaryIO, found: Scan) -> None:
    """Cut off what is of no use and write the end of the file."""
    name = Path(stream.name).name
    start = b"" if found.end else FILE_START
    head = start + found.missing
    record = None
    if not found.contents.has_metadata(metadata.RECORD_NAME):
        record = BagEntry([_entry(name, found)], custom_data={}).record()
    stream.truncate(found.end)
    stream.seek(found.end)
    stream.write(head)
    stream.write(found.contents.end(found.end + len(head), record))
    stream.flush()
    os.fsync(stream.fileno())


def _entry(name: str, found: Scan) -> FileEntry:
    """Return what metadata.yaml says about a file, whichever distribution recorded it."""
    entry = found.contents.entry(name)
    topics = [replace(topic, offered_qos=_as_v8(topic.offered_qos)) for topic in entry.topics]
    return replace(entry, topics=topics)


def _as_v8(offered_qos: str) -> str:
    """Return QoS profiles as version 8 of metadata.yaml writes them; nothing for nonsense."""
    try:
        return dump_qos_v8(parse_qos(offered_qos))
    except (ReaderError, ValueError, TypeError, KeyError, AttributeError):
        return ""
