# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag written by a thread of its own, so that whoever receives messages never waits for it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from unet_seg_ros.bags.writer import UNLIMITED, BagError, BagWriter, Limits, Topic

# How old a message gets before it is on the disk, while the disk keeps up: a kill, or a power cut,
# loses what came since.
SYNC_PERIOD_S = 0.5


class _Waiting(NamedTuple):
    topic_id: int
    data: bytes
    log_time_ns: int
    publish_time_ns: int


class ThreadedBagWriter:
    """A `BagWriter` behind a queue that holds at most `max_waiting_bytes`.

    `put` never waits: where the disk does not keep up and the queue is full, the message is
    refused. `add_topic` may wait for the message that is being written.

    When the disk is full or the bag has reached its limit, nothing more is written; `put`, `check`
    and `close` say so, and `close` completes the bag all the same.

    Raises:
        BagError: as `BagWriter`.
    """

    def __init__(self, path: Path, max_waiting_bytes: int, limits: Limits = UNLIMITED) -> None:
        self._bag = BagWriter(path, limits)
        self._bag_lock = threading.Lock()
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._put_count = 0
        self._written = 0
        self._changed = threading.Condition()
        self._closed = False
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="bag writer", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """How many messages are on the disk, where they outlive this process and a power cut."""
        return self._written

    @property
    def size(self) -> int:
        """How many bytes the bag has."""
        return self._bag.size

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of messages wait to be written."""
        return self._waiting_bytes

    def add_topic(self, topic: Topic) -> int:
        """Announce a topic and return the id to put its messages under."""
        with self._bag_lock:
            return self._bag.add_topic(topic)

    def put(self, topic_id: int, data: bytes, log_time_ns: int, publish_time_ns: int) -> bool:
        """Queue a message as for `BagWriter.write`; return whether there was room for it.

        Raises:
            BagError: as `check`.
        """
        self.check()
        with self._changed:
            if self._waiting_bytes + len(data) > self._max_waiting_bytes:
                return False
            self._waiting.append(_Waiting(topic_id, data, log_time_ns, publish_time_ns))
            self._waiting_bytes += len(data)
            self._put_count += 1
            self._changed.notify()
        return True

    def check(self) -> None:
        """Raise BagError when writing has failed; nothing is written from then on."""
        if self._failure:
            raise BagError(self._failure)

    def close(self, custom_data: dict[str, str] | None = None) -> None:
        """Write what waits and complete the bag, as `BagWriter.close`.

        Raises:
            BagError: Not everything could be written. The message says whether the bag is complete
                and how many messages are in it.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        try:
            self._bag.close(custom_data)
        except OSError as error:
            self._bag.abandon()
            partial = self._bag.partial_path
            raise BagError(
                f"cannot complete {partial}: {error.strerror}; when there is room, say "
                f"unet-seg bag repair {partial}"
            ) from error
        self._written = self._bag.message_count
        if self._failure:
            raise BagError(
                f"{self._failure}; {self._bag.path} is complete and has {self._written} messages, "
                f"{self._put_count - self._written} that came after them are lost"
            )

    def _run(self) -> None:
        """Write what comes, and see that it gets to the disk, until closed or writing fails."""
        sync_s = time.monotonic() + SYNC_PERIOD_S
        try:
            while not self._is_done():
                self._write_next(sync_s)
                if time.monotonic() >= sync_s:
                    self._sync()
                    sync_s = time.monotonic() + SYNC_PERIOD_S
            self._sync()
        except BagError as error:
            self._failure = str(error)
        except OSError as error:
            self._failure = f"cannot write to {self._bag.partial_path}: {error.strerror}"
            # Small messages may wait for their chunk, which may have room where a picture has not.
            with contextlib.suppress(OSError):
                self._bag.flush()

    def _is_done(self) -> bool:
        with self._changed:
            return self._closed and not self._waiting

    def _write_next(self, until_s: float) -> None:
        """Write the message that has waited longest, or wait for one until a point in time."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting or self._closed, timeout=until_s - time.monotonic()
            )
            message = self._waiting.popleft() if self._waiting else None
        if message:
            with self._bag_lock:
                self._bag.write(*message)
            with self._changed:
                self._waiting_bytes -= len(message.data)

    def _sync(self) -> None:
        with self._bag_lock:
            self._bag.flush()
            count = self._bag.message_count
        self._bag.sync()
        self._written = count
