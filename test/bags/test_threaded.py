# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The bag writer behind its queue: order, the bound on what waits, and a disk that is full."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.bags.threaded import ThreadedBagWriter
from unet_seg_ros.bags.writer import BagError, Topic

MIB = 1 << 20
STRING = "std_msgs/msg/String"


def text_topic(name: str = "/text") -> Topic:
    store = get_typestore(Stores.LATEST)
    return Topic(
        name, STRING, store.generate_msgdef(STRING, ros_version=2)[0], store.hash_rihs01(STRING)
    )


@pytest.fixture
def small_disk() -> Iterator[None]:
    """Make writing beyond the first MiB of a file fail."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_everything_put_is_written_in_order(tmp_path):
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=64 * MIB)
    first, second = bag.add_topic(text_topic("/a")), bag.add_topic(text_topic("/b"))
    expected = []
    for i in range(500):
        topic_id, name = ((first, "/a"), (second, "/b"))[i % 2]
        data = i.to_bytes(4, "little") * (i + 1)
        assert bag.put(topic_id, data, i, i)
        expected.append((name, i, data))
    bag.close(custom_data={"why": "a test"})
    assert bag.written == 500
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [(c.topic, time, data) for c, time, data in reader.messages()] == expected


def test_what_does_not_fit_is_refused(tmp_path):
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=MIB)
    topic_id = bag.add_topic(text_topic())
    assert bag.put(topic_id, bytes(MIB), 0, 0)
    assert not bag.put(topic_id, bytes(MIB + 1), 1, 1)
    bag.close()
    assert bag.written == 1
    assert bag.waiting_bytes == 0


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_one_sentence_and_keeps_what_was_written(tmp_path):
    bag = ThreadedBagWriter(tmp_path / "bag", max_waiting_bytes=64 * MIB)
    topic_id = bag.add_topic(text_topic())
    for i in range(8):
        bag.put(topic_id, os.urandom(MIB // 4), i, i)
    with pytest.raises(BagError, match=r"cannot write to .*bag\.partial: File too large; it keeps"):
        bag.close()
    assert not (tmp_path / "bag").exists()
    assert (tmp_path / "bag.partial" / "bag_0.mcap").stat().st_size > 0
