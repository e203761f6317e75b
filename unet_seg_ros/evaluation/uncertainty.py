# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How sure a figure is that was measured on so many frames.

The percentile bootstrap of Efron (1979, "Bootstrap Methods: Another Look at the Jackknife"): as
many frames are drawn again from those measured, with repetition, and the figure is computed anew,
a thousand times; the interval holds 95 % of what came out. Two networks are compared on the same
draws. Frames that follow each other tell less than so many frames from anywhere: an interval over
one drive speaks of that drive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from unet_seg_ros.evaluation.metrics import ConfusionMatrix, FloatArray

_DRAWS = 1000
_PERCENTILES = (2.5, 97.5)
_SEED = 0

Interval = tuple[float, float]


class Draws(NamedTuple):
    """What each draw of frames has: mIoU and pixel accuracy, `(1000,)` each."""

    miou: FloatArray
    pixel_accuracy: FloatArray

    def minus(self, other: Draws) -> Draws:
        """Return how much better these are, draw by draw."""
        return Draws(self.miou - other.miou, self.pixel_accuracy - other.pixel_accuracy)


def draw(matrices: Sequence[ConfusionMatrix]) -> Draws:
    """Return the figures of frames drawn again; the same frames each time for as many matrices.

    Args:
        matrices: One of every frame, over the same classes; at least one.
    """
    frames, classes = len(matrices), matrices[0].classes
    rng = np.random.default_rng(_SEED)
    chosen = rng.multinomial(frames, np.full(frames, 1 / frames), size=_DRAWS)
    counts = np.stack([matrix.counts.ravel() for matrix in matrices]).astype(np.float64)
    drawn = (chosen @ counts).reshape(_DRAWS, classes, classes + 1)
    hits = np.diagonal(drawn, axis1=1, axis2=2)
    truth, predicted = drawn.sum(axis=2), drawn[..., :classes].sum(axis=1)
    with np.errstate(invalid="ignore"):
        iou = np.where(truth > 0, hits / np.maximum(truth + predicted - hits, 1), np.nan)
        present = (truth > 0).sum(axis=1)
        miou = np.nansum(iou, axis=1) / present
        pixel_accuracy = hits.sum(axis=1) / truth.sum(axis=1)
    return Draws(miou, pixel_accuracy)


def interval(figures: FloatArray) -> Interval | None:
    """Return between which values 95 % of the figures lie; None where none of them has a value."""
    known = figures[np.isfinite(figures)]
    if not known.size:
        return None
    low, high = np.percentile(known, _PERCENTILES)
    return float(low), float(high)
