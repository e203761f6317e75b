# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from unet_seg_ros.offline.pipeline import run_in_stages


def test_every_item_is_worked_on_and_written_in_order() -> None:
    worked: list[int] = []
    written: list[int] = []
    run_in_stages(iter(range(100)), worked.append, written.append)
    assert worked == written == list(range(100))


def test_an_empty_item_is_an_item() -> None:
    written: list[list[int]] = []
    run_in_stages(iter([[], [1]]), lambda _: None, written.append)
    assert written == [[], [1]]


def test_the_stages_run_at_the_same_time() -> None:
    """While item 1 is in work, 2 is read and 0 written: each waits for the two others."""
    meeting = threading.Barrier(3, timeout=60)

    def read() -> Iterator[int]:
        for item in range(5):
            if item == 2:
                meeting.wait()
            yield item

    def meet(item: int, wanted: int) -> None:
        if item == wanted:
            meeting.wait()

    run_in_stages(read(), lambda item: meet(item, 1), lambda item: meet(item, 0))


def test_no_more_than_three_items_are_read_and_not_written() -> None:
    unwritten: set[int] = set()
    most = 0

    def read() -> Iterator[int]:
        nonlocal most
        for item in range(50):
            unwritten.add(item)
            most = max(most, len(unwritten))
            yield item

    run_in_stages(read(), lambda _: None, unwritten.remove)
    assert most <= 3


@pytest.mark.parametrize("stage", ["read", "work", "write"])
def test_an_error_in_any_stage_ends_it_all(stage: str) -> None:
    def fail_at(name: str, item: int) -> None:
        if (name, item) == (stage, 3):
            raise OSError(stage)

    def read() -> Iterator[int]:
        for item in range(100):
            fail_at("read", item)
            yield item

    worked: list[int] = []

    def work(item: int) -> None:
        fail_at("work", item)
        worked.append(item)

    with pytest.raises(OSError, match=stage):
        run_in_stages(read(), work, lambda item: fail_at("write", item))
    assert len(worked) < 7
