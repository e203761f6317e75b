# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what can still be read of an MCAP file that was cut off or is damaged.

Nothing in the file is believed: lengths are compared with what is there, checksums with what they
are of, and behind damage the next chunk is looked for. Memory holds one chunk at a time.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import breakup_chunk
from mcap.summary import Summary
from mcap.writer import MCAP0_MAGIC
from zstandard import ZstdError

from unet_seg_ros.bags.contents import Definition
from unet_seg_ros.bags.writer import BagError

# Four times the largest pictures in use, 8K with four channels.
MAX_CHUNK_SIZE = 1 << 29

_HEADER = struct.Struct("<BQ")  # opcode, length of what follows
# Of a chunk: opcode, length, 28 bytes, the compression's name, the size of the data.
_CHUNK = re.compile(rb"\x06(.{8}).{28}((?:\x04\0\0\0zstd|\x03\0\0\0lz4|\0{4}).{8})", re.DOTALL)
_FOOTER = struct.Struct("<QQI")  # where the summary begins, where its offsets do, CRC
_CRC_SIZE = 4
_BLOCK_SIZE = 1 << 20

# What the parsers raise at bytes that are none of theirs.
_PARSE_ERRORS = (McapError, ValueError, struct.error, RuntimeError, ZstdError, MemoryError)


@dataclass(frozen=True)
class Gap:
    """A stretch of a file that cannot be read.

    Attributes:
        start: Its first byte.
        size: How many bytes.
        reason: What is wrong there.
        after_ns: When the last message before it was recorded; None where there is none.
        before_ns: When the first one behind it was.
    """

    start: int
    size: int
    reason: str
    after_ns: int | None
    before_ns: int | None = None


@dataclass
class Salvage:
    """What can be read of a file, and, once `records` has been read to the end, what cannot.

    Attributes:
        path: The file.
        expected: How many messages it had; None where nothing tells. The file's own end overrules
            what is given here.
        after_bytes: Called with how many bytes have been read since the last call.
        has_end: Whether the file has its end.
        message_count: How many messages can be read.
        orphans: How many are left out because what announced their topics is lost.
        attachments: How many attachments there are, which bags have none of; they are left out.
        gaps: What cannot be read, empty room not counted.
    """

    path: Path
    expected: int | None = None
    after_bytes: Callable[[int], object] = lambda _size: None
    has_end: bool = False
    message_count: int = 0
    orphans: int = 0
    attachments: int = 0
    gaps: list[Gap] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing of the file."""
        return self.has_end and not self.gaps and self.expected == self.message_count

    @property
    def lost_messages(self) -> int | None:
        """How many messages cannot be read; None where nothing tells."""
        if self.expected is not None:
            return max(0, self.expected - self.message_count)
        return None if self.gaps else self.orphans

    def records(self) -> Iterator[Definition | Message]:
        """Yield topics and message types, each once and before its messages, and messages.

        Raises:
            BagError: The file is something else.
            OSError: It cannot be read.
        """
        with self.path.open("rb") as stream:
            # The beginning of a recording may not have reached the disk.
            if not MCAP0_MAGIC.startswith(stream.read(len(MCAP0_MAGIC)).rstrip(b"\0")):
                raise BagError(f"{self.path} is no MCAP file")
            summary = _summary(self.path)
            self.has_end = summary is not None
            if summary and summary.statistics:
                self.expected = summary.statistics.message_count
            if os.fstat(stream.fileno()).st_size:
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    yield from _Reader(data, self).records(summary)


class _Reader:
    """Goes through the bytes of a file and notes in `found` what cannot be read."""

    def __init__(self, data: mmap.mmap, found: Salvage) -> None:
        self._data = data
        self._found = found
        self._used = _used_size(data)
        self._known: set[tuple[type, int]] = set()
        self._time_ns: int | None = None
        self._span_ns: tuple[int, int] | None = None  # from the first message to the last
        self._data_end: tuple[int, int] | None = None  # where the record that says so is

    def records(self, summary: Summary | None) -> Iterator[Definition | Message]:
        if summary:  # where what a lost chunk announces is there once more
            if told := summary.statistics:
                self._span_ns = told.message_start_time, told.message_end_time
            yield from self._new([*summary.schemas.values(), *summary.channels.values()])
        position = len(MCAP0_MAGIC)
        while position < self._used:
            start = end = position
            try:
                opcode, end = self._frame(start)
                if opcode == Opcode.FOOTER:
                    return
                yield from self._new(self._content(opcode, start, end))
                position = end
            except _PARSE_ERRORS as error:
                position = self._resume(start, end)
                if not self._data_end:
                    self._note_gap(start, position, str(error))
            self._found.after_bytes(position - start)

    def _new(self, items: Iterable[Definition | Message]) -> Iterator[Definition | Message]:
        """Yield what was not there before: the first one of an id counts."""
        for item in items:
            if not isinstance(item, Message):
                if (type(item), item.id) not in self._known:
                    self._known.add((type(item), item.id))
                    yield item
            elif (Channel, item.channel_id) in self._known:
                self._note_message(item.log_time)
                yield item
            else:
                self._found.orphans += 1

    def _frame(self, position: int) -> tuple[int, int]:
        """Return the opcode of the record at a position, and where it ends."""
        start = position + _HEADER.size
        opcode, length = _HEADER.unpack(self._data[position:start])
        if not 0 < opcode <= Opcode.DATA_END:
            raise McapError("no record where one belongs")
        if start + length > len(self._data):
            raise McapError("a record that breaks off")
        return opcode, start + length

    def _content(self, opcode: int, position: int, end: int) -> list[Definition | Message]:
        """Return the messages, topics and message types in a record."""
        body = self._data[position + _HEADER.size : end]
        stream, has_checksum = ReadDataStream(BytesIO(body)), False
        found: list[Definition | Message] = []
        if opcode == Opcode.CHUNK:
            chunk = Chunk.read(stream)
            has_checksum = bool(chunk.uncompressed_crc or chunk.compression)
            found = _chunk_content(chunk)
        elif opcode == Opcode.MESSAGE:
            found = [self._alone(Message.read(stream, len(body)))]
        elif opcode == Opcode.SCHEMA:
            found = [Schema.read(stream)]
        elif opcode == Opcode.CHANNEL:
            found = [Channel.read(stream)]
        if self._used < end < len(self._data) and not has_checksum:
            raise McapError("a record that breaks off")  # what is missing may be empty room
        self._found.attachments += opcode == Opcode.ATTACHMENT
        if opcode == Opcode.DATA_END:
            self._data_end = position, end
        elif self._data_end and opcode in (Opcode.CHUNK, Opcode.MESSAGE):
            self._note_gap(*self._data_end, "an end where none belongs")
            self._data_end = None
        return found

    def _alone(self, message: Message) -> Message:
        """Return a message that is in no chunk, whose checksum would tell that it is none."""
        if self._span_ns and not self._span_ns[0] <= message.log_time <= self._span_ns[1]:
            raise McapError("something else where a message seems to be")
        return message

    def _resume(self, position: int, end: int) -> int:
        """Return where to go on behind a record that is damaged, or whose length is."""
        if position < end < self._used:
            try:
                self._frame(end)
            except _PARSE_ERRORS:
                pass
            else:
                return end
        for match in _CHUNK.finditer(self._data, position + 1, self._used):
            (length,) = struct.unpack("<Q", match[1])
            (size,) = struct.unpack("<Q", match[2][-8:])
            if length == 28 + len(match[2]) + size:
                return match.start()
        return self._used

    def _note_message(self, time_ns: int) -> None:
        self._found.message_count += 1
        self._time_ns = time_ns
        gaps = self._found.gaps
        if gaps and gaps[-1].before_ns is None:
            gaps[-1] = replace(gaps[-1], before_ns=time_ns)

    def _note_gap(self, start: int, end: int, reason: str) -> None:
        gaps = self._found.gaps
        if gaps and gaps[-1].start + gaps[-1].size == start:
            start, reason = gaps[-1].start, gaps[-1].reason
            gaps.pop()
        gaps.append(Gap(start, min(end, self._used) - start, reason, self._time_ns))


def _chunk_content(chunk: Chunk) -> list[Definition | Message]:
    if chunk.compression not in ("", "zstd", "lz4"):
        raise McapError(f"a chunk whose compression {chunk.compression!r:.20} is not known")
    if chunk.uncompressed_size > MAX_CHUNK_SIZE:
        raise McapError("a chunk of an impossible size")
    if not chunk.compression and len(chunk.data) != chunk.uncompressed_size:
        raise McapError("a chunk that contradicts itself")
    content = breakup_chunk(chunk, validate_crc=True)
    return [item for item in content if isinstance(item, Definition | Message)]


def _summary(path: Path) -> Summary | None:
    """Return what the end of a file says; None where it has none, or a damaged one."""
    try:
        with path.open("rb") as stream:
            summary = SeekingReader(stream).get_summary()
            # What that reader does not look at.
            stream.seek(-_FOOTER.size - len(MCAP0_MAGIC), os.SEEK_END)
            start, _, crc = _FOOTER.unpack(stream.read(_FOOTER.size))
            is_end = stream.read() == MCAP0_MAGIC
            stream.seek(start)
            content = stream.read()[: -_CRC_SIZE - len(MCAP0_MAGIC)]
    except (*_PARSE_ERRORS, OSError, OverflowError):
        return None
    return summary if is_end and crc in (0, zlib.crc32(content)) else None


def _used_size(data: mmap.mmap) -> int:
    """Return the size without the zeros that the file may end in."""
    end = len(data)
    while end:
        start = max(0, end - _BLOCK_SIZE)
        if block := data[start:end].rstrip(b"\0"):
            return start + len(block)
        end = start
    return 0
