# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the demonstration shows of a recorded drive."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from bag_files import CAMERA, SEMANTIC, Message, camera_pixels, image, stamp, write_rosbag2

from unet_seg_ros.bags.drive import DriveTopics
from unet_seg_ros.demo.report import SUMMARY_FRAMES, RecordedDrive, write_report
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.topics import CameraTopics
from unet_seg_ros.pictures.figures import UNKNOWN_COLOR

LABELS = CameraTopics(CAMERA).output("labels")
CARLA29 = LabelSet.load("carla29")
ROADS, CAR = CARLA29.class_id("Roads"), CARLA29.class_id("Car")
FRAMES = 2 * SUMMARY_FRAMES
# Of a picture and of a column in the summary, below its title; gaps are 8 pixels.
CELL, TITLE = (400, 267), 30


def messages(index: int, has_truth: bool) -> list[Message]:
    """Return a frame whose labels are all Car and whose truth is all Roads."""
    labels = np.full((64, 96), CAR, np.uint8)
    found = [
        image(CAMERA, stamp(index), camera_pixels(index), "bgra8"),
        image(LABELS, stamp(index), labels, "mono8", 2_000_000),
    ]
    if has_truth:
        truth = CARLA29.colorize(np.full_like(labels, ROADS))
        found.insert(1, image(SEMANTIC, stamp(index), truth, "rgb8", 1_000_001))
    return found


def shown_truths(tmp_path: Path, with_truth: set[int]) -> list[tuple[int, ...]]:
    """Return a colour of each truth in the summary of a drive that lacks some truths."""
    written = [item for i in range(FRAMES) for item in messages(i, i in with_truth)]
    bag = write_rosbag2(tmp_path / "drive", written)
    topics = DriveTopics(CAMERA, LABELS, SEMANTIC)
    write_report(RecordedDrive(bag, topics, CARLA29, CARLA29, 20.0), tmp_path, lambda _: None)
    summary = cv2.cvtColor(cv2.imread(str(tmp_path / "summary.png")), cv2.COLOR_BGR2RGB)
    rows = [TITLE + 5 + row * (CELL[1] + 8) for row in range(SUMMARY_FRAMES)]
    return [tuple(summary[row, CELL[0] + 8 + 5].tolist()) for row in rows]


@pytest.mark.parametrize("first", [0, 1])
def test_the_summary_shows_frames_whose_truth_was_recorded(tmp_path: Path, first: int) -> None:
    road = CARLA29.classes[ROADS].color
    truths = shown_truths(tmp_path, set(range(first, FRAMES, 2)))
    assert truths == [road] * SUMMARY_FRAMES
    legend = cv2.imread(str(tmp_path / "summary.png"))[-30:, :, ::-1].reshape(-1, 3)
    assert {road, CARLA29.classes[CAR].color} <= {tuple(color) for color in legend.tolist()}


def test_the_summary_says_where_no_truth_was_recorded(tmp_path: Path) -> None:
    road = CARLA29.classes[ROADS].color
    truths = shown_truths(tmp_path, set(range(4, FRAMES)))
    assert truths == [UNKNOWN_COLOR] * 2 + [road] * (SUMMARY_FRAMES - 2)


def test_label_maps_without_their_pictures_are_said(tmp_path: Path) -> None:
    labels = [image(LABELS, stamp(i), np.zeros((64, 96), np.uint8), "mono8") for i in range(3)]
    bag = write_rosbag2(tmp_path / "drive", [*labels, *messages(5, False)[:1]])
    drive = RecordedDrive(bag, DriveTopics(CAMERA, LABELS, ""), CARLA29, None, 20.0)
    with pytest.raises(ValueError, match="none of its 3 label maps has its picture among the 1"):
        write_report(drive, tmp_path, lambda _: None)
