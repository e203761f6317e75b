# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which recordings of a network an engine makes and keeps: decisions, without a device.

A recording is the network's work on a batch of one shape, to be played again without Python (a
CUDA graph). Making one takes as long as many frames, so it is made where nobody waits, or once a
shape has come often. All of them share memory, so they are dropped together or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from unet_seg_ros.inference.pipeline import NetworkShape

# How many frames a recording is for; a batch is padded up to the next.
BATCHES = (1, 2, 4, 8)
MAX_BATCH = BATCHES[-1]
# All recordings of an engine; beyond them it runs without. Eight sizes in every batch, with and
# without confidence: they work in the same memory, so each costs little more than its results.
MAX_RECORDINGS = 8 * len(BATCHES) * 2
# How often a batch comes before it is worth a recording.
OFTEN = 16
# Sizes that come seldom are not counted for ever.
_MAX_COUNTED = 256

Recording = TypeVar("Recording")


@dataclass(frozen=True)
class Key:
    """What a recording is made for.

    Attributes:
        batch: One of `BATCHES`.
        shape: What else decides about the work.
    """

    batch: int
    shape: NetworkShape


def padded(count: int) -> int:
    """Return the smallest of `BATCHES` that holds `count` frames, at most `MAX_BATCH`."""
    return next(batch for batch in BATCHES if count <= batch)


class Recordings(Generic[Recording]):
    """The recordings of one engine, all made by the same `record`.

    Args:
        adapts: Whether `use` may make one, which its frame waits for.
    """

    def __init__(self, adapts: bool) -> None:
        self._adapts = adapts
        self._may_record = True
        self._kept: dict[Key, Recording] = {}
        self._uses: Counter[Key] = Counter()

    def find(self, key: Key) -> Recording | None:
        """Return the recording for `key`, or None: then the network runs without."""
        return self._kept.get(key)

    def use(self, key: Key, record: Callable[[Key], Recording]) -> None:
        """Take note that a batch for `key` is there; record it if such batches come often.

        Raises:
            Exception: As in `prepare`.
        """
        if not self._adapts or self.is_settled(key):
            return
        if len(self._uses) >= _MAX_COUNTED:
            self._uses.clear()
        self._uses[key] += 1
        if self._uses[key] > OFTEN:
            self.prepare(key, record)

    def prepare(self, key: Key, record: Callable[[Key], Recording]) -> None:
        """Record `key`, unless that is done or not to be had.

        Raises:
            Exception: Recording failed. No recording is kept, and no other will be made.
        """
        if self.is_settled(key):
            return
        try:
            self._kept[key] = record(key)
        except BaseException:
            self.stop()
            raise

    def is_settled(self, key: Key) -> bool:
        """Return whether `prepare` would change nothing."""
        return key in self._kept or not self._may_record or len(self._kept) >= MAX_RECORDINGS

    def stop(self) -> bool:
        """Drop all recordings and make no more until `restart`; return whether there were any."""
        had_any = bool(self._kept)
        self.restart()
        self._may_record = False
        return had_any

    def restart(self) -> None:
        """Drop all recordings and begin anew."""
        self._kept.clear()
        self._uses.clear()
        self._may_record = True
