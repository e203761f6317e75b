# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags written by `bags.writer`, read back by the readers of `rosbags` and `mcap`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Chunk, Message
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.bags.writer import CHUNK_SIZE, BagError, BagWriter, Topic

STORE = get_typestore(Stores.LATEST)
FOREVER = QosTime(9223372036, 854775807)
LATCHED = Qos(
    QosHistory.KEEP_LAST,
    1,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    FOREVER,
    FOREVER,
    QosLiveliness.AUTOMATIC,
    FOREVER,
    False,
)
CAMERA, LABELS, LEGEND = "/camera/image", "/camera/segmentation/labels", "/camera/legend"
STEP_NS = 50_000_000


def topic(name: str, type_name: str, *qos: Qos) -> Topic:
    definition, _ = STORE.generate_msgdef(type_name, ros_version=2)
    return Topic(name, type_name, definition, STORE.hash_rihs01(type_name), qos)


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that no compressor makes smaller."""
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()


def write_drive(path: Path, frames: int = 8) -> list[tuple[str, int, bytes]]:
    """Write a latched text, then pictures and masks in turn; return each (topic, time, data)."""
    messages = [(LEGEND, 100, b"\x00\x01\x00\x00" + b"legend")]
    for i in range(frames):
        time_ns = 1_000_000_000 + i * STEP_NS
        messages.append((CAMERA, time_ns, noise(300_000, i)))
        messages.append((LABELS, time_ns + 10, bytes([i]) * 300_000))
    with BagWriter(path) as bag:
        ids = {
            LEGEND: bag.add_topic(topic(LEGEND, "std_msgs/msg/String", LATCHED)),
            CAMERA: bag.add_topic(topic(CAMERA, "sensor_msgs/msg/Image")),
            LABELS: bag.add_topic(topic(LABELS, "sensor_msgs/msg/Image")),
        }
        for name, time_ns, data in messages:
            bag.write(ids[name], data, log_time_ns=time_ns, publish_time_ns=time_ns - 7)
    return messages


@pytest.fixture
def drive(tmp_path: Path) -> tuple[Path, list[tuple[str, int, bytes]]]:
    path = tmp_path / "drive"
    return path, write_drive(path)


def test_rosbags_reads_it(drive):
    path, messages = drive
    with AnyReader([path]) as reader:
        read = [(connection.topic, time, data) for connection, time, data in reader.messages()]
        types = {item.topic: (item.msgtype, item.digest) for item in reader.connections}
        qos = {item.topic: item.ext.offered_qos_profiles for item in reader.connections}
        assert reader.message_count == len(messages)
        assert reader.start_time == 100
        assert reader.end_time == messages[-1][1] + 1
    assert read == messages
    image = STORE.hash_rihs01("sensor_msgs/msg/Image")
    assert types[CAMERA] == types[LABELS] == ("sensor_msgs/msg/Image", image)
    assert qos == {LEGEND: [LATCHED], CAMERA: [], LABELS: []}


def test_mcap_reads_it(drive):
    path, messages = drive
    with (path / "drive_0.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        read = list(reader.iter_messages())
        summary = reader.get_summary()
    assert [(channel.topic, item.log_time, item.data) for _, channel, item in read] == messages
    assert all(item.publish_time == item.log_time - 7 for _, _, item in read)
    definition, _ = STORE.generate_msgdef("sensor_msgs/msg/Image", ros_version=2)
    schemas = {item.name: item for item in summary.schemas.values()}
    assert schemas["sensor_msgs/msg/Image"].data.decode() == definition
    assert schemas["sensor_msgs/msg/Image"].encoding == "ros2msg"
    assert summary.statistics.message_count == len(messages)


def test_one_topic_and_a_span_of_time_are_found_by_the_index(drive):
    path, messages = drive
    start, stop = 1_000_000_000 + 2 * STEP_NS, 1_000_000_000 + 5 * STEP_NS
    expected = [item[1:] for item in messages if item[0] == LABELS and start <= item[1] < stop]
    with (path / "drive_0.mcap").open("rb") as stream:
        reader = make_reader(stream)
        found = reader.iter_messages(topics=[LABELS], starting_at=start, ending_before=stop)
        assert [(item.log_time, item.data) for _, _, item in found] == expected
    with AnyReader([path]) as reader:
        wanted = [item for item in reader.connections if item.topic == LABELS]
        found = reader.messages(wanted, start=start, stop=stop)
        assert [(time, data) for _, time, data in found] == expected


def test_a_file_without_its_end_is_read_from_the_start(drive, tmp_path):
    """What a killed process leaves: everything up to the last whole chunk is there."""
    path, messages = drive
    whole = (path / "drive_0.mcap").read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole[: len(whole) // 2])
    found = []

    def read() -> None:
        with cut.open("rb") as stream:
            records = StreamReader(stream).records
            found.extend(record.data for record in records if isinstance(record, Message))

    with pytest.raises(EndOfFile):
        read()
    assert found
    assert {data for _, _, data in messages} >= set(found)


def test_only_what_shrinks_is_compressed(drive):
    path, _ = drive
    with (path / "drive_0.mcap").open("rb") as stream:
        records = StreamReader(stream, emit_chunks=True).records
        chunks = [record for record in records if isinstance(record, Chunk)]
    plain = [item for item in chunks if item.compression == ""]
    packed = [item for item in chunks if item.compression == "zstd"]
    assert len(plain) == 8  # the pictures
    assert all(item.uncompressed_size >= 300_000 for item in plain)
    assert sum(item.uncompressed_size for item in packed) > 8 * 300_000  # the masks
    assert max(item.uncompressed_size for item in packed) < CHUNK_SIZE + 300_100
    assert sum(len(item.data) for item in packed) < 10_000


def test_metadata_is_laid_out_for_rosbag2(drive):
    path, messages = drive
    document = yaml.safe_load((path / "metadata.yaml").read_text())
    info = document["rosbag2_bagfile_information"]
    assert info["version"] == 8
    assert info["storage_identifier"] == "mcap"
    assert info["relative_file_paths"] == ["drive_0.mcap"]
    assert info["message_count"] == info["files"][0]["message_count"] == len(messages)
    assert info["starting_time"]["nanoseconds_since_epoch"] == 100
    assert info["duration"]["nanoseconds"] == messages[-1][1] - 100
    legend = info["topics_with_message_count"][0]
    assert legend["message_count"] == 1
    # Version 8: the profiles are a text, policies are rmw's numbers (1 = transient local).
    profile = yaml.safe_load(legend["topic_metadata"]["offered_qos_profiles"])[0]
    assert (profile["durability"], profile["reliability"], profile["depth"]) == (1, 1, 1)
    assert profile["lifespan"] == {"sec": 9223372036, "nsec": 854775807}


def test_an_empty_bag_opens(tmp_path):
    with BagWriter(tmp_path / "empty") as bag:
        bag.add_topic(topic(LEGEND, "std_msgs/msg/String"))
    with AnyReader([tmp_path / "empty"]) as reader:
        assert reader.message_count == 0
        assert [item.topic for item in reader.connections] == [LEGEND]
        assert list(reader.messages()) == []


def test_custom_data_is_kept(tmp_path):
    bag = BagWriter(tmp_path / "bag")
    bag.close(custom_data={"dropped": "3"})
    document = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())
    assert document["rosbag2_bagfile_information"]["custom_data"] == {"dropped": "3"}


def test_the_final_name_appears_when_the_bag_is_whole(tmp_path):
    path = tmp_path / "deep" / "bag"
    bag = BagWriter(path)
    assert not path.exists()
    assert bag.partial_path.is_dir()
    bag.close()
    assert not bag.partial_path.exists()
    assert (path / "metadata.yaml").is_file()


def test_an_exception_leaves_the_partial_folder(tmp_path):
    def fail() -> None:
        with BagWriter(tmp_path / "bag"):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert not (tmp_path / "bag").exists()
    assert (tmp_path / "bag.partial").is_dir()


@pytest.mark.parametrize(
    ("existing", "message"),
    [("bag", "bag exists already: give another output"), ("bag.partial", "was cut off: move it")],
)
def test_what_exists_is_never_touched(tmp_path, existing, message):
    (tmp_path / existing).mkdir()
    with pytest.raises(BagError, match=message):
        BagWriter(tmp_path / "bag")
    assert [item.name for item in tmp_path.iterdir()] == [existing]


def test_a_folder_that_cannot_be_made_is_a_bag_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match=r"cannot make .*: Not a directory"):
        BagWriter(tmp_path / "file" / "bag")
