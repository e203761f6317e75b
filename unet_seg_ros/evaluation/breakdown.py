# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report's table of frames that belong together, and how sure each figure is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unet_seg_ros.evaluation.evaluation import Evaluation
from unet_seg_ros.evaluation.groups import Kind, group_of
from unet_seg_ros.evaluation.metrics import ConfusionMatrix
from unet_seg_ros.evaluation.uncertainty import Draws, draw, interval
from unet_seg_ros.labels.label_set import LabelSet

Intervals = dict[str, list[float] | None]


def intervals(draws: Draws) -> Intervals:
    """Return the 95 % intervals of mIoU and pixel accuracy, for JSON."""
    named = {"miou": draws.miou, "pixel_accuracy": draws.pixel_accuracy}
    found = {name: interval(figures) for name, figures in named.items()}
    return {name: ends and [round(end, 4) for end in ends] for name, ends in found.items()}


def intervals_of(matrices: Sequence[ConfusionMatrix]) -> Intervals | None:
    """Return the intervals of figures of these frames; None for one, which says nothing of others.

    Also None where the pixels of the frames were not kept.
    """
    return intervals(draw(matrices)) if len(matrices) > 1 else None


def breakdown(
    evaluation: Evaluation, drives: Sequence[str], kinds: Sequence[Kind]
) -> list[dict[str, Any]]:
    """Return the figures of each group of frames, in the order of the groups' names.

    Args:
        evaluation: What was counted, with the pixels of each frame.
        drives: The drive of every picture of the data set.
        kinds: What a group has in common; two tell every pair apart, such as weather and town.
    """
    frames = evaluation.results[0].frames
    positions: dict[tuple[str, ...], list[int]] = {}
    for position, frame in enumerate(frames):
        positions.setdefault(group_of(kinds, frame.name, drives[frame.index]), []).append(position)
    return [
        {
            "group": dict(zip(kinds, group, strict=True)),
            "frames": len(members),
            "results": [
                _figures([result.matrices[member] for member in members], evaluation.label_set)
                for result in evaluation.results
            ],
        }
        for group, members in sorted(positions.items())
    ]


def breakdown_rows(section: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the breakdown of a data set's section as rows: one for each group and checkpoint."""
    return [
        {
            "group": " / ".join(item["group"].values()),
            "checkpoint": name,
            "frames": item["frames"],
            **figures,
        }
        for item in section["by"]
        for name, figures in zip(names, item["results"], strict=True)
    ]


def _figures(matrices: Sequence[ConfusionMatrix], label_set: LabelSet) -> dict[str, Any]:
    total = ConfusionMatrix(len(label_set))
    for matrix in matrices:
        total.merge(matrix)
    truth_px = total.counts.sum(axis=1)
    iou = total.per_class_iou()
    is_known = bool(truth_px.any())
    return {
        "miou": round(total.mean_iou(), 4) if is_known else None,
        "pixel_accuracy": round(total.pixel_accuracy(), 4) if is_known else None,
        "interval": intervals_of(matrices),
        "iou": {
            item.name: round(float(iou[item.id]), 4)
            for item in label_set.classes
            if truth_px[item.id]
        },
    }
