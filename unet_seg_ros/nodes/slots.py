# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting places between the thread that receives frames and the thread that works on them."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Frame = TypeVar("Frame")


class NewestFrames(Generic[Frame]):
    """One waiting place per camera: a newer frame takes the place of the one that waits there.

    So the queue never grows, and whoever takes a frame takes the newest one.
    """

    def __init__(self) -> None:
        self._frames: dict[str, Frame] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._woken = False

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def is_empty(self) -> bool:
        """Whether no frame waits; where one does, the next `take` does not wait."""
        return not self._frames

    def put(self, camera: str, frame: Frame) -> Frame | None:
        """Leave `frame` for `camera` and return the waiting frame that it replaces, if any."""
        with self._changed:
            replaced = self._frames.get(camera)
            self._frames[camera] = frame
            self._changed.notify()
        return replaced

    def take(self, limit: int) -> dict[str, Frame]:
        """Wait for frames and take those of up to `limit` cameras; empty when closed or woken.

        The cameras that have waited longest come first, so that none starves.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._closed or self._woken)
            self._woken = False
            if self._closed:
                return {}
            # A dictionary keeps the place of a key whose value is replaced.
            cameras = list(self._frames)[:limit]
            return {camera: self._frames.pop(camera) for camera in cameras}

    def wake(self) -> None:
        """End a `take` that waits, or the next one, whether or not there are frames."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> dict[str, Frame]:
        """End every `take`, present and future; return the frames that still waited."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left, self._frames = self._frames, {}
            return left
