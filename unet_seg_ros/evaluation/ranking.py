# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the few frames of a drive that rank highest, in bounded memory."""

from __future__ import annotations

from typing import Generic, TypeVar

from unet_seg_ros.units import NS_PER_S

Item = TypeVar("Item")


class Ranking(Generic[Item]):
    """The `limit` items of the highest ranks, at most one of every second of the drive.

    The frames of one second look alike: the best fifty of all would show one street corner.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of_second: dict[int, tuple[float, Item]] = {}

    @property
    def items(self) -> list[Item]:
        """The items that are kept, in the order of the drive."""
        return [self._of_second[second][1] for second in sorted(self._of_second)]

    def wants(self, stamp_ns: int, rank: float) -> bool:
        """Tell whether an item of this time and rank would be kept."""
        rival = self._rival(stamp_ns)
        return rival is None or rank > self._of_second[rival][0]

    def put(self, stamp_ns: int, rank: float, item: Item) -> Item | None:
        """Keep an item that is wanted; return the one that has to go for it, if any."""
        rival = self._rival(stamp_ns)
        replaced = None if rival is None else self._of_second.pop(rival)[1]
        self._of_second[stamp_ns // NS_PER_S] = rank, item
        return replaced

    def _rival(self, stamp_ns: int) -> int | None:
        """Return the second whose item an item of this time would replace; None for no one's."""
        second = stamp_ns // NS_PER_S
        if second in self._of_second:
            return second
        if len(self._of_second) < self._limit:
            return None
        return min(self._of_second, key=lambda other: self._of_second[other][0])
