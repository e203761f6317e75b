# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Copies what can still be read of a bag that was cut off or is damaged into a new, whole bag.

The damaged bag is left as it is. The new one has a temporary name until each of its files has been
read back: message by message it is what was read of the damaged one.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, NoReturn

import yaml
from mcap import records
from mcap.reader import SeekingReader
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.metadata import dump_qos_v8, parse_qos
from tqdm import tqdm

from unet_seg_ros.bags import metadata
from unet_seg_ros.bags.contents import OFFERED_QOS, Contents, Definition
from unet_seg_ros.bags.mcap_file import McapFile
from unet_seg_ros.bags.metadata import BagEntry, FileEntry
from unet_seg_ros.bags.salvage import Salvage
from unet_seg_ros.bags.salvage_sqlite import SqliteSalvage
from unet_seg_ros.bags.writer import PARTIAL, BagError
from unet_seg_ros.files import named_when_whole

_SUFFIX = ".mcap"
# `drive_2.mcap`, or what a program that was killed left under a temporary name.
_FILE_NAME = re.compile(
    r"(?P<stem>.+?(?:_(?P<number>\d{1,9}))?)\.(?:mcap(?:\.active|\.partial)?|db3)"
)
_MESSAGE = struct.Struct("<HIQQ")  # channel id, sequence, log time, publish time


@dataclass(frozen=True)
class RepairedBag:
    """A bag that is whole.

    Attributes:
        path: Where it is: where it was, if nothing was missing.
        entry: What is in it.
        files: What became of each file.
    """

    path: Path
    entry: BagEntry
    files: Sequence[Salvage]

    @property
    def completed(self) -> list[str]:
        """The names of the files of which something was missing, if only their end."""
        return [file.path.name for file in self.files if not file.is_whole]

    @property
    def lost_bytes(self) -> int:
        """How many bytes could not be read, empty room and the ends of files not counted."""
        return sum(gap.size for file in self.files for gap in file.gaps)


def repair(path: Path, target: Path | None = None) -> RepairedBag:
    """Write a whole bag, MCAP, with all that can be read of a rosbag2 folder, or of one file.

    Where nothing is missing of `path`, nothing is written.

    Args:
        path: The folder or file.
        target: What to write. By default `drive` for a folder `drive.partial`, `NAME.repaired` for
            any other, and `NAME.repaired.mcap` for a file.

    Raises:
        BagError: There is no such bag, nothing can be repaired of it, or what was written does not
            read back; the message says why.
        OSError: It cannot be read or written.
    """
    path = path.absolute()
    files = _files(path)
    target = target.absolute() if target else _default_target(path)
    recorded = _recorded(path)
    with contextlib.ExitStack() as stack:
        for file in files:
            stack.enter_context(_no_recording(file))
        if whole := _if_whole(path, files, recorded):
            return whole
        with named_when_whole(target, "unfinished") as unfinished:
            return _copy(path, files, unfinished, target, recorded)


def _copy(
    path: Path, files: Mapping[Path, str], unfinished: Path, target: Path, recorded: _Recorded
) -> RepairedBag:
    entries, salvaged = [], []
    if path.is_dir():
        unfinished.mkdir()
    with _progress(files) as progress:
        for source, name in files.items():
            found = _salvage(source, recorded, progress.update)
            copy = (unfinished / name, name) if path.is_dir() else (unfinished, target.name)
            entries.append(_copy_file(found, *copy, recorded))
            salvaged.append(found)
    bag = BagEntry(entries, recorded.custom_data, recorded.ros_distro)
    if path.is_dir():
        bag.write(unfinished)
    return RepairedBag(target, bag, salvaged)


def _salvage(file: Path, recorded: _Recorded, after_bytes: Callable[[int], object]) -> Salvage:
    kind = SqliteSalvage if file.suffix == ".db3" else Salvage
    return kind(file, recorded.counts.get(file.name), after_bytes)


def _copy_file(found: Salvage, copy: Path, name: str, recorded: _Recorded) -> FileEntry:
    """Write what can be read of a file, and read that back."""
    file, checksum = McapFile(copy, name), 0
    try:
        for record in found.records():
            if isinstance(record, records.Message):
                checksum += _checksum(record)
                file.write(
                    record.channel_id,
                    record.sequence,
                    record.log_time,
                    record.publish_time,
                    record.data,
                )
            else:
                file.add_definition(_as_v8(record))
        entry = file.finish(recorded.custom_data, recorded.ros_distro)
    except BaseException:
        file.abandon()
        raise
    with copy.open("rb") as stream:
        written = SeekingReader(stream, validate_crcs=True).iter_messages()
        checksum -= sum(_checksum(message) for _, _, message in written)
    if checksum:
        raise BagError(f"{copy}: does not read back as it was written; is the disk sound?")
    return entry


def _checksum(message: records.Message) -> int:
    """Return a number that is another one where anything of a message is."""
    head = _MESSAGE.pack(
        message.channel_id, message.sequence, message.log_time, message.publish_time
    )
    return zlib.crc32(message.data, zlib.crc32(head))


class _Recorded(NamedTuple):
    """What metadata.yaml says of a bag; `counts` is how many messages each file has, by name."""

    counts: Mapping[str, int]
    custom_data: Mapping[str, str]
    ros_distro: str


def _recorded(path: Path) -> _Recorded:
    """Return what metadata.yaml says, nothing where there is none that can be read."""
    try:
        text = (path / metadata.FILE_NAME).read_text(encoding="utf-8")
        bag = yaml.safe_load(text)["rosbag2_bagfile_information"]
        return _Recorded(
            {Path(item["path"]).name: int(item["message_count"]) for item in bag["files"]},
            {str(key): str(value) for key, value in (bag.get("custom_data") or {}).items()},
            str(bag.get("ros_distro") or ""),
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, yaml.YAMLError):
        return _Recorded({}, {}, "")


def _if_whole(path: Path, files: Mapping[Path, str], recorded: _Recorded) -> RepairedBag | None:
    """Return what is in a bag of which nothing is missing; None for any other."""
    is_folder = path.is_dir()
    names = {file.name for file in files}
    if path.suffix == PARTIAL or (is_folder and names != recorded.counts.keys()):
        return None
    entries, salvaged = [], []
    with _progress(files) as progress:
        for file in files:
            found, contents = _salvage(file, recorded, progress.update), Contents()
            for record in found.records():
                if not found.has_end:
                    return None
                if isinstance(record, records.Message):
                    time_ns = record.log_time
                    contents.add_messages({record.channel_id: 1}, time_ns, time_ns)
                else:
                    contents.add_definition(record)
            count = recorded.counts.get(file.name, found.message_count)
            if not found.is_whole or count != found.message_count:
                return None
            entries.append(contents.entry(file.name))
            salvaged.append(found)
    return RepairedBag(path, BagEntry(entries, recorded.custom_data), salvaged)


def _files(path: Path) -> dict[Path, str]:
    """Return the files of a bag in their order, with the names that they have in a whole one."""
    if not path.exists():
        raise BagError(f"{path}: there is no such bag")
    if not path.is_dir():
        return {path: path.name}
    matches = {file: _FILE_NAME.fullmatch(file.name) for file in sorted(path.iterdir())}
    numbers = {file: int(match["number"] or 0) for file, match in matches.items() if match}
    if not numbers:
        raise BagError(f"{path} holds no .mcap or .db3 file, which is what can be repaired")
    if packed := sorted([*path.glob("*.mcap.zstd"), *path.glob("*.db3.zstd")]):
        raise BagError(f"{packed[0]} is compressed as a whole: unpack it first, with unzstd")
    files: dict[Path, str] = {}
    # `drive_2.mcap` before `drive_10.mcap`.
    for file in sorted(numbers, key=lambda file: (numbers[file], file.name)):
        name = _whole_name(file)
        if name in files.values():
            raise BagError(f"{file}: there is a {name} beside it; move one of them away")
        files[file] = name
    return files


def _whole_name(file: Path) -> str:
    match = _FILE_NAME.fullmatch(file.name)
    return f"{match['stem']}{_SUFFIX}" if match else f"{file.name}{_SUFFIX}"


def _default_target(path: Path) -> Path:
    if not path.is_dir():
        return path.with_name(f"{_whole_name(path).removesuffix(_SUFFIX)}.repaired{_SUFFIX}")
    return path.with_suffix("" if path.suffix == PARTIAL else f"{path.suffix}.repaired")


@contextlib.contextmanager
def _no_recording(file: Path) -> Iterator[None]:
    """Refuse a file that is being recorded."""
    with file.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BagError(f"{file} is being recorded: stop that first") from None
        except OSError:  # not every file system can lock
            pass
        yield


def _progress(files: Iterable[Path]) -> tqdm[NoReturn]:
    size = sum(file.stat().st_size for file in files)
    return tqdm(total=size, desc="reading", unit="B", unit_scale=True, disable=None)


def _as_v8(record: Definition) -> Definition:
    """Return a topic with its QoS profiles as version 8 of metadata.yaml writes them.

    Those that are nonsense are left out.
    """
    if isinstance(record, records.Schema):
        return record
    try:
        profiles = dump_qos_v8(parse_qos(record.metadata.get(OFFERED_QOS, "")))
    except (ReaderError, ValueError, TypeError, KeyError, AttributeError):
        profiles = ""
    return replace(record, metadata={**record.metadata, OFFERED_QOS: profiles})
