# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scores a network on pictures with ground truth, at the pictures' own size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.inference.segmenter import Frame, Segmenter
from unet_seg_ros.labels import LabelSet
from unet_seg_ros.training.metrics import ConfusionMatrix, common_labels


@dataclass(frozen=True)
class Score:
    """The figures of one data set; `iou` has the classes that its truth shows, by name."""

    frames: int
    pixel_accuracy: float
    miou: float
    iou: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, rounded to four digits."""
        return {
            "frames": self.frames,
            "pixel_accuracy": round(self.pixel_accuracy, 4),
            "miou": round(self.miou, 4),
            "iou": {name: round(value, 4) for name, value in self.iou.items()},
        }


def score(segmenter: Segmenter, samples: Iterable[Sample], truth_set: LabelSet) -> Score:
    """Segment every picture and count its pixels against its ground truth.

    The classes are those of whichever of the two label sets has fewer (`metrics.common_labels`).
    """
    common = common_labels(segmenter.label_set, truth_set)
    counts = ConfusionMatrix(len(common.label_set))
    frames = 0
    for sample in samples:
        if sample.labels is None:
            raise ValueError(f"{sample.name}: has no ground truth to be scored against")
        [segmentation] = segmenter([Frame(sample.image, "rgb")])
        counts.update(
            common.prediction_table[segmentation.labels], common.truth_table[sample.labels]
        )
        frames += 1
    ious = zip(common.label_set.names, counts.per_class_iou().tolist(), strict=True)
    return Score(
        frames=frames,
        pixel_accuracy=counts.pixel_accuracy(),
        miou=counts.mean_iou(),
        iou={name: iou for name, iou in ious if not np.isnan(iou)},
    )
