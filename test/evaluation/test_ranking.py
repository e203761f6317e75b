# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The few that rank highest, against sorting them all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.evaluation.ranking import Ranking

SECOND = 1_000_000_000


def put_all(ranking: Ranking[str], *frames: tuple[int, float, str]) -> list[str]:
    """Offer frames one after the other; return what had to go."""
    gone = []
    for stamp_ns, rank, item in frames:
        if ranking.wants(stamp_ns, rank):
            replaced = ranking.put(stamp_ns, rank, item)
            if replaced is not None:
                gone.append(replaced)
    return gone


@given(
    ranks=st.lists(st.floats(0, 1), unique=True, max_size=40),
    limit=st.integers(1, 12),
)
def test_frames_a_second_apart_are_the_highest_of_all_in_their_order(ranks, limit):
    ranking: Ranking[float] = Ranking(limit)
    for second, rank in enumerate(ranks):
        if ranking.wants(second * SECOND, rank):
            ranking.put(second * SECOND, rank, rank)
    highest = sorted(ranks, reverse=True)[:limit]
    assert ranking.items == [rank for rank in ranks if rank in highest]


def test_of_one_second_the_highest_is_kept():
    ranking: Ranking[str] = Ranking(5)
    gone = put_all(
        ranking, (0, 0.2, "first"), (1, 0.9, "better"), (SECOND - 1, 0.5, "late"), (SECOND, 0, "b")
    )
    assert ranking.items == ["better", "b"]
    assert gone == ["first"]


def test_the_lowest_has_to_go():
    ranking: Ranking[str] = Ranking(2)
    gone = put_all(
        ranking, (0, 0.5, "a"), (SECOND, 0.1, "b"), (2 * SECOND, 0.3, "c"), (3 * SECOND, 0.2, "d")
    )
    assert ranking.items == ["a", "c"]
    assert gone == ["b"]
