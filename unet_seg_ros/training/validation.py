# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Looks at pictures held apart while a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.evaluation.metrics import ConfusionMatrix, common_labels
from unet_seg_ros.inference.segmenter import Frame, Segmenter
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.pictures.figures import Column, picture_table
from unet_seg_ros.progress import make_bar
from unet_seg_ros.training.data import DataSet

_SAMPLES_PER_SET = 2


@dataclass(frozen=True)
class Score:
    """The figures of one data set; `iou` has the classes that its truth shows, by name."""

    frames: int
    pixel_accuracy: float
    miou: float
    iou: dict[str, float]

    @classmethod
    def of(cls, counts: ConfusionMatrix, label_set: LabelSet, frames: int) -> Score:
        """Return the figures of what was counted over a number of frames."""
        ious = zip(label_set.names, counts.per_class_iou().tolist(), strict=True)
        return cls(
            frames=frames,
            pixel_accuracy=counts.pixel_accuracy(),
            miou=counts.mean_iou(),
            iou={name: iou for name, iou in ious if not np.isnan(iou)},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, rounded to four digits."""
        return {
            "frames": self.frames,
            "pixel_accuracy": round(self.pixel_accuracy, 4),
            "miou": round(self.miou, 4),
            "iou": {name: round(value, 4) for name, value in self.iou.items()},
        }


def validate(
    fabric: Fabric,
    checkpoint: Checkpoint,
    data_sets: Sequence[DataSet],
    at_most: int | None = None,
) -> dict[str, Score]:
    """Score a checkpoint on what was held apart, at the pictures' own size; by data set.

    The pictures are shared out among the ranks; all ranks return the same scores.

    Args:
        fabric: The ranks.
        checkpoint: What to score, as the engine runs it, uncompiled and in full precision.
        data_sets: Whose pictures.
        at_most: How many pictures of each data set; by default all.
    """
    segmenter = _segmenter(checkpoint, fabric.device)
    scores = {}
    for item in data_sets:
        if not item.split.validation:
            continue
        common = common_labels(checkpoint.label_set, item.pictures.label_set)
        counts = ConfusionMatrix(len(common.label_set))
        positions = item.validation(at_most)
        for position in make_bar(
            positions[fabric.global_rank :: fabric.world_size],
            desc=f"validating on {item.pictures.name}",
            unit="picture",
            leave=False,
            disable=not fabric.is_global_zero,
        ):
            sample = item.pictures[position]
            assert sample.labels is not None
            [segmentation] = segmenter([Frame(sample.image, "rgb")])
            counts.update(
                common.prediction_table[segmentation.labels], common.truth_table[sample.labels]
            )
        total = fabric.all_reduce(torch.from_numpy(counts.counts), reduce_op="sum")
        assert isinstance(total, torch.Tensor)
        counts.counts = total.cpu().numpy()
        scores[item.pictures.name] = Score.of(counts, common.label_set, len(positions))
    segmenter.close()
    return scores


def sample_figure(checkpoint: Checkpoint, data_sets: Sequence[DataSet]) -> Uint8Array:
    """Return camera, truth and prediction of some pictures held apart, `(H, W, 3)` uint8 RGB."""
    label_set = checkpoint.label_set
    segmenter = _segmenter(checkpoint, torch.device("cpu"))
    camera, truth, prediction = [], [], []
    shown: set[int] = set()
    for item in data_sets:
        to_network = item.pictures.label_set.table_to(label_set)
        for position in item.validation(_SAMPLES_PER_SET):
            sample = item.pictures[position]
            assert sample.labels is not None
            [segmentation] = segmenter([Frame(sample.image, "rgb")])
            camera.append(sample.image)
            truth.append(label_set.colorize(to_network[sample.labels]))
            prediction.append(label_set.colorize(segmentation.labels))
            shown.update(np.unique(segmentation.labels).tolist())
    segmenter.close()
    columns = [Column("camera", camera), Column("truth", truth), Column("prediction", prediction)]
    return picture_table(columns, label_set, sorted(shown))


def _segmenter(checkpoint: Checkpoint, device: torch.device) -> Segmenter:
    return Segmenter(
        checkpoint, device=str(device), precision="float32", compile="off", adapts=False
    )
