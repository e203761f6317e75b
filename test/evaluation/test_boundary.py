# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Boundary counts against distance transforms, class by class, and by hand."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unet_seg_ros.evaluation.boundary import BoundaryCounts, tolerance_px

UNKNOWN = 255
ANY_SPEED = settings(deadline=None)

Labels = npt.NDArray[np.uint8]


@st.composite
def label_maps(draw: st.DrawFn) -> tuple[Labels, Labels]:
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    ids = st.sampled_from([0, 1, 2, 33, UNKNOWN])
    maps = hnp.arrays(np.uint8, shape, elements=ids)
    return draw(maps), draw(maps)


def counted(prediction: Labels, truth: Labels, classes: int = 40) -> BoundaryCounts:
    counts = BoundaryCounts(classes)
    counts.update(prediction, truth)
    return counts


def outline(labels: Labels, truth: Labels, class_id: int) -> npt.NDArray[np.bool_]:
    """Return the boundary of a class, pixel by pixel."""
    found = np.zeros(labels.shape, bool)
    height, width = labels.shape
    for y, x in zip(*np.nonzero(labels == class_id), strict=True):
        for row, column in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= row < height and 0 <= column < width:
                both_known = truth[y, x] != UNKNOWN and truth[row, column] != UNKNOWN
                found[y, x] |= both_known and labels[row, column] != class_id
    return found


def is_near(mask: npt.NDArray[np.bool_], radius: int) -> npt.NDArray[np.bool_]:
    if not mask.any():
        return mask
    return (
        cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        <= radius + 1e-3
    )


def assert_counts_equal_distances(prediction: Labels, truth: Labels) -> None:
    counts = counted(prediction, truth)
    radius = tolerance_px(*truth.shape)
    for class_id in (0, 1, 2, 33):
        predicted = outline(prediction, truth, class_id)
        true = outline(truth, truth, class_id)
        assert counts.predicted[class_id] == predicted.sum()
        assert counts.truth[class_id] == true.sum()
        assert counts.predicted_right[class_id] == (predicted & is_near(true, radius)).sum()
        assert counts.truth_found[class_id] == (true & is_near(predicted, radius)).sum()


@ANY_SPEED
@given(label_maps())
def test_counts_equal_distances_between_boundaries(maps: tuple[Labels, Labels]) -> None:
    assert_counts_equal_distances(*maps)


def test_the_tolerance_is_a_disc() -> None:
    random = np.random.default_rng(0)
    coarse = [random.choice([0, 1, 33, UNKNOWN], (6, 8)).astype(np.uint8) for _ in range(2)]
    prediction, truth = (np.repeat(np.repeat(labels, 50, 0), 50, 1) for labels in coarse)
    assert tolerance_px(*truth.shape) == 4
    assert_counts_equal_distances(prediction, truth)


@pytest.mark.parametrize(("size", "radius"), [((80, 160), 1), ((600, 800), 8), ((1, 1), 1)])
def test_the_tolerance_is_a_share_of_the_diagonal(size: tuple[int, int], radius: int) -> None:
    assert tolerance_px(*size) == radius


def two_halves(border: int) -> Labels:
    labels = np.zeros((60, 80), np.uint8)
    labels[:, border:] = 1
    return labels


@pytest.mark.parametrize(("border", "f"), [(40, 1.0), (41, 1.0), (43, 0.0)])
def test_a_shifted_border_is_right_within_the_tolerance(border: int, f: float) -> None:
    counts = counted(two_halves(border), two_halves(40), classes=2)
    np.testing.assert_array_equal(counts.per_class_f(), [f, f])
    assert counts.mean_f() == f


def test_classes_without_boundary_have_no_figure() -> None:
    counts = counted(two_halves(40), np.zeros((60, 80), np.uint8), classes=3)
    assert np.isnan(counts.per_class_f()).all()
    assert np.isnan(counts.mean_f())


@ANY_SPEED
@given(label_maps(), label_maps())
def test_merging_equals_updating(
    first: tuple[Labels, Labels], second: tuple[Labels, Labels]
) -> None:
    whole = counted(*first)
    whole.update(*second)
    merged = counted(*first)
    merged.merge(counted(*second))
    np.testing.assert_array_equal(merged.per_class_f(), whole.per_class_f())
