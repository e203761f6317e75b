# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a recorded drive shows: figures, a video of the overlay, a picture of six frames."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.bags.drive import DriveTopics, RecordedFrame, count_messages, read_drive
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.figures import Column, note, overlay, picture_table
from unet_seg_ros.pictures.video import Video
from unet_seg_ros.units import NS_PER_S

SUMMARY_FRAMES = 6
# Eight million pixels: what a 4K camera sends.
MAX_PIXELS = 3840 * 2160
# Classes on fewer pixels than this share of all are left out of the legend.
_LEGEND_SHARE = 1e-4


@dataclass(frozen=True)
class RecordedDrive:
    """A recorded drive: where it is, its topics, and what its class ids mean.

    `truth_set` is None where there is no semantic camera.
    """

    bag: Path
    topics: DriveTopics
    label_set: LabelSet
    truth_set: LabelSet | None
    rate_hz: float


def write_report(
    drive: RecordedDrive, folder: Path, after_frame: Callable[[int], None]
) -> dict[str, Any]:
    """Write `overlay.mp4` and `summary.png` into `folder` and return the figures of the drive.

    The summary has a frame of each sixth of the drive: the first whose truth was recorded, if any.

    Args:
        drive: What was recorded.
        folder: Where the files go.
        after_frame: Called with how many frames there are, after each of them.

    Returns:
        `frames_in`, `frames_out`, `dropped`, `fps` (label maps per second between the first and
        the last), `latency_ms` (from when a picture was published to when its labels were: `p50`,
        `p95`, `p99`).

    Raises:
        ValueError: There is no label map with its picture.
        BagError: The bag cannot be read.
    """
    counts = count_messages(drive.bag)
    frames_in = counts.get(drive.topics.image, 0)
    frames_out = counts.get(drive.topics.labels, 0)
    if not frames_out:
        raise ValueError(
            f"{drive.bag}: none of its {frames_in} pictures has a label map; the log of the "
            "segmentation node says why"
        )
    rows: dict[int, _Row] = {}  # by the part of the drive
    pixels_of_class = np.zeros(256, np.int64)
    image_published_ns: list[int] = []
    published_ns: list[int] = []
    with Video(folder / "overlay.mp4", drive.rate_hz) as video:
        for position, frame in enumerate(read_drive(drive.bag, drive.topics, MAX_PIXELS)):
            camera = frame.image.rgb()
            laid_over = overlay(camera, drive.label_set.colorize(frame.labels), frame.labels)
            video.write(laid_over)
            part = position * SUMMARY_FRAMES // frames_out
            if part not in rows or (rows[part].truth is None and frame.truth):
                rows[part] = _row(frame, camera, laid_over, drive)
            pixels_of_class += np.bincount(frame.labels.ravel(), minlength=256)
            image_published_ns.append(frame.image_published_ns)
            published_ns.append(frame.published_ns)
            after_frame(frames_out)
    if not rows:
        raise ValueError(
            f"{drive.bag}: none of its {frames_out} label maps has its picture among the "
            f"{frames_in} that were recorded; the log of the recorder says why"
        )
    shown = _frequent(pixels_of_class).union(*(row.truth_ids for row in rows.values()))
    _write_summary(folder / "summary.png", list(rows.values()), drive, shown)
    latencies_ms = (np.array(published_ns) - np.array(image_published_ns)) / 1e6
    p50, p95, p99 = np.percentile(latencies_ms, (50, 95, 99)).round(2).tolist()
    seconds = (published_ns[-1] - published_ns[0]) / NS_PER_S
    return {
        "frames_in": frames_in,
        "frames_out": frames_out,
        "dropped": frames_in - frames_out,
        "fps": round((len(published_ns) - 1) / seconds, 2) if seconds else None,
        "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
    }


@dataclass(frozen=True)
class _Row:
    """One frame of the summary: `(H, W, 3)` uint8 RGB, and the classes that its truth shows."""

    camera: Uint8Array
    truth: Uint8Array | None
    labels: Uint8Array
    overlay: Uint8Array
    truth_ids: frozenset[int]


def _row(
    frame: RecordedFrame, camera: Uint8Array, laid_over: Uint8Array, drive: RecordedDrive
) -> _Row:
    truth, truth_ids = None, frozenset[int]()
    if frame.truth and drive.truth_set:
        ids, _ = drive.truth_set.decode_palette(frame.truth.pixels, frame.truth.color_order)
        # In the network's colours, so that one legend serves both.
        ids = drive.truth_set.table_to(drive.label_set)[ids]
        truth = drive.label_set.colorize(ids)
        truth_ids = _frequent(np.bincount(ids.ravel(), minlength=256))
    return _Row(camera, truth, drive.label_set.colorize(frame.labels), laid_over, truth_ids)


def _frequent(pixels: npt.NDArray[np.int64]) -> frozenset[int]:
    """Return the ids of which there are enough pixels, `(256,)`, to be in the legend."""
    return frozenset(np.flatnonzero(pixels > _LEGEND_SHARE * pixels.sum()).tolist())


def _write_summary(
    path: Path, rows: list[_Row], drive: RecordedDrive, shown: Collection[int]
) -> None:
    columns = [Column("camera", [row.camera for row in rows])]
    if drive.truth_set:
        lost = note("not recorded", rows[0].camera.shape[1], rows[0].camera.shape[0])
        truths = [lost if row.truth is None else row.truth for row in rows]
        columns.append(Column("ground truth", truths))
    columns.append(Column("labels", [row.labels for row in rows]))
    columns.append(Column("overlay", [row.overlay for row in rows]))
    class_ids = [class_id for class_id in sorted(shown) if class_id < len(drive.label_set)]
    figure = picture_table(columns, drive.label_set, class_ids)
    cv2.imwrite(str(path), cv2.cvtColor(figure, cv2.COLOR_RGB2BGR))
