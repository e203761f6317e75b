# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Works an iterator off in a thread, ahead of whoever takes its items."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """Keeps up to `depth` items of an iterator ready. The iterator is used in a thread only.

    Args:
        items: What to read.
        depth: How many items are kept at most; at least 1.
    """

    def __init__(self, items: Iterator[Item], depth: int) -> None:
        self._items = items
        self._depth = depth
        self._ready: deque[Item] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._has_ended = False
        self._error: Exception | None = None
        # A daemon, because an item may take longer than the process is given to end.
        self._thread = threading.Thread(target=self._read, name="read ahead", daemon=True)
        self._thread.start()

    @property
    def is_filled(self) -> bool:
        """Whether `depth` items are ready, or all there are."""
        with self._changed:
            return len(self._ready) == self._depth or self._has_ended

    @property
    def is_exhausted(self) -> bool:
        """Whether every item has been taken and none will follow."""
        with self._changed:
            return self._has_ended and not self._ready and self._error is None

    def take(self) -> Item | None:
        """Return the next item, None when it is not ready.

        Raises:
            Exception: What the iterator raised, once the items before it have been taken.
        """
        with self._changed:
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify()
                return item
            if self._error is not None:
                raise self._error
            return None

    def close(self, timeout_s: float = 1.0) -> None:
        """End the thread after the item that it works on; wait at most `timeout_s` for that."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _read(self) -> None:
        error: Exception | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except Exception as raised:  # handed to whoever takes the items
            error = raised
        with self._changed:
            self._error = error
            self._has_ended = True

    def _put(self, item: Item) -> bool:
        """Add an item once there is room for it; return whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._ready) < self._depth)
            if not self._is_closed:
                self._ready.append(item)
            return not self._is_closed
