# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages with equal stamps find each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.messages.pairing import StampPairs
from unet_seg_ros.units import NS_PER_S

SIDES = ("left", "right")


@given(st.permutations([(side, stamp) for side in SIDES for stamp in range(6)]))
def test_any_order_pairs_all(arrivals):
    pairs: StampPairs[str] = StampPairs(SIDES, limit=6)
    found = {}
    for side, stamp in arrivals:
        twin = pairs.put(side, stamp, f"{side} {stamp}")
        if twin is not None:
            found[stamp] = {twin, f"{side} {stamp}"}
    assert found == {stamp: {f"left {stamp}", f"right {stamp}"} for stamp in range(6)}
    assert pairs.unmatched == {"left": 0, "right": 0}


def test_beyond_the_limit_the_oldest_is_given_up():
    pairs: StampPairs[str] = StampPairs(SIDES, limit=2)
    for stamp in (1, 2, 3):
        assert pairs.put("left", stamp, "left") is None
    assert pairs.unmatched == {"left": 1, "right": 0}
    assert pairs.put("right", 1, "right") is None
    assert pairs.put("right", 2, "right") == "left"


def test_a_stamp_that_comes_twice_pairs_with_nothing():
    pairs: StampPairs[str] = StampPairs(SIDES, limit=9)
    pairs.put("left", 1, "one moment")
    pairs.put("left", 1, "another")
    assert pairs.put("right", 1, "of either") is None
    assert pairs.put("left", 2, "left") is None
    assert pairs.put("right", 2, "right") == "left"
    assert pairs.unmatched == {"left": 2, "right": 1}
    assert pairs.repeated == {"left": 1}


def test_stamps_that_are_all_zero_are_found_out_when_a_message_is_missing():
    pairs: StampPairs[int] = StampPairs(SIDES, limit=9)
    found = []
    for moment in range(20):
        pairs.put("left", 0, moment)
        if moment != 3:
            found.append((moment, pairs.put("right", 0, moment)))
    assert found[0] == (0, 0)
    assert {twin for moment, twin in found[1:]} == {None}
    assert pairs.repeated == {"left": 0, "right": 0}


def test_times_of_recording_tell_where_stamps_do_not():
    pairs: StampPairs[int] = StampPairs(SIDES, limit=9)
    for moment in range(20):
        pairs.put("left", 0, moment, recorded_ns=moment)
        if moment % 3:
            assert pairs.put("right", 0, moment, recorded_ns=moment) == moment
    assert pairs.unmatched["right"] == 0


@pytest.mark.parametrize("lag", [0, 1, 5])
@pytest.mark.parametrize("length_ns", [3 * NS_PER_S, 20 * NS_PER_S])
def test_a_restarted_simulation_pairs_within_each_run(lag: int, length_ns: int):
    """The right side comes later by `lag` messages, and lacks what the left side has last."""
    step_ns = NS_PER_S // 10
    moments = [(run, stamp) for run in range(3) for stamp in range(0, length_ns, step_ns)]
    pairs: StampPairs[tuple[int, int]] = StampPairs(SIDES, limit=20)
    found = []
    for position, moment in enumerate([*moments, *[None] * lag]):
        late = moments[position - lag] if position >= lag else None
        for side, arrival in (("left", moment), ("right", late)):
            is_lost = side == "right" and arrival and arrival[1] > length_ns - 5 * step_ns
            if arrival and not is_lost:
                twin = pairs.put(side, arrival[1], arrival)
                found += [(arrival, twin)] if twin else []
    assert all(one == twin for one, twin in found)
    assert len(found) == len(moments) - 3 * 4
    assert pairs.repeated == {}


def test_a_message_whose_twin_was_given_up_is_late() -> None:
    pairs: StampPairs[int] = StampPairs(SIDES, limit=2)
    for stamp_ns in range(5):
        pairs.put(SIDES[0], stamp_ns, stamp_ns)
    for stamp_ns in (2, 3, 5):
        pairs.put(SIDES[1], stamp_ns, stamp_ns)
    assert pairs.late == {SIDES[0]: 0, SIDES[1]: 1}
