# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a camera's masks come in time, and come at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# Late masks one after the other that are more than a busy moment.
MISSES_IN_A_ROW = 10
# How long frames may come in without any going out where no `max_latency_ms` says it.
SILENCE_S = 10.0


@dataclass(frozen=True)
class Punctuality:
    """How one camera's masks came: late ones (`misses`) since the start, and the last `in_a_row`.

    `error` and `warning` are sentences; empty where there is nothing to say.
    """

    misses: int
    in_a_row: int
    error: str
    warning: str


class Watchdog:
    """Watches over one camera; every method may be called from any thread.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._misses = self._in_a_row = self._reported_misses = 0
        self._limit_ms = 0.0  # which those in a row were held against
        self._last_frame_s: float | None = None
        self._waiting_since_s: float | None = None

    def frame_came(self) -> None:
        """Note that a frame came; it waits until a later call of another method."""
        with self._lock:
            now = self._clock()
            paused = self._last_frame_s is None or now - self._last_frame_s > SILENCE_S
            if self._waiting_since_s is None or paused:
                self._waiting_since_s = now
            self._last_frame_s = now

    def nothing_due(self) -> None:
        """Note that frames need no masks: nobody listens, they are bad, the node has stopped."""
        with self._lock:
            self._waiting_since_s = None

    def masks_went_out(self, latency_ms: float, max_latency_ms: float) -> None:
        """Note that the masks of a frame went out; a `max_latency_ms` of 0 is never missed."""
        with self._lock:
            self._waiting_since_s = None
            self._hold_against(max_latency_ms)
            if max_latency_ms and latency_ms > max_latency_ms:
                self._misses += 1
                self._in_a_row += 1
            else:
                self._in_a_row = 0

    def look(self, max_latency_ms: float) -> Punctuality:
        """Return how it went since the last look."""
        with self._lock:
            now = self._clock()
            self._hold_against(max_latency_ms)
            recent, self._reported_misses = self._misses - self._reported_misses, self._misses
            return Punctuality(
                misses=self._misses,
                in_a_row=self._in_a_row,
                error=self._silence(now, max_latency_ms) or self._lateness(max_latency_ms),
                warning=f"{recent} masks took longer than max_latency_ms, {max_latency_ms:g} ms"
                if recent
                else "",
            )

    def _hold_against(self, max_latency_ms: float) -> None:
        """Begin to count those in a row anew where the limit is another one than before."""
        if max_latency_ms != self._limit_ms:
            self._limit_ms, self._in_a_row = max_latency_ms, 0

    def _silence(self, now: float, max_latency_ms: float) -> str:
        limit_s = MISSES_IN_A_ROW * max_latency_ms / 1e3 or SILENCE_S
        since_s, last_s = self._waiting_since_s, self._last_frame_s
        if since_s is None or last_s is None or now - since_s <= limit_s:
            return ""
        if now - last_s > max(limit_s, SILENCE_S):  # none comes in, either
            return ""
        return f"frames come in, and for {now - since_s:.1f} s no mask has gone out"

    def _lateness(self, max_latency_ms: float) -> str:
        if not max_latency_ms or self._in_a_row < MISSES_IN_A_ROW:
            return ""
        return (
            f"the last {self._in_a_row} masks took longer than max_latency_ms, "
            f"{max_latency_ms:g} ms"
        )
