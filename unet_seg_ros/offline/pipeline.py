# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads, works and writes at the same time: three threads on three items that follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def run_in_stages(
    items: Iterator[Item], work: Callable[[Item], None], write: Callable[[Item], None]
) -> None:
    """Work items off, in their order: while one is in work the next is read and the last written.

    Not more than three are in memory. The first error ends it all, once what is at work is done.

    Args:
        items: Read in a thread of its own.
        work: Called with each of them in this thread.
        write: Called with each of them afterwards, in a thread of its own.
    """
    with ThreadPoolExecutor(1, "read") as reading, ThreadPoolExecutor(1, "write") as writing:
        following: Future[Item | None] = reading.submit(next, items, None)
        written: Future[None] | None = None
        while (item := following.result()) is not None:
            following = reading.submit(next, items, None)
            work(item)
            if written:
                written.result()
            written = writing.submit(write, item)
        if written:
            written.result()
