# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The bag writer behind its queue: order, the bound on what waits, and a disk that is full."""

from __future__ import annotations

import contextlib
import itertools
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from written_bags import Message, noise, read_with_mcap, read_with_rosbags, topic

from unet_seg_ros.bags.repair import repair
from unet_seg_ros.bags.threaded import ThreadedBagWriter
from unet_seg_ros.bags.writer import BagError, Limits

MIB = 1 << 20
FULL_DISK = 6 * MIB


@pytest.fixture
def limit_files() -> Iterator[Callable[[int], None]]:
    """Return a function that makes the system refuse larger files, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_everything_put_is_written_in_order(tmp_path):
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=64 * MIB)
    first, second = bag.add_topic(topic("/a")), bag.add_topic(topic("/b"))
    expected = []
    for i in range(500):
        topic_id, name = ((first, "/a"), (second, "/b"))[i % 2]
        data = i.to_bytes(4, "little") * (i + 1)
        assert bag.put(topic_id, data, i, i)
        expected.append(Message(name, i, data))
    bag.close(custom_data={"why": "a test"})
    assert bag.written == 500
    assert read_with_rosbags(tmp_path / "bag") == expected


def test_what_does_not_fit_is_refused(tmp_path):
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=MIB)
    topic_id = bag.add_topic(topic("/text"))
    assert bag.put(topic_id, bytes(MIB), 0, 0)
    assert not bag.put(topic_id, bytes(MIB + 1), 1, 1)
    bag.close()
    assert bag.written == 1
    assert bag.waiting_bytes == 0


def test_a_message_is_written_without_others_that_push_it(tmp_path):
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=MIB)
    bag.put(bag.add_topic(topic("/text")), b"\x00\x01\x00\x00text", 0, 0)
    wait_until_written(bag)
    bag.close()


def wait_until_written(bag: ThreadedBagWriter) -> None:
    end_s = time.monotonic() + 60
    while not bag.written:
        assert time.monotonic() < end_s, "nothing was written"


def put_until_it_fails(bag: ThreadedBagWriter, topic_id: int) -> list[bytes]:
    """Put pictures and texts until the bag says that it cannot; return those that were put."""
    messages = []
    with contextlib.suppress(BagError):
        for i in itertools.count():
            data = noise(MIB // 4 if i % 3 else 100, seed=i)
            while not bag.put(topic_id, data, i, i):
                pass  # the disk is slower
            messages.append(data)
    return messages


def check_prefix(path: Path, written: int, messages: list[bytes]) -> None:
    """Check that both readers find the messages, in their order, that count as written."""
    for read in (read_with_rosbags, read_with_mcap):
        assert [item.data for item in read(path)] == messages[:written]


@pytest.mark.parametrize("topics", [1, 300])
def test_a_full_disk_is_one_sentence_and_a_whole_bag(tmp_path, limit_files, topics):
    limit_files(FULL_DISK)
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=MIB)
    ids = [bag.add_topic(topic(f"/text{i}")) for i in range(topics)]
    messages = put_until_it_fails(bag, ids[-1])
    with pytest.raises(BagError) as error:
        bag.close()
    lost = len(messages) - bag.written
    assert str(error.value) == (
        f"cannot write to {tmp_path / 'bag.partial'}: File too large; {tmp_path / 'bag'} is "
        f"complete and has {bag.written} messages, {lost} that came after them are lost"
    )
    check_prefix(tmp_path / "bag", bag.written, messages)
    size = (tmp_path / "bag" / "bag_0.mcap").stat().st_size
    assert size > FULL_DISK / 2


def test_a_bag_that_has_its_size_is_one_sentence_and_whole(tmp_path):
    bag = ThreadedBagWriter(tmp_path / "bag", MIB, Limits(file_bytes=MIB, bag_bytes=2 * MIB))
    messages = put_until_it_fails(bag, bag.add_topic(topic("/text")))
    with pytest.raises(BagError, match=r"^bag has reached its limit of 2 MiB; .*bag is complete"):
        bag.close()
    check_prefix(tmp_path / "bag", bag.written, messages)


def test_a_bag_whose_end_does_not_fit_can_be_repaired(tmp_path, limit_files):
    message = Message("/text", 0, b"\x00\x01\x00\x00text")
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=MIB)
    bag.put(bag.add_topic(topic("/text")), message.data, 0, 0)
    wait_until_written(bag)
    limit_files(100)
    with pytest.raises(BagError, match=r"cannot complete .*bag\.partial: File too large; when the"):
        bag.close()
    limit_files(FULL_DISK)
    repair(tmp_path / "bag.partial")
    assert read_with_rosbags(tmp_path / "bag") == [message]
