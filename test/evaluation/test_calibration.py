# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calibration by hand; test_metrics_torchmetrics.py compares it with torchmetrics."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unet_seg_ros.evaluation.calibration import CalibrationCounts


def counted(confidence: object, prediction: object, truth: object) -> CalibrationCounts:
    counts = CalibrationCounts()
    counts.update(*(np.array([row], np.uint8) for row in (confidence, prediction, truth)))
    return counts


def test_the_error_is_the_gap_of_each_bin_weighted_by_its_pixels() -> None:
    # Three pixels of confidence 1, of which two are right; one of confidence 0.2, wrong; one
    # whose truth is unknown.
    counts = counted([255, 255, 255, 51, 99], [1, 2, 3, 1, 1], [1, 2, 0, 0, 255])
    assert counts.expected_calibration_error() == pytest.approx((3 * (1 - 2 / 3) + 0.2) / 4)


@pytest.mark.parametrize(
    ("level", "bin_"), [(0, 0), (17, 0), (18, 1), (34, 1), (238, 13), (255, 14)]
)
def test_a_bin_has_its_upper_edge(level: int, bin_: int) -> None:
    [filled] = [b for b in enumerate(counted([level], [1], [1]).bins()) if b[1].pixels]
    assert filled[0] == bin_
    assert filled[1].low <= filled[1].confidence <= filled[1].high
    assert filled[1].confidence == pytest.approx(level / 255)


def test_bins_without_pixels_have_no_figures() -> None:
    empty = counted([255], [1], [1]).bins()[0]
    assert empty.pixels == 0
    assert math.isnan(empty.accuracy)
    assert math.isnan(empty.confidence)
    assert math.isnan(CalibrationCounts().expected_calibration_error())


def test_merging_equals_updating() -> None:
    whole = counted([255, 51, 99], [1, 2, 1], [1, 1, 255])
    whole.update(*(np.array([[value]], np.uint8) for value in (51, 1, 1)))
    merged = counted([255, 51, 99], [1, 2, 1], [1, 1, 255])
    merged.merge(counted([51], [1], [1]))
    assert merged.bins()[2:3] == whole.bins()[2:3]
    np.testing.assert_array_equal(merged.pixels, whole.pixels)
    np.testing.assert_array_equal(merged.right, whole.right)
