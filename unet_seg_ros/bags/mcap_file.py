# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes one MCAP file, fast enough for camera topics and whole up to the last chunk at any time.

The records are those of the MCAP specification (https://mcap.dev/spec), put together by the `mcap`
package; only the chunks are filled here. The writers of `mcap` and `rosbags` have one compression
for the whole file, and neither choice suits a drive: zstd takes over 20 ms of a core for one
800x600 camera picture, and without it the masks, which shrink to a fiftieth in half a millisecond,
are stored as large as the pictures. `benchmarks/bag_writers.py` compares them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard
from mcap import records
from mcap.opcode import Opcode
from mcap.writer import LIBRARY_IDENTIFIER, MCAP0_MAGIC

from unet_seg_ros.bags.contents import (
    Contents,
    Definition,
    Places,
    encoded,
    message_indexes,
    room_in_end,
)
from unet_seg_ros.bags.metadata import BagEntry, FileEntry

CHUNK_SIZE = 1 << 20  # bytes of messages compressed together, before compression
FILE_START = MCAP0_MAGIC + encoded(records.Header(profile="ros2", library=LIBRARY_IDENTIFIER))

_PICTURE_SIZE = 1 << 16  # messages from here on are worth a look at whether they compress
_SAMPLE_SIZE = 1 << 14  # bytes of that look, out of the message's middle
_WORTHWHILE_RATIO = 0.25  # compressed to original; what compresses less costs most
_ROOM_STEP = 1 << 20  # bytes that the file grows by at a time

# Opcode, length of the rest; channel id, sequence, log time, publish time (MCAP, "Message").
_MESSAGE_HEADER = struct.Struct("<BQHIQQ")
# Opcode, length of the rest; start time, end time, uncompressed size, CRC (MCAP, "Chunk").
_CHUNK_HEADER = struct.Struct("<BQQQQI")
_RECORD_HEADER_SIZE = 9
_INDEX_SIZE = 16  # bytes of a message in the index after its chunk


@dataclass(frozen=True)
class _Message:
    channel_id: int
    log_time_ns: int
    header: bytes
    data: bytes

    @property
    def size(self) -> int:
        return len(self.header) + len(self.data)


class McapFile:
    """Writes messages to a new MCAP file.

    Messages are gathered in zstd chunks; a large one that hardly compresses gets a chunk of its own
    and is stored as it is. A chunk is written as a whole and is then the operating system's: it
    outlives this process.

    Room for the end of the file is taken from the disk before every chunk. Where there is none
    left, nothing of the chunk is written, and the file can still be finished.

    While the file is open it is locked (`flock`).

    Args:
        path: The file.
        name: What it is called when it is whole, if that is something else.

    Attributes:
        contents: What has been written.

    Raises:
        OSError: also from every method that writes.
    """

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self._name = name or path.name
        self.contents = Contents()
        self._compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
        self._definitions: list[Definition] = []
        self._definitions_room = 0
        self._pending: list[_Message] = []
        self._pending_size = 0
        self._end = 0  # where the next record goes
        self._room = 0  # bytes of the disk that the file has
        self._stream = open(path, "xb", buffering=0)  # noqa: SIM115
        try:
            with contextlib.suppress(OSError):  # not every file system can
                fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._append([FILE_START])
        except OSError:
            self.abandon()
            path.unlink()
            raise

    @property
    def size(self) -> int:
        """How many bytes the file will have at most if it is finished now."""
        pending = self._pending_size + _INDEX_SIZE * len(self._pending)
        return self._end + self._definitions_room + pending + self.contents.end_size

    def add_definition(self, record: Definition) -> None:
        """Announce a message type or a topic; it is written with the next chunk."""
        self._definitions.append(record)
        self._definitions_room += len(encoded(record)) + room_in_end(record)

    def write(
        self, channel_id: int, sequence: int, log_time_ns: int, publish_time_ns: int, data: bytes
    ) -> None:
        """Take a message; it is written, perhaps with others, later, or by `flush`."""
        length = _MESSAGE_HEADER.size - _RECORD_HEADER_SIZE + len(data)
        header = _MESSAGE_HEADER.pack(
            Opcode.MESSAGE, length, channel_id, sequence, log_time_ns, publish_time_ns
        )
        message = _Message(channel_id, log_time_ns, header, data)
        if len(data) >= _PICTURE_SIZE and not self._is_worth_compressing(data):
            crc = zlib.crc32(data, zlib.crc32(header))
            self._write_chunk([message], "", crc, [header, data])
        else:
            self._pending.append(message)
            self._pending_size += message.size
            if self._pending_size >= CHUNK_SIZE:
                self.flush()

    def flush(self) -> None:
        """Write what has been taken and announced.

        After an error that is lost, and nothing more may be written but the end.
        """
        messages, self._pending, self._pending_size = self._pending, [], 0
        if messages:
            parts = [part for message in messages for part in (message.header, message.data)]
            packed = self._compressor.compress(b"".join(parts))
            # zstd's own checksum, which every decompressor compares, costs a quarter of a CRC.
            no_crc = 0
            self._write_chunk(messages, "zstd", no_crc, [packed])
        else:
            self._write_definitions()

    def sync(self) -> None:
        """Wait until the disk has what has been written."""
        os.fsync(self._stream.fileno())

    def finish(self, custom_data: Mapping[str, str], ros_distro: str) -> FileEntry:
        """Write what readers find everything by, close the file and tell what is in it."""
        self.flush()
        entry = self.contents.entry(self._name)
        metadata = BagEntry([entry], custom_data, ros_distro).record()
        end = self.contents.end(self._end, metadata)
        self._append([end], -self.contents.end_size)  # the room that was kept for it
        self._stream.truncate(self._end)
        self.sync()
        self._stream.close()
        return entry

    def abandon(self) -> None:
        """Close the file as it is; what has not been written is lost."""
        self._stream.close()

    def _is_worth_compressing(self, data: bytes) -> bool:
        start = (len(data) - _SAMPLE_SIZE) // 2
        sample = memoryview(data)[start : start + _SAMPLE_SIZE]
        return len(self._compressor.compress(sample)) < _WORTHWHILE_RATIO * _SAMPLE_SIZE

    def _write_definitions(self) -> None:
        """Write the message types and topics that were announced since the last chunk."""
        definitions, self._definitions, self._definitions_room = self._definitions, [], 0
        if definitions:
            room = sum(map(room_in_end, definitions))
            self._append([encoded(definition) for definition in definitions], room)
        for definition in definitions:
            self.contents.add_definition(definition)

    def _write_chunk(
        self, messages: Sequence[_Message], compression: str, crc: int, parts: Sequence[bytes]
    ) -> None:
        """Write a chunk whose content, compressed already, is `parts` joined, and its index."""
        self._write_definitions()
        times = [message.log_time_ns for message in messages]
        start_ns, end_ns = min(times), max(times)
        size = sum(message.size for message in messages)
        stored_size = sum(map(len, parts))
        name = struct.pack("<I", len(compression)) + compression.encode()
        fields = name + struct.pack("<Q", stored_size)
        length = _CHUNK_HEADER.size - _RECORD_HEADER_SIZE + len(fields) + stored_size
        header = _CHUNK_HEADER.pack(Opcode.CHUNK, length, start_ns, end_ns, size, crc) + fields
        chunk_size = len(header) + stored_size
        places = _places(messages)
        message_index, index_offsets = message_indexes(places, self._end + chunk_size)
        index = records.ChunkIndex(
            chunk_length=chunk_size,
            chunk_start_offset=self._end,
            compression=compression,
            compressed_size=stored_size,
            message_end_time=end_ns,
            message_index_length=len(message_index),
            message_index_offsets=index_offsets,
            message_start_time=start_ns,
            uncompressed_size=size,
        )
        self._append([header, *parts, message_index], room_in_end(index))
        self.contents.add_chunk(index)
        self.contents.add_messages(
            {channel_id: len(entries) for channel_id, entries in places.items()}, start_ns, end_ns
        )

    def _append(self, parts: Sequence[bytes], end_growth: int = 0) -> None:
        """Write records, by which the file's end grows, or none of them where there is no room."""
        size = sum(map(len, parts))
        self._take_room(self._end + size + self.contents.end_size + end_growth)
        self._write(parts)
        self._end += size

    def _take_room(self, size: int) -> None:
        if size > self._room:
            size += _ROOM_STEP
            os.posix_fallocate(self._stream.fileno(), self._room, size - self._room)
            self._room = size

    def _write(self, parts: Sequence[bytes]) -> None:
        # What an earlier attempt may have left half written is written over.
        self._stream.seek(self._end)
        for part in parts:
            rest = memoryview(part)
            while rest:
                rest = rest[self._stream.write(rest) :]


def _places(messages: Sequence[_Message]) -> Places:
    """Return where in their chunk the messages of each channel are, and their times."""
    places: Places = defaultdict(list)
    offset = 0
    for message in messages:
        places[message.channel_id].append((message.log_time_ns, offset))
        offset += message.size
    return places
