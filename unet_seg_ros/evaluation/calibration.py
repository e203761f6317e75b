# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a network is right as often as it says: calibration, in counts and figures.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks. ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.evaluation.metrics import ratio
from unet_seg_ros.labels.label_set import UNKNOWN_ID

BINS = 15
_LEVELS = 256


@dataclass(frozen=True)
class Bin:
    """The pixels whose confidence is above `low` and at most `high`.

    `confidence` is their mean confidence and `accuracy` the share of them that is right; both are
    NaN where there are no pixels.
    """

    low: float
    high: float
    pixels: int
    confidence: float
    accuracy: float


class CalibrationCounts:
    """Counts of pixels at each of the 256 levels of confidence that the engine tells apart.

    Attributes:
        pixels: Pixels at each level, `(256,)` int64.
        right: Those of them whose class is right.
    """

    def __init__(self) -> None:
        self.pixels: npt.NDArray[np.int64] = np.zeros(_LEVELS, np.int64)
        self.right: npt.NDArray[np.int64] = np.zeros(_LEVELS, np.int64)

    def update(self, confidence: Uint8Array, prediction: Uint8Array, truth: Uint8Array) -> None:
        """Count one picture; pixels whose truth is 255 are left out.

        Args:
            confidence: The winning class's probability x 255, `(H, W)` uint8.
            prediction: `(H, W)` uint8 label map.
            truth: `(H, W)` uint8 label map.
        """
        self.pixels += np.bincount(confidence[truth != UNKNOWN_ID], minlength=_LEVELS)
        is_right = (prediction == truth) & (truth != UNKNOWN_ID)
        self.right += np.bincount(confidence[is_right], minlength=_LEVELS)

    def merge(self, other: CalibrationCounts) -> None:
        """Add the counts of another."""
        self.pixels += other.pixels
        self.right += other.right

    def bins(self) -> list[Bin]:
        """Return `BINS` bins of equal width; bin m holds confidences in ((m-1)/M, m/M]."""
        levels = np.arange(_LEVELS)
        # In whole numbers, because the edges of 15 bins are levels themselves.
        bin_of_level = np.maximum(-(-levels * BINS // (_LEVELS - 1)) - 1, 0)

        def per_bin(values: npt.NDArray[np.int64]) -> list[int]:
            return [int(values[bin_of_level == index].sum()) for index in range(BINS)]

        pixels, right = per_bin(self.pixels), per_bin(self.right)
        confidence = per_bin(self.pixels * levels)
        return [
            Bin(
                low=index / BINS,
                high=(index + 1) / BINS,
                pixels=pixels[index],
                confidence=ratio(confidence[index], pixels[index] * (_LEVELS - 1)),
                accuracy=ratio(right[index], pixels[index]),
            )
            for index in range(BINS)
        ]

    def expected_calibration_error(self) -> float:
        """Return the ECE: |accuracy - confidence| of the bins, weighted by their pixels.

        NaN before anything was counted.
        """
        gaps = [
            bin_.pixels * abs(bin_.accuracy - bin_.confidence)
            for bin_ in self.bins()
            if bin_.pixels
        ]
        return ratio(sum(gaps), int(self.pixels.sum()))
