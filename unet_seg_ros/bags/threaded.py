# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag written by a thread of its own, so that whoever receives messages never waits for it."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import NamedTuple

from unet_seg_ros.bags.writer import BagError, BagWriter, Topic


class _Waiting(NamedTuple):
    topic_id: int
    data: bytes
    log_time_ns: int
    publish_time_ns: int


class ThreadedBagWriter:
    """A `BagWriter` behind a queue that holds at most `max_waiting_bytes`.

    `put` never waits: where the disk does not keep up and the queue is full, the message is
    refused. `add_topic` may wait for the message that is being written.

    Raises:
        BagError: as `BagWriter`.
    """

    def __init__(self, path: Path, max_waiting_bytes: int) -> None:
        self._bag = BagWriter(path)
        self._bag_lock = threading.Lock()
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="bag writer", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """How many messages are in the bag."""
        return self._bag.message_count

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of messages wait to be written."""
        return self._waiting_bytes

    def add_topic(self, topic: Topic) -> int:
        """Announce a topic and return the id to put its messages under."""
        with self._bag_lock:
            return self._bag.add_topic(topic)

    def put(self, topic_id: int, data: bytes, log_time_ns: int, publish_time_ns: int) -> bool:
        """Queue a message as for `BagWriter.write`; return whether there was room for it."""
        with self._changed:
            if self._waiting_bytes + len(data) > self._max_waiting_bytes:
                return False
            self._waiting.append(_Waiting(topic_id, data, log_time_ns, publish_time_ns))
            self._waiting_bytes += len(data)
            self._changed.notify()
        return True

    def check(self) -> None:
        """Raise BagError when writing has failed; nothing is written from then on."""
        if self._failure:
            raise BagError(
                f"cannot write to {self._bag.partial_path}: {self._failure.strerror}; it keeps the "
                f"{self.written} messages written before"
            )

    def close(self, custom_data: dict[str, str] | None = None) -> None:
        """Write what waits and complete the bag, as `BagWriter.close`.

        Raises:
            BagError: not everything could be written; the partial folder stays.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        self.check()
        try:
            self._bag.close(custom_data)
        except OSError as error:
            self._failure = error
            self.check()

    def _run(self) -> None:
        while message := self._take():
            try:
                with self._bag_lock:
                    self._bag.write(*message)
            except OSError as error:
                self._failure = error
                return
            with self._changed:
                self._waiting_bytes -= len(message.data)

    def _take(self) -> _Waiting | None:
        """Wait for the next message; None when closed and all are written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None
