# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags cut off at any byte: what is kept, and that the readers of others find it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from bag_files import drive as rosbags_drive
from bag_files import write_rosbag2
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.opcode import Opcode
from mcap.records import Message as MessageRecord
from mcap.stream_reader import StreamReader
from mcap.writer import MCAP0_MAGIC, CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import StoragePlugin
from written_bags import (
    CAMERA,
    LABELS,
    LEGEND,
    STORE,
    STRING,
    Message,
    drive,
    mcap_files,
    open_drive,
    read_with_mcap,
    read_with_rosbags,
    write_drive,
)

from unet_seg_ros.bags.mcap_file import McapFile
from unet_seg_ros.bags.metadata import FileEntry
from unet_seg_ros.bags.repair import repair
from unet_seg_ros.bags.writer import BagError, Limits

ANY_BYTE = st.integers(0, 1 << 40)
FEW_BYTES = 70_000  # large enough for a chunk of its own
# The writer takes room for a chunk and the end of the file before it begins with either.
LEAST_ROOM = FEW_BYTES + (1 << 14)
MOST_IN_A_CHUNK = 4


def in_file_order(file: Path) -> list[bytes]:
    """Return the contents of the messages of a whole file in the order in which they are there."""
    with file.open("rb") as stream:
        found = StreamReader(stream, validate_crcs=True).records
        return [record.data for record in found if isinstance(record, MessageRecord)]


def partial_bag(folder: Path, *contents: bytes) -> Path:
    """Return a folder `bag.partial` with files of these contents."""
    path = folder / "bag.partial"
    path.mkdir()
    for number, content in enumerate(contents):
        (path / f"bag_{number}.mcap").write_bytes(content)
    return path


def check_same(file: Path, expected: list[bytes]) -> None:
    """Check that a file has these messages, whatever their order."""
    assert sorted(in_file_order(file)) == sorted(expected)


def check_readers_agree(bag: Path, expected: list[bytes]) -> None:
    """Check that both readers find these messages, whatever their order."""
    for read in (read_with_mcap, read_with_rosbags):
        assert sorted(item.data for item in read(bag)) == sorted(expected)
    with AnyReader([bag]) as reader:
        assert reader.message_count == len(expected)
        assert sum(item.msgcount for item in reader.connections) == len(expected)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag whose file has chunks of both kinds."""
    path = tmp_path_factory.mktemp("whole") / "bag"
    bag, ids = open_drive(path)
    with bag:
        for i, (name, time_ns, data) in enumerate(drive(frames=5, size=FEW_BYTES)):
            bag.write(ids[name], data, time_ns)
            if i % 4 == 3:
                bag.flush()
    return path


@settings(max_examples=60, deadline=None)
@given(cut=ANY_BYTE, empty_room=st.just(0) | st.integers(LEAST_ROOM, 2 * LEAST_ROOM))
def test_a_file_cut_off_anywhere_keeps_its_first_messages(whole, cut, empty_room):
    content = (whole / "bag_0.mcap").read_bytes()
    cut %= len(content)
    messages = in_file_order(whole / "bag_0.mcap")
    with TemporaryDirectory() as folder:
        path = partial_bag(Path(folder), content[:cut] + bytes(empty_room))
        repaired = repair(path)
        assert (path / "bag_0.mcap").read_bytes() == content[:cut] + bytes(empty_room)
        kept = in_file_order(repaired.path / "bag_0.mcap")
        assert sorted(kept) == sorted(messages[: len(kept)])
        assert len(kept) == repaired.entry.message_count
        assert repaired.lost_bytes <= FEW_BYTES + 200  # a picture and its records
        check_readers_agree(repaired.path, kept)


def test_what_is_whole_is_kept_to_the_last_message(whole, tmp_path):
    content = (whole / "bag_0.mcap").read_bytes()
    messages = in_file_order(whole / "bag_0.mcap")
    for cut in (len(content) - 1, content.index(b"serialized_metadata")):
        repaired = repair(partial_bag(tmp_path, content[:cut]))
        assert sorted(in_file_order(repaired.path / "bag_0.mcap")) == sorted(messages)
        assert repaired.files[0].lost_messages in (0, None)
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()


@settings(max_examples=60, deadline=None)
@given(at=ANY_BYTE, value=st.integers(1, 255))
def test_a_damaged_file_is_no_surprise(whole, at, value):
    messages = in_file_order(whole / "bag_0.mcap")
    content = bytearray((whole / "bag_0.mcap").read_bytes())
    content[at % len(content)] ^= value
    with TemporaryDirectory() as folder:
        path = partial_bag(Path(folder), bytes(content))
        if content.startswith(MCAP0_MAGIC):
            repaired = repair(path)
            # At most one chunk is lost, wherever the damage is.
            kept = in_file_order(repaired.path / "bag_0.mcap")
            assert not Counter(kept) - Counter(messages)
            assert len(kept) >= len(messages) - MOST_IN_A_CHUNK
            assert repaired.files[0].lost_messages in (len(messages) - len(kept), None)
        else:
            with pytest.raises(BagError, match="is no MCAP file"):
                repair(path)


def test_a_topic_that_damage_makes_a_message_is_none(whole, tmp_path):
    content = bytearray((whole / "bag_0.mcap").read_bytes())
    # Opcode and length, then the ids of the topic and of its type, and the length of its name.
    opcode_at = content.index(CAMERA.encode()) - 1 - 8 - 2 - 2 - 4
    assert content[opcode_at] == Opcode.CHANNEL
    content[opcode_at] = Opcode.MESSAGE
    repaired = repair(partial_bag(tmp_path, bytes(content)))
    check_same(repaired.path / "bag_0.mcap", in_file_order(whole / "bag_0.mcap"))


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=400))
def test_anything_after_the_magic_is_no_surprise(content):
    with TemporaryDirectory() as folder:
        path = partial_bag(Path(folder), MCAP0_MAGIC + content)
        assert repair(path).entry.message_count == 0


def test_a_cut_off_recording_is_complete_under_its_own_name(whole, tmp_path):
    content = (whole / "bag_0.mcap").read_bytes()
    content = content[: len(content) * 2 // 3]
    path = partial_bag(tmp_path, content)
    repaired = repair(path)
    assert repaired.path == tmp_path / "bag"
    assert repaired.completed == ["bag_0.mcap"]
    assert sorted(item.name for item in tmp_path.iterdir()) == ["bag", "bag.partial"]
    assert [item.read_bytes() for item in path.iterdir()] == [content]
    entry = repaired.entry
    assert {topic.name: topic.message_count for topic in entry.topics}.keys() == {
        LEGEND,
        CAMERA,
        LABELS,
    }
    with AnyReader([repaired.path]) as reader:
        qos = {item.topic: item.ext.offered_qos_profiles for item in reader.connections}
        types = {item.topic: item.digest for item in reader.connections}
        assert reader.start_time == entry.start_ns == 100
        assert reader.end_time == entry.end_ns + 1
    assert qos[LEGEND][0].durability is QosDurability.TRANSIENT_LOCAL
    assert types[LEGEND] == STORE.hash_rihs01(STRING)


def test_the_index_finds_what_was_kept(whole, tmp_path):
    """Cut off between a chunk and its index, whose place is the next byte."""
    content = (whole / "bag_0.mcap").read_bytes()
    messages = in_file_order(whole / "bag_0.mcap")
    end_of_chunk = content.index(messages[1]) + FEW_BYTES  # that of the first picture
    repaired = repair(partial_bag(tmp_path, content[: end_of_chunk + 20]))
    with AnyReader([repaired.path]) as reader:
        wanted = [item for item in reader.connections if item.topic == CAMERA]
        assert [data for _, _, data in reader.messages(wanted)] == [
            item for item in in_file_order(repaired.path / "bag_0.mcap") if len(item) == FEW_BYTES
        ]


def test_the_last_file_of_several_is_cut_off(tmp_path):
    messages = write_drive(tmp_path / "bag", drive(frames=20), Limits(file_bytes=1 << 20))
    files = mcap_files(tmp_path / "bag")
    assert len(files) > 10  # so that a sort of names would mix them up
    (tmp_path / "bag" / "metadata.yaml").unlink()
    (tmp_path / "bag").rename(tmp_path / "bag.partial")
    last = max((tmp_path / "bag.partial").iterdir(), key=lambda file: int(file.stem[4:]))
    last.write_bytes(last.read_bytes()[:-1])
    repaired = repair(tmp_path / "bag.partial")
    assert repaired.completed == [last.name]
    assert read_with_rosbags(repaired.path) == messages


def test_a_whole_bag_is_left_alone(whole, tmp_path):
    path = shutil.copytree(whole, tmp_path / "bag")
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    for bag in (path, path / "bag_0.mcap"):
        repaired = repair(bag)
        assert (repaired.path, repaired.completed) == (bag, [])
        assert repaired.entry.message_count == 11
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_whole_bag_that_was_not_renamed_is_there_under_its_name(whole, tmp_path):
    path = shutil.copytree(whole, tmp_path / "bag.partial")
    assert repair(path).path == tmp_path / "bag"
    check_readers_agree(tmp_path / "bag", in_file_order(whole / "bag_0.mcap"))


def test_a_folder_without_metadata_gets_a_copy_with_it(whole, tmp_path):
    path = shutil.copytree(whole, tmp_path / "bag")
    (path / "metadata.yaml").unlink()
    repaired = repair(path)
    assert repaired.path == tmp_path / "bag.repaired"
    assert (repaired.completed, repaired.lost_bytes) == ([], 0)
    assert sorted(read_with_rosbags(repaired.path)) == sorted(read_with_rosbags(whole))
    assert not (path / "metadata.yaml").exists()


def test_a_sqlite_folder_without_metadata_becomes_mcap(tmp_path):
    bag = write_rosbag2(tmp_path / "bag", rosbags_drive(), StoragePlugin.SQLITE3)
    (bag / "metadata.yaml").unlink()
    repaired = repair(bag)
    assert [file.lost_messages for file in repaired.files] == [0]
    messages = [(item.topic, item.time_ns, item.data) for item in rosbags_drive()]
    assert sorted(read_with_rosbags(tmp_path / "bag.repaired")) == sorted(messages)


def test_metadata_tells_what_a_file_has_lost(whole, tmp_path):
    """A copy of a whole bag that broke off."""
    path = shutil.copytree(whole, tmp_path / "bag")
    document = yaml.safe_load((path / "metadata.yaml").read_text())
    document["rosbag2_bagfile_information"]["custom_data"] = {"driver": "somebody"}
    (path / "metadata.yaml").write_text(yaml.safe_dump(document))
    content = (path / "bag_0.mcap").read_bytes()
    (path / "bag_0.mcap").write_bytes(content[: len(content) // 2])
    repaired = repair(path)
    kept = len(in_file_order(repaired.path / "bag_0.mcap"))
    assert 0 < kept < 11
    assert repaired.files[0].lost_messages == 11 - kept
    document = yaml.safe_load((repaired.path / "metadata.yaml").read_text())
    assert document["rosbag2_bagfile_information"]["custom_data"] == {"driver": "somebody"}


@pytest.mark.parametrize("name", ["alone.mcap", "alone.mcap.active", "alone.mcap.partial"])
def test_a_file_on_its_own_is_copied_beside_it(whole, tmp_path, name):
    file = tmp_path / name
    content = (whole / "bag_0.mcap").read_bytes()[:-1]
    file.write_bytes(content)
    assert repair(file).path == tmp_path / "alone.repaired.mcap"
    check_same(tmp_path / "alone.repaired.mcap", in_file_order(whole / "bag_0.mcap"))
    assert file.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_what_to_write_can_be_named(whole, tmp_path):
    path = partial_bag(tmp_path, (whole / "bag_0.mcap").read_bytes()[:-1])
    assert repair(path, tmp_path / "other").path == tmp_path / "other"
    check_readers_agree(tmp_path / "other", in_file_order(whole / "bag_0.mcap"))


def write_with_mcap(file: Path, messages: list[Message], **options: object) -> None:
    """Write a file as rosbag2's storage does: message types and topics are in the chunks."""
    with file.open("wb") as stream:
        writer = McapWriter(stream, chunk_size=100_000, **options)
        writer.start("ros2")
        definition, _ = STORE.generate_msgdef(STRING, ros_version=2)
        schema = writer.register_schema(STRING, "ros2msg", definition.encode())
        ids: dict[str, int] = {}
        for name, time_ns, data in messages:
            if name not in ids:
                ids[name] = writer.register_channel(name, "cdr", schema)
            writer.add_message(ids[name], time_ns, data, time_ns)
        writer.finish()


def write_with_rosbags(file: Path, _: list[Message]) -> None:
    bag = write_rosbag2(file.parent / "of rosbags", rosbags_drive(), StoragePlugin.MCAP)
    shutil.move(mcap_files(bag)[0], file)


@pytest.mark.parametrize(
    "write",
    [
        lambda *to: write_with_mcap(*to, compression=CompressionType.ZSTD),
        lambda *to: write_with_mcap(*to, compression=CompressionType.LZ4, enable_crcs=False),
        lambda *to: write_with_mcap(*to, compression=CompressionType.NONE),
        lambda *to: write_with_mcap(*to, use_chunking=False),
        write_with_rosbags,
    ],
    ids=["zstd", "lz4", "plain chunks", "no chunks", "rosbags"],
)
def test_files_of_other_writers_are_completed(tmp_path: Path, write: Callable[..., None]):
    file = tmp_path / "other.mcap"
    write(file, drive(frames=5, size=FEW_BYTES))
    content, messages = file.read_bytes(), in_file_order(file)
    for cut in (len(content) // 2, len(content) * 3 // 4, len(content) - 9):
        folder = tmp_path / f"rosbag2_{cut}"
        folder.mkdir()
        (folder / "other_0.mcap").write_bytes(content[:cut])
        repaired = repair(folder)
        assert repaired.path == folder.with_name(f"{folder.name}.repaired")
        kept = in_file_order(repaired.path / "other_0.mcap")
        assert sorted(kept) == sorted(messages[: len(kept)])
        check_readers_agree(repaired.path, kept)
    assert len(kept) == len(messages)


def test_quality_of_service_is_kept_in_the_form_that_every_rosbag2_reads(tmp_path):
    """Newer ones write words where older ones write numbers."""
    bag = write_rosbag2(tmp_path / "bag", rosbags_drive())
    document = yaml.safe_load((bag / "metadata.yaml").read_text())
    assert document["rosbag2_bagfile_information"]["version"] == 9
    (bag / "metadata.yaml").unlink()
    repaired = repair(bag)
    document = yaml.safe_load((repaired.path / "metadata.yaml").read_text())
    information = document["rosbag2_bagfile_information"]
    profiles = [
        yaml.safe_load(item["topic_metadata"]["offered_qos_profiles"])
        for item in information["topics_with_message_count"]
        if item["topic_metadata"]["name"] == "/map"
    ]
    assert profiles[0][0]["durability"] == QosDurability.TRANSIENT_LOCAL.value


@pytest.mark.parametrize(
    ("behind", "value", "lost"),
    [
        (-1000, 0xFF, 1),  # in the picture: its checksum tells
        (0, Opcode.MESSAGE_INDEX ^ Opcode.DATA_END, 0),  # the record behind it
        (8, 0xFF, 0),  # the length of that
        (-FEW_BYTES - 75, 0xFF, 1),  # the length of the chunk
    ],
)
@pytest.mark.parametrize("has_end", [True, False])
def test_what_is_behind_damage_is_kept(whole, tmp_path, behind, value, lost, has_end):
    content = bytearray((whole / "bag_0.mcap").read_bytes())
    messages = in_file_order(whole / "bag_0.mcap")
    pictures = [item for item in messages if len(item) == FEW_BYTES and len(set(item)) > 1]
    content[content.index(pictures[1]) + FEW_BYTES + behind] ^= value
    path = partial_bag(tmp_path, bytes(content if has_end else content[:-1]))
    repaired = repair(path)
    assert (path / "bag_0.mcap").read_bytes() == (content if has_end else content[:-1])
    expected = [item for item in messages if not lost or item != pictures[1]]
    check_same(tmp_path / "bag" / "bag_0.mcap", expected)
    check_readers_agree(repaired.path, expected)
    [file] = repaired.files
    assert file.lost_messages == (lost if has_end else None)
    [gap] = file.gaps
    assert 0 < gap.size < FEW_BYTES + 1000
    assert None not in (gap.after_ns, gap.before_ns)


def test_topics_that_a_lost_chunk_announces_are_known_by_the_end(tmp_path):
    """As rosbag2 writes them: in the chunk of their first message."""
    folder = tmp_path / "bag"
    folder.mkdir()
    file = folder / "bag_0.mcap"
    write_with_mcap(file, drive(frames=5, size=FEW_BYTES), compression=CompressionType.NONE)
    messages = in_file_order(file)
    content = bytearray(file.read_bytes())
    content[content.index(messages[1]) + 1000] ^= 0xFF
    file.write_bytes(content)
    repaired = repair(folder)
    kept = in_file_order(repaired.path / "bag_0.mcap")
    assert sorted(kept) == sorted(messages[-len(kept) :])
    assert len(kept) == len(messages) - repaired.files[0].lost_messages > 5
    content[-1] ^= 0xFF  # without its end nothing tells what they are of
    file.write_bytes(content)
    [found] = repair(folder, tmp_path / "without").files
    assert found.orphans == len(kept) - found.message_count > 0


def test_a_copy_that_does_not_read_back_is_none(whole, tmp_path, monkeypatch):
    path = partial_bag(tmp_path, (whole / "bag_0.mcap").read_bytes()[:-1])
    finish = McapFile.finish

    def damage(file: McapFile, *arguments: Any) -> FileEntry:
        entry = finish(file, *arguments)
        content = bytearray(file.path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.path.write_bytes(content)
        return entry

    monkeypatch.setattr(McapFile, "finish", damage)
    with pytest.raises((BagError, ValueError)):
        repair(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mcap", b"PNG or such", "a.mcap is no MCAP file"),
        ("a.db3", b"SQLite format 3\0", "a.db3: not a rosbag2 folder"),
        ("a.mcap.zstd", b"", "holds no .mcap or .db3 file"),
    ],
)
def test_what_cannot_be_repaired_is_one_sentence(tmp_path, name, content, message):
    path = tmp_path / "bag.partial"
    path.mkdir()
    (path / name).write_bytes(content)
    with pytest.raises(BagError, match=message):
        repair(path)
    assert [(file.name, file.read_bytes()) for file in path.iterdir()] == [(name, content)]


def test_a_packed_file_beside_is_not_left_out(whole, tmp_path):
    path = partial_bag(tmp_path, (whole / "bag_0.mcap").read_bytes()[:-1])
    (path / "bag_1.mcap.zstd").write_bytes(b"")
    with pytest.raises(BagError, match=r"bag_1\.mcap\.zstd is compressed as a whole: unpack it"):
        repair(path)


def test_no_bag_is_one_sentence(tmp_path):
    with pytest.raises(BagError, match="there is no such bag"):
        repair(tmp_path / "bag")


def test_a_bag_of_that_name_is_not_replaced(whole, tmp_path):
    path = partial_bag(tmp_path, (whole / "bag_0.mcap").read_bytes()[:-1])
    shutil.copytree(whole, tmp_path / "bag")
    with pytest.raises(FileExistsError, match="bag exists already: give another output"):
        repair(path)


def test_a_bag_that_is_being_recorded_is_not_touched(tmp_path):
    bag, _ = open_drive(tmp_path / "bag")
    with bag:
        with pytest.raises(BagError, match=r"bag_0\.mcap is being recorded: stop that first"):
            repair(bag.partial_path)
        assert bag.partial_path.is_dir()
    assert read_with_mcap(tmp_path / "bag") == []
