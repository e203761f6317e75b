# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes rosbag2 folders: MCAP files (`bags.mcap_file`) and their metadata.yaml."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcap import records
from rosbags.interfaces import Qos
from rosbags.rosbag2.metadata import dump_qos_v8

from unet_seg_ros.bags.contents import OFFERED_QOS, TYPE_HASH, Definition
from unet_seg_ros.bags.mcap_file import McapFile
from unet_seg_ros.bags.metadata import BagEntry, FileEntry

PARTIAL = ".partial"


class BagError(ValueError):
    """A bag that cannot be read or written; the message says why and what to do."""


@dataclass(frozen=True)
class Topic:
    """What a bag says about one topic.

    `definition` is the text of the message type with all it contains, `digest` its RIHS01 hash
    (see `messages.definitions`), `offered_qos` the QoS profiles of its publishers. `encoding` is
    what the definition is written in, `ros2msg` or `ros2idl`.
    """

    name: str
    type_name: str
    definition: str
    digest: str
    offered_qos: Sequence[Qos] = ()
    encoding: str = "ros2msg"

    def schema(self, number: int) -> records.Schema:
        """Return the record of its type under the id `number`."""
        return records.Schema(
            id=number, name=self.type_name, encoding=self.encoding, data=self.definition.encode()
        )

    def channel(self, number: int, schema_id: int) -> records.Channel:
        """Return the record of the topic itself under the id `number`."""
        return records.Channel(
            id=number,
            topic=self.name,
            message_encoding="cdr",
            metadata={OFFERED_QOS: dump_qos_v8(list(self.offered_qos)), TYPE_HASH: self.digest},
            schema_id=schema_id,
        )


@dataclass(frozen=True)
class Limits:
    """Where a bag's next file begins, and where the bag ends; 0 is without limit.

    Attributes:
        file_bytes: No file gets larger, unless a single message is.
        file_duration_ns: No file gets longer, by the times of its messages.
        bag_bytes: All files together do not get larger.
    """

    file_bytes: int = 0
    file_duration_ns: int = 0
    bag_bytes: int = 0


UNLIMITED = Limits()


class BagWriter:
    """Writes messages of several topics to a new rosbag2 folder.

    Until `close`, everything is in `<path>.partial`; the folder gets its name when it is whole.
    Used as a context manager, an exception leaves the partial folder behind, under that name.

    What has been written outlives the process, however that ends: `bags.repair` completes the bag.
    A disk that is full, or `limits.bag_bytes`, ends the writing; `close` works also then. Not
    thread-safe.

    Every file has all topics announced until it ends. A latched message is in one file only, as
    rosbag2 has it: the bag is what is played, not the file.

    Raises:
        BagError: `path` or its partial folder exists, or the folder cannot be made.
    """

    def __init__(self, path: Path, limits: Limits = UNLIMITED) -> None:
        self.path = path
        self.partial_path = path.with_name(f"{path.name}{PARTIAL}")
        self._limits = limits
        self._schemas: dict[str, records.Schema] = {}
        self._channels: list[records.Channel] = []
        self._sequences: list[int] = []
        self._finished: list[FileEntry] = []
        self._finished_bytes = 0
        self._file_start_ns: int | None = None
        if path.exists():
            raise BagError(f"{path} exists already: give another output folder, or remove it")
        try:
            self.partial_path.mkdir(parents=True)
            self._file = self._open_file(0)
        except FileExistsError:
            raise BagError(
                f"{self.partial_path} is left over from a recording that was cut off: complete it "
                f"with unet-seg bag repair {self.partial_path}, or remove it (unless something is "
                "recording into it now)"
            ) from None
        except OSError as error:
            with contextlib.suppress(OSError):
                self.partial_path.rmdir()
            raise BagError(f"cannot make {self.partial_path}: {error.strerror}") from error

    @property
    def message_count(self) -> int:
        """How many messages are in the files; those of the chunk at work come with `flush`."""
        finished = sum(file.message_count for file in self._finished)
        return finished + self._file.contents.message_count

    @property
    def size(self) -> int:
        """How many bytes the bag has at most if it is closed now."""
        return self._finished_bytes + self._file.size

    def add_topic(self, topic: Topic) -> int:
        """Announce a topic and return the id to write its messages under."""
        schema = self._schemas.get(topic.type_name)
        if schema is None:
            schema = topic.schema(len(self._schemas) + 1)
            self._schemas[topic.type_name] = schema
            self._file.add_definition(schema)
        channel = topic.channel(len(self._channels) + 1, schema.id)
        self._file.add_definition(channel)
        self._channels.append(channel)
        self._sequences.append(0)
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

        Raises:
            BagError: The bag has reached the size that it may have.
            OSError: The disk is full or fails. What `message_count` does not count is lost.
        """
        self._check_size(len(data))
        if self._is_file_full(len(data), log_time_ns):
            self._split()
        if self._file_start_ns is None:
            self._file_start_ns = log_time_ns
        sent_ns = log_time_ns if publish_time_ns is None else publish_time_ns
        sequence = self._sequences[topic_id - 1]
        self._sequences[topic_id - 1] += 1
        self._file.write(topic_id, sequence, log_time_ns, sent_ns, data)

    def flush(self) -> None:
        """Hand everything to the operating system: it is in the file if this process is killed."""
        self._file.flush()

    def sync(self) -> None:
        """Wait until the disk has what has been flushed: it is there after a power cut."""
        self._file.sync()

    def close(self, custom_data: Mapping[str, str] | None = None) -> None:
        """Complete the bag and give it its name.

        Args:
            custom_data: Goes into metadata.yaml as it is.

        Raises:
            OSError: The last messages, or what completes the bag, cannot be written.
        """
        last = self._file.finish(custom_data or {}, _ros_distro())
        bag = BagEntry([*self._finished, last], custom_data or {}, _ros_distro())
        bag.write(self.partial_path)
        self.partial_path.rename(self.path)

    def abandon(self) -> None:
        """Give up: close the file and leave the partial folder as it is."""
        self._file.abandon()

    def discard(self) -> None:
        """Give up: remove what has been written."""
        self.abandon()
        shutil.rmtree(self.partial_path, ignore_errors=True)

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _check_size(self, message_size: int) -> None:
        limit = self._limits.bag_bytes
        if limit and self.size + message_size > limit:
            raise BagError(f"{self.path.name} has reached its limit of {limit / (1 << 20):g} MiB")

    def _is_file_full(self, message_size: int, log_time_ns: int) -> bool:
        """Return whether the file, which has messages, is to end before the next one."""
        if self._file_start_ns is None:
            return False
        size, duration_ns = self._limits.file_bytes, self._limits.file_duration_ns
        is_large = bool(size) and self._file.size + message_size > size
        is_long = bool(duration_ns) and log_time_ns - self._file_start_ns >= duration_ns
        return is_large or is_long

    def _split(self) -> None:
        """Begin a new file."""
        self._file.flush()
        # First, so that where there is no room for it the old one is still open.
        following = self._open_file(len(self._finished) + 1)
        self._finished.append(self._file.finish({}, _ros_distro()))
        self._finished_bytes += self._file.path.stat().st_size
        self._file, self._file_start_ns = following, None
        definitions: list[Definition] = [*self._schemas.values(), *self._channels]
        for definition in definitions:
            following.add_definition(definition)

    def _open_file(self, number: int) -> McapFile:
        return McapFile(self.partial_path / f"{self.path.name}_{number}.mcap")


def _ros_distro() -> str:
    return os.environ.get("ROS_DISTRO", "")
