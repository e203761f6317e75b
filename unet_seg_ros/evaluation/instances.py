# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How well single things agree where a label set has one class beside the background.

The things are the connected components of the label maps, of the truth's as well: a label map does
not say where two that touch are divided. Matching is that of the 2018 Data Science Bowl (Caicedo et
al., Nature Methods 16, 2019): two components match when their IoU exceeds a threshold, which for
thresholds of 0.5 and more leaves each at most one partner.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID

# 0.50, 0.55, ... 0.95, exactly.
THRESHOLDS: npt.NDArray[np.float64] = np.arange(50, 100, 5) / 100
# Components that touch at a corner only are two.
_CONNECTIVITY = 4


class InstanceCounts:
    """Counts of components.

    Attributes:
        truth: How many the truth has.
        predicted: How many the predictions have.
        matched: How many have a partner, for each of `THRESHOLDS`, `(10,)` int64.
    """

    def __init__(self) -> None:
        self.truth = 0
        self.predicted = 0
        self.matched: npt.NDArray[np.int64] = np.zeros(len(THRESHOLDS), np.int64)

    def update(self, prediction: Uint8Array, truth: Uint8Array, class_id: int) -> None:
        """Count the components of a class in one pair of `(H, W)` uint8 label maps."""
        known = truth != UNKNOWN_ID
        predicted, predicted_map = _components((prediction == class_id) & known)
        true, true_map = _components(truth == class_id)
        # Only pairs that share pixels: all of them would be too many in a noisy label map.
        both = (true_map > 0) & (predicted_map > 0)
        pairs, shared = np.unique(
            true_map[both] * (predicted + 1) + predicted_map[both], return_counts=True
        )
        true_id, predicted_id = np.divmod(pairs, predicted + 1)
        true_px = np.bincount(true_map.ravel())[true_id]
        predicted_px = np.bincount(predicted_map.ravel())[predicted_id]
        iou = shared / (true_px + predicted_px - shared)
        self.truth += true
        self.predicted += predicted
        self.matched += [np.count_nonzero(iou > threshold) for threshold in THRESHOLDS]

    def merge(self, other: InstanceCounts) -> None:
        """Add the counts of another."""
        self.truth += other.truth
        self.predicted += other.predicted
        self.matched += other.matched

    def f1(self) -> npt.NDArray[np.float64]:
        """Return F1 = 2 TP / (2 TP + FP + FN) at each of `THRESHOLDS`; NaN without components."""
        total = self.truth + self.predicted
        return 2 * self.matched / (total if total else math.nan)

    def mean_f1(self) -> float:
        """Return the mean of `f1`."""
        return float(self.f1().mean())


def _components(mask: npt.NDArray[np.bool_]) -> tuple[int, npt.NDArray[np.int64]]:
    """Return how many components a mask has, and for every pixel its component, 0 = none."""
    count, components = cv2.connectedComponents(mask.astype(np.uint8), connectivity=_CONNECTIVITY)
    return count - 1, np.asarray(components, np.int64)
