# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts and figures of `evaluation.metrics`, against hand computations and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unet_seg_ros.evaluation.metrics import ConfusionMatrix, common_labels
from unet_seg_ros.labels.label_set import LabelClass, LabelSet

CLASSES = 4


def label_maps() -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """Draw (prediction, truth) of equal size with ids below CLASSES and 255."""
    ids = st.sampled_from([*range(CLASSES), 255])
    shape = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)
    return shape.flatmap(
        lambda size: st.tuples(
            hnp.arrays(np.uint8, size, elements=ids), hnp.arrays(np.uint8, size, elements=ids)
        )
    )


def scored(prediction: object, truth: object, classes: int = CLASSES) -> ConfusionMatrix:
    matrix = ConfusionMatrix(classes)
    matrix.update(np.array(prediction, np.uint8), np.array(truth, np.uint8))
    return matrix


def label_set(name: str, *classes: str | tuple[str, ...]) -> LabelSet:
    """Build a label set from class names, or tuples of a name and its aliases."""
    rows = [(item,) if isinstance(item, str) else item for item in classes]
    return LabelSet(
        name,
        tuple(
            LabelClass(id=i, name=row[0], color=(i, 0, 0), aliases=tuple(row[1:]))
            for i, row in enumerate(rows)
        ),
    )


def test_figures_by_hand():
    # Truth: 4 pixels of class 0, 3 of class 1, one unknown; class 2 only predicted, 3 nowhere.
    matrix = scored([[0, 0, 0, 1], [1, 1, 2, 3]], [[0, 0, 0, 0], [1, 1, 1, 255]])

    assert matrix.counts.tolist() == [
        [3, 1, 0, 0, 0],
        [0, 2, 1, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    assert matrix.per_class_iou().tolist()[:2] == [3 / 4, 2 / 4]
    assert np.isnan(matrix.per_class_iou()[2:]).all()
    assert matrix.mean_iou() == (3 / 4 + 2 / 4) / 2
    assert matrix.pixel_accuracy() == 5 / 7
    assert matrix.frequency_weighted_iou() == pytest.approx((4 * 3 / 4 + 3 * 2 / 4) / 7)


def test_no_prediction_is_a_miss():
    matrix = scored([[0, 255]], [[0, 0]])
    assert matrix.per_class_iou()[0] == 0.5
    assert matrix.pixel_accuracy() == 0.5


def test_f_beta_by_hand():
    # Group {1, 2}: 2 hits (one of them 1 taken for 2), 1 false alarm, 2 misses (one says nothing).
    matrix = scored([[1, 2, 2, 0, 255, 0]], [[1, 1, 0, 2, 1, 0]])
    assert matrix.f_beta([1, 2]) == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert matrix.f_beta([1, 2], beta=2) == pytest.approx(5 * 2 / (5 * 2 + 4 * 2 + 1))
    assert math.isnan(matrix.f_beta([3]))


def test_nothing_scored_is_nan():
    matrix = scored([[0, 1]], [[255, 255]])
    for figure in (
        matrix.mean_iou(),
        matrix.pixel_accuracy(),
        matrix.frequency_weighted_iou(),
        matrix.f_beta([0]),
    ):
        assert math.isnan(figure)


@pytest.mark.parametrize(
    ("prediction", "truth", "message"),
    [
        ([[0]], [[0, 0]], "prediction is 1x1 but truth is 2x1"),
        ([[0, 0]], [[0, 7]], "truth holds id 7, but there are only 4 classes"),
        ([[4, 0]], [[0, 0]], "prediction holds id 4, but there are only 4 classes"),
    ],
)
def test_wrong_label_maps_are_refused_uncounted(prediction, truth, message):
    matrix = ConfusionMatrix(CLASSES)
    with pytest.raises(ValueError, match=message):
        matrix.update(np.array(prediction, np.uint8), np.array(truth, np.uint8))
    assert not matrix.counts.any()


def test_merge_refuses_other_classes():
    with pytest.raises(ValueError, match="cannot merge 3 classes into 4"):
        ConfusionMatrix(4).merge(ConfusionMatrix(3))


@given(label_maps())
def test_counts_equal_a_plain_loop(maps):
    prediction, truth = maps
    expected = np.zeros((CLASSES, CLASSES + 1), np.int64)
    for p, t in zip(prediction.ravel().tolist(), truth.ravel().tolist(), strict=True):
        if t != 255:
            expected[t, CLASSES if p == 255 else p] += 1
    assert (scored(prediction, truth).counts == expected).all()


@given(label_maps())
def test_figures_equal_their_set_definitions(maps):
    prediction, truth = maps
    matrix = scored(prediction, truth)
    known = truth != 255
    iou = []
    for c in range(CLASSES):
        is_truth, is_predicted = (truth == c) & known, (prediction == c) & known
        if is_truth.any():
            iou.append((is_truth & is_predicted).sum() / (is_truth | is_predicted).sum())
            assert matrix.per_class_iou()[c] == pytest.approx(iou[-1])
        else:
            assert math.isnan(matrix.per_class_iou()[c])
    if known.any():
        assert matrix.mean_iou() == pytest.approx(np.mean(iou))
        assert matrix.pixel_accuracy() == pytest.approx((prediction == truth)[known].mean())
        assert 0 <= matrix.frequency_weighted_iou() <= matrix.pixel_accuracy() + 1e-12


@given(st.lists(label_maps(), max_size=4))
def test_merging_equals_updating(pairs):
    whole, parts = ConfusionMatrix(CLASSES), ConfusionMatrix(CLASSES)
    for prediction, truth in pairs:
        whole.update(prediction, truth)
        parts.merge(scored(prediction, truth))
    assert (whole.counts == parts.counts).all()


@given(label_maps())
def test_a_perfect_prediction_scores_one(maps):
    truth = maps[1]
    matrix = scored(truth, truth)
    if (truth != 255).any():
        assert matrix.mean_iou() == matrix.pixel_accuracy() == matrix.frequency_weighted_iou() == 1


def test_common_labels_are_the_wider_classes():
    fine = label_set("fine", "Road", "Car", "Truck", "Moon")
    coarse = label_set("coarse", ("Vehicle", "Car", "Truck"), "road")
    labels = np.array([[0, 1, 2, 3, 255]], np.uint8)

    common = common_labels(fine, coarse)
    assert common.label_set is coarse
    assert common.prediction_table[labels].tolist() == [[1, 0, 0, 255, 255]]
    assert common.truth_table[:2].tolist() == [0, 1]

    turned = common_labels(coarse, fine)
    assert turned.label_set is coarse
    assert turned.truth_table[labels].tolist() == [[1, 0, 0, 255, 255]]


def test_town02_speaks_carla29():
    """Everything that is not road, sidewalk or road line is that set's `Other`."""
    carla29, town02 = LabelSet.load("carla29"), LabelSet.load("town02")
    common = common_labels(carla29, town02)
    assert common.label_set.name == "town02"
    own = {"Roads": "Road", "SideWalks": "Sidewalk", "RoadLine": "RoadLine"}
    for item in carla29.classes:
        name = town02.names[common.prediction_table[item.id]]
        assert name == own.get(item.name, "Other"), item.name


def test_unrelated_label_sets_are_refused():
    with pytest.raises(ValueError, match=r"'a' and 'b' have no class name in common"):
        common_labels(label_set("a", "Road"), label_set("b", "Nucleus"))
