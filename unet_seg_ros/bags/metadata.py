# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""metadata.yaml: what rosbag2 knows of a bag before it opens its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from mcap import records

from unet_seg_ros.files import write_whole

FILE_NAME = "metadata.yaml"
# The name of the MCAP record that has the same for the file that it is in.
RECORD_NAME = "rosbag2"

# The newest layout that every ROS 2 distribution from Humble on reads: from version 9 (Jazzy) on,
# QoS profiles are a list where older readers expect a string.
_VERSION = 8

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class TopicEntry:
    """A topic: its messages, and the QoS of its publishers as the YAML text of version 8."""

    name: str
    type_name: str
    encoding: str
    offered_qos: str
    digest: str
    message_count: int


@dataclass(frozen=True)
class FileEntry:
    """A file: when its first and last message were received, and its topics."""

    name: str
    start_ns: int
    end_ns: int
    topics: Sequence[TopicEntry]

    @property
    def message_count(self) -> int:
        """How many messages are in the file."""
        return sum(topic.message_count for topic in self.topics)


@dataclass(frozen=True)
class BagEntry:
    """A bag of one or more files, in their order.

    Attributes:
        custom_data: Goes into the file as it is.
        ros_distro: Where the bag was recorded; empty where that is not known.
    """

    files: Sequence[FileEntry]
    custom_data: Mapping[str, str]
    ros_distro: str = ""

    @property
    def start_ns(self) -> int:
        """When the first message was received; 0 in an empty bag."""
        return min((file.start_ns for file in self.files if file.message_count), default=0)

    @property
    def end_ns(self) -> int:
        """When the last message was received; 0 in an empty bag."""
        return max(file.end_ns for file in self.files)

    @property
    def message_count(self) -> int:
        """How many messages are in the bag."""
        return sum(file.message_count for file in self.files)

    @property
    def topics(self) -> Sequence[TopicEntry]:
        """The topics of all files, with the messages of all files."""
        topics: dict[str, TopicEntry] = {}
        for topic in (topic for file in self.files for topic in file.topics):
            earlier = topics[topic.name].message_count if topic.name in topics else 0
            topics[topic.name] = replace(topic, message_count=earlier + topic.message_count)
        return list(topics.values())

    def write(self, folder: Path) -> None:
        """Write metadata.yaml; an earlier one is replaced when the new one is whole."""
        document = {"rosbag2_bagfile_information": self._information()}
        write_whole(folder / FILE_NAME, _as_yaml(document).encode(), sync=True)

    def record(self) -> records.Metadata:
        """Return the record that says the same inside an MCAP file."""
        text = _as_yaml(self._information())
        return records.Metadata(RECORD_NAME, {"serialized_metadata": text})

    def _information(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "storage_identifier": "mcap",
            **_extent(self),
            "topics_with_message_count": [_topic_information(topic) for topic in self.topics],
            # Of whole files and single messages; MCAP chunks say themselves what they are.
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [file.name for file in self.files],
            "files": [{"path": file.name, **_extent(file)} for file in self.files],
            "custom_data": dict(self.custom_data) or None,
            "ros_distro": self.ros_distro,
        }


def _as_yaml(document: dict[str, Any]) -> str:
    # PyYAML alone takes half a second for a hundred topics.
    text: str = yaml.dump(document, Dumper=_DUMPER, sort_keys=False)
    return text


def _extent(item: BagEntry | FileEntry) -> dict[str, Any]:
    return {
        "starting_time": {"nanoseconds_since_epoch": item.start_ns},
        "duration": {"nanoseconds": item.end_ns - item.start_ns},
        "message_count": item.message_count,
    }


def _topic_information(topic: TopicEntry) -> dict[str, Any]:
    return {
        "topic_metadata": {
            "name": topic.name,
            "type": topic.type_name,
            "serialization_format": topic.encoding,
            "offered_qos_profiles": topic.offered_qos,
            "type_description_hash": topic.digest,
        },
        "message_count": topic.message_count,
    }
