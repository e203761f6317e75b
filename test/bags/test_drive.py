# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Segmented drives read back: pictures with their label maps and their truth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from bag_files import (
    CAMERA,
    COMPRESSED,
    REAR,
    SEMANTIC,
    STEP_NS,
    Message,
    camera_pixels,
    image,
    jpeg,
    stamp,
    text,
    write_rosbag2,
)

from unet_seg_ros.bags.drive import (
    DriveTopics,
    count_messages,
    read_drive,
    read_legend,
)
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_compressed_image
from unet_seg_ros.messages.legend import legend_text
from unet_seg_ros.messages.topics import CameraTopics

FRONT = CameraTopics(CAMERA)
LABELS, LEGEND = FRONT.output("labels"), FRONT.output("legend")
TOPICS = DriveTopics(CAMERA, LABELS, SEMANTIC)
MAX_PIXELS = 1 << 20
CAMVID = LabelSet.load("camvid11")


def camera(index: int) -> Message:
    return image(CAMERA, stamp(index), camera_pixels(index), "bgra8")


def truth(index: int, delay_ns: int = 1_000_001) -> Message:
    return image(SEMANTIC, stamp(index), camera_pixels(index), "bgra8", delay_ns)


def labels(index: int) -> Message:
    ids = np.full((64, 96), index, np.uint8)
    return image(LABELS, stamp(index), ids, "mono8", 2_000_000)


def png_labels(index: int) -> Message:
    png = np.asarray(cv2.imencode(".png", np.full((64, 96), index, np.uint8))[1], np.uint8)
    data = write_compressed_image(Header(stamp(index), ""), png, "png")
    return Message(f"{LABELS}/compressed", COMPRESSED, stamp(index) + 2_000_000, data)


def test_each_label_map_comes_with_its_picture_and_truth(tmp_path: Path) -> None:
    messages = [camera(0), truth(0), labels(0), camera(1), labels(1), camera(2), truth(2)]
    messages += [camera(3), truth(3), labels(3)]
    bag = write_rosbag2(tmp_path / "drive", messages)
    frames = list(read_drive(bag, TOPICS, MAX_PIXELS))
    assert [int(frame.labels[0, 0]) for frame in frames] == [0, 1, 3]
    assert [frame.truth is not None for frame in frames] == [True, False, True]
    for frame in frames:
        index = int(frame.labels[0, 0])
        assert np.array_equal(frame.image.pixels, camera_pixels(index))
        assert frame.published_ns - frame.image_published_ns == 1_000_000
    assert count_messages(bag) == {CAMERA: 4, SEMANTIC: 3, LABELS: 3}


def test_truth_that_was_recorded_after_its_label_map_is_found(tmp_path: Path) -> None:
    late_ns = 2 * STEP_NS + 5_000_000
    indices = [0, 1, 2, 3, 4]
    messages = [item for i in indices for item in (camera(i), labels(i))]
    messages += [truth(i, late_ns) for i in indices if i != 1]
    bag = write_rosbag2(tmp_path / "drive", sorted(messages, key=lambda item: item.time_ns))
    frames = list(read_drive(bag, TOPICS, MAX_PIXELS))
    assert [int(frame.labels[0, 0]) for frame in frames] == indices
    assert [frame.truth is not None for frame in frames] == [True, False, True, True, True]
    for frame in frames:
        if frame.truth:
            assert frame.truth.header == frame.image.header


def test_compressed_pictures_and_labels_are_read(tmp_path: Path) -> None:
    messages = [item for i in range(2) for item in (jpeg(REAR, stamp(i), camera_pixels(i)),)]
    messages += [png_labels(i) for i in range(2)]
    bag = write_rosbag2(tmp_path / "drive", messages)
    topics = DriveTopics(REAR, f"{LABELS}/compressed")
    frames = list(read_drive(bag, topics, MAX_PIXELS))
    assert [int(frame.labels[0, 0]) for frame in frames] == [0, 1]
    with BagReader(bag) as reader:
        assert FRONT.labels_among(reader.filled_topics) == f"{LABELS}/compressed"
        assert CameraTopics(REAR).labels_among(reader.filled_topics) == ""


def test_damage_is_an_error_or_told_and_left_out(tmp_path: Path) -> None:
    broken = camera(1)._replace(data=camera(1).data[:100])
    messages = [camera(0), labels(0), broken, labels(1), camera(2), labels(2)]
    bag = write_rosbag2(tmp_path / "drive", messages)
    with pytest.raises(BagError, match=rf"{CAMERA} at 0\.050 s: not a sensor_msgs/Image"):
        list(read_drive(bag, TOPICS, MAX_PIXELS))
    faults: list[str] = []
    frames = list(read_drive(bag, TOPICS, MAX_PIXELS, faults.append))
    assert [int(frame.labels[0, 0]) for frame in frames] == [0, 2]
    assert len(faults) == 1


def test_the_legend_says_what_labels_mean(tmp_path: Path) -> None:
    legend = text(LEGEND, 5, legend_text(CAMVID, {}, "mine"))
    with BagReader(write_rosbag2(tmp_path / "drive", [legend])) as reader:
        assert read_legend(reader, FRONT) == (CAMVID, "mine")


def test_networks_with_the_same_classes_are_all_named(tmp_path: Path) -> None:
    names = ("first", "second", "second")
    legends = [
        text(LEGEND, 5 + number, legend_text(CAMVID, {}, name)) for number, name in enumerate(names)
    ]
    with BagReader(write_rosbag2(tmp_path / "drive", legends)) as reader:
        assert read_legend(reader, FRONT) == (CAMVID, "first, then second")


def test_ids_that_come_to_mean_other_classes_are_refused(tmp_path: Path) -> None:
    sets = (CAMVID, LabelSet.load("carla29"))
    legends = [
        text(LEGEND, 5 + number * 10**9, legend_text(label_set, {}, "mine"))
        for number, label_set in enumerate(sets)
    ]
    with (
        BagReader(write_rosbag2(tmp_path / "drive", legends)) as reader,
        pytest.raises(
            BagError, match=r"camvid11 at first and carla29 after 1\.000 s: .* --replace"
        ),
    ):
        read_legend(reader, FRONT)


@pytest.mark.parametrize(
    ("words", "reason"),
    [("no legend", "is no legend"), ("[]", "is no legend"), (None, "no label maps")],
)
def test_a_missing_or_wrong_legend_is_told(words: str | None, reason: str, tmp_path: Path) -> None:
    messages = [camera(0)] if words is None else [text(LEGEND, 5, words)]
    with (
        BagReader(write_rosbag2(tmp_path / "drive", messages)) as reader,
        pytest.raises(BagError, match=reason),
    ):
        read_legend(reader, FRONT)
