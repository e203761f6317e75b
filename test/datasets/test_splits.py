# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.datasets.splits import block_split


def test_blocks_are_held_apart_with_a_margin() -> None:
    split = block_split(30, block=5, every=3, margin=2)
    assert split.validation == (10, 11, 12, 13, 14, 25, 26, 27, 28, 29)
    assert split.train == (0, 1, 2, 3, 4, 5, 6, 7, 17, 18, 19, 20, 21, 22)


@given(st.integers(0, 500), st.integers(1, 50), st.integers(2, 6))
def test_no_training_frame_is_within_the_margin(count: int, block: int, every: int) -> None:
    margin = block // 2
    split = block_split(count, block, every, margin)
    held_apart = {v + offset for v in split.validation for offset in range(-margin, margin + 1)}
    assert held_apart.isdisjoint(split.train)
