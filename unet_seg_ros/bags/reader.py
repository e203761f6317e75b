# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads recorded drives of any kind: rosbag2 as MCAP or SQLite, ROS 1 bags.

`rosbags` knows them all; indexed MCAP files are read with the `mcap` package (`mcap_reader`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import yaml
from mcap.writer import MCAP0_MAGIC
from rosbags import rosbag1, rosbag2
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat

from unet_seg_ros.bags.mcap_reader import (
    ALL_OF_IT,
    Extent,
    McapFiles,
    Recorded,
    has_index,
    known_definition,
)
from unet_seg_ros.bags.metadata import FILE_NAME
from unet_seg_ros.bags.ros1 import Ros1Types
from unet_seg_ros.bags.writer import BagError, Topic
from unet_seg_ros.messages.definitions import Definition
from unet_seg_ros.units import NS_PER_S

__all__ = ["ALL_OF_IT", "BagReader", "Extent", "Recorded"]

_MCAP, _ROS1 = ".mcap", ".bag"
_REPAIR = "make a whole copy with unet-seg bag repair"


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
        notes: What is passed over, and why: topics with messages that are not of ROS.

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
            if obstacle := _obstacle(path):
                raise BagError(f"{path}: {obstacle}") from error
            raise BagError(
                f"{path}: not a rosbag2 folder, .mcap, .db3 or ROS 1 .bag that can be read: "
                f"{_reason(error)}"
            ) from error

    @property
    def filled_topics(self) -> dict[str, Topic]:
        """Those topics that have messages.

        A raw one has none where it was too large for the network, and its compressed one came. All,
        where nothing is counted: MCAP files need not tell.
        """
        filled = {name: topic for name, topic in self.topics.items() if self.counts[name]}
        return filled or self.topics

    def messages(
        self, topics: Collection[str] | None = None, extent: Extent = ALL_OF_IT
    ) -> Iterator[Recorded]:
        """Yield the messages of `topics`, or of all, as far as they were recorded in `extent`.

        Raises:
            BagError: The bag is damaged from here on.
        """
        time_ns = self.start_ns
        try:
            for message in self._messages(self.topics if topics is None else topics, extent):
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
        (self._mcap or self._reader).close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self._ros1_types: Ros1Types | None = None
        self._mcap: McapFiles | None = None
        self._reader: rosbag1.Reader | rosbag2.Reader
        self.topics: dict[str, Topic] = {}
        self.counts: dict[str, int] = {}
        self.notes: list[str] = []
        if self.path.suffix == _ROS1 and self.path.is_file():
            self._reader = rosbag1.Reader(self.path)
            self._reader.open()
            self._ros1_types = Ros1Types(self._reader.connections)
        elif files := _mcap_files(self.path):
            self._mcap = McapFiles(*files)
            self.start_ns, self.end_ns = self._mcap.start_ns, self._mcap.end_ns
            self.notes += self._mcap.notes
            for topic, count in self._mcap.channels:
                self._add(topic, count)
            return
        else:
            self._reader = rosbag2.Reader(self.path)
            self._reader.open()
        for item in self._reader.connections:
            topic = self._ros1_types.topic(item) if self._ros1_types else _topic(item)
            self._add(topic, item.msgcount)
        has_messages = any(self.counts.values())
        self.start_ns = self._reader.start_time if has_messages else 0
        self.end_ns = self._reader.end_time - 1 if has_messages else 0

    def _add(self, topic: Topic, count: int) -> None:
        """Note a connection; several of one topic are one topic, with the QoS of all."""
        known = self.topics.get(topic.name)
        if known:
            if known.type_name != topic.type_name:
                raise ValueError(
                    f"{topic.name} has the types {known.type_name} and {topic.type_name}"
                )
            topic = replace(topic, offered_qos=[*known.offered_qos, *topic.offered_qos])
        self.topics[topic.name] = topic
        self.counts[topic.name] = self.counts.get(topic.name, 0) + count

    def _messages(self, topics: Collection[str], extent: Extent) -> Iterator[Recorded]:
        if self._mcap:
            yield from self._mcap.messages(topics, extent)
            return
        wanted = [item for item in self._reader.connections if item.topic in topics]
        if not wanted:  # which rosbags would take for all
            return
        for connection, time_ns, data in self._reader.messages(wanted, *extent):
            if self._ros1_types:
                data = self._ros1_types.to_cdr(data, connection.msgtype)
            yield Recorded(connection.topic, data, time_ns, time_ns)


def _mcap_files(bag: Path) -> tuple[list[Path], dict[str, str]] | None:
    """Return the MCAP files of a bag in their order, and the hashes of types by topic.

    None where `rosbags` has to read it: where it is SQLite, compressed as a whole or message by
    message, or without an index; then the `mcap` package would read all of it into memory to sort
    it.
    """
    files, digests = [bag], {}
    if bag.is_dir():
        document = yaml.safe_load((bag / FILE_NAME).read_text(encoding="utf-8"))
        information = document["rosbag2_bagfile_information"]
        if information.get("compression_format"):
            return None
        files = [bag / Path(name).name for name in information["relative_file_paths"]]
        for item in information["topics_with_message_count"]:
            about = item["topic_metadata"]
            digests[about["name"]] = about.get("type_description_hash") or ""
    if all(file.suffix == _MCAP and has_index(file) for file in files):
        return files, digests
    return None


def _obstacle(path: Path) -> str:
    """Return what a bag lacks and what to do; "" where that is not known."""
    if path.is_file():
        if path.suffix == ".active":
            return "is a ROS 1 recording that was cut off: rosbag reindex a copy named .bag"
        if path.suffix == ".zstd":
            return f"is compressed as a whole: unpack it first, with unzstd {path}"
        if _is_cut_off(path):
            return f"has no end, as a recording that was cut off: {_REPAIR} {path}"
        return ""
    if not (path / FILE_NAME).exists():
        if any(path.glob("*.mcap")) or any(path.glob("*.db3")):
            return f"has no {FILE_NAME}: {_REPAIR} {path}"
        if packed := sorted(path.glob("*.zstd")):
            return f"has no {FILE_NAME}; {packed[0].name} {_obstacle(packed[0])}"
        return f"has no {FILE_NAME}, and no .mcap or .db3 file"
    for file in sorted(path.glob("*.mcap")):
        if _is_cut_off(file):
            return f"its file {file.name} has no end: {_REPAIR} {path}"
    return ""


def _is_cut_off(file: Path) -> bool:
    """Return whether a file begins as MCAP, and does not end so."""
    with file.open("rb") as stream:
        if stream.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
            return False
        stream.seek(-len(MCAP0_MAGIC), os.SEEK_END)
        return stream.read() != MCAP0_MAGIC


def _topic(connection: Connection) -> Topic:
    """Return what a rosbag2 says about the topic of a connection."""
    assert isinstance(connection.ext, ConnectionExtRosbag2)
    definition = Definition(connection.msgdef.data, connection.digest)
    encoding = "ros2msg"
    if connection.msgdef.format is MessageDefinitionFormat.IDL:
        encoding = "ros2idl"
    elif connection.msgdef.format is MessageDefinitionFormat.NONE:
        definition = known_definition(connection.msgtype)
    return Topic(
        connection.topic,
        connection.msgtype,
        definition.text,
        definition.digest,
        connection.ext.offered_qos_profiles,
        encoding,
    )


def _reason(error: Exception) -> str:
    return f"{str(error) or type(error).__name__:.200}"
