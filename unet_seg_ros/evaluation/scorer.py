# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation node's score: serialized pictures in, counts and figures out."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.ego_masks import unknown_inside
from unet_seg_ros.evaluation.metrics import CommonLabels, ConfusionMatrix, common_labels, ratio
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Image, read_image
from unet_seg_ros.messages.pairing import StampPairs
from unet_seg_ros.messages.semantic import PALETTE, TAGS
from unet_seg_ros.pictures.ego_mask import EgoMask

TRUTH = "truth"
LABELS = "labels"
SCORED = "scored"
REFUSED = "refused"
SKIPPED = "skipped"

TRUTH_ENCODINGS = (PALETTE, TAGS)


@dataclass(frozen=True)
class RunningScore:
    """The score at one moment.

    `frames` counts what came of each side (`truth`, `labels`), pairs that were `scored`, frames
    that were `refused` (bad) or `skipped` (no time, or pairs given up before it was known what
    their label maps mean), and those whose twin never came (`unmatched_truth`, `unmatched_labels`).
    `truth_unknown` is the share of the truth's pixels whose class could not be told; they are not
    scored. `label_set` is None until that of the label maps is known. `repeated` has, by side, a
    stamp that came twice in one run: such frames are not scored, as nothing tells what belongs
    together. `late` counts, by side, frames that came when their twin had been given up.
    """

    label_set: LabelSet | None
    frames: Mapping[str, int]
    matrix: ConfusionMatrix
    truth_unknown: float
    repeated: Mapping[str, int]
    late: Mapping[str, int]

    @property
    def coverage(self) -> float:
        """Frames scored / frames of truth; NaN before the first."""
        return ratio(self.frames[SCORED], self.frames[TRUTH])

    def to_dict(self) -> dict[str, Any]:
        """Return counts and figures as plain values for JSON, which has None for NaN."""
        names = self.label_set.names if self.label_set else ()
        ious = zip(names, self.matrix.per_class_iou().tolist(), strict=True)
        return {
            "label_set": self.label_set.name if self.label_set else None,
            "frames": dict(self.frames),
            "coverage": _or_none(self.coverage),
            "miou": _or_none(self.matrix.mean_iou()),
            "pixel_accuracy": _or_none(self.matrix.pixel_accuracy()),
            "frequency_weighted_iou": _or_none(self.matrix.frequency_weighted_iou()),
            "per_class_iou": {name: _or_none(iou) for name, iou in ious},
            "truth_unknown": _or_none(self.truth_unknown),
        }


@dataclass(frozen=True)
class ScoredFrame:
    """A frame that was scored. All label maps are `(H, W)` uint8, 255 where unknown.

    Attributes:
        stamp_ns: When it was taken.
        truth_labels: The truth in its own label set.
        truth: The truth in the label set of the score.
        prediction: What was predicted, in the label set of the score.
        matrix: The counts of this frame alone.
    """

    stamp_ns: int
    truth_labels: Uint8Array
    truth: Uint8Array
    prediction: Uint8Array
    matrix: ConfusionMatrix


class Scorer:
    """Pairs label maps with pictures of the truth by their stamps, and counts.

    One thread calls `use`, `add` and `score_pair`; any may call `count` and `score`.

    Args:
        truth_set: The label set of the truth.
        truth_encoding: `PALETTE` for that set's colours, `TAGS` for ids in the red channel.
        max_waiting: How many frames of a side may wait for their twins.
        max_pixels: Larger pictures are refused.
        ego_mask: Where the camera sees the own car, which is not scored.
    """

    def __init__(
        self,
        truth_set: LabelSet,
        truth_encoding: str,
        max_waiting: int,
        max_pixels: int,
        ego_mask: EgoMask | None = None,
    ) -> None:
        self._truth_set = truth_set
        self._decode = (
            truth_set.decode_palette if truth_encoding == PALETTE else truth_set.decode_tags
        )
        self._max_waiting = max_waiting
        self._max_pixels = max_pixels
        self._ego_mask = ego_mask
        # The first picture need not wait for the table of colours.
        self._decode(np.zeros((1, 1, 4), np.uint8), "bgra")
        self._lock = threading.Lock()
        self._common: CommonLabels | None = None
        self._begin()

    def use(self, prediction_set: LabelSet) -> CommonLabels:
        """Read label maps in this label set from now on; an earlier one's score is forgotten.

        Returns:
            How label maps and truth are compared.

        Raises:
            ValueError: it has no class in common with the truth's.
        """
        common = common_labels(prediction_set, self._truth_set)
        with self._lock:
            if self._common:
                self._begin()
            self._matrix = ConfusionMatrix(len(common.label_set))
            self._common = common
        return common

    def add(self, side: str, data: bytes) -> None:
        """Take a serialized sensor_msgs/Image of TRUTH or LABELS.

        Raises:
            BadImage: it holds no picture.
        """
        self.count(side)
        image = read_image(data, self._max_pixels)
        twin = self._pairs.put(side, image.header.stamp_ns, image)
        if twin is not None:
            if len(self._unscored) == self._max_waiting:
                self.count(SKIPPED)  # the first of them, which the new one puts out
            self._unscored.append((image, twin) if side == TRUTH else (twin, image))

    @property
    def has_pair(self) -> bool:
        """Whether a pair can be scored; before the first `use`, pairs wait."""
        return bool(self._common and self._unscored)

    def score_pair(self) -> ScoredFrame:
        """Score the pair that came first; only where there is one.

        Raises:
            ValueError: the two differ in size, or the label map holds ids of another label set.
        """
        assert self._common
        truth, labels = self._unscored.popleft()
        return self._score(truth, labels, self._common)

    def count(self, what: str) -> None:
        """Count a frame: REFUSED, SKIPPED, ..."""
        with self._lock:
            self._frames[what] += 1

    def score(self) -> RunningScore:
        """Return the score so far."""
        with self._lock:
            frames = {
                name: self._frames[name] for name in (TRUTH, LABELS, SCORED, REFUSED, SKIPPED)
            }
            for side, messages in self._pairs.unmatched.items():
                frames[f"unmatched_{side}"] = messages
            matrix = ConfusionMatrix(self._matrix.classes)
            matrix.merge(self._matrix)
            label_set = self._common.label_set if self._common else None
            unknown = ratio(self._unknown_pixels, self._truth_pixels)
            repeated, late = dict(self._pairs.repeated), dict(self._pairs.late)
            return RunningScore(label_set, frames, matrix, unknown, repeated, late)

    def _begin(self) -> None:
        self._pairs: StampPairs[Image] = StampPairs((TRUTH, LABELS), self._max_waiting)
        self._unscored: deque[tuple[Image, Image]] = deque(maxlen=self._max_waiting)
        self._frames: Counter[str] = Counter()
        self._matrix = ConfusionMatrix(0)
        self._truth_pixels = self._unknown_pixels = 0

    def _score(self, truth: Image, labels: Image, common: CommonLabels) -> ScoredFrame:
        truth_labels, unknown_pixels = self._decode(truth.pixels, truth.color_order)
        if self._ego_mask:
            truth_labels = unknown_inside(truth_labels, self._ego_mask)
        frame = ScoredFrame(
            stamp_ns=truth.header.stamp_ns,
            truth_labels=truth_labels,
            truth=_translated(truth_labels, common.truth_table),
            prediction=_translated(labels.gray(), common.prediction_table),
            matrix=ConfusionMatrix(len(common.label_set)),
        )
        frame.matrix.update(frame.prediction, frame.truth)
        with self._lock:
            self._truth_pixels += truth_labels.size
            self._unknown_pixels += unknown_pixels
            self._matrix.merge(frame.matrix)
            self._frames[SCORED] += 1
        return frame


def _translated(labels: Uint8Array, table: Uint8Array) -> Uint8Array:
    return cv2.LUT(labels, table).astype(np.uint8, copy=False)  # a third of table[labels]


def _or_none(figure: float) -> float | None:
    return None if math.isnan(figure) else figure
