# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The frames of a drive that were scored worst, saved with their truth as training data."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets import capture_format
from unet_seg_ros.datasets.capture_format import UNKNOWN_TOWN
from unet_seg_ros.datasets.capture_writer import begin_capture, runs_of
from unet_seg_ros.evaluation.ranking import Ranking
from unet_seg_ros.pictures.files import write_picture
from unet_seg_ros.units import NS_PER_S


@dataclass(frozen=True)
class _Kept:
    name: str
    stamp_ns: int
    miou: float


class WorstFrames:
    """A capture (`datasets.capture_format`) of the frames of the lowest mIoU.

    Pictures are written, and removed again when worse ones come, while the drive goes on; the
    folder has the name `<folder>.partial` until `close`.

    Args:
        folder: What to write; one that is there is never touched.
        limit: How many frames; at most one of every second, as neighbours look alike.
        label_set: The label set of the truth, as a reader of the capture will find it: the name
            of one in the box, or the path of a file.

    Raises:
        FileExistsError: The folder exists.
        OSError: It cannot be written.
    """

    def __init__(self, folder: Path, limit: int, label_set: str) -> None:
        if folder.exists():
            raise FileExistsError(f"{folder} exists already; move it away, or name another folder")
        self.folder = folder
        self._label_set = label_set
        self._partial = folder.with_name(f"{folder.name}.partial")
        self._ranking: Ranking[_Kept] = Ranking(limit)
        if self._partial.exists():  # of a process that was killed
            shutil.rmtree(self._partial)

    def wants(self, stamp_ns: int, miou: float) -> bool:
        """Tell whether a frame is among the worst so far."""
        return self._ranking.wants(stamp_ns, -miou)

    def add(self, stamp_ns: int, miou: float, image: Uint8Array, truth: Uint8Array) -> None:
        """Save a frame that is wanted, and remove the one that has to go for it.

        Args:
            stamp_ns: When it was taken.
            miou: Its score.
            image: `(H, W, 3)` uint8 RGB.
            truth: `(H, W)` uint8 label map in the label set of the truth, 255 where unknown.

        Raises:
            OSError: It cannot be written.
        """
        if not self._partial.exists():
            begin_capture(self._partial, {"label_set": self._label_set, "kept": "worst scored"})
        kept = _Kept(frame_name(stamp_ns), stamp_ns, miou)
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        write_picture(self._file(capture_format.PICTURES, kept), bgr)
        write_picture(self._file(capture_format.TAGS, kept), truth)
        replaced = self._ranking.put(stamp_ns, -miou, kept)
        if replaced and replaced.name != kept.name:
            for kind in (capture_format.PICTURES, capture_format.TAGS):
                self._file(kind, replaced).unlink()

    def close(self) -> int:
        """Complete the capture and give it its name; return how many frames it has.

        Where there are none, there is no capture.

        Raises:
            OSError: It cannot be written.
        """
        frames = self._ranking.items
        if not frames:
            return 0
        lines = [json.dumps(line) + "\n" for line in _lines(frames)]
        (self._partial / capture_format.FRAMES_FILE).write_text("".join(lines), encoding="utf-8")
        self._partial.rename(self.folder)
        return len(frames)

    def _file(self, kind: str, kept: _Kept) -> Path:
        return self._partial / kind / f"{kept.name}{capture_format.SUFFIX}"


def frame_name(stamp_ns: int) -> str:
    """Return what a frame is called after its stamp: seconds and nanoseconds."""
    seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
    return f"{seconds}.{nanoseconds:09}"


def _lines(frames: list[_Kept]) -> list[dict[str, Any]]:
    """Return the line of every frame; frames are in the order of their stamps."""
    return [
        {
            "name": frame.name,
            "timestamp": frame.stamp_ns / NS_PER_S,
            "town": UNKNOWN_TOWN,
            "run": run,
            "miou": round(frame.miou, 4),
        }
        for frame, run in zip(frames, runs_of(frame.stamp_ns for frame in frames), strict=True)
    ]
