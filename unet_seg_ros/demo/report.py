# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a recorded drive shows: figures, a video of the overlay, a picture of six frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unet_seg_ros.bags.drive import DriveTopics, SegmentedFrame, count_messages, read_drive
from unet_seg_ros.figures import Column, overlay, picture_table
from unet_seg_ros.labels import LabelSet, Uint8Array
from unet_seg_ros.ros.images import Image

SUMMARY_FRAMES = 6
# Eight million pixels: what a 4K camera sends.
MAX_PIXELS = 3840 * 2160
# Classes on fewer pixels than this share of all are left out of the legend.
_LEGEND_SHARE = 1e-4

_TO_RGB = {
    "rgb": None,
    "bgr": cv2.COLOR_BGR2RGB,
    "rgba": cv2.COLOR_RGBA2RGB,
    "bgra": cv2.COLOR_BGRA2RGB,
}


@dataclass(frozen=True)
class Drive:
    """A recorded drive: where it is, its topics, and what its class ids mean.

    `truth_set` is None where there is no semantic camera.
    """

    bag: Path
    topics: DriveTopics
    label_set: LabelSet
    truth_set: LabelSet | None
    rate_hz: float


def write_report(drive: Drive, folder: Path, after_frame: Callable[[int], None]) -> dict[str, Any]:
    """Write `overlay.mp4` and `summary.png` into `folder` and return the figures of the drive.

    Args:
        drive: What was recorded.
        folder: Where the files go.
        after_frame: Called with how many frames there are, after each of them.

    Returns:
        `frames_in`, `frames_out`, `dropped`, `fps` (label maps per second between the first and
        the last), `latency_ms` (from a picture's stamp to when its labels were published: `p50`,
        `p95`, `p99`).
    """
    counts = count_messages(drive.bag)
    frames_in = counts.get(drive.topics.image, 0)
    frames_out = counts.get(drive.topics.labels, 0)
    if not frames_out:
        raise ValueError(
            f"{drive.bag}: none of its {frames_in} pictures has a label map; the log of the "
            "segmentation node says why"
        )
    chosen = set(np.linspace(0, frames_out - 1, SUMMARY_FRAMES).round().astype(int).tolist())
    rows: list[_Row] = []
    pixels_of_class = np.zeros(256, np.int64)
    stamps_ns: list[int] = []
    published_ns: list[int] = []
    with _Video(folder / "overlay.mp4", drive.rate_hz) as video:
        for position, frame in enumerate(read_drive(drive.bag, drive.topics, MAX_PIXELS)):
            camera = to_rgb(frame.image)
            laid_over = overlay(camera, drive.label_set.colorize(frame.labels))
            video.write(laid_over)
            if position in chosen:
                rows.append(_row(frame, camera, laid_over, drive))
            pixels_of_class += np.bincount(frame.labels.ravel(), minlength=256)
            stamps_ns.append(frame.header.stamp_ns)
            published_ns.append(frame.published_ns)
            after_frame(frames_out)
    shown = np.flatnonzero(pixels_of_class > _LEGEND_SHARE * pixels_of_class.sum())
    _write_summary(folder / "summary.png", rows, drive, shown)
    latencies_ms = (np.array(published_ns) - np.array(stamps_ns)) / 1e6
    p50, p95, p99 = np.percentile(latencies_ms, (50, 95, 99)).round(2).tolist()
    seconds = (published_ns[-1] - published_ns[0]) / 1e9
    return {
        "frames_in": frames_in,
        "frames_out": frames_out,
        "dropped": frames_in - frames_out,
        "fps": round((len(published_ns) - 1) / seconds, 2) if seconds else None,
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
    }


@dataclass(frozen=True)
class _Row:
    """One frame of the summary; all `(H, W, 3)` uint8 RGB."""

    camera: Uint8Array
    truth: Uint8Array | None
    labels: Uint8Array
    overlay: Uint8Array


class _Video:
    """An mp4 file whose size is that of its first frame."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __enter__(self) -> _Video:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def write(self, picture: Uint8Array) -> None:
        if self._writer is None:
            # The codec halves the colours' resolution, so sizes must be even.
            self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), codec, self._rate_hz, self._size)
            if not self._writer.isOpened():
                raise OSError(f"{self._path}: this OpenCV cannot write mp4 videos")
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size).astype(np.uint8, copy=False)
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _row(frame: SegmentedFrame, camera: Uint8Array, laid_over: Uint8Array, drive: Drive) -> _Row:
    truth = None
    if frame.truth and drive.truth_set:
        ids, _ = drive.truth_set.decode_palette(frame.truth.pixels, frame.truth.color_order)
        # In the network's colours, so that one legend serves both.
        truth = drive.label_set.colorize(drive.truth_set.table_to(drive.label_set)[ids])
    return _Row(camera, truth, drive.label_set.colorize(frame.labels), laid_over)


def to_rgb(image: Image) -> Uint8Array:
    """Return the picture as `(H, W, 3)` uint8 RGB."""
    conversion = _TO_RGB[image.color_order]
    if conversion is None:
        return image.pixels
    return cv2.cvtColor(image.pixels, conversion).astype(np.uint8, copy=False)


def _write_summary(path: Path, rows: list[_Row], drive: Drive, shown: Any) -> None:
    columns = [Column("camera", [row.camera for row in rows])]
    if drive.truth_set:
        black = np.zeros_like(rows[0].camera)
        truths = [black if row.truth is None else row.truth for row in rows]
        columns.append(Column("ground truth", truths))
    columns.append(Column("labels", [row.labels for row in rows]))
    columns.append(Column("overlay", [row.overlay for row in rows]))
    class_ids = [int(class_id) for class_id in shown if class_id < len(drive.label_set)]
    figure = picture_table(columns, drive.label_set, class_ids)
    cv2.imwrite(str(path), cv2.cvtColor(figure, cv2.COLOR_RGB2BGR))
