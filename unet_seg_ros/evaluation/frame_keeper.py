# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is left of a scored drive: a report, and the worst frames as training data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from unet_seg_ros.evaluation.live_report import LiveReport, ScoredCamera
from unet_seg_ros.evaluation.metrics import CommonLabels
from unet_seg_ros.evaluation.scorer import RunningScore, ScoredFrame
from unet_seg_ros.evaluation.worst_frames import WorstFrames
from unet_seg_ros.files import require_writable
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Image
from unet_seg_ros.messages.pairing import StampPairs

WORST_FRAMES = "worst_frames"

_IMAGE, _FRAME = "image", "frame"


class FrameKeeper:
    """Brings scored frames and the camera's pictures of them together, and keeps what counts.

    Args:
        folder: Where the report goes, and in it the folder `worst_frames`.
        camera: What is scored.
        worst: How many of the worst frames to save; 0 for none.
        truth_set_name: The name or path of the truth's label set.
        max_waiting: How many camera pictures may wait for their frame to be scored.

    Raises:
        OSError: The folder cannot be written, or has the worst frames of another drive.
    """

    def __init__(
        self, folder: Path, camera: ScoredCamera, worst: int, truth_set_name: str, max_waiting: int
    ) -> None:
        require_writable(folder)
        self._folder = folder
        self._camera = camera
        self._worst = WorstFrames(folder / WORST_FRAMES, worst, truth_set_name) if worst else None
        self._pairs: StampPairs[Image | ScoredFrame] = StampPairs((_IMAGE, _FRAME), max_waiting)
        self._report: LiveReport | None = None

    def use(self, prediction_set: LabelSet, common: CommonLabels) -> None:
        """Begin the report, anew where there is one, with label maps in this label set."""
        self._report = LiveReport(self._camera, prediction_set, common)

    def add_image(self, image: Image) -> None:
        """Take a picture of the camera.

        Raises:
            OSError: A frame cannot be saved.
        """
        frame = self._pairs.put(_IMAGE, image.header.stamp_ns, image)
        if isinstance(frame, ScoredFrame):
            self._keep(frame, image)

    def add_frame(self, frame: ScoredFrame, has_time: bool) -> None:
        """Take a frame that was scored; where others wait already, there is no time for it all.

        Raises:
            OSError: A frame cannot be saved.
        """
        if self._report:
            self._report.count(frame, has_time)
        image = self._pairs.put(_FRAME, frame.stamp_ns, frame)
        if isinstance(image, Image):
            self._keep(frame, image)

    def write(self, checkpoint: str, score: RunningScore, warnings: Sequence[str]) -> list[str]:
        """Write what was kept; return a sentence about each thing for the log.

        Raises:
            OSError: It cannot be written.
        """
        sentences = []
        if self._worst:
            sentences.append(
                f"{count} frames that were scored worst are in {self._worst.folder}"
                if (count := self._worst.close())
                else "no frames were saved: none has both a score and a picture"
            )
        if self._report and self._report.frames:
            page = self._report.write(self._folder, checkpoint, score, warnings)
            sentences.append(f"the report is {page}")
        else:
            sentences.append("there is no report, as nothing was scored")
        return sentences

    def _keep(self, frame: ScoredFrame, image: Image) -> None:
        if image.pixels.shape[:2] != frame.truth.shape:
            raise ValueError(
                f"a camera picture has {image.pixels.shape[:2]} rows and columns, its label map "
                f"{frame.truth.shape}"
            )
        rgb = image.rgb()
        miou = frame.matrix.mean_iou()
        if math.isnan(miou):  # nothing of it is labelled
            return
        if self._report:
            self._report.show(frame, rgb)
        if self._worst and self._worst.wants(frame.stamp_ns, miou):
            self._worst.add(frame.stamp_ns, miou, rgb, frame.truth_labels)
