# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from unet_seg_ros.datasets.read_ahead import ReadAhead

DEADLINE_S = 60


def wait_until(condition: Callable[[], object]) -> None:
    """Poll, as the camera node does."""
    for _ in range(DEADLINE_S * 1000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError(f"waited {DEADLINE_S} s in vain")


def test_items_come_in_order_and_end():
    ahead = ReadAhead(iter(range(5)), depth=2)
    taken = []
    wait_until(lambda: taken.append(ahead.take()) or ahead.is_exhausted)
    assert [item for item in taken if item is not None] == [0, 1, 2, 3, 4]
    assert ahead.take() is None


def test_no_more_than_depth_items_are_made_before_one_is_taken():
    made = []
    ahead = ReadAhead((made.append(n) or n for n in count()), depth=3)
    wait_until(lambda: ahead.is_filled and len(made) == 4)  # one more is in the thread's hands
    assert ahead.take() == 0
    wait_until(lambda: len(made) == 5)
    ahead.close()
    assert len(made) == 5


def test_fewer_items_than_depth_fill_it():
    ahead = ReadAhead(iter("ab"), depth=100)
    wait_until(lambda: ahead.is_filled)
    assert not ahead.is_exhausted
    assert (ahead.take(), ahead.take(), ahead.take()) == ("a", "b", None)
    assert ahead.is_exhausted


def test_an_error_arrives_after_the_items_before_it():
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("item 2 is damaged")

    ahead = ReadAhead(broken(), depth=5)
    wait_until(lambda: ahead.is_filled)
    assert ahead.take() == 1
    with pytest.raises(ValueError, match="item 2"):
        ahead.take()
    assert not ahead.is_exhausted


def test_close_ends_a_thread_that_waits_for_room():
    before = set(threading.enumerate())
    ahead = ReadAhead(count(), depth=1)
    wait_until(lambda: ahead.is_filled)
    ahead.close()
    assert set(threading.enumerate()) <= before
