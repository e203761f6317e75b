# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads recorded drives of any kind: rosbag2 as MCAP or SQLite, ROS 1 bags.

`rosbags` knows them all. Its MCAP reader does not tell when a message was published, only when it
was recorded, so indexed MCAP files are read with the `mcap` package.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import yaml
from mcap.reader import SeekingReader
from rosbags import rosbag1, rosbag2
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat

from unet_seg_ros.bags.ros1 import Ros1Types
from unet_seg_ros.bags.writer import BagError, Topic
from unet_seg_ros.messages.definitions import Definition, Definitions, UnknownTypeError
from unet_seg_ros.units import NS_PER_S

_MCAP, _ROS1 = ".mcap", ".bag"


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


class BagReader:
    """An open bag: its topics, and its messages in the order in which they were recorded.

    Messages are read one by one, so memory does not grow with the length of the bag. Those of a
    ROS 1 bag come as ROS 2 serializes them. One thread may read at a time.

    Args:
        path: A rosbag2 folder, one of its files (`.mcap`, `.db3`), or a ROS 1 `.bag`.

    Attributes:
        topics: By name, what a copy of the bag says about each topic.
        counts: How many messages each topic has.
        start_ns: When the first message was recorded; 0 in an empty bag.
        end_ns: When the last one was.

    Raises:
        BagError: There is no such bag, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise BagError(f"{path}: there is no such bag")
        try:
            self._open()
        except Exception as error:  # whatever the parsers do at bytes that are no bag
            raise BagError(
                f"{path}: not a rosbag2 folder, .mcap, .db3 or ROS 1 .bag that can be read: "
                f"{_reason(error)}"
            ) from error

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Recorded]:
        """Yield the messages of `topics`, or of all.

        Raises:
            BagError: The bag is damaged from here on.
        """
        time_ns = self.start_ns
        try:
            for message in self._messages(self.topics if topics is None else topics):
                time_ns = message.log_time_ns
                yield message
        except Exception as error:
            raise BagError(
                f"{self.path}: is damaged and cannot be read beyond {self.since_start(time_ns)} "
                f"after its start: {_reason(error)}"
            ) from error

    def since_start(self, time_ns: int) -> str:
        """Return how long after the first message something was recorded, for people."""
        return f"{(time_ns - self.start_ns) / NS_PER_S:.3f} s"

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._ros1_types: Ros1Types | None = None
        self._mcap_files: list[Path] = []
        self._reader: rosbag1.Reader | rosbag2.Reader
        if self.path.suffix == _ROS1 and self.path.is_file():
            self._reader = rosbag1.Reader(self.path)
            self._reader.open()
            self._ros1_types = Ros1Types(self._reader.connections)
        else:
            self._reader = rosbag2.Reader(self.path)
            self._reader.open()
            self._mcap_files = _indexed_mcap_files(self.path)
        self.topics: dict[str, Topic] = {}
        self.counts: dict[str, int] = {}
        for connection in self._reader.connections:
            self._add(connection)
        has_messages = any(self.counts.values())
        self.start_ns = self._reader.start_time if has_messages else 0
        self.end_ns = self._reader.end_time - 1 if has_messages else 0

    def _add(self, connection: Connection) -> None:
        """Note a connection; several of one topic are one topic, with the QoS of all."""
        topic = self._ros1_types.topic(connection) if self._ros1_types else _topic(connection)
        known = self.topics.get(topic.name)
        if known:
            if known.type_name != topic.type_name:
                raise ValueError(
                    f"{topic.name} has the types {known.type_name} and {topic.type_name}"
                )
            topic = replace(topic, offered_qos=[*known.offered_qos, *topic.offered_qos])
        self.topics[topic.name] = topic
        self.counts[topic.name] = self.counts.get(topic.name, 0) + connection.msgcount

    def _messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        if self._mcap_files:
            for file in self._mcap_files:
                yield from _mcap_messages(file, topics)
            return
        wanted = [item for item in self._reader.connections if item.topic in topics]
        if not wanted:  # which rosbags would take for all
            return
        for connection, time_ns, data in self._reader.messages(wanted):
            if self._ros1_types:
                data = self._ros1_types.to_cdr(data, connection.msgtype)
            yield Recorded(connection.topic, data, time_ns, time_ns)


def _mcap_messages(file: Path, topics: Collection[str]) -> Iterator[Recorded]:
    with file.open("rb") as stream:
        reader = SeekingReader(stream, validate_crcs=True)
        for _, channel, message in reader.iter_messages(topics=list(topics)):
            yield Recorded(channel.topic, message.data, message.log_time, message.publish_time)


def _indexed_mcap_files(bag: Path) -> list[Path]:
    """Return the MCAP files of a bag in their order; none where `rosbags` has to read it.

    That is where it is SQLite, compressed as a whole, or without an index: then the `mcap` package
    would read all of it into memory to sort it.
    """
    files = [bag]
    if bag.is_dir():
        document = yaml.safe_load((bag / "metadata.yaml").read_text(encoding="utf-8"))
        information = document["rosbag2_bagfile_information"]
        if information.get("compression_format"):
            return []
        files = [bag / Path(name).name for name in information["relative_file_paths"]]
    return files if all(file.suffix == _MCAP and _has_index(file) for file in files) else []


def _has_index(file: Path) -> bool:
    with file.open("rb") as stream:
        summary = SeekingReader(stream).get_summary()
    return summary is not None and bool(summary.chunk_indexes)


def _topic(connection: Connection) -> Topic:
    """Return what a rosbag2 says about the topic of a connection."""
    assert isinstance(connection.ext, ConnectionExtRosbag2)
    definition = Definition(connection.msgdef.data, connection.digest)
    encoding = "ros2msg"
    if connection.msgdef.format is MessageDefinitionFormat.IDL:
        encoding = "ros2idl"
    elif connection.msgdef.format is MessageDefinitionFormat.NONE:
        definition = _known_definition(connection.msgtype)
    return Topic(
        connection.topic,
        connection.msgtype,
        definition.text,
        definition.digest,
        connection.ext.offered_qos_profiles,
        encoding,
    )


def _known_definition(type_name: str) -> Definition:
    """Return a definition for SQLite bags from before ROS 2 Iron, which have none.

    An empty one, as rosbag2 itself does, where the type is not installed.
    """
    try:
        return Definitions().get(type_name)
    except (UnknownTypeError, ImportError):
        return Definition("", "")


def _reason(error: Exception) -> str:
    return f"{str(error) or type(error).__name__:.200}"
