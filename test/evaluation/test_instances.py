# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Things matched by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from unet_seg_ros.evaluation.instances import InstanceCounts

Labels = npt.NDArray[np.uint8]


def squares(*corners: tuple[int, int], side: int = 10) -> Labels:
    """Return a label map with squares of class 1."""
    labels = np.zeros((60, 60), np.uint8)
    for top, left in corners:
        labels[top : top + side, left : left + side] = 1
    return labels


def counted(prediction: Labels, truth: Labels) -> InstanceCounts:
    counts = InstanceCounts()
    counts.update(prediction, truth, class_id=1)
    return counts


def test_equal_things_match_at_every_threshold() -> None:
    both = squares((0, 0), (20, 20), (40, 0))
    counts = counted(both, both)
    assert (counts.truth, counts.predicted) == (3, 3)
    assert counts.mean_f1() == 1


def test_things_match_up_to_the_threshold_that_their_iou_exceeds() -> None:
    # The shifted square shares 90 of 110 pixels: IoU 0.818.
    counts = counted(squares((0, 1), (30, 30)), squares((0, 0), (30, 0)))
    assert counts.matched.tolist() == [1] * 7 + [0] * 3
    assert counts.f1()[0] == pytest.approx(2 * 1 / (2 + 2))
    assert counts.mean_f1() == pytest.approx(0.7 * 0.5)


def test_half_of_a_thing_is_no_match() -> None:
    whole = squares((0, 0))
    half = whole.copy()
    half[5:10] = 0
    assert counted(half, whole).matched[0] == 0


def test_a_thing_that_two_were_merged_into_matches_neither() -> None:
    merged = squares((0, 0), (0, 10))
    apart = squares((0, 0), (0, 11))
    counts = counted(merged, apart)
    assert (counts.truth, counts.predicted, counts.matched[0]) == (2, 1, 0)


def test_what_is_predicted_where_nothing_is_labelled_does_not_count() -> None:
    truth = squares((0, 0))
    truth[30:] = 255
    counts = counted(squares((0, 0), (40, 40)), truth)
    assert (counts.predicted, counts.mean_f1()) == (1, 1)


def test_things_that_touch_at_a_corner_are_two() -> None:
    assert counted(squares((0, 0), (10, 10)), squares()).predicted == 2


def test_nothing_at_all_has_no_figure() -> None:
    assert np.isnan(counted(squares(), squares()).mean_f1())


def test_noise_takes_no_more_memory_than_the_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (1000, 1000)).astype(np.uint8)
    counts = counted(noise, noise)
    # A table of all pairs of these would have four thousand million entries.
    assert counts.truth > 60_000
    assert counts.mean_f1() == 1


def test_merging_equals_updating() -> None:
    pairs = [(squares((0, 1)), squares((0, 0))), (squares((0, 2)), squares((0, 0), (30, 30)))]
    whole, merged = InstanceCounts(), InstanceCounts()
    for pair in pairs:
        whole.update(*pair, class_id=1)
        merged.merge(counted(*pair))
    np.testing.assert_array_equal(merged.f1(), whole.f1())
