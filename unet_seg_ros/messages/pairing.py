# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Brings messages of two topics together that are of one moment, as their stamps tell."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from unet_seg_ros.units import NS_PER_S

Message = TypeVar("Message")

# A stamp so far behind the newest one is of a new run; nearer ones came out of order.
RESTART_NS = NS_PER_S


class Moment(NamedTuple):
    """A stamp in one run of a simulation, whose stamps begin again when it is restarted."""

    run: int
    stamp_ns: int


@dataclass(frozen=True)
class _Waiting(Generic[Message]):
    moment: Moment
    recorded_ns: int | None
    message: Message


class StampPairs(Generic[Message]):
    """Pairs messages of two sides by equal stamp, in whatever order and however late they come.

    Each side holds up to `limit` messages that wait for their twin; beyond that the one that came
    first is given up. `unmatched` counts the given up of each side, `late` those messages of each
    side whose twin was given up not long before they came.

    A stamp that a side has twice in a run does not tell what belongs together: `repeated` has the
    last such stamp of each side. Messages with it are given up, unless it is told when they were
    recorded; then those belong together that were at the same time, as offline masks are.
    """

    def __init__(self, sides: tuple[str, str], limit: int) -> None:
        self.unmatched = dict.fromkeys(sides, 0)
        self.late = dict.fromkeys(sides, 0)
        self.repeated: dict[str, int] = {}
        self._waiting: dict[str, list[_Waiting[Message]]] = {side: [] for side in sides}
        self._other = {sides[0]: sides[1], sides[1]: sides[0]}
        self._limit = limit
        self._runs = dict.fromkeys(sides, 0)
        self._newest_ns: dict[str, int] = {}
        # The last moments of each side, and those that do not tell.
        self._seen: dict[str, OrderedDict[Moment, None]] = {side: OrderedDict() for side in sides}
        self._untold: OrderedDict[Moment, None] = OrderedDict()

    def put(
        self, side: str, stamp_ns: int, message: Message, recorded_ns: int | None = None
    ) -> Message | None:
        """Return the message of the other side that belongs to this one, else keep it waiting."""
        moment = Moment(self._run_of(side, stamp_ns), stamp_ns)
        if moment in self._seen[side]:
            self.repeated[side] = stamp_ns
            self._note(self._untold, moment)
        self._note(self._seen[side], moment)
        is_told = moment not in self._untold
        if not is_told and recorded_ns is None:
            self._give_up(moment)
            self.unmatched[side] += 1
            return None
        other = self._other[side]
        others = self._waiting[other]
        for position, item in enumerate(others):
            if item.moment == moment and (is_told or item.recorded_ns == recorded_ns):
                return others.pop(position).message
        self.late[side] += is_told and moment in self._seen[other]
        self._wait(side, _Waiting(moment, recorded_ns, message))
        return None

    def _wait(self, side: str, item: _Waiting[Message]) -> None:
        self._waiting[side].append(item)
        if len(self._waiting[side]) > self._limit:
            self._waiting[side].pop(0)
            self.unmatched[side] += 1

    def _give_up(self, moment: Moment) -> None:
        for side, items in self._waiting.items():
            kept = [item for item in items if item.moment != moment]
            self.unmatched[side] += len(items) - len(kept)
            self._waiting[side] = kept

    def _note(self, moments: OrderedDict[Moment, None], moment: Moment) -> None:
        moments[moment] = None
        moments.move_to_end(moment)
        if len(moments) > 4 * self._limit:
            moments.popitem(last=False)

    def _run_of(self, side: str, stamp_ns: int) -> int:
        """Return the run of a message, which is a new one where the stamps of its side go back."""
        other = self._other[side]
        newest_ns = self._newest_ns.get(side)
        is_new = newest_ns is None or stamp_ns < newest_ns - RESTART_NS
        # After a run that was shorter than that, the other side tells.
        is_behind = newest_ns is not None and stamp_ns < newest_ns
        if is_new or (is_behind and self._runs[side] < self._runs[other]):
            other_ns = self._newest_ns.get(other)
            if other_ns is not None and abs(stamp_ns - other_ns) <= RESTART_NS:
                self._runs[side] = self._runs[other]  # which is in this run already
            else:
                following = self._runs[side] + (newest_ns is not None)
                self._runs[side] = max(following, self._runs[other])
            newest_ns = None
        self._newest_ns[side] = stamp_ns if newest_ns is None else max(stamp_ns, newest_ns)
        return self._runs[side]
