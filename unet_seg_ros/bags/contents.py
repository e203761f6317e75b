# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is in an MCAP file, and the end of the file that tells readers so.

An MCAP file is a sequence of records: messages, in chunks, with the topics ("channels") and message
types ("schemas") that they are of, and then a summary, by which readers find everything. A file
without its end is one whose writer was cut off. https://mcap.dev/spec has the layout.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from mcap import records
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.writer import MCAP0_MAGIC

from unet_seg_ros.bags.metadata import FileEntry, TopicEntry

OFFERED_QOS = "offered_qos_profiles"
TYPE_HASH = "topic_type_hash"

_NO_TIME = 2**64 - 1
_FOOTER_CRC_SIZE = 4


def encoded(record: records.McapRecord) -> bytes:
    """Return a record as it is in a file."""
    builder = RecordBuilder()
    record.write(builder)
    data: bytes = builder.end()
    return data


Definition = records.Schema | records.Channel
"""A message type or a topic."""

Places = dict[int, list[tuple[int, int]]]
"""Where in its chunk each message of each channel is: log time in ns, and offset in bytes."""


def message_indexes(places: Places, offset: int) -> tuple[bytes, dict[int, int]]:
    """Return the records that follow a chunk, and where in the file each channel's is.

    Args:
        places: What is in the chunk.
        offset: Where the records begin in the file.
    """
    parts = [encoded(records.MessageIndex(*item)) for item in places.items()]
    offsets = itertools.accumulate(map(len, parts[:-1]), initial=offset)
    return b"".join(parts), dict(zip(places, offsets, strict=True))


def room_in_end(record: records.McapRecord) -> int:
    """Return how many bytes a schema, a channel or an index takes in the end of a file at most.

    A channel is there once more in rosbag2's metadata record, as YAML with names for all.
    """
    size = len(encoded(record))
    return 8 * size if isinstance(record, records.Channel) else size


@dataclass
class Contents:
    """What is in the data section of one file, gathered while it is written or read.

    Attributes:
        schemas: Message types by their ids.
        channels: Topics by theirs.
        counts: How many messages each channel has.
        start_ns: When the first message was received; larger than `end_ns` while there is none.
        end_ns: When the last one was.
        end_size: How many bytes the end of the file takes at most, rosbag2's metadata included.
    """

    schemas: dict[int, records.Schema] = field(default_factory=dict)
    channels: dict[int, records.Channel] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    start_ns: int = _NO_TIME
    end_ns: int = 0
    end_size: int = 1 << 14
    # Encoded at once: a drive of an hour with three cameras has two hundred thousand chunks.
    _chunk_indexes: bytearray = field(default_factory=bytearray)
    _chunk_count: int = 0
    _metadata_indexes: bytearray = field(default_factory=bytearray)
    _metadata_count: int = 0

    @property
    def message_count(self) -> int:
        """How many messages there are."""
        return self.counts.total()

    def add_definition(self, record: Definition) -> None:
        """Note a message type or a topic; the first one of an id counts."""
        known = self.schemas if isinstance(record, records.Schema) else self.channels
        if record.id not in known:
            known[record.id] = record  # type: ignore[assignment]
            self.end_size += room_in_end(record)

    def add_messages(self, counts: Mapping[int, int], start_ns: int, end_ns: int) -> None:
        """Note messages, of which at least one there is: how many of each channel, and when."""
        self.counts.update(counts)
        self.start_ns = min(self.start_ns, start_ns)
        self.end_ns = max(self.end_ns, end_ns)

    def add_chunk(self, index: records.ChunkIndex) -> None:
        """Note where a chunk is; its messages are noted on their own."""
        self._chunk_indexes += encoded(index)
        self._chunk_count += 1
        self.end_size += room_in_end(index)

    def add_metadata(self, index: records.MetadataIndex) -> None:
        """Note where a metadata record is."""
        self._metadata_indexes += encoded(index)
        self._metadata_count += 1
        self.end_size += room_in_end(index)

    def entry(self, file_name: str) -> FileEntry:
        """Return what metadata.yaml says about the file."""
        topics = []
        for channel_id, channel in self.channels.items():
            schema = self.schemas.get(channel.schema_id)
            topics.append(
                TopicEntry(
                    name=channel.topic,
                    type_name=schema.name if schema else "",
                    encoding=channel.message_encoding,
                    offered_qos=channel.metadata.get(OFFERED_QOS, ""),
                    digest=channel.metadata.get(TYPE_HASH, ""),
                    message_count=self.counts[channel_id],
                )
            )
        return FileEntry(file_name, min(self.start_ns, self.end_ns), self.end_ns, topics)

    def end(self, offset: int, metadata: records.Metadata | None = None) -> bytes:
        """Return everything that comes after the messages, which end at `offset`.

        Args:
            offset: Where the end begins in the file.
            metadata: A record to begin it with.
        """
        head = encoded(records.DataEnd(data_section_crc=0))
        if metadata:
            record = encoded(metadata)
            self.add_metadata(records.MetadataIndex(offset, len(record), metadata.name))
            head = record + head
        summary_start = offset + len(head)
        summary, offsets = bytearray(), bytearray()
        for opcode, group in self._summary_groups().items():
            if group:
                start = summary_start + len(summary)
                offsets += encoded(records.SummaryOffset(opcode, start, len(group)))
                summary += group
        footer = records.Footer(summary_start, summary_start + len(summary), summary_crc=0)
        summary += offsets
        footer.summary_crc = zlib.crc32(summary + encoded(footer)[:-_FOOTER_CRC_SIZE])
        return head + summary + encoded(footer) + MCAP0_MAGIC

    def _summary_groups(self) -> dict[Opcode, bytes]:
        statistics = records.Statistics(
            attachment_count=0,
            channel_count=len(self.channels),
            channel_message_counts=dict(self.counts),
            chunk_count=self._chunk_count,
            message_count=self.message_count,
            message_end_time=self.end_ns,
            message_start_time=min(self.start_ns, self.end_ns),
            metadata_count=self._metadata_count,
            schema_count=len(self.schemas),
        )
        return {
            Opcode.SCHEMA: b"".join(map(encoded, self.schemas.values())),
            Opcode.CHANNEL: b"".join(map(encoded, self.channels.values())),
            Opcode.STATISTICS: encoded(statistics),
            Opcode.CHUNK_INDEX: bytes(self._chunk_indexes),
            Opcode.METADATA_INDEX: bytes(self._metadata_indexes),
        }
