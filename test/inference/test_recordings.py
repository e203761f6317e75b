# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When recordings are made and dropped; here a recording is a number."""

from __future__ import annotations

import itertools

import pytest

from unet_seg_ros.inference.recordings import MAX_RECORDINGS, OFTEN, Key, Recordings, padded


class _Recorder:
    """Numbers what is recorded, until it is told to fail."""

    def __init__(self) -> None:
        self.recorded: list[Key] = []
        self.failure: Exception | None = None

    def __call__(self, key: Key) -> int:
        if self.failure:
            raise self.failure
        self.recorded.append(key)
        return len(self.recorded)


@pytest.fixture
def record() -> _Recorder:
    return _Recorder()


def test_a_batch_is_padded_up_to_the_next_recording() -> None:
    assert [padded(count) for count in range(1, 9)] == [1, 2, 4, 4, 8, 8, 8, 8]


def test_a_batch_is_recorded_once_it_has_come_often(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    for _ in range(OFTEN):
        recordings.use(Key(1, "small"), record)
        recordings.use(Key(2, "small"), record)
        assert recordings.find(Key(1, "small")) is None
    recordings.use(Key(1, "small"), record)
    assert recordings.find(Key(1, "small")) == 1
    assert recordings.find(Key(2, "small")) is None
    recordings.use(Key(1, "small"), record)
    assert record.recorded == [Key(1, "small")]


def test_sizes_that_change_for_ever_are_not_counted_for_ever(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    for size in range(10_000):
        recordings.use(Key(1, size), record)
    assert len(recordings._uses) <= 256
    assert not record.recorded


def test_where_frames_may_not_wait_only_prepare_records(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=False)
    for _ in range(2 * OFTEN):
        recordings.use(Key(1, "small"), record)
    assert recordings.find(Key(1, "small")) is None
    assert not recordings.is_settled(Key(1, "small"))
    for _ in range(2):
        recordings.prepare(Key(1, "small"), record)
    assert recordings.find(Key(1, "small")) == 1
    assert recordings.is_settled(Key(1, "small"))


def test_beyond_the_limit_nothing_is_recorded_and_nothing_dropped(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    keys = [Key(1, size) for size in range(MAX_RECORDINGS + 3)]
    for key in keys:
        recordings.prepare(key, record)
    for key, _ in itertools.product(keys, range(2 * OFTEN)):
        recordings.use(key, record)
    assert record.recorded == keys[:MAX_RECORDINGS]
    assert all(recordings.find(key) for key in keys[:MAX_RECORDINGS])
    assert not any(recordings.find(key) for key in keys[MAX_RECORDINGS:])
    assert all(recordings.is_settled(key) for key in keys)


def test_a_failure_takes_all_of_them_and_nothing_is_tried_again(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    recordings.prepare(Key(1, "small"), record)
    record.failure = RuntimeError("capture was invalidated")
    with pytest.raises(RuntimeError, match="invalidated"):
        recordings.prepare(Key(2, "small"), record)
    record.failure = None
    assert recordings.find(Key(1, "small")) is None
    recordings.prepare(Key(2, "small"), record)
    for _ in range(2 * OFTEN):
        recordings.use(Key(2, "small"), record)
    assert record.recorded == [Key(1, "small")]
    recordings.restart()
    recordings.prepare(Key(2, "small"), record)
    assert recordings.find(Key(2, "small")) == 2


def test_stopping_tells_whether_that_freed_anything(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    recordings.prepare(Key(1, "small"), record)
    assert recordings.stop()
    assert not recordings.stop()
