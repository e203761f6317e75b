# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The figures against those of torchmetrics, on random label maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torchmetrics.functional.classification as torchmetrics
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unet_seg_ros.evaluation.calibration import CalibrationCounts
from unet_seg_ros.evaluation.metrics import ConfusionMatrix

CLASSES = 4
UNKNOWN = 255
ANY_SPEED = settings(deadline=None)

Labels = npt.NDArray[np.uint8]


@st.composite
def label_maps(draw: st.DrawFn) -> tuple[Labels, Labels]:
    """Draw a prediction and a truth, of which some pixels, but not all, are unknown."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    prediction = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, CLASSES - 1)))
    ids = st.sampled_from([*range(CLASSES), UNKNOWN])
    truth = draw(hnp.arrays(np.uint8, shape, elements=ids))
    assume((truth != UNKNOWN).any())
    return prediction, truth


def counted(prediction: Labels, truth: Labels) -> ConfusionMatrix:
    matrix = ConfusionMatrix(CLASSES)
    matrix.update(prediction, truth)
    return matrix


def tensors(prediction: Labels, truth: Labels) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(prediction).long(), torch.from_numpy(truth).long()


@ANY_SPEED
@given(label_maps())
def test_confusion_matrix(maps: tuple[Labels, Labels]) -> None:
    expected = torchmetrics.multiclass_confusion_matrix(
        *tensors(*maps), num_classes=CLASSES, ignore_index=UNKNOWN
    )
    np.testing.assert_array_equal(counted(*maps).counts[:, :CLASSES], expected.numpy())


@ANY_SPEED
@given(label_maps())
def test_pixel_accuracy(maps: tuple[Labels, Labels]) -> None:
    expected = torchmetrics.multiclass_accuracy(
        *tensors(*maps), num_classes=CLASSES, average="micro", ignore_index=UNKNOWN
    )
    assert counted(*maps).pixel_accuracy() == pytest.approx(expected.item())


@ANY_SPEED
@given(label_maps())
def test_iou_of_each_class_that_the_truth_shows(maps: tuple[Labels, Labels]) -> None:
    expected = torchmetrics.multiclass_jaccard_index(
        *tensors(*maps), num_classes=CLASSES, average=None, ignore_index=UNKNOWN
    ).numpy()
    present = np.isin(range(CLASSES), maps[1])
    np.testing.assert_allclose(counted(*maps).per_class_iou()[present], expected[present], 1e-6)


@ANY_SPEED
@given(label_maps())
def test_mean_iou_where_nothing_is_predicted_that_the_truth_does_not_show(
    maps: tuple[Labels, Labels],
) -> None:
    prediction, truth = maps
    first_known = truth[truth != UNKNOWN][0]
    shown = np.where(np.isin(prediction, truth), prediction, first_known).astype(np.uint8)
    expected = torchmetrics.multiclass_jaccard_index(
        *tensors(shown, truth), num_classes=CLASSES, average="macro", ignore_index=UNKNOWN
    )
    assert counted(shown, truth).mean_iou() == pytest.approx(expected.item())


@ANY_SPEED
@given(label_maps())
def test_frequency_weighted_iou(maps: tuple[Labels, Labels]) -> None:
    expected = torchmetrics.multiclass_jaccard_index(
        *tensors(*maps), num_classes=CLASSES, average="weighted", ignore_index=UNKNOWN
    )
    assert counted(*maps).frequency_weighted_iou() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@ANY_SPEED
@given(maps=label_maps(), group=st.sets(st.integers(0, CLASSES - 1), min_size=1))
def test_figures_of_a_group(maps: tuple[Labels, Labels], group: set[int], beta: float) -> None:
    prediction, truth = maps
    known = truth != UNKNOWN
    predicted = torch.from_numpy(np.isin(prediction[known], list(group))).long()
    true = torch.from_numpy(np.isin(truth[known], list(group))).long()
    matrix = counted(prediction, truth)
    if (predicted | true).any():
        expected = torchmetrics.binary_fbeta_score(predicted, true, beta)
        assert matrix.f_beta(group, beta) == pytest.approx(expected.item())
    if predicted.any():
        expected = torchmetrics.binary_precision(predicted, true)
        assert matrix.precision(group) == pytest.approx(expected.item())
    if true.any():
        expected = torchmetrics.binary_recall(predicted, true)
        assert matrix.recall(group) == pytest.approx(expected.item())


# Confidences on the edge between two bins, every 17th of 255, belong to the lower one here, as in
# the paper, and to the upper one in torchmetrics.
LEVELS = st.integers(0, 255).filter(lambda level: level % 17)


@ANY_SPEED
@given(maps=label_maps(), data=st.data())
def test_calibration_error(maps: tuple[Labels, Labels], data: st.DataObject) -> None:
    prediction, truth = maps
    confidence = data.draw(hnp.arrays(np.uint8, truth.shape, elements=LEVELS))
    counts = CalibrationCounts()
    counts.update(confidence, prediction, truth)
    known = truth != UNKNOWN
    expected = torchmetrics.binary_calibration_error(
        torch.from_numpy(confidence[known] / 255),
        torch.from_numpy((prediction == truth)[known]).long(),
        n_bins=15,
        norm="l1",
    )
    assert counts.expected_calibration_error() == pytest.approx(expected.item(), abs=1e-6)
