# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which recorded messages of two topics are of one moment.

Their stamps tell, within a run of the simulator: stamps begin again when it is restarted. Where
stamps repeat within a run, as those that are all zero, the times of recording tell.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from unet_seg_ros.messages.pairing import RESTART_NS
from unet_seg_ros.units import NS_PER_S

# Messages of one moment are recorded this soon after each other, however slow the machine is.
MAX_APART_NS = 10 * NS_PER_S


@dataclass(frozen=True)
class Place:
    """Where a message is: its topic, and when it was recorded; and the stamp in its header."""

    topic: str
    time_ns: int
    stamp_ns: int


@dataclass
class Pairing:
    """What belongs together.

    Attributes:
        pairs: The messages of one moment, in the order of recording.
        by_recording: How many of them the times of recording told.
        untold: Messages of the first topic whose stamps repeat and whose times do not tell.
    """

    pairs: list[tuple[Place, Place]]
    by_recording: int
    untold: list[Place]


def pair(first: Sequence[Place], second: Sequence[Place], *, at_once: bool = False) -> Pairing:
    """Pair the messages of two topics.

    Args:
        first: Those of one topic, in the order of recording.
        second: Those of the other.
        at_once: Whether times of recording tell only where they are equal. That is so for masks:
            offline they get the time of their picture, live they come later by any time.
    """
    tolerance_ns = 0 if at_once else min(_period_ns(first), _period_ns(second)) // 2
    runs = _runs(first, second)
    others = _by_stamp(second)
    pairing = Pairing([], 0, [])
    for stamp_ns, ones in _by_stamp(first).items():
        twins = others.get(stamp_ns, [])
        is_told = all(len({runs[item] for item in side}) == len(side) for side in (ones, twins))
        limit_ns = MAX_APART_NS if is_told else tolerance_ns
        found = [
            (one, twin)
            for one, twin in _nearest(ones, twins)
            if _apart(one, twin) <= limit_ns and runs[one] == runs[twin]
        ]
        pairing.pairs += found
        if not is_told:
            pairing.by_recording += len(found)
            pairing.untold += set(ones) - {one for one, _ in found} if twins else []
    pairing.pairs.sort(key=lambda item: item[0].time_ns)
    pairing.untold.sort(key=lambda place: place.time_ns)
    return pairing


def moments_ns(places: Sequence[Place]) -> dict[Place, int]:
    """Return when each message of a topic was, all of them by one clock.

    By their stamps or, where these repeat or begin again, by the times of recording.
    """
    stamps = {place.stamp_ns for place in places}
    is_told = len(stamps) == len(places) and not _restarts(places)
    return {place: place.stamp_ns if is_told else place.time_ns for place in places}


def _by_stamp(places: Iterable[Place]) -> dict[int, list[Place]]:
    found = defaultdict(list)
    for place in places:
        found[place.stamp_ns].append(place)
    return found


def _restarts(places: Sequence[Place]) -> list[int]:
    """Return when the first message of each further run was recorded."""
    restarts, newest_ns = [], None
    for place in places:
        if newest_ns is not None and place.stamp_ns < newest_ns - RESTART_NS:
            restarts.append(place.time_ns)
            newest_ns = None
        newest_ns = place.stamp_ns if newest_ns is None else max(newest_ns, place.stamp_ns)
    return restarts


def _runs(first: Sequence[Place], second: Sequence[Place]) -> dict[Place, int]:
    """Return which run of the simulation each message is of."""
    restarts = {id(side): _restarts(side) for side in (first, second)}
    if len(restarts[id(first)]) != len(restarts[id(second)]):  # one was silent for a run
        merged = sorted([*restarts[id(first)], *restarts[id(second)]])
        restarts = dict.fromkeys(restarts, merged)
    return {
        place: bisect_right(restarts[id(side)], place.time_ns)
        for side in (first, second)
        for place in side
    }


def _period_ns(places: Sequence[Place]) -> int:
    """Return how far apart the messages of a topic are recorded; 0 where nothing tells."""
    gaps = [after.time_ns - before.time_ns for before, after in pairwise(places)]
    return int(statistics.median(gaps)) if gaps else 0


def _nearest(ones: Sequence[Place], others: Sequence[Place]) -> list[tuple[Place, Place]]:
    """Return those that were recorded nearest to each other, as seen from both sides."""
    nearest = {one: _nearest_of(others, one) for one in ones}
    return [
        (one, other) for one, other in nearest.items() if other and _nearest_of(ones, other) == one
    ]


def _nearest_of(places: Sequence[Place], place: Place) -> Place | None:
    """Return the one that was recorded nearest to another; None where two are, or none is."""
    after = bisect_left(places, place.time_ns, key=lambda item: item.time_ns)
    found = sorted(places[max(0, after - 2) : after + 2], key=lambda item: _apart(item, place))
    if len(found) > 1 and _apart(found[0], place) == _apart(found[1], place):
        return None
    return found[0] if found else None


def _apart(one: Place, other: Place) -> int:
    return abs(one.time_ns - other.time_ns)
