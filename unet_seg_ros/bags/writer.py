# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes rosbag2 folders: one MCAP file and its metadata.yaml, fast enough for camera topics.

The records are those of the MCAP specification (https://mcap.dev/spec), put together by the `mcap`
package; only the chunks are filled here. The writers of `mcap` and `rosbags` have one compression
for the whole file, and neither choice suits a drive: zstd takes over 20 ms of a core for one
800x600 camera picture, and without it the masks, which shrink to a fiftieth in half a millisecond,
are stored as large as the pictures. `benchmarks/bag_writers.py` compares them.
"""

from __future__ import annotations

import copy
import os
import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import yaml
import zstandard
from mcap import records
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.writer import LIBRARY_IDENTIFIER, MCAP0_MAGIC
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import dump_qos_v8

# The newest layout of metadata.yaml that every ROS 2 distribution from Humble on reads: from
# version 9 (Jazzy) on, QoS profiles are a list where older readers expect a string.
METADATA_VERSION = 8

CHUNK_SIZE = 1 << 20  # bytes of messages compressed together, before compression
_PICTURE_SIZE = 1 << 16  # messages from here on are worth a look at whether they compress
_SAMPLE_SIZE = 1 << 14  # bytes of that look, out of the message's middle
_WORTHWHILE_RATIO = 0.25  # compressed to original; what compresses less costs most

# Opcode, length of the rest; channel id, sequence, log time, publish time (MCAP, "Message").
_MESSAGE_HEADER = struct.Struct("<BQHIQQ")
# Opcode, length of the rest; start time, end time, uncompressed size, CRC (MCAP, "Chunk").
_CHUNK_HEADER = struct.Struct("<BQQQQI")
_RECORD_HEADER_SIZE = 9
_NO_TIME = 2**63 - 1


class BagError(Exception):
    """A bag that cannot be written; the message says why and what to do."""


@dataclass(frozen=True)
class Topic:
    """What a bag says about one topic.

    `definition` is the text of the message type with all it contains, `digest` its RIHS01 hash (see
    `ros.definitions`), `offered_qos` the QoS profiles of its publishers.
    """

    name: str
    type_name: str
    definition: str
    digest: str
    offered_qos: Sequence[Qos] = ()


@dataclass(frozen=True)
class _Message:
    channel_id: int
    log_time_ns: int
    header: bytes
    data: bytes

    @property
    def size(self) -> int:
        return len(self.header) + len(self.data)


class BagWriter:
    """Writes messages of several topics to a new rosbag2 folder.

    Until `close`, everything is in `<path>.partial`; the folder gets its name when it is whole.
    Used as a context manager, an exception leaves the partial folder behind, under that name.

    Messages are gathered in zstd chunks; a large one that hardly compresses gets a chunk of its own
    and is stored as it is. Not thread-safe.

    Raises:
        BagError: `path` or its partial folder exists, or the folder cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial_path = path.with_name(f"{path.name}.partial")
        self.message_count = 0
        if path.exists():
            raise BagError(f"{path} exists already: give another output folder, or remove it")
        try:
            self.partial_path.mkdir(parents=True)
        except FileExistsError:
            raise BagError(
                f"{self.partial_path} is left over from a recording that was cut off: move it away "
                "or remove it"
            ) from None
        except OSError as error:
            raise BagError(f"cannot make {self.partial_path}: {error.strerror}") from error
        self._file_name = f"{path.name}_0.mcap"
        self._stream: BinaryIO = open(self.partial_path / self._file_name, "wb")  # noqa: SIM115
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._topics: dict[int, Topic] = {}
        self._schemas: dict[str, records.Schema] = {}
        self._channels: dict[int, records.Channel] = {}
        self._chunks: list[records.ChunkIndex] = []
        self._counts: dict[int, int] = {}
        self._pending: list[_Message] = []
        self._pending_size = 0
        self._start_ns, self._end_ns = _NO_TIME, 0
        self._stream.write(MCAP0_MAGIC)
        self._write_record(records.Header(profile="ros2", library=LIBRARY_IDENTIFIER))

    def add_topic(self, topic: Topic) -> int:
        """Announce a topic and return the id to write its messages under."""
        schema = self._schemas.get(topic.type_name)
        if schema is None:
            schema = records.Schema(
                id=len(self._schemas) + 1,
                name=topic.type_name,
                encoding="ros2msg",
                data=topic.definition.encode(),
            )
            self._schemas[topic.type_name] = schema
            self._write_record(schema)
        channel = records.Channel(
            id=len(self._channels) + 1,
            topic=topic.name,
            message_encoding="cdr",
            metadata={"offered_qos_profiles": dump_qos_v8(list(topic.offered_qos))},
            schema_id=schema.id,
        )
        self._write_record(channel)
        self._channels[channel.id] = channel
        self._topics[channel.id] = topic
        self._counts[channel.id] = 0
        return channel.id

    def write(
        self, topic_id: int, data: bytes, log_time_ns: int, publish_time_ns: int | None = None
    ) -> None:
        """Write one serialized message.

        Args:
            topic_id: What `add_topic` returned.
            data: The message as it travels, plain CDR.
            log_time_ns: When it was received, which is when a player sends it again.
            publish_time_ns: When it was sent; by default the same.
        """
        sent_ns = log_time_ns if publish_time_ns is None else publish_time_ns
        sequence = self._counts[topic_id]
        length = _MESSAGE_HEADER.size - _RECORD_HEADER_SIZE + len(data)
        header = _MESSAGE_HEADER.pack(
            Opcode.MESSAGE, length, topic_id, sequence, log_time_ns, sent_ns
        )
        message = _Message(topic_id, log_time_ns, header, data)
        if len(data) >= _PICTURE_SIZE and not self._is_worth_compressing(data):
            self._write_chunk([message], "", [header, data])
        else:
            self._pending.append(message)
            self._pending_size += message.size
            if self._pending_size >= CHUNK_SIZE:
                self._write_pending()
        self._counts[topic_id] += 1
        self.message_count += 1
        self._start_ns = min(self._start_ns, log_time_ns)
        self._end_ns = max(self._end_ns, log_time_ns)

    def close(self, custom_data: dict[str, str] | None = None) -> None:
        """Complete the bag and give it its name.

        Args:
            custom_data: Goes into metadata.yaml as it is.
        """
        self._write_pending()
        metadata = self._metadata(custom_data or {})
        self._write_end(metadata)
        self._stream.close()
        document = yaml.safe_dump(metadata, sort_keys=False)
        (self.partial_path / "metadata.yaml").write_text(document, encoding="utf-8")
        self.partial_path.rename(self.path)

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stream.close()

    def _is_worth_compressing(self, data: bytes) -> bool:
        start = (len(data) - _SAMPLE_SIZE) // 2
        sample = memoryview(data)[start : start + _SAMPLE_SIZE]
        return len(self._compressor.compress(sample)) < _WORTHWHILE_RATIO * _SAMPLE_SIZE

    def _write_pending(self) -> None:
        if self._pending:
            parts = [part for message in self._pending for part in (message.header, message.data)]
            packed = self._compressor.compress(b"".join(parts))
            self._write_chunk(self._pending, "zstd", [packed])
            self._pending, self._pending_size = [], 0

    def _write_chunk(
        self, messages: Sequence[_Message], compression: str, parts: Sequence[bytes]
    ) -> None:
        """Write a chunk whose content, compressed already, is `parts` joined, and its index."""
        times = [message.log_time_ns for message in messages]
        size = sum(message.size for message in messages)
        stored_size = sum(len(part) for part in parts)
        name = struct.pack("<I", len(compression)) + compression.encode()
        fields = name + struct.pack("<Q", stored_size)
        length = _CHUNK_HEADER.size - _RECORD_HEADER_SIZE + len(fields) + stored_size
        no_crc = 0
        header = _CHUNK_HEADER.pack(Opcode.CHUNK, length, min(times), max(times), size, no_crc)
        chunk_start = self._stream.tell()
        self._stream.writelines([header, fields, *parts])
        index_start = self._stream.tell()
        index_offsets = self._write_message_index(messages)
        self._chunks.append(
            records.ChunkIndex(
                chunk_length=index_start - chunk_start,
                chunk_start_offset=chunk_start,
                compression=compression,
                compressed_size=stored_size,
                message_end_time=max(times),
                message_index_length=self._stream.tell() - index_start,
                message_index_offsets=index_offsets,
                message_start_time=min(times),
                uncompressed_size=size,
            )
        )

    def _write_message_index(self, messages: Sequence[_Message]) -> dict[int, int]:
        """Write where in its chunk each message is; return where each topic's index is."""
        places: dict[int, list[tuple[int, int]]] = defaultdict(list)
        offset = 0
        for message in messages:
            places[message.channel_id].append((message.log_time_ns, offset))
            offset += message.size
        index_offsets = {}
        for channel_id, entries in places.items():
            index_offsets[channel_id] = self._stream.tell()
            self._write_record(records.MessageIndex(channel_id=channel_id, records=entries))
        return index_offsets

    def _write_end(self, metadata: dict[str, Any]) -> None:
        """Write what readers find everything by: the summary section."""
        serialized = yaml.safe_dump(metadata["rosbag2_bagfile_information"], sort_keys=False)
        metadata_start = self._stream.tell()
        self._write_record(
            records.Metadata(name="rosbag2", metadata={"serialized_metadata": serialized})
        )
        metadata_index = records.MetadataIndex(
            offset=metadata_start, length=self._stream.tell() - metadata_start, name="rosbag2"
        )
        statistics = records.Statistics(
            attachment_count=0,
            channel_count=len(self._channels),
            channel_message_counts=self._counts,
            chunk_count=len(self._chunks),
            message_count=self.message_count,
            message_end_time=self._end_ns,
            message_start_time=self._first_ns,
            metadata_count=1,
            schema_count=len(self._schemas),
        )
        self._write_record(records.DataEnd(data_section_crc=0))
        summary_start = self._stream.tell()
        offsets = [
            self._write_group(Opcode.SCHEMA, list(self._schemas.values())),
            self._write_group(Opcode.CHANNEL, list(self._channels.values())),
            self._write_group(Opcode.STATISTICS, [statistics]),
            self._write_group(Opcode.CHUNK_INDEX, self._chunks),
            self._write_group(Opcode.METADATA_INDEX, [metadata_index]),
        ]
        offsets_start = self._stream.tell()
        for offset in offsets:
            if offset.group_length:
                self._write_record(offset)
        self._write_record(
            records.Footer(
                summary_start=summary_start, summary_offset_start=offsets_start, summary_crc=0
            )
        )
        self._stream.write(MCAP0_MAGIC)

    def _write_group(
        self, opcode: Opcode, group: Sequence[records.McapRecord]
    ) -> records.SummaryOffset:
        start = self._stream.tell()
        for record in group:
            self._write_record(record)
        return records.SummaryOffset(
            group_opcode=opcode, group_start=start, group_length=self._stream.tell() - start
        )

    def _write_record(self, record: records.McapRecord) -> None:
        builder = RecordBuilder()
        record.write(builder)
        self._stream.write(builder.end())

    @property
    def _first_ns(self) -> int:
        """When the first message was received; 0 in an empty bag."""
        return min(self._start_ns, self._end_ns)

    def _metadata(self, custom_data: dict[str, str]) -> dict[str, Any]:
        """Return the content of metadata.yaml, as rosbag2 lays it out."""
        # Of the only file and of the bag.
        extent = {
            "starting_time": {"nanoseconds_since_epoch": self._first_ns},
            "duration": {"nanoseconds": self._end_ns - self._first_ns},
            "message_count": self.message_count,
        }
        topics = [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type_name,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": dump_qos_v8(list(topic.offered_qos)),
                    "type_description_hash": topic.digest,
                },
                "message_count": self._counts[topic_id],
            }
            for topic_id, topic in self._topics.items()
        ]
        return {
            "rosbag2_bagfile_information": {
                "version": METADATA_VERSION,
                "storage_identifier": "mcap",
                **copy.deepcopy(extent),
                "topics_with_message_count": topics,
                # Of whole files and single messages; MCAP chunks say themselves what they are.
                "compression_format": "",
                "compression_mode": "",
                "relative_file_paths": [self._file_name],
                "files": [{"path": self._file_name, **extent}],
                "custom_data": custom_data or None,
                "ros_distro": os.environ.get("ROS_DISTRO", ""),
            }
        }
