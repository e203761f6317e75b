# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags of all kinds, written with `rosbags`, and what comes out of them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from bag_files import (
    CAMERA,
    IMAGE,
    MAP,
    NOTES,
    START_NS,
    STORE,
    STRING,
    Message,
    drive,
    text,
    write_ros1,
    write_rosbag2,
)
from drawn_pictures import cut_short
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from unet_seg_ros.bags.reader import BagReader, Recorded
from unet_seg_ros.bags.writer import BagError, BagWriter


def mcap_folder(folder: Path, messages: list[Message]) -> Path:
    return write_rosbag2(folder / "drive", messages)


def mcap_file(folder: Path, messages: list[Message]) -> Path:
    [file] = write_rosbag2(folder / "drive", messages).glob("*.mcap")
    return file


def sqlite_folder(folder: Path, messages: list[Message]) -> Path:
    return write_rosbag2(folder / "drive", messages, StoragePlugin.SQLITE3)


def sqlite_file(folder: Path, messages: list[Message]) -> Path:
    [file] = sqlite_folder(folder, messages).glob("*.db3")
    return file


def ros1_bag(folder: Path, messages: list[Message]) -> Path:
    return write_ros1(folder / "drive.bag", messages)


def compressed_folder(folder: Path, messages: list[Message]) -> Path:
    """Write a bag whose messages are compressed one by one, as rosbag2 can."""
    writer = Writer(folder / "drive", version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connections = {
            topic: writer.add_connection(topic, type_name, typestore=STORE)
            for topic, type_name in {item.topic: item.type_name for item in messages}.items()
        }
        for topic, _, time_ns, data in messages:
            writer.write(connections[topic], time_ns, data)
    return folder / "drive"


WRITERS = [mcap_folder, mcap_file, sqlite_folder, sqlite_file, ros1_bag, compressed_folder]


def as_recorded(messages: list[Message]) -> list[Recorded]:
    """Return what is to be read, in order of time."""
    in_order = sorted(messages, key=lambda message: message.time_ns)
    return [Recorded(item.topic, item.data, item.time_ns, item.time_ns) for item in in_order]


@pytest.mark.parametrize("write", WRITERS)
def test_every_kind_of_bag_gives_the_same_messages(
    write: Callable[[Path, list[Message]], Path], tmp_path: Path
) -> None:
    messages = drive()
    with BagReader(write(tmp_path, messages)) as bag:
        assert list(bag.messages()) == as_recorded(messages)
        notes = [item for item in messages if item.topic == NOTES]
        assert list(bag.messages([NOTES])) == as_recorded(notes)
        assert list(bag.messages([])) == []
        assert bag.counts == {item: 1 if item == MAP else 5 for item in bag.topics}
        assert bag.start_ns == min(item.time_ns for item in messages)
        assert bag.end_ns == max(item.time_ns for item in messages)


@pytest.mark.parametrize("write", WRITERS)
def test_topics_are_described_as_a_copy_needs_it(
    write: Callable[[Path, list[Message]], Path], tmp_path: Path
) -> None:
    with BagReader(write(tmp_path, drive(1))) as bag:
        camera = bag.topics[CAMERA]
        latched = bag.topics[MAP].offered_qos
    assert (camera.name, camera.type_name, camera.encoding) == (CAMERA, IMAGE, "ros2msg")
    assert "uint32 height" in camera.definition
    assert "MSG: std_msgs/Header" in camera.definition
    assert "seq" not in camera.definition
    if write is not compressed_folder:
        assert [item.durability for item in latched] == [QosDurability.TRANSIENT_LOCAL]
    if write in (mcap_folder, sqlite_folder, ros1_bag):
        assert camera.digest == STORE.hash_rihs01(IMAGE)


def test_what_mcap_tells_of_publishing_is_kept(tmp_path: Path) -> None:
    with BagReader(mcap_folder(tmp_path, drive())) as bag:
        topics = bag.topics
    with BagWriter(tmp_path / "ours") as writer:
        notes = writer.add_topic(topics[NOTES])
        for index in range(3):
            message = text(NOTES, index, str(index))
            writer.write(notes, message.data, 100 + index, publish_time_ns=50 + index)
    with BagReader(tmp_path / "ours") as bag:
        found = list(bag.messages())
    assert [item.log_time_ns for item in found] == [100, 101, 102]
    assert [item.publish_time_ns for item in found] == [50, 51, 52]


def test_a_bag_split_into_files_is_read_in_their_order(tmp_path: Path) -> None:
    """As `ros2 bag record --max-bag-size` writes them: the tenth file sorts before the second."""
    folder = tmp_path / "drive"
    folder.mkdir()
    names = [f"drive_{index}.mcap" for index in range(11)]
    for index, name in enumerate(names):
        part = write_rosbag2(tmp_path / f"part{index}", [text(NOTES, 1000 + index, str(index))])
        [file] = part.glob("*.mcap")
        file.rename(folder / name)
    document = yaml.safe_load((part / "metadata.yaml").read_text())
    document["rosbag2_bagfile_information"]["relative_file_paths"] = names
    (folder / "metadata.yaml").write_text(yaml.safe_dump(document))
    with BagReader(folder) as bag:
        assert [item.log_time_ns for item in bag.messages()] == list(range(1000, 1011))


@pytest.mark.parametrize("in_order", [True, False])
def test_mcap_without_an_index_is_read_if_it_is_in_order(tmp_path: Path, in_order: bool) -> None:
    file = tmp_path / "plain.mcap"
    with file.open("wb") as stream:
        writer = McapWriter(stream, use_chunking=False, compression=CompressionType.NONE)
        writer.start("ros2")
        definition, _ = STORE.generate_msgdef(STRING, ros_version=2)
        schema = writer.register_schema(STRING, "ros2msg", definition.encode())
        channel = writer.register_channel(NOTES, "cdr", schema)
        for time_ns in (5, 6, 7) if in_order else (5, 7, 6):
            writer.add_message(channel, time_ns, b"\x00\x01\x00\x00", time_ns)
        writer.finish()
    with BagReader(file) as bag:
        if in_order:
            assert [item.log_time_ns for item in bag.messages()] == [5, 6, 7]
        else:
            with pytest.raises(BagError, match="not in timestamp order"):
                list(bag.messages())


def test_a_type_that_the_bag_does_not_describe_is_looked_up(tmp_path: Path) -> None:
    """SQLite bags of ROS 2 Humble have no definitions."""
    bag = sqlite_folder(tmp_path, [*drive(1), text("/odd", START_NS, "of a type nobody knows")])
    [file] = bag.glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute("DROP TABLE message_definitions")
        database.execute("UPDATE schema SET schema_version = 3")
        database.execute("UPDATE topics SET type = 'odd_msgs/msg/Odd' WHERE name = '/odd'")
    metadata = (bag / "metadata.yaml").read_text()
    head, odd, rest = metadata.partition("name: /odd")
    (bag / "metadata.yaml").write_text(head + odd + rest.replace(STRING, "odd_msgs/msg/Odd", 1))
    with BagReader(bag) as reader:
        assert "uint32 height" in reader.topics[CAMERA].definition
        assert reader.topics["/odd"].definition == ""
        assert [item.topic for item in reader.messages(["/odd"])] == ["/odd"]


@pytest.mark.parametrize("write", [mcap_folder, mcap_file, sqlite_file, ros1_bag])
def test_a_file_cut_short_is_named(
    write: Callable[[Path, list[Message]], Path], tmp_path: Path
) -> None:
    bag = write(tmp_path, drive())
    cut_short(next(bag.glob("*.mcap")) if bag.is_dir() else bag)
    with pytest.raises(BagError, match=re.escape(str(bag))), BagReader(bag) as reader:
        list(reader.messages())


def test_damage_in_the_middle_is_told_with_its_time(tmp_path: Path) -> None:
    """A byte of a picture; the checksum of the chunk tells."""
    file = tmp_path / "drive.mcap"
    with file.open("wb") as stream:
        writer = McapWriter(stream, chunk_size=1, compression=CompressionType.NONE)
        writer.start("ros2")
        channel = writer.register_channel(NOTES, "cdr", writer.register_schema(STRING, "", b""))
        for time_ns in (0, 1_500_000_000, 3_000_000_000):
            writer.add_message(channel, time_ns, b"\x00\x01\x00\x00" + b"damage" * 9, time_ns)
        writer.finish()
    data = bytearray(file.read_bytes())
    second = data.index(b"damage", data.index(b"damage") + 9 * len(b"damage"))
    data[second + 20] ^= 1
    file.write_bytes(data)
    with BagReader(file) as bag:
        messages = bag.messages()
        assert next(messages).log_time_ns == 0
        with pytest.raises(BagError, match=r"cannot be read beyond 0\.000 s after its start"):
            next(messages)


@pytest.mark.parametrize(
    "name", ["nothing", "empty.mcap", "other.mcap", "a.bag", "a.txt", "folder"]
)
def test_what_is_no_bag_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name != "nothing":
        path.write_bytes(b"" if name == "empty.mcap" else b"no bag at all" * 9)
    with pytest.raises(BagError, match=re.escape(str(path))):
        BagReader(path)


def test_an_empty_bag_has_no_messages(tmp_path: Path) -> None:
    with BagReader(write_rosbag2(tmp_path / "drive", [])) as bag:
        assert (list(bag.messages()), bag.topics, bag.start_ns, bag.end_ns) == ([], {}, 0, 0)


@pytest.mark.parametrize("in_folder", [True, False])
def test_topics_that_are_not_of_ros_do_not_cost_the_bag(tmp_path: Path, in_folder: bool) -> None:
    """As Foxglove's tools write them beside ROS topics; the profile need not be ros2."""
    folder = tmp_path / "drive"
    folder.mkdir()
    file = folder / "drive_0.mcap"
    definition, _ = STORE.generate_msgdef(STRING, ros_version=2)
    message = text(NOTES, 5, "note")
    with file.open("wb") as stream:
        writer = McapWriter(stream)
        writer.start("")
        ros = writer.register_schema(STRING, "ros2msg", definition.encode())
        protobuf = writer.register_schema("foxglove.Pose", "protobuf", bytes(range(256)))
        channels = [
            writer.register_channel(NOTES, "cdr", ros),
            writer.register_channel("/pose", "protobuf", protobuf),
            writer.register_channel("/json", "json", 0),
        ]
        for channel in channels:
            writer.add_message(channel, 5, message.data, 5)
        writer.finish()
    if in_folder:
        about = [
            {
                "topic_metadata": {
                    "name": name,
                    "type": kind,
                    "serialization_format": encoding,
                    "offered_qos_profiles": "",
                },
                "message_count": 1,
            }
            for name, kind, encoding in ((NOTES, STRING, "cdr"), ("/json", "any", "json"))
        ]
        information = {"relative_file_paths": [file.name], "topics_with_message_count": about}
        document = yaml.safe_dump({"rosbag2_bagfile_information": information})
        (folder / "metadata.yaml").write_text(document)
    with BagReader(folder if in_folder else file) as bag:
        assert [item.topic for item in bag.messages()] == [NOTES]
        assert list(bag.topics) == [NOTES]
        assert bag.notes == [
            "/pose is protobuf, not cdr: it is passed over",
            "/json is json, not cdr: it is passed over",
        ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("drive_0.mcap", r"drive_0\.mcap: has no end, .*unet-seg bag repair .*drive_0\.mcap$"),
        ("drive_0.mcap.zstd", r"is compressed as a whole: unpack it first, with unzstd .*zstd$"),
        ("drive.bag.active", r"a ROS 1 recording that was cut off: rosbag reindex"),
    ],
)
def test_what_a_bag_lacks_is_said_and_what_to_do(tmp_path: Path, name: str, sentence: str) -> None:
    content = mcap_file(tmp_path, drive(1)).read_bytes()
    path = tmp_path / "new" / name
    path.parent.mkdir()
    path.write_bytes(content[:-1])
    with pytest.raises(BagError, match=sentence):
        BagReader(path)


@pytest.mark.parametrize("write", [mcap_folder, sqlite_folder])
def test_a_folder_without_metadata_can_be_repaired(
    write: Callable[[Path, list[Message]], Path], tmp_path: Path
) -> None:
    bag = write(tmp_path, drive(1))
    (bag / "metadata.yaml").unlink()
    with pytest.raises(BagError, match=rf"has no metadata\.yaml: .*unet-seg bag repair {bag}$"):
        BagReader(bag)
