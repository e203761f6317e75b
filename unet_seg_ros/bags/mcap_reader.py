# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the MCAP files of a bag by their indexes.

`rosbags` does not tell when a message was published, and refuses a bag for one topic that is not
CDR, or for a profile that is not `ros2`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mcap.reader import SeekingReader
from mcap.records import Channel, Schema
from mcap.summary import Summary
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import parse_qos

from unet_seg_ros.bags.contents import OFFERED_QOS, TYPE_HASH
from unet_seg_ros.bags.writer import Topic
from unet_seg_ros.messages.definitions import Definition, Definitions, UnknownTypeError

_CDR = "cdr"
_DEFINITION_ENCODINGS = ("ros2msg", "ros2idl")


class Recorded(NamedTuple):
    """A recorded message.

    Attributes:
        topic: The name of its topic.
        data: The message as ROS 2 serializes it, plain CDR.
        log_time_ns: When it was recorded.
        publish_time_ns: When it was published; where the bag does not tell, when it was recorded.
    """

    topic: str
    data: bytes
    log_time_ns: int
    publish_time_ns: int


class Extent(NamedTuple):
    """When something begins and ends, in nanoseconds; the end is not part of it."""

    start_ns: int | None = None
    stop_ns: int | None = None


ALL_OF_IT = Extent()


class McapFiles:
    """The indexed MCAP files of a bag, in their order.

    Args:
        files: The files.
        digests: The hashes of message types, as metadata.yaml tells them by topic.

    Attributes:
        channels: What a copy says about the topic of each channel with CDR messages, and how many
            messages it has.
        notes: What is passed over, and why.
        start_ns: When the first message was recorded; 0 in an empty bag.
        end_ns: When the last one was.
    """

    def __init__(self, files: Sequence[Path], digests: Mapping[str, str]) -> None:
        self.channels: list[tuple[Topic, int]] = []
        self.notes: list[str] = []
        self._files: list[tuple[SeekingReader, frozenset[int]]] = []
        self._digests = digests
        times = []
        with contextlib.ExitStack() as stack:
            for file in files:
                reader = SeekingReader(stack.enter_context(file.open("rb")), validate_crcs=True)
                summary = reader.get_summary()
                assert summary
                assert summary.statistics
                self._files.append((reader, self._readable(summary)))
                if summary.statistics.message_count:
                    times.append(summary.statistics.message_start_time)
                    times.append(summary.statistics.message_end_time)
            self.close = stack.pop_all().close
        self.start_ns, self.end_ns = min(times, default=0), max(times, default=0)

    def messages(self, topics: Collection[str], extent: Extent = ALL_OF_IT) -> Iterator[Recorded]:
        """Yield the messages of `topics`, file by file in the order of time."""
        for reader, readable in self._files:
            found = reader.iter_messages(
                topics=list(topics), starting_at=extent.start_ns, ending_before=extent.stop_ns
            )
            for _, channel, message in found:
                if channel.id in readable:
                    times = message.log_time, message.publish_time
                    yield Recorded(channel.topic, message.data, *times)

    def _readable(self, summary: Summary) -> frozenset[int]:
        """Note the channels of a file and return those with messages of ROS 2."""
        assert summary.statistics
        readable = set()
        for channel in summary.channels.values():
            schema = summary.schemas.get(channel.schema_id)
            if channel.message_encoding != _CDR or schema is None:
                what = channel.message_encoding or "of no encoding"
                kind = f"is {what}, not {_CDR}" if what != _CDR else "has no message type"
                note = f"{channel.topic} {kind}: it is passed over"
                self.notes += [note] if note not in self.notes else []
                continue
            readable.add(channel.id)
            count = summary.statistics.channel_message_counts.get(channel.id, 0)
            self.channels.append((self._topic(channel, schema), count))
        return frozenset(readable)

    def _topic(self, channel: Channel, schema: Schema) -> Topic:
        definition = Definition(schema.data.decode("utf-8", "replace"), "")
        if schema.encoding not in _DEFINITION_ENCODINGS or not schema.data:
            definition = known_definition(schema.name)
        digest = channel.metadata.get(TYPE_HASH) or self._digests.get(channel.topic)
        return Topic(
            channel.topic,
            schema.name,
            definition.text,
            digest or definition.digest,
            _qos(channel.metadata.get(OFFERED_QOS, "")),
            schema.encoding if schema.encoding in _DEFINITION_ENCODINGS else "ros2msg",
        )


def known_definition(type_name: str) -> Definition:
    """Return a definition for a type of which a bag has none.

    An empty one, as rosbag2 itself does, where the type is not installed.
    """
    try:
        return Definitions().get(type_name)
    except (UnknownTypeError, ImportError):
        return Definition("", "")


def has_index(file: Path) -> bool:
    """Return whether an MCAP file tells where its messages are; raises whatever the parser does."""
    with file.open("rb") as stream:
        summary = SeekingReader(stream).get_summary()
    return summary is not None and bool(summary.chunk_indexes and summary.statistics)


def _qos(text: str) -> Sequence[Qos]:
    try:
        return parse_qos(text) if text else []
    except Exception:  # whatever the parser does at text that is none; not worth the bag
        return []
