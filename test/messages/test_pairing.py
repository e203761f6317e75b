# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages with equal stamps find each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.messages.pairing import StampPairs

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


def test_a_stamp_that_comes_again_stands_for_the_newer_message():
    pairs: StampPairs[str] = StampPairs(SIDES, limit=2)
    pairs.put("left", 1, "before the reset")
    pairs.put("left", 1, "after it")
    assert pairs.put("right", 1, "right") == "after it"
    assert pairs.unmatched == {"left": 1, "right": 0}
