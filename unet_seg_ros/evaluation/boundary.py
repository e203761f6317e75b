# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How well the outlines of classes agree: the boundary F-score, in counts and figures.

Csurka, Larlus, Perronnin, Meylan: What is a good evaluation measure for semantic segmentation?
BMVC 2013. A predicted boundary pixel is right where the truth has a boundary of the same class
within a tolerance, and the other way round; F is the harmonic mean of both shares. The paper
averages over pictures, here the pixels of all pictures are counted together, as they are for IoU.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.evaluation.metrics import FloatArray, Int64Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID

BoolArray = npt.NDArray[np.bool_]

# The paper's: a share of the picture's diagonal.
TOLERANCE = 0.0075

_BITS = 32


def tolerance_px(height: int, width: int) -> int:
    """Return within how many pixels boundaries agree: 0.75 % of the diagonal, at least 1."""
    return max(1, round(TOLERANCE * math.hypot(height, width)))


class BoundaryCounts:
    """Counts of boundary pixels of every class, over pictures of any size.

    A boundary pixel of a class has a neighbour (left, right, above, below) of another class. There
    is no boundary at the picture's edge, nor beside pixels whose truth is not known.

    Attributes:
        predicted: Boundary pixels of the predictions, `(N,)` int64.
        predicted_right: Those of them near one of the truth's, of the same class.
        truth: Boundary pixels of the truth.
        truth_found: Those of them near one of the prediction's, of the same class.
    """

    def __init__(self, classes: int) -> None:
        self.predicted: Int64Array = np.zeros(classes, np.int64)
        self.predicted_right: Int64Array = np.zeros(classes, np.int64)
        self.truth: Int64Array = np.zeros(classes, np.int64)
        self.truth_found: Int64Array = np.zeros(classes, np.int64)

    def update(self, prediction: Uint8Array, truth: Uint8Array) -> None:
        """Count one pair of label maps, both `(H, W)` uint8; 255 = not known."""
        known = truth != UNKNOWN_ID
        predicted_outline = _outline(prediction, known)
        true_outline = _outline(truth, known)
        radius = tolerance_px(*truth.shape)
        for first in range(0, len(self.truth), _BITS):
            ids = np.s_[first : first + _BITS]
            predicted = _class_bits(prediction, predicted_outline, first)
            true = _class_bits(truth, true_outline, first)
            if not (predicted.any() or true.any()):
                continue
            classes = len(self.truth[ids])
            self.predicted[ids] += _pixels_per_bit(predicted, classes)
            self.truth[ids] += _pixels_per_bit(true, classes)
            self.predicted_right[ids] += _pixels_per_bit(
                predicted & _widened(true, radius), classes
            )
            self.truth_found[ids] += _pixels_per_bit(true & _widened(predicted, radius), classes)

    def merge(self, other: BoundaryCounts) -> None:
        """Add the counts of another, over the same classes."""
        self.predicted += other.predicted
        self.predicted_right += other.predicted_right
        self.truth += other.truth
        self.truth_found += other.truth_found

    def per_class_f(self) -> FloatArray:
        """Return F = 2 P R / (P + R) of every class, `(N,)`; NaN where the truth has no boundary.

        P is the share of predicted boundary pixels that are right, R that of the truth's boundary
        pixels that were found.
        """
        precision = self.predicted_right / np.maximum(self.predicted, 1)
        recall = self.truth_found / np.maximum(self.truth, 1)
        both = precision + recall
        f = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
        return np.where(self.truth > 0, f, np.nan)

    def mean_f(self) -> float:
        """Return the mean over the classes whose boundaries the truth shows; NaN without any."""
        f = self.per_class_f()
        return float(np.nanmean(f)) if (self.truth > 0).any() else math.nan


def _outline(labels: Uint8Array, known: BoolArray) -> BoolArray:
    """Return where a neighbour has another id and both are known, `(H, W)` bool."""
    outline = np.zeros(labels.shape, np.bool_)
    below = (labels[1:] != labels[:-1]) & known[1:] & known[:-1]
    outline[1:] |= below
    outline[:-1] |= below
    beside = (labels[:, 1:] != labels[:, :-1]) & known[:, 1:] & known[:, :-1]
    outline[:, 1:] |= beside
    outline[:, :-1] |= beside
    return outline


def _class_bits(labels: Uint8Array, where: BoolArray, first: int) -> npt.NDArray[np.uint32]:
    """Return `(H, W)` uint32 with bit k set where `where` holds and the id is `first` + k."""
    table = np.zeros(256, np.uint32)
    ids = np.arange(first, min(first + _BITS, UNKNOWN_ID))
    table[ids] = np.uint32(1) << (ids - first).astype(np.uint32)
    bits: npt.NDArray[np.uint32] = np.where(where, table[labels], np.uint32(0))
    return bits


def _pixels_per_bit(bits: npt.NDArray[np.uint32], count: int) -> Int64Array:
    """Return how many pixels have each of the lowest `count` bits, `(count,)`."""
    # Few pixels are on a boundary.
    marked = bits[bits != 0]
    return np.array([np.count_nonzero(marked & np.uint32(1 << k)) for k in range(count)], np.int64)


def _widened(bits: npt.NDArray[np.uint32], radius: int) -> npt.NDArray[np.uint32]:
    """Set every bit in all pixels within `radius` of one that has it.

    A dilation by a disc, of all classes at once. The disc is put together of rows, from the
    outermost and shortest to the middle one: `row` holds the bits widened by its half width.
    """
    widened = np.zeros_like(bits)
    row = bits.copy()
    half_width = 0
    for height in range(radius, -1, -1):
        while (half_width + 1) ** 2 + height**2 <= radius**2:
            half_width += 1
            row[:, half_width:] |= bits[:, :-half_width]
            row[:, :-half_width] |= bits[:, half_width:]
        if height == 0:
            widened |= row
        else:
            widened[height:] |= row[:-height]
            widened[:-height] |= row[height:]
    return widened
