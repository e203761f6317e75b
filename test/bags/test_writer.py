# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags written by `bags.writer`, read back by the readers of `rosbags` and `mcap`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.records import Message as MessageRecord
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader
from written_bags import (
    CAMERA,
    LABELS,
    LEGEND,
    STEP_NS,
    STORE,
    Message,
    drive,
    mcap_files,
    noise,
    open_drive,
    read_with_mcap,
    read_with_rosbags,
    topic,
    write_drive,
)

from unet_seg_ros.bags.mcap_file import CHUNK_SIZE
from unet_seg_ros.bags.qos import LATCHED
from unet_seg_ros.bags.writer import BagError, BagWriter, Limits

MIB = 1 << 20


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, list[Message]]:
    path = tmp_path / "drive"
    return path, write_drive(path)


def test_rosbags_reads_it(written):
    path, messages = written
    with AnyReader([path]) as reader:
        types = {item.topic: (item.msgtype, item.digest) for item in reader.connections}
        qos = {item.topic: item.ext.offered_qos_profiles for item in reader.connections}
        assert reader.message_count == len(messages)
        assert reader.start_time == 100
        assert reader.end_time == messages[-1].time_ns + 1
    assert read_with_rosbags(path) == messages
    image = STORE.hash_rihs01("sensor_msgs/msg/Image")
    assert types[CAMERA] == types[LABELS] == ("sensor_msgs/msg/Image", image)
    assert qos == {LEGEND: [LATCHED], CAMERA: [], LABELS: []}


def test_mcap_reads_it(written):
    path, messages = written
    with (path / "drive_0.mcap").open("rb") as stream:
        # From the first byte to the last: also that every record is where the format has it.
        list(StreamReader(stream, validate_crcs=True).records)
        stream.seek(0)
        reader = make_reader(stream)
        read = list(reader.iter_messages())
        summary = reader.get_summary()
    assert read_with_mcap(path) == messages
    assert all(item.publish_time == item.log_time - 7 for _, _, item in read)
    definition, _ = STORE.generate_msgdef("sensor_msgs/msg/Image", ros_version=2)
    schemas = {item.name: item for item in summary.schemas.values()}
    assert schemas["sensor_msgs/msg/Image"].data.decode() == definition
    assert schemas["sensor_msgs/msg/Image"].encoding == "ros2msg"
    assert summary.statistics.message_count == len(messages)


def test_one_topic_and_a_span_of_time_are_found_by_the_index(written):
    path, messages = written
    start, stop = 1_000_000_000 + 2 * STEP_NS, 1_000_000_000 + 5 * STEP_NS
    expected = [item[1:] for item in messages if item.topic == LABELS and start <= item[1] < stop]
    with (path / "drive_0.mcap").open("rb") as stream:
        reader = make_reader(stream)
        found = reader.iter_messages(topics=[LABELS], starting_at=start, ending_before=stop)
        assert [(item.log_time, item.data) for _, _, item in found] == expected
    with AnyReader([path]) as reader:
        wanted = [item for item in reader.connections if item.topic == LABELS]
        found = reader.messages(wanted, start=start, stop=stop)
        assert [(time, data) for _, time, data in found] == expected


def test_a_file_without_its_end_is_read_from_the_start(written, tmp_path):
    """What a killed process leaves: everything up to the last whole chunk is there."""
    path, messages = written
    whole = (path / "drive_0.mcap").read_bytes()
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole[: len(whole) // 2])
    found = []

    def read() -> None:
        with cut.open("rb") as stream:
            records = StreamReader(stream).records
            found.extend(record.data for record in records if isinstance(record, MessageRecord))

    with pytest.raises(EndOfFile):
        read()
    assert found
    assert {data for _, _, data in messages} >= set(found)


def chunks(file: Path) -> list[Chunk]:
    with file.open("rb") as stream:
        records = StreamReader(stream, emit_chunks=True).records
        return [record for record in records if isinstance(record, Chunk)]


def test_only_what_shrinks_is_compressed(written):
    path, _ = written
    found = chunks(path / "drive_0.mcap")
    plain = [item for item in found if item.compression == ""]
    packed = [item for item in found if item.compression == "zstd"]
    assert len(plain) == 8  # the pictures
    assert all(item.uncompressed_size >= 300_000 for item in plain)
    assert sum(item.uncompressed_size for item in packed) > 8 * 300_000  # the masks
    assert max(item.uncompressed_size for item in packed) < CHUNK_SIZE + 300_100
    assert sum(len(item.data) for item in packed) < 10_000


@pytest.mark.parametrize("compression", ["", "zstd"])
def test_a_damaged_chunk_is_noticed(written, compression):
    """Plain chunks have MCAP's checksum, compressed ones zstd's own."""
    path, _ = written
    file = path / "drive_0.mcap"
    data = next(item.data for item in chunks(file) if item.compression == compression)
    content = file.read_bytes()
    at = content.index(data) + len(data) - 2
    file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    for read in (read_with_mcap, read_with_rosbags):
        with pytest.raises(Exception, match=r"(?i)crc|checksum"):
            read(path)


def test_metadata_is_laid_out_for_rosbag2(written):
    path, messages = written
    document = yaml.safe_load((path / "metadata.yaml").read_text())
    info = document["rosbag2_bagfile_information"]
    assert info["version"] == 8
    assert info["storage_identifier"] == "mcap"
    assert info["relative_file_paths"] == ["drive_0.mcap"]
    assert info["message_count"] == info["files"][0]["message_count"] == len(messages)
    assert info["starting_time"]["nanoseconds_since_epoch"] == 100
    assert info["duration"]["nanoseconds"] == messages[-1].time_ns - 100
    legend = info["topics_with_message_count"][0]
    assert legend["message_count"] == 1
    # Version 8: the profiles are a text, policies are rmw's numbers (1 = transient local).
    profile = yaml.safe_load(legend["topic_metadata"]["offered_qos_profiles"])[0]
    assert (profile["durability"], profile["reliability"], profile["depth"]) == (1, 1, 1)
    assert profile["lifespan"] == {"sec": 9223372036, "nsec": 854775807}


def test_an_empty_bag_opens(tmp_path):
    with BagWriter(tmp_path / "empty") as bag:
        bag.add_topic(topic(LEGEND))
    with AnyReader([tmp_path / "empty"]) as reader:
        assert reader.message_count == 0
        assert [item.topic for item in reader.connections] == [LEGEND]
        assert list(reader.messages()) == []


def test_custom_data_is_kept(tmp_path):
    bag = BagWriter(tmp_path / "bag")
    bag.close(custom_data={"dropped": "3"})
    document = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())
    assert document["rosbag2_bagfile_information"]["custom_data"] == {"dropped": "3"}


def files_entry(bag: Path) -> list[dict]:
    document = yaml.safe_load((bag / "metadata.yaml").read_text())
    return document["rosbag2_bagfile_information"]["files"]


def test_no_file_gets_larger_than_told(tmp_path):
    limits = Limits(file_bytes=MIB)
    messages = write_drive(tmp_path / "bag", drive(frames=12), limits)
    files = mcap_files(tmp_path / "bag")
    assert len(files) > 3
    assert all(file.stat().st_size < MIB for file in files)
    assert [item["path"] for item in files_entry(tmp_path / "bag")] == [f.name for f in files]
    assert read_with_rosbags(tmp_path / "bag") == messages
    assert read_with_mcap(tmp_path / "bag") == messages
    with AnyReader([tmp_path / "bag"]) as reader:
        assert reader.message_count == len(messages)
        assert {item.topic: item.msgcount for item in reader.connections} == {
            LEGEND: 1,
            CAMERA: 12,
            LABELS: 12,
        }


def test_no_file_gets_longer_than_told(tmp_path):
    messages = drive(frames=10)[1:]
    write_drive(tmp_path / "bag", messages, Limits(file_duration_ns=4 * STEP_NS))
    entries = files_entry(tmp_path / "bag")
    assert [item["message_count"] for item in entries] == [8, 8, 4]
    starts = [item["starting_time"]["nanoseconds_since_epoch"] for item in entries]
    assert starts == [messages[0].time_ns, messages[8].time_ns, messages[16].time_ns]
    assert entries[0]["duration"]["nanoseconds"] == 3 * STEP_NS + 10
    assert read_with_rosbags(tmp_path / "bag") == messages


def test_every_file_opens_on_its_own(tmp_path):
    messages = write_drive(tmp_path / "bag", drive(frames=12), Limits(file_bytes=MIB))
    last = mcap_files(tmp_path / "bag")[-1]
    expected = messages[-len(read_with_mcap(last)) :]
    assert read_with_mcap(last) == read_with_rosbags(last) == expected
    with last.open("rb") as stream:
        reader = make_reader(stream)
        names = {channel.topic for channel in reader.get_summary().channels.values()}
        metadata = {item.name: item.metadata for item in reader.iter_metadata()}
    assert names == {LEGEND, CAMERA, LABELS}
    info = yaml.safe_load(metadata["rosbag2"]["serialized_metadata"])
    assert info["relative_file_paths"] == [last.name]
    assert info["message_count"] == len(expected)


def test_a_topic_may_come_in_a_later_file(tmp_path):
    bag, ids = open_drive(tmp_path / "bag", Limits(file_bytes=MIB))
    with bag:
        for i in range(4):
            bag.write(ids[CAMERA], noise(400_000, i), i)
        late = bag.add_topic(topic("/late"))
        bag.write(late, b"\x00\x01\x00\x00here", 5)
    assert len(mcap_files(tmp_path / "bag")) == 2
    late_messages = [item for item in read_with_rosbags(tmp_path / "bag") if item.topic == "/late"]
    assert late_messages == [Message("/late", 5, b"\x00\x01\x00\x00here")]


def test_a_bag_that_has_its_size_is_complete(tmp_path):
    messages = drive(frames=20)
    bag, ids = open_drive(tmp_path / "bag", Limits(file_bytes=MIB, bag_bytes=3 * MIB))

    def write() -> None:
        for name, time_ns, data in messages:
            bag.write(ids[name], data, time_ns)

    with pytest.raises(BagError, match="bag has reached its limit of 3 MiB"):
        write()
    bag.close()
    size = sum(file.stat().st_size for file in (tmp_path / "bag").iterdir())
    assert 2.5 * MIB < size <= 3 * MIB
    read = read_with_rosbags(tmp_path / "bag")
    assert read == messages[: len(read)]


def test_what_is_flushed_outlives_the_writer(tmp_path):
    bag, ids = open_drive(tmp_path / "bag")
    bag.write(ids[LEGEND], b"\x00\x01\x00\x00text", 1)
    assert bag.message_count == 0
    bag.flush()
    assert bag.message_count == 1
    with (bag.partial_path / "bag_0.mcap").open("rb") as stream:
        records = StreamReader(stream).records
        found = next(record for record in records if isinstance(record, MessageRecord))
    assert found.data == b"\x00\x01\x00\x00text"
    bag.discard()
    assert list(tmp_path.iterdir()) == []


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
    [
        ("bag", "bag exists already: give another output"),
        ("bag.partial", "was cut off: complete it with unet-seg bag repair"),
    ],
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
