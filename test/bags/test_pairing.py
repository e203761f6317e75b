# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages of two topics that belong together, by stamps and by times of recording."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.bags.pairing import Pairing, Place, moments_ns, pair
from unet_seg_ros.units import NS_PER_S

STEP_NS = NS_PER_S // 20


def places(topic: str, *messages: tuple[float, float]) -> list[Place]:
    """Return messages given by when they were recorded and their stamps, in seconds."""
    return [
        Place(topic, round(time * NS_PER_S), round(stamp * NS_PER_S)) for time, stamp in messages
    ]


def paired(pairing: Pairing) -> list[tuple[float, float]]:
    return [(one.time_ns / NS_PER_S, other.time_ns / NS_PER_S) for one, other in pairing.pairs]


def test_stamps_tell_however_late_a_message_comes() -> None:
    pictures = places("/a", (0, 7.0), (0.05, 7.05), (0.1, 7.1))
    truths = places("/b", (0.09, 7.05), (3, 7.0), (4, 8.0))
    pairing = pair(pictures, truths)
    assert paired(pairing) == [(0, 3), (0.05, 0.09)]
    assert (pairing.by_recording, pairing.untold) == (0, [])


def test_a_restarted_simulation_pairs_within_each_run() -> None:
    first = [(i * 0.05, i * 0.05) for i in range(60)]
    second = [(100 + i * 0.05, i * 0.05) for i in range(60)]
    pictures = places("/a", *first, *second)
    truths = places("/b", *[(time + 0.01, stamp) for time, stamp in [*first[:50], *second[10:]]])
    pairing = pair(pictures, truths)
    assert len(pairing.pairs) == 100
    assert all(abs(one.time_ns - other.time_ns) < STEP_NS for one, other in pairing.pairs)
    assert (pairing.by_recording, pairing.untold) == (0, [])


def test_the_first_picture_of_a_run_has_its_truth() -> None:
    pictures = places("/a", (0, 5), (1, 6), (2, 0.05), (3, 1.05))
    truths = places("/b", (0.01, 5), (1.01, 6), (2.01, 0.05), (3.01, 1.05))
    assert paired(pair(pictures, truths)) == [(0, 0.01), (1, 1.01), (2, 2.01), (3, 3.01)]


def test_no_picture_has_the_truth_of_another_run() -> None:
    pictures = places("/a", (0, 5), (1, 6), (20, 0), (21, 1))
    truths = places("/b", (1.01, 6), (20.01, 0), (25, 5), (26, 6))
    assert paired(pair(pictures, truths)) == [(1, 1.01), (20, 20.01)]


@given(lost=st.sets(st.integers(0, 19), max_size=15), delay_ms=st.integers(-20, 20))
def test_stamps_that_are_all_zero_pair_by_recording(lost: set[int], delay_ms: int) -> None:
    delay_ns = delay_ms * NS_PER_S // 1000
    pictures = [Place("/a", NS_PER_S + i * STEP_NS, 0) for i in range(20)]
    truths = [Place("/b", NS_PER_S + i * STEP_NS + delay_ns, 0) for i in range(20) if i not in lost]
    pairing = pair(pictures, truths)
    if len(lost) < 5:  # else the truth has no rhythm to go by
        assert len(pairing.pairs) == len(truths)
    assert {other.time_ns - one.time_ns for one, other in pairing.pairs} <= {delay_ns}
    assert pairing.by_recording == len(pairing.pairs)
    assert {place.time_ns for place in pairing.untold} == {place.time_ns for place in pictures} - {
        one.time_ns for one, _ in pairing.pairs
    }


def test_what_neither_tells_is_left_out() -> None:
    """A bag that a converter gave one time for all."""
    pictures = [Place("/a", 0, 0)] * 3
    pairing = pair(pictures, [Place("/b", 0, 0)] * 3)
    assert pairing.pairs == []
    assert set(pairing.untold) == set(pictures)


@pytest.mark.parametrize(("late", "count"), [(0.0, 3), (0.001, 0)])
def test_masks_go_by_recording_only_where_times_are_equal(late: float, count: int) -> None:
    pictures = places("/a", (0, 0), (0.05, 0), (0.1, 0))
    masks = places("/m", *[(item.time_ns / NS_PER_S + late, 0) for item in pictures])
    assert len(pair(pictures, masks, at_once=True).pairs) == count


def test_moments_are_of_one_clock() -> None:
    told = places("/a", (100, 7.0), (101, 8.0))
    assert list(moments_ns(told).values()) == [7 * NS_PER_S, 8 * NS_PER_S]
    for stamps in ((0, 0), (8, 1)):
        untold = places("/a", (100, stamps[0]), (101, stamps[1]))
        assert list(moments_ns(untold).values()) == [100 * NS_PER_S, 101 * NS_PER_S]
