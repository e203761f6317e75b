# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of `unet-seg evaluate`, on frames that are scored while they are driven.

Figures come from counts. Of the pictures only those are kept that the page may show, drawn already.
Importing this takes as long as importing torch.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.evaluation import report
from unet_seg_ros.evaluation.evaluation import (
    Counts,
    Evaluation,
    FrameScore,
    Result,
    SegmentedFrame,
    frames_to_show,
)
from unet_seg_ros.evaluation.metrics import CommonLabels
from unet_seg_ros.evaluation.ranking import Ranking
from unet_seg_ros.evaluation.recorded import recorded_section
from unet_seg_ros.evaluation.report_page import ShownFrame, ShownFrames, show_frame
from unet_seg_ros.evaluation.scorer import TRUTH, RunningScore, ScoredFrame
from unet_seg_ros.evaluation.worst_frames import frame_name
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.geometry import Size

MAX_FRAME_SCORES = 100_000
"""The report has the scores of the last so many frames: those of 80 minutes at 20 Hz."""

# Best and worst frames that the page may show, and others to find the median ones among. Drawn,
# each takes some 200 kB.
_EXTREMES = 3
_SAMPLE = 30

_NOT_MEASURED = (
    "Label maps were scored as they came, without the network's confidence and time; "
    "unet-seg evaluate measures both."
)


@dataclass(frozen=True)
class ScoredCamera:
    """What is scored: `name` is that of the camera, `source` that of its truth."""

    name: str
    source: str
    label_set: LabelSet


class LiveReport:
    """Counts frames, and keeps drawings of the best, the worst, and a sample of the others.

    Args:
        camera: What is scored.
        prediction_set: The network's own classes.
        common: How label maps and truth are compared.
    """

    def __init__(
        self, camera: ScoredCamera, prediction_set: LabelSet, common: CommonLabels
    ) -> None:
        self._camera = camera
        self._result = Result(prediction_set, common, Counts(len(common.label_set)))
        self._scores: deque[FrameScore] = deque(maxlen=MAX_FRAME_SCORES)
        self._sizes: Counter[Size] = Counter()
        self._with_boundary = 0
        self._best: Ranking[ShownFrame] = Ranking(_EXTREMES)
        self._worst: Ranking[ShownFrame] = Ranking(_EXTREMES)
        self._sample: Ranking[ShownFrame] = Ranking(_SAMPLE)

    @property
    def frames(self) -> int:
        """How many frames were counted."""
        return self._result.counts.frames

    def count(self, frame: ScoredFrame, has_time: bool) -> None:
        """Count a frame; its boundaries, which take the most time, only if there is time."""
        height, width = frame.truth.shape
        self._sizes[width, height] += 1
        counts = self._result.counts
        counts.update(frame.prediction, frame.truth, None, 0, with_boundary=has_time)
        self._with_boundary += has_time
        self._scores.append(
            FrameScore(
                index=counts.frames - 1,
                name=frame_name(frame.stamp_ns),
                miou=frame.matrix.mean_iou(),
                pixel_accuracy=frame.matrix.pixel_accuracy(),
            )
        )

    def show(self, frame: ScoredFrame, image: Uint8Array) -> None:
        """Keep a frame if the page may show it.

        Args:
            frame: One that has an mIoU.
            image: The camera's picture of it, `(H, W, 3)` uint8 RGB.
        """
        miou = frame.matrix.mean_iou()
        ranks = ((self._best, miou), (self._worst, -miou), (self._sample, random.random()))
        wanted = [(kept, rank) for kept, rank in ranks if kept.wants(frame.stamp_ns, rank)]
        if not wanted:
            return
        name = frame_name(frame.stamp_ns)
        segmented = SegmentedFrame(name, image, frame.truth, (frame.prediction,))
        shown = show_frame(segmented, self._result.common.label_set, [""], [miou])
        for kept, rank in wanted:
            kept.put(frame.stamp_ns, rank, shown)

    def write(
        self, folder: Path, checkpoint: str, score: RunningScore, warnings: Sequence[str]
    ) -> Path:
        """Write the report of what was counted, whole or not at all; return its page.

        Args:
            folder: Where it goes; an earlier report is replaced.
            checkpoint: What to call the network.
            score: Tells of how many frames there was a truth.
            warnings: What a reader of the figures must know.

        Raises:
            OSError: It cannot be written.
        """
        self._result.frames = list(self._scores)
        measured = Evaluation(self._result.common.label_set, [self._result], self._sizes)
        available = score.frames[TRUTH]
        facts = report.DataFacts(self._camera.source, "all", "", available, tuple(warnings))
        section = report.data_section(self._camera, facts, measured, [checkpoint])
        section["notes"].append(_NOT_MEASURED)
        if self._with_boundary < self.frames:
            section["notes"].append(
                f"Boundary F is that of {self._with_boundary} frames; for the others there was no "
                "time."
            )
        document = report.document(
            [recorded_section(checkpoint, self._result.prediction_set)], [section]
        )
        report.write_report(folder, document, [self._frames_to_show()])
        return folder / report.PAGE_NAME

    def _frames_to_show(self) -> ShownFrames:
        kept = [*self._best.items, *self._worst.items, *self._sample.items]
        # By name, because a frame may be kept as the best and in the sample.
        frames = list({frame.name: frame for frame in kept}.values())
        scores = [
            FrameScore(index, frame.name, frame.mious[0], math.nan)
            for index, frame in enumerate(frames)
        ]
        return {
            kind: [frames[score.index] for score in chosen]
            for kind, chosen in frames_to_show(scores).items()
        }
