# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where pictures wait until those of one frame are together."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar


class NumberedPicture(Protocol):
    """What a camera delivers, as far as pairing needs it."""

    @property
    def frame(self) -> int:
        """The number of the simulation's frame that it was taken in."""


AnyPicture = TypeVar("AnyPicture", bound=NumberedPicture)


class Inbox(Generic[AnyPicture]):
    """Keeps the newest pictures of every camera, and pairs them by frame.

    The simulator's client calls `put` from its own threads, which only stores. A camera is silent
    until its first picture, and again when one did not come in time; nobody waits for silent ones.
    """

    CAPACITY = 4
    """Pictures of a camera that are kept; one that would make it more replaces the oldest."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._changed = threading.Condition()
        self._pictures: dict[str, dict[int, AnyPicture]] = {camera: {} for camera in cameras}
        self._silent = set(self._pictures)
        self._is_closed = False

    def put(self, camera: str, picture: AnyPicture) -> None:
        """Store a picture of a camera."""
        with self._changed:
            if self._is_closed:
                return
            waiting = self._pictures[camera]
            waiting[picture.frame] = picture
            if len(waiting) > self.CAPACITY:
                del waiting[min(waiting)]
            self._silent.discard(camera)
            self._changed.notify_all()

    def wait_for_all(self, timeout_s: float) -> bool:
        """Wait until no camera is silent; return whether that came about in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._silent, timeout_s)

    def take(self, frame: int, timeout_s: float) -> Mapping[str, AnyPicture]:
        """Wait for the pictures of a frame and return those that came, by camera.

        Pictures of that frame and of earlier ones are kept no longer.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_all(frame), timeout_s)
            taken = {
                camera: waiting[frame]
                for camera, waiting in self._pictures.items()
                if frame in waiting
            }
            self._silent |= self._pictures.keys() - taken.keys()
            for waiting in self._pictures.values():
                for number in [number for number in waiting if number <= frame]:
                    del waiting[number]
        return taken

    def close(self) -> None:
        """Forget all pictures, and take no more."""
        with self._changed:
            self._is_closed = True
            self._pictures = {camera: {} for camera in self._pictures}

    def _has_all(self, frame: int) -> bool:
        return all(
            frame in waiting or camera in self._silent for camera, waiting in self._pictures.items()
        )
