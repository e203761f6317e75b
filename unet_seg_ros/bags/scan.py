# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads an MCAP file that may be cut off or damaged, up to where it is whole.

Nothing in the file is believed: lengths are compared with what is there before anything is
allocated, chunks are decompressed and their checksums compared. Memory holds one chunk at a time.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import lz4.frame  # type: ignore[import-untyped]
import zstandard
from mcap import records
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.writer import MCAP0_MAGIC

from unet_seg_ros.bags.contents import Contents, Places, message_indexes
from unet_seg_ros.bags.writer import BagError

# Four times the largest pictures in use, 8K with four channels.
MAX_CHUNK_SIZE = 1 << 29
MAX_CHUNK_MESSAGES = 1 << 21
MAX_DEFINITIONS_SIZE = 1 << 26  # bytes of all message types and topics, or one metadata record

_HEADER = struct.Struct("<BQ")  # opcode, length of what follows
_MESSAGE = struct.Struct("<HIQQ")  # channel id, sequence, log time, publish time; then the data
# Start time, end time, size before compression, CRC, length of the compression's name.
_CHUNK = struct.Struct("<QQQII")
_STORED_SIZE = struct.Struct("<Q")
_FOOTER = struct.Struct("<QQI")  # where the summary and its offsets begin, CRC
_CRC_SIZE = 4
_CHANNEL_ID = struct.Struct("<H")
_BLOCK_SIZE = 1 << 20

_DEFINITIONS: dict[int, Any] = {Opcode.SCHEMA: records.Schema, Opcode.CHANNEL: records.Channel}
# What belongs behind the data section.
_END_OPCODES = {
    Opcode.FOOTER,
    Opcode.CHUNK_INDEX,
    Opcode.ATTACHMENT_INDEX,
    Opcode.METADATA_INDEX,
    Opcode.STATISTICS,
    Opcode.SUMMARY_OFFSET,
}


class _DamagedError(Exception):
    """What is wrong with a record."""


@dataclass(frozen=True)
class Scan:
    """What was found in a file.

    Attributes:
        contents: Everything up to `end`.
        end: Where the messages and what belongs to them end, in bytes; the rest of the file is its
            end, or of no use.
        missing: What is to be written there before the file's end: the index of the last chunk.
        is_whole: Whether the file has its end.
        useless_bytes: How many bytes there are instead of it, empty room not counted.
        damage: Why they are of no use; empty where the file merely breaks off.
    """

    contents: Contents
    end: int
    missing: bytes
    is_whole: bool
    useless_bytes: int
    damage: str


def scan(path: Path, after_bytes: Callable[[int], object]) -> Scan:
    """Read an MCAP file up to where it is whole.

    Args:
        path: The file.
        after_bytes: Called with how many bytes have been read since the last call.

    Raises:
        BagError: It is something else.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return _Scanner(path, stream).scan(after_bytes)


class _Place(NamedTuple):
    """Where a record is: its first byte, its content, and what follows it."""

    opcode: int
    start: int
    body: int
    end: int


@dataclass
class _Chunk:
    """A chunk, where its messages are in it, and the index records found after it."""

    place: _Place
    compression: str
    stored_size: int
    size: int
    places: Places
    index_offsets: dict[int, int] = field(default_factory=dict)
    index_size: int = 0

    @property
    def is_indexed(self) -> bool:
        return self.places.keys() <= self.index_offsets.keys()

    def index(self) -> records.ChunkIndex:
        times = [time_ns for entries in self.places.values() for time_ns, _ in entries]
        return records.ChunkIndex(
            chunk_length=self.place.end - self.place.start,
            chunk_start_offset=self.place.start,
            compression=self.compression,
            compressed_size=self.stored_size,
            message_end_time=max(times, default=0),
            # Half an index would hide messages; without one, readers look into the chunk.
            message_index_length=self.index_size if self.is_indexed else 0,
            message_index_offsets=self.index_offsets if self.is_indexed else {},
            message_start_time=min(times, default=0),
            uncompressed_size=self.size,
        )


class _Scanner:
    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._size = stream.seek(0, 2)
        self._contents = Contents()
        self._definitions_size = 0
        self._chunk: _Chunk | None = None  # the last one, whose index may not be complete

    def scan(self, after_bytes: Callable[[int], object]) -> Scan:
        end, damage = 0, ""
        places = self._records()
        try:
            for place in places:
                if place.opcode == Opcode.DATA_END:
                    is_whole = self._is_end(place, places)
                    # Of the file's own end, which is not lost, there is so much at most.
                    end_size = self._contents.end_size
                    return self._result(end, is_whole, self._used_size(end) - end_size)
                self._take(place)
                after_bytes(place.end - end)
                end = place.end
        except _DamagedError as error:
            damage = str(error)
        return self._result(end, False, self._used_size(end), damage)

    def _records(self) -> Iterator[_Place]:
        """Yield the records that are there as a whole, as far as their lengths tell.

        One that is followed by empty room is not: what is missing of it may be zeros, too.
        """
        magic = self._read(0, min(len(MCAP0_MAGIC), self._size))
        if not MCAP0_MAGIC.startswith(magic.rstrip(b"\0")):
            raise BagError(f"{self._path} is no MCAP file")
        start = len(MCAP0_MAGIC)
        while start + _HEADER.size <= self._size:
            opcode, length = _HEADER.unpack(self._read(start, _HEADER.size))
            body = start + _HEADER.size
            end = body + length
            if not opcode or end > self._size:  # empty room, or cut off
                return
            if end < self._size and self._read(end, 1) == b"\0":
                return
            yield _Place(opcode, start, body, end)
            start = end

    def _is_end(self, data_end: _Place, places: Iterator[_Place]) -> bool:
        """Return whether all that belongs behind the data section is there, as its CRC says."""
        footer = next((place for place in places if place.opcode == Opcode.FOOTER), None)
        if not footer or footer.end - footer.body != _FOOTER.size:
            return False
        start, _, crc = _FOOTER.unpack(self._read(footer.body, _FOOTER.size))
        if start not in (0, data_end.end):
            return False
        is_right = not (start and crc) or self._crc(start, footer.end - _CRC_SIZE) == crc
        rest = self._size - footer.end
        is_last = rest == len(MCAP0_MAGIC) and self._read(footer.end, rest) == MCAP0_MAGIC
        return is_right and is_last

    def _crc(self, start: int, end: int) -> int:
        crc = 0
        for block_start in range(start, end, _BLOCK_SIZE):
            size = min(_BLOCK_SIZE, end - block_start)
            crc = zlib.crc32(self._read(block_start, size), crc)
        return crc

    def _take(self, place: _Place) -> None:
        """Note a record of the data section."""
        opcode = place.opcode
        if opcode == Opcode.MESSAGE_INDEX:
            self._take_message_index(place)
            return
        if opcode in _END_OPCODES or (opcode == Opcode.HEADER) != (place.start == len(MCAP0_MAGIC)):
            raise _DamagedError(f"a record {opcode:#04x} where none belongs")
        self._note_chunk()
        if opcode == Opcode.CHUNK:
            self._chunk = self._read_chunk(place)
        elif opcode == Opcode.MESSAGE:
            length = min(place.end - place.body, _MESSAGE.size)
            channel_id, time_ns = self._message(self._read(place.body, length))
            self._contents.add_messages({channel_id: 1}, time_ns, time_ns)
        elif opcode in _DEFINITIONS:
            self._add_definition(opcode, self._read_small(place))
        elif opcode == Opcode.METADATA:
            name = _parsed(records.Metadata, self._read_small(place)).name
            length = place.end - place.start
            self._contents.add_metadata(records.MetadataIndex(place.start, length, name))
        elif opcode == Opcode.ATTACHMENT:
            self._contents.attachment_count += 1

    def _take_message_index(self, place: _Place) -> None:
        if self._chunk:
            index = self._read(place.body, min(place.end - place.body, _CHANNEL_ID.size))
            (channel_id,) = _unpacked(_CHANNEL_ID, index)
            self._chunk.index_offsets[channel_id] = place.start
            self._chunk.index_size += place.end - place.start

    def _note_chunk(self) -> None:
        if self._chunk:
            self._contents.add_chunk(self._chunk.index())
            self._chunk = None

    def _result(self, end: int, is_whole: bool, used_size: int, damage: str = "") -> Scan:
        missing = b""
        if self._chunk and not self._chunk.is_indexed and not is_whole:
            end = self._chunk.place.end
            missing, self._chunk.index_offsets = message_indexes(self._chunk.places, end)
            self._chunk.index_size = len(missing)
        self._note_chunk()
        # What there is of the index is not lost.
        useless_bytes = max(0, used_size - end - len(missing))
        return Scan(self._contents, end, missing, is_whole, useless_bytes, damage)

    def _read_chunk(self, place: _Place) -> _Chunk:
        head = self._read(place.body, min(place.end - place.body, _CHUNK.size))
        _, _, size, crc, name_size = _unpacked(_CHUNK, head)
        size_start = place.body + _CHUNK.size + name_size
        data_start = size_start + _STORED_SIZE.size
        stored_size = place.end - data_start
        if stored_size < 0 or max(size, stored_size) > MAX_CHUNK_SIZE:
            raise _DamagedError("a chunk of an impossible size")
        if self._read(size_start, _STORED_SIZE.size) != _STORED_SIZE.pack(stored_size):
            raise _DamagedError("a chunk that contradicts itself")
        name = self._read(size_start - name_size, name_size).decode("ascii", "replace")
        content = _decompressed(name, self._read(data_start, stored_size), size)
        if len(content) != size or (crc and zlib.crc32(content) != crc):
            raise _DamagedError("a chunk that is not what its checksum says")
        return _Chunk(place, name, stored_size, size, self._take_content(content))

    def _take_content(self, content: bytes) -> Places:
        """Note what is in a chunk and return where its messages are."""
        places: Places = defaultdict(list)
        count = 0
        for place in _records_in(content):
            body = content[place.body : min(place.end, place.body + _MESSAGE.size)]
            if place.opcode == Opcode.MESSAGE:
                channel_id, time_ns = self._message(body)
                places[channel_id].append((time_ns, place.start))
                count += 1
            elif place.opcode in _DEFINITIONS:
                self._add_definition(place.opcode, content[place.body : place.end])
            if count > MAX_CHUNK_MESSAGES:
                raise _DamagedError("a chunk of an impossible number of messages")
        times = [time_ns for entries in places.values() for time_ns, _ in entries]
        if times:
            counts = {channel_id: len(entries) for channel_id, entries in places.items()}
            self._contents.add_messages(counts, min(times), max(times))
        return places

    def _message(self, body: bytes) -> tuple[int, int]:
        """Return the channel and the time of a message."""
        channel_id, _, time_ns, _ = _unpacked(_MESSAGE, body)
        if channel_id not in self._contents.channels:
            raise _DamagedError("a message of a topic that was not announced")
        return channel_id, time_ns

    def _add_definition(self, opcode: int, body: bytes) -> None:
        self._definitions_size += len(body)
        if self._definitions_size > MAX_DEFINITIONS_SIZE:
            raise _DamagedError("message types and topics of an impossible size")
        self._contents.add_definition(_parsed(_DEFINITIONS[opcode], body))

    def _read_small(self, place: _Place) -> bytes:
        """Return the content of a record that must not be large."""
        size = place.end - place.body
        if size > MAX_DEFINITIONS_SIZE:
            raise _DamagedError("a record of an impossible size")
        return self._read(place.body, size)

    def _read(self, start: int, size: int) -> bytes:
        """Return bytes that are there, as the file's size tells."""
        self._stream.seek(start)
        data = self._stream.read(size)
        if len(data) < size:
            raise _DamagedError("a file that got shorter while it was read")
        return data

    def _used_size(self, start: int) -> int:
        """Return the size of the file without the zeros from `start` on that it may end in."""
        end = self._size
        while end > start:
            block_start = max(start, end - _BLOCK_SIZE)
            block = self._read(block_start, end - block_start).rstrip(b"\0")
            if block:
                return block_start + len(block)
            end = block_start
        return start


def _records_in(content: bytes) -> Iterator[_Place]:
    """Yield the records in a chunk."""
    start = 0
    while start < len(content):
        opcode, length = _unpacked(_HEADER, content[start : start + _HEADER.size])
        body = start + _HEADER.size
        end = body + length
        if end > len(content):
            raise _DamagedError("a chunk with half a record")
        yield _Place(opcode, start, body, end)
        start = end


def _decompressed(name: str, data: bytes, size: int) -> bytes:
    """Return what a chunk holds, up to a byte more than it should."""
    try:
        if name == "zstd":
            return zstandard.ZstdDecompressor().stream_reader(data).read(size + 1)
        if name == "lz4":
            content: bytes = lz4.frame.LZ4FrameDecompressor().decompress(data, size + 1)
            return content
    except (zstandard.ZstdError, RuntimeError) as error:
        raise _DamagedError("a chunk that cannot be decompressed") from error
    if name:
        raise _DamagedError(f"a chunk whose compression {name!r} is not known")
    return data


def _unpacked(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) < layout.size:
        raise _DamagedError("a record that is too short")
    return layout.unpack(data)


def _parsed(kind: Any, body: bytes) -> Any:
    """Return a record of a kind out of its content."""
    try:
        return kind.read(ReadDataStream(BytesIO(body)))
    except (McapError, ValueError, struct.error) as error:
        raise _DamagedError(f"a {kind.__name__} record that cannot be read") from error
