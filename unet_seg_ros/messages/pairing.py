# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Brings messages of two topics together that carry the same stamp."""

from __future__ import annotations

from typing import Generic, TypeVar

Message = TypeVar("Message")


class StampPairs(Generic[Message]):
    """Pairs messages of two sides by equal stamp, in whatever order and however late they come.

    Each side holds up to `limit` messages that wait for their twin; beyond that the one that came
    first is given up. `unmatched` counts the given up of each side.
    """

    def __init__(self, sides: tuple[str, str], limit: int) -> None:
        self.unmatched = dict.fromkeys(sides, 0)
        self._waiting: dict[str, dict[int, Message]] = {side: {} for side in sides}
        self._other = {sides[0]: sides[1], sides[1]: sides[0]}
        self._limit = limit

    def put(self, side: str, stamp_ns: int, message: Message) -> Message | None:
        """Return the message of the other side with this stamp, else keep this one waiting."""
        twin = self._waiting[self._other[side]].pop(stamp_ns, None)
        if twin is not None:
            return twin
        waiting = self._waiting[side]
        # A stamp that comes twice (a simulator that was reset) stands for the newer message.
        if waiting.pop(stamp_ns, None) is not None:
            self.unmatched[side] += 1
        waiting[stamp_ns] = message
        if len(waiting) > self._limit:
            del waiting[next(iter(waiting))]
            self.unmatched[side] += 1
        return None
