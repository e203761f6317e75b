# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happened to the frames of one camera: counts since the start and times of a window.

Written by the thread that receives and the thread that works, read by the one that reports.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Percentiles and the largest of some times, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Window:
    """The frames of one camera between two reports.

    `received`, `published`, `dropped` and `refused` (both by cause) count since the start, frames
    that the middleware lost among those received and dropped;
    `recent_received`, `recent_published` and `recent_refused` within the window of `seconds`.
    `times` has a spread for every stage that was measured in the window.
    """

    seconds: float
    received: int
    published: int
    dropped: Mapping[str, int]
    refused: Mapping[str, int]
    recent_received: int
    recent_published: int
    recent_refused: int
    last_refusal: str
    times: Mapping[str, Spread]

    @property
    def in_work(self) -> int:
        """Frames that came and are neither published nor dropped nor refused yet."""
        done = self.published + sum(self.dropped.values()) + sum(self.refused.values())
        return self.received - done

    @property
    def rate_in(self) -> float:
        """Frames received per second in the window."""
        return self.recent_received / self.seconds

    @property
    def rate_out(self) -> float:
        """Frames published per second in the window."""
        return self.recent_published / self.seconds


class CameraStatistics:
    """Counts and times of one camera; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = 0
        self._published = 0
        self._dropped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._last_refusal = ""
        self._times: dict[str, list[float]] = {}
        self._reported = (0, 0, 0)
        self._since = time.monotonic()

    def frame_received(self, missed: int = 0) -> None:
        """Count a frame that came in, and those before it that the middleware lost."""
        with self._lock:
            self._received += 1 + missed
            if missed:
                self._dropped["missed"] += missed

    def frame_dropped(self, cause: str) -> None:
        """Count a sound frame that was given up: a newer one came, nobody listens, ..."""
        with self._lock:
            self._dropped[cause] += 1

    def frame_refused(self, cause: str, reason: str) -> None:
        """Count a bad frame; `reason` is the sentence that says what was wrong with it."""
        with self._lock:
            self._refused[cause] += 1
            self._last_refusal = reason

    def frame_published(self, times_ms: Mapping[str, float]) -> None:
        """Count a frame whose masks went out, and how long each stage took."""
        with self._lock:
            self._published += 1
            for stage, value in times_ms.items():
                self._times.setdefault(stage, []).append(value)

    def take_window(self) -> Window:
        """Return what happened since the last call and begin the next window."""
        with self._lock:
            now = time.monotonic()
            counts = (self._received, self._published, sum(self._refused.values()))
            recent = [count - before for count, before in zip(counts, self._reported, strict=True)]
            window = Window(
                seconds=max(now - self._since, 1e-9),
                received=self._received,
                published=self._published,
                dropped=dict(self._dropped),
                refused=dict(self._refused),
                recent_received=recent[0],
                recent_published=recent[1],
                recent_refused=recent[2],
                last_refusal=self._last_refusal,
                times={stage: _spread(values) for stage, values in self._times.items()},
            )
            self._reported, self._since, self._times = counts, now, {}
            return window


def _spread(values: list[float]) -> Spread:
    return Spread(*np.percentile(values, (50, 95, 99, 100)).tolist())
