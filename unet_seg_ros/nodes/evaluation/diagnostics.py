# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A score as lines for the log and as the texts of a diagnostic status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unet_seg_ros.evaluation.scorer import LABELS, SCORED, TRUTH, RunningScore
from unet_seg_ros.units import NS_PER_S

UNKNOWN_LIMIT = 0.5  # more of the truth unknown than this means that it is read wrongly


def problem_of(score: RunningScore, side_topics: Mapping[str, str]) -> str:
    """Return what is in the way of a score, or of a part of it, beside the score; empty if nothing.

    Args:
        score: The score.
        side_topics: The topics of truth and label maps.
    """
    frames = score.frames
    if score.truth_unknown > UNKNOWN_LIMIT:
        return (
            f"{score.truth_unknown:.0%} of the truth's pixels have no known class: are "
            "truth_encoding and truth_label_set right?"
        )
    for side, stamp_ns in score.repeated.items():
        repeated = (
            f"{side_topics[side]}: the stamp {stamp_ns / NS_PER_S:.3f} s came twice; such frames "
            "are not scored, as nothing tells which label map and truth belong together"
        )
        return f"{line_of(score)}; {repeated}" if frames[SCORED] else repeated
    if frames[SCORED]:
        return ""
    if not frames[LABELS]:
        return "nothing scored: no label maps arrive"
    if not frames[TRUTH]:
        return "nothing scored: no truth arrives"
    if not score.label_set:
        return "nothing scored: the legend of the label maps has not arrived"
    for side, count in score.late.items():
        if count:
            return (
                f"nothing scored: {side_topics[side]} comes more than max_waiting_frames frames "
                "after its counterpart; give a larger max_waiting_frames"
            )
    return "nothing scored: no stamps are equal, or every frame was refused"


def line_of(score: RunningScore) -> str:
    """Return the score as a line for the log."""
    return (
        f"mIoU {score.matrix.mean_iou():.3f}, pixel accuracy {score.matrix.pixel_accuracy():.3f}, "
        f"{score.frames[SCORED]} frames, {score.coverage:.1%} of the truth"
    )


def texts_of(figures: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested figures as the flat texts of a diagnostic status: `frames.scored`, ..."""
    texts: dict[str, str] = {}
    for key, value in figures.items():
        if isinstance(value, Mapping):
            texts.update(texts_of(value, f"{prefix}{key}."))
        elif value is not None:
            texts[prefix + key] = f"{value:.4f}" if isinstance(value, float) else str(value)
    return texts
