# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Gaps in the counting of publishers."""

from __future__ import annotations

from typing import Any

from unet_seg_ros.messages.sequence import SequenceGaps


def info(publisher: bytes, number: int) -> dict[str, Any]:
    return {"publisher_gid": {"data": publisher}, "publication_sequence_number": number}


def test_gaps_are_counted_for_each_publisher() -> None:
    gaps = SequenceGaps()
    arrived = [(b"a", 7), (b"a", 8), (b"b", 1), (b"a", 11), (b"b", 2), (b"b", 4)]
    assert [gaps.missed_before(info(*item)) for item in arrived] == [0, 0, 0, 2, 0, 1]


def test_number_that_falls_back_is_no_gap() -> None:
    gaps = SequenceGaps()
    assert [gaps.missed_before(info(b"a", number)) for number in (5, 4, 6)] == [0, 0, 1]


def test_nothing_is_counted_where_the_publisher_is_unknown() -> None:
    gaps = SequenceGaps()
    assert gaps.missed_before({"publication_sequence_number": 1}) == 0
    assert gaps.missed_before({"publication_sequence_number": 9}) == 0


def test_the_only_publisher_needs_no_name() -> None:
    gaps = SequenceGaps()
    numbers = [{"publication_sequence_number": number} for number in (1, 2, 5)]
    assert [gaps.missed_before(item, has_one_publisher=True) for item in numbers] == [0, 0, 2]


def test_many_publishers_do_not_fill_the_memory() -> None:
    gaps = SequenceGaps()
    for publisher in range(1000):
        gaps.missed_before(info(publisher.to_bytes(2, "big"), 1))
    assert len(gaps._last) <= 64
