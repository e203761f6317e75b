# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How well label maps agree with the ground truth, in two steps: counts, then figures.

`ConfusionMatrix` counts pixels; adding frames or whole matrices is exact, in any order and on any
machine. Every figure is derived from the counts alone, when it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


class ConfusionMatrix:
    """Pixel counts of what was the truth against what was predicted.

    `counts` is `(N, N + 1)` int64: row = class id of the truth, column = predicted class id, and
    the last column = no prediction (255). Pixels whose truth is 255 are not counted at all. A
    pixel without a prediction counts as a miss of its true class: saying nothing is wrong.

    Classes that the truth never shows have no IoU (NaN) and stay out of every mean; predicting
    one of them still costs the class that was really there.
    """

    def __init__(self, classes: int) -> None:
        self.counts: Int64Array = np.zeros((classes, classes + 1), np.int64)

    @property
    def classes(self) -> int:
        """How many classes are told apart."""
        return len(self.counts)

    def update(self, prediction: Uint8Array, truth: Uint8Array) -> None:
        """Count one pair of label maps, both `(H, W)` uint8.

        Raises:
            ValueError: the shapes differ, or an id is neither 255 nor below the class count;
                nothing was counted.
        """
        if prediction.shape != truth.shape:
            raise ValueError(
                f"prediction is {_size(prediction)} but truth is {_size(truth)}: score label maps "
                "of one camera at one size"
            )
        # One pass over the pixels: every (truth, prediction) pair of bytes is a number below 2**16.
        pairs = np.left_shift(truth, 8, dtype=np.uint16) | prediction
        histogram = np.bincount(pairs.ravel(), minlength=1 << 16)
        known: Int64Array = histogram.reshape(256, 256)[:UNKNOWN_ID]
        n = self.classes
        _refuse_foreign_ids("truth", known.sum(axis=1), n)
        _refuse_foreign_ids("prediction", known.sum(axis=0)[:UNKNOWN_ID], n)
        self.counts[:, :n] += known[:n, :n]
        self.counts[:, n] += known[:n, UNKNOWN_ID]

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of another matrix over the same classes."""
        if other.classes != self.classes:
            raise ValueError(f"cannot merge {other.classes} classes into {self.classes}")
        self.counts += other.counts

    def per_class_iou(self) -> FloatArray:
        """Return intersection over union of every class, `(N,)`; NaN where absent from the truth.

        IoU = TP / (TP + FP + FN), over all pixels counted so far (not a mean of frames).
        """
        hits, truth, predicted = self._marginals()
        return np.where(truth > 0, hits / np.maximum(truth + predicted - hits, 1), np.nan)

    def mean_iou(self) -> float:
        """Return the mIoU (mean over the classes present); NaN before anything was counted."""
        return _mean(self.per_class_iou())

    def pixel_accuracy(self) -> float:
        """Return the share of pixels that are right; NaN before anything was counted."""
        hits, truth, _ = self._marginals()
        return ratio(hits.sum(), truth.sum())

    def frequency_weighted_iou(self) -> float:
        """Return the mean IoU weighted by how many pixels of the truth each class has."""
        _, truth, _ = self._marginals()
        return ratio(np.nansum(self.per_class_iou() * truth), truth.sum())

    def f_beta(self, group: Collection[int], beta: float = 1.0) -> float:
        """Return the F-score of a group of class ids against all others.

        F = (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP); confusion within the group is no error. A
        beta above 1 weighs misses more (for road users), one below 1 false alarms (for free space).
        NaN where the group was neither seen nor predicted.
        """
        hits, misses, false_alarms = self._group_pixels(group)
        weight = beta * beta
        scaled = (1 + weight) * hits
        return ratio(scaled, scaled + weight * misses + false_alarms)

    def precision(self, group: Collection[int]) -> float:
        """Return which share of what was predicted to be of a group is; NaN without any."""
        hits, _, false_alarms = self._group_pixels(group)
        return ratio(hits, hits + false_alarms)

    def recall(self, group: Collection[int]) -> float:
        """Return which share of a group in the truth was predicted to be of it; NaN without any."""
        hits, misses, _ = self._group_pixels(group)
        return ratio(hits, hits + misses)

    def _group_pixels(self, group: Collection[int]) -> tuple[int, int, int]:
        """Return the pixels that are hits, misses and false alarms of a group of class ids."""
        ids = list(group)
        hits = int(self.counts[np.ix_(ids, ids)].sum())
        return hits, int(self.counts[ids].sum()) - hits, int(self.counts[:, ids].sum()) - hits

    def _marginals(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Per class, `(N,)` each: pixels that are right, of the truth, predicted."""
        n = self.classes
        return self.counts.diagonal(), self.counts.sum(axis=1), self.counts[:, :n].sum(axis=0)


@dataclass(frozen=True)
class CommonLabels:
    """The label set in which two label maps of different sets are compared, and the way there.

    The tables are `(256,)` uint8: `prediction_table[prediction]` and `truth_table[truth]` are
    label maps of `label_set`.
    """

    label_set: LabelSet
    prediction_table: Uint8Array
    truth_table: Uint8Array


def common_labels(
    prediction_set: LabelSet, truth_set: LabelSet, *other_sets: LabelSet
) -> CommonLabels:
    """Return the label set to compare predictions and truth of two label sets in.

    It is the one with fewer classes, as its classes are the wider ones: `Vehicle` can be told from
    `Car` and `Truck`, not the other way round. Classes are matched by name and alias; one without a
    match becomes 255, which is a miss in a prediction and not scored in the truth.

    Args:
        prediction_set: What the predictions' ids mean.
        truth_set: What the truth's ids mean.
        other_sets: Those of other predictions of the same pictures, so that all of them are
            compared in the same classes.

    Raises:
        ValueError: the two sets have no class in common.
    """
    target = min((truth_set, prediction_set, *other_sets), key=len)
    common = CommonLabels(target, prediction_set.table_to(target), truth_set.table_to(target))
    if not set(common.prediction_table) & set(common.truth_table) - {UNKNOWN_ID}:
        raise ValueError(
            f"label sets {prediction_set.name!r} and {truth_set.name!r} have no class name in "
            "common; give the set that the truth was really drawn with"
        )
    return common


@dataclass(frozen=True)
class Translation:
    """What becomes of the classes of a label set in another one, by name.

    Attributes:
        read_as: For every class of the target that others than the one of its name go to, those.
        left_out: Classes that have no match in the target.
        unreached: Classes of the target that nothing goes to.
    """

    read_as: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...]
    unreached: tuple[str, ...]


def translation(source: LabelSet, target: LabelSet) -> Translation:
    """Return what `source.table_to(target)` does, in names."""
    ids = source.table_to(target)[: len(source)]
    sources = {
        item.name: tuple(
            name for name, id_ in zip(source.names, ids, strict=True) if id_ == item.id
        )
        for item in target.classes
    }
    return Translation(
        read_as={
            name: names
            for name, names in sources.items()
            if names and [other.lower() for other in names] != [name.lower()]
        },
        left_out=tuple(
            name for name, id_ in zip(source.names, ids, strict=True) if id_ == UNKNOWN_ID
        ),
        unreached=tuple(name for name, names in sources.items() if not names),
    )


def _refuse_foreign_ids(what: str, pixels: Int64Array, classes: int) -> None:
    """Raise ValueError where an id that is no class, but below 255, has pixels."""
    if pixels[classes:].any():
        id_ = classes + int(np.argmax(pixels[classes:] > 0))
        raise ValueError(
            f"{what} holds id {id_}, but there are only {classes} classes: it is a label map of "
            "another label set"
        )


def _mean(values: FloatArray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


def ratio(part: float, whole: float) -> float:
    """Return `part / whole`; NaN where there is no whole."""
    return float(part / whole) if whole else float("nan")


def _size(labels: Uint8Array) -> str:
    return "x".join(str(length) for length in labels.shape[::-1])
