# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scores label maps that were recorded with their pictures, as if their network ran again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.evaluation.evaluation import (
    Counts,
    Evaluation,
    FrameScore,
    Result,
    SegmentedFrame,
    frames_to_show,
)
from unet_seg_ros.evaluation.metrics import common_labels
from unet_seg_ros.evaluation.report_page import ShownFrame, ShownFrames, show_frame
from unet_seg_ros.labels.label_set import LabelSet

LabelMaps = Callable[[int], "Uint8Array | None"]
"""Returns the label map of the picture at a position of the data set, None where there is none."""


def evaluate_recorded(
    label_maps: LabelMaps,
    prediction_set: LabelSet,
    pictures: LabelledPictures,
    indices: Iterable[int],
) -> Evaluation:
    """Count what agrees with the ground truth. Files that cannot be used are noted and left out.

    Args:
        label_maps: What was predicted.
        prediction_set: What its ids mean.
        pictures: The data set.
        indices: Which of its pictures; those without a label map are passed over.

    Raises:
        DataError: No picture can be scored.
        ValueError: The label maps have no class in common with the truth.
    """
    common = common_labels(prediction_set, pictures.label_set)
    result = Result(prediction_set, common, Counts(len(common.label_set)))
    evaluation = Evaluation(common.label_set, [result])
    for index in indices:
        try:
            frame = _frame(index, label_maps, pictures, result)
        except DataError as error:
            evaluation.bad.append(str(error))
            continue
        if frame:
            _count(index, frame, evaluation)
    if not evaluation.sizes and evaluation.bad:
        raise DataError(f"{pictures.name}: no picture can be used: {evaluation.bad[0]}")
    if not evaluation.sizes:
        raise DataError(f"{pictures.name}: no picture that can be used has a label map")
    return evaluation


def show_recorded_frames(
    label_maps: LabelMaps, pictures: LabelledPictures, evaluation: Evaluation
) -> ShownFrames:
    """Draw the best, median and worst frames of an evaluation of recorded label maps."""
    [result] = evaluation.results

    def show(score: FrameScore) -> ShownFrame:
        frame = _frame(score.index, label_maps, pictures, result)
        assert frame
        return show_frame(frame, evaluation.label_set, [""], [score.miou])

    return {
        kind: [show(score) for score in scores]
        for kind, scores in frames_to_show(result.frames).items()
    }


def recorded_section(name: str, label_set: LabelSet) -> dict[str, Any]:
    """Return the report's part about the network; None is what the recording does not tell."""
    untold = (
        "file",
        "parameters",
        "network",
        "input_size",
        "enlarges",
        "device",
        "precision",
        "engine",
    )
    return {
        "name": name,
        "label_set": label_set.name,
        "classes": len(label_set),
        **dict.fromkeys(untold),
    }


def _frame(
    index: int, label_maps: LabelMaps, pictures: LabelledPictures, result: Result
) -> SegmentedFrame | None:
    """Return a picture with both label maps in the common label set."""
    labels = label_maps(index)
    if labels is None:
        return None
    sample = pictures[index]
    if sample.labels is None or sample.labels.shape != labels.shape:
        raise DataError(f"{sample.name}: its label map has another size than its ground truth")
    prediction = result.common.prediction_table[labels]
    return SegmentedFrame(
        sample.name, sample.image, result.common.truth_table[sample.labels], (prediction,)
    )


def _count(index: int, frame: SegmentedFrame, evaluation: Evaluation) -> None:
    [result], [prediction] = evaluation.results, frame.predictions
    counts = Counts(len(evaluation.label_set))
    counts.update(prediction, frame.truth, confidence=None, engine_ns=0)
    result.add(index, frame.name, counts)
    height, width = prediction.shape
    evaluation.sizes[width, height] += 1
