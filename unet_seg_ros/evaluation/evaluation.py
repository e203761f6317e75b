# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measures networks on pictures with ground truth, at the pictures' own size.

Everything is counted first, frame by frame, in objects that add up exactly in any order; figures
are derived from the counts when they are asked for.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import LabelledPictures, Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.evaluation.boundary import BoundaryCounts
from unet_seg_ros.evaluation.calibration import CalibrationCounts
from unet_seg_ros.evaluation.flicker import FlickerCounts
from unet_seg_ros.evaluation.instances import InstanceCounts
from unet_seg_ros.evaluation.metrics import CommonLabels, ConfusionMatrix, common_labels
from unet_seg_ros.inference.segmenter import Frame, Request, Segmenter
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.units import NS_PER_S

# In a label set of two classes the first is the background.
THING_ID = 1
_SHOWN_PER_KIND = 3


class Counts:
    """Everything that is counted about the label maps of one network.

    Attributes:
        matrix: Pixels of the truth against the prediction.
        boundary: Boundary pixels.
        calibration: Pixels by confidence.
        instances: Connected components of the second of two classes; None in other label sets.
        frames: How many frames were counted.
        unlabelled_px: Pixels whose truth is not known; no other count has them.
        labelled_px: Pixels whose truth is known.
        engine_ns: Time that the engine took, without reading the pictures.
    """

    def __init__(self, classes: int) -> None:
        self.matrix = ConfusionMatrix(classes)
        self.boundary = BoundaryCounts(classes)
        self.calibration = CalibrationCounts()
        self.instances = InstanceCounts() if classes == 2 else None
        self.frames = 0
        self.unlabelled_px = 0
        self.labelled_px = 0
        self.engine_ns = 0

    def update(
        self,
        prediction: Uint8Array,
        truth: Uint8Array,
        confidence: Uint8Array | None,
        engine_ns: int,
        with_boundary: bool = True,
    ) -> None:
        """Count one frame; all three are `(H, W)` uint8, the label maps in one label set.

        Args:
            prediction: What the network said.
            truth: What is there.
            confidence: How sure it was; None where that is not known.
            engine_ns: How long it took; 0 where that is not known.
            with_boundary: Whether boundaries are counted, which takes longer than all the rest.

        Raises:
            ValueError: the sizes differ, or an id is not of the label set.
        """
        self.matrix.update(prediction, truth)
        if with_boundary:
            self.boundary.update(prediction, truth)
        if confidence is not None:
            self.calibration.update(confidence, prediction, truth)
        if self.instances:
            self.instances.update(prediction, truth, THING_ID)
        self.frames += 1
        unlabelled_px = int((truth == UNKNOWN_ID).sum())
        self.unlabelled_px += unlabelled_px
        self.labelled_px += truth.size - unlabelled_px
        self.engine_ns += engine_ns

    def merge(self, other: Counts) -> None:
        """Add the counts of another, over the same classes."""
        self.matrix.merge(other.matrix)
        self.boundary.merge(other.boundary)
        self.calibration.merge(other.calibration)
        if self.instances and other.instances:
            self.instances.merge(other.instances)
        self.frames += other.frames
        self.unlabelled_px += other.unlabelled_px
        self.labelled_px += other.labelled_px
        self.engine_ns += other.engine_ns

    def frames_per_second(self) -> float:
        """Return how many frames the engine does in a second; NaN before the first."""
        return self.frames * NS_PER_S / self.engine_ns if self.engine_ns else math.nan


@dataclass(frozen=True)
class FrameScore:
    """The score of one frame; NaN where nothing of it is labelled.

    `index` is its position in the data set.
    """

    index: int
    name: str
    miou: float
    pixel_accuracy: float


@dataclass
class Result:
    """What one network did.

    Attributes:
        prediction_set: The network's own classes.
        common: The way from them to those that are compared.
        counts: Of all frames together.
        frames: The score of each.
        matrices: The pixels of each, where all of them are kept.
        flicker: Pixels of frames that follow each other.
    """

    prediction_set: LabelSet
    common: CommonLabels
    counts: Counts
    frames: list[FrameScore] = field(default_factory=list)
    matrices: list[ConfusionMatrix] = field(default_factory=list)
    flicker: FlickerCounts = field(default_factory=FlickerCounts)

    def add(self, index: int, name: str, counts: Counts) -> None:
        """Add a frame by the counts of it alone."""
        self.counts.merge(counts)
        matrix = counts.matrix
        self.matrices.append(matrix)
        self.frames.append(FrameScore(index, name, matrix.mean_iou(), matrix.pixel_accuracy()))


@dataclass
class Evaluation:
    """Networks measured on the same frames of a data set, in the same label set.

    Attributes:
        label_set: The classes that are told apart (`metrics.common_labels`).
        results: One for every network.
        sizes: How many frames there are of every size, (width, height).
        bad: What was wrong with each file that was left out.
    """

    label_set: LabelSet
    results: list[Result]
    sizes: Counter[Size] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SegmentedFrame:
    """A frame to look at: `(H, W, 3)` uint8 RGB, and label maps of the common label set."""

    name: str
    image: Uint8Array
    truth: Uint8Array
    predictions: tuple[Uint8Array, ...]


def evaluate(
    segmenters: Sequence[Segmenter],
    pictures: LabelledPictures,
    indices: Iterable[int],
    *,
    skip_bad: bool = False,
) -> Evaluation:
    """Segment pictures with every network and count what agrees with their ground truth.

    Args:
        segmenters: The networks, each of which sees every picture.
        pictures: The data set.
        indices: Which of its pictures; each is read once.
        skip_bad: Whether files that cannot be used are noted and left out.

    Raises:
        DataError: A file cannot be used (unless `skip_bad`), or none can.
        ValueError: A network has no class in common with the truth.
    """
    if pictures.faults and not skip_bad:
        raise DataError(pictures.faults[0])
    evaluation = _begin(segmenters, pictures)
    drives = pictures.drives  # a new list each time
    last = -1
    for index in indices:
        try:
            sample = pictures[index]
        except DataError as error:
            if not skip_bad:
                raise
            evaluation.bad.append(str(error))
            continue
        follows = index == last + 1 > 0 and drives[index] == drives[last]
        _score_frame(segmenters, index, sample, evaluation, follows)
        last = index
    if not evaluation.sizes:
        raise DataError(f"{pictures.name}: there is no picture to evaluate on")
    return evaluation


def segment_again(
    segmenters: Sequence[Segmenter], sample: Sample, evaluation: Evaluation
) -> SegmentedFrame:
    """Return what the networks make of one frame of an evaluation."""
    predictions = []
    for segmenter, result in zip(segmenters, evaluation.results, strict=True):
        [segmentation] = segmenter([Frame(sample.image, "rgb", sample.ego_mask)])
        predictions.append(result.common.prediction_table[segmentation.labels])
    truth = evaluation.results[0].common.truth_table[_truth(sample)]
    return SegmentedFrame(sample.name, sample.image, truth, tuple(predictions))


def frames_to_show(frames: Sequence[FrameScore]) -> dict[str, list[FrameScore]]:
    """Return the `best`, `median` and `worst` frames by mIoU, at most three each, none twice."""
    ranked = sorted((f for f in frames if not math.isnan(f.miou)), key=lambda f: -f.miou)
    each = max(1, min(_SHOWN_PER_KIND, len(ranked) // 3))
    best, rest = ranked[:each], ranked[each:]
    worst, rest = rest[-each:][::-1], rest[:-each]
    first = max(0, (len(rest) - each) // 2)
    return {"best": best, "median": rest[first : first + each], "worst": worst}


def _begin(segmenters: Sequence[Segmenter], pictures: LabelledPictures) -> Evaluation:
    label_sets = [segmenter.label_set for segmenter in segmenters]
    commons = [common_labels(own, pictures.label_set, *label_sets) for own in label_sets]
    label_set = commons[0].label_set
    results = [
        Result(own, common, Counts(len(label_set)))
        for own, common in zip(label_sets, commons, strict=True)
    ]
    return Evaluation(label_set, results, bad=list(pictures.faults))


def _score_frame(
    segmenters: Sequence[Segmenter],
    index: int,
    sample: Sample,
    evaluation: Evaluation,
    follows: bool,
) -> None:
    height, width = sample.image.shape[:2]
    evaluation.sizes[width, height] += 1
    for segmenter, result in zip(segmenters, evaluation.results, strict=True):
        # What is done once for a size is not part of a frame's time.
        if evaluation.sizes[width, height] == 1:
            segmenter.warm_up([(width, height)], confidence=True)
        begin_ns = time.perf_counter_ns()
        [segmentation] = segmenter(
            [Frame(sample.image, "rgb", sample.ego_mask)], Request(confidence=True)
        )
        engine_ns = time.perf_counter_ns() - begin_ns
        assert segmentation.confidence is not None
        prediction = result.common.prediction_table[segmentation.labels]
        result.flicker.update(sample.image, prediction, follows, sample.camera)
        counts = Counts(len(evaluation.label_set))
        counts.update(
            prediction,
            result.common.truth_table[_truth(sample)],
            segmentation.confidence,
            engine_ns,
        )
        result.add(index, sample.name, counts)


def _truth(sample: Sample) -> Uint8Array:
    if sample.labels is None:
        raise DataError(f"{sample.name}: has no ground truth to be scored against")
    return sample.labels
