# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from unet_seg_ros.evaluation.metrics import ConfusionMatrix
from unet_seg_ros.evaluation.uncertainty import draw, interval


def matrix(right: int, wrong: int) -> ConfusionMatrix:
    """Return a frame of one class among two with so many pixels right and wrong."""
    result = ConfusionMatrix(2)
    result.counts[0, 0], result.counts[0, 1] = right, wrong
    return result


def test_draws_have_the_figures_that_the_matrices_of_the_drawn_frames_have() -> None:
    """With one frame every draw is that frame."""
    one = ConfusionMatrix(3)
    one.counts[:] = np.arange(12).reshape(3, 4)
    draws = draw([one])
    assert np.allclose(draws.miou, one.mean_iou())
    assert np.allclose(draws.pixel_accuracy, one.pixel_accuracy())


def test_interval_is_that_of_a_share() -> None:
    """For n frames that are wholly right or wrong the standard error is sqrt(p (1 - p) / n)."""
    frames = [matrix(100, 0)] * 60 + [matrix(0, 100)] * 40
    found = interval(draw(frames).pixel_accuracy)
    assert found
    error = 1.96 * np.sqrt(0.6 * 0.4 / 100)
    assert found == pytest.approx((0.6 - error, 0.6 + error), abs=0.02)


def test_frames_that_are_alike_leave_no_doubt() -> None:
    assert interval(draw([matrix(3, 1)] * 5).pixel_accuracy) == (0.75, 0.75)


def test_two_networks_are_compared_on_the_same_draws() -> None:
    first = [matrix(50 + k, 50 - k) for k in range(20)]
    second = [matrix(52 + k, 48 - k) for k in range(20)]
    difference = draw(second).minus(draw(first))
    assert interval(difference.pixel_accuracy) == pytest.approx((0.02, 0.02))


def test_draws_without_labels_are_left_out() -> None:
    nothing = ConfusionMatrix(2)
    assert interval(draw([nothing, nothing]).miou) is None
    assert interval(draw([nothing, matrix(1, 0)]).miou) == (1.0, 1.0)
