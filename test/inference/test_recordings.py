# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When recordings are made and dropped; here a recording is a number."""

from __future__ import annotations

import itertools

import pytest

from unet_seg_ros.inference.pipeline import NetworkShape
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


def of(batch: int, width: int = 64) -> Key:
    return Key(batch, NetworkShape((48, width), None, confidence=False))


@pytest.fixture
def record() -> _Recorder:
    return _Recorder()


def test_a_batch_is_padded_up_to_the_next_recording() -> None:
    assert [padded(count) for count in range(1, 9)] == [1, 2, 4, 4, 8, 8, 8, 8]


def test_a_batch_is_recorded_once_it_has_come_often(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    for _ in range(OFTEN):
        recordings.use(of(1), record)
        recordings.use(of(2), record)
        assert recordings.find(of(1)) is None
    recordings.use(of(1), record)
    assert recordings.find(of(1)) == 1
    assert recordings.find(of(2)) is None
    recordings.use(of(1), record)
    assert record.recorded == [of(1)]


def test_sizes_that_change_for_ever_are_not_counted_for_ever(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    for size in range(10_000):
        recordings.use(of(1, size), record)
    assert len(recordings._uses) <= 256
    assert not record.recorded


def test_where_frames_may_not_wait_only_prepare_records(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=False)
    for _ in range(2 * OFTEN):
        recordings.use(of(1), record)
    assert recordings.find(of(1)) is None
    assert not recordings.is_settled(of(1))
    for _ in range(2):
        recordings.prepare(of(1), record)
    assert recordings.find(of(1)) == 1
    assert recordings.is_settled(of(1))


def test_beyond_the_limit_nothing_is_recorded_and_nothing_dropped(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    keys = [of(1, size) for size in range(MAX_RECORDINGS + 3)]
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
    recordings.prepare(of(1), record)
    record.failure = RuntimeError("capture was invalidated")
    with pytest.raises(RuntimeError, match="invalidated"):
        recordings.prepare(of(2), record)
    record.failure = None
    assert recordings.find(of(1)) is None
    recordings.prepare(of(2), record)
    for _ in range(2 * OFTEN):
        recordings.use(of(2), record)
    assert record.recorded == [of(1)]
    recordings.restart()
    recordings.prepare(of(2), record)
    assert recordings.find(of(2)) == 2


def test_stopping_tells_whether_that_freed_anything(record: _Recorder) -> None:
    recordings: Recordings[int] = Recordings(adapts=True)
    recordings.prepare(of(1), record)
    assert recordings.stop()
    assert not recordings.stop()
