# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a drive, whatever holds it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from bag_files import CAMERA, image, stamp, write_rosbag2
from drawn_pictures import gray, write_picture

from unet_seg_ros.datasets.drive_pictures import BagCameras, open_drive
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.folders import pictures_below
from unet_seg_ros.pictures.video import Video

FRAMES = 6


def level(number: int) -> int:
    """Return how bright a frame is."""
    return 40 * number


def folder(path: Path) -> Path:
    for number in range(FRAMES):
        write_picture(path / "pictures" / f"{number}.png", gray(level(number)))
    return path / "pictures"


def data_set_without_classes(path: Path) -> Path:
    for number in range(FRAMES):
        write_picture(path / "set" / "images" / f"{number}.png", gray(level(number)))
        write_picture(path / "set" / "masks" / f"{number}.png", np.ones((6, 8), np.uint8))
    return path / "set"


def video(path: Path) -> Path:
    with Video(path / "drive.mp4", 10.0) as out:
        for number in range(FRAMES):
            out.write(gray(level(number), 64, 48))
    return path / "drive.mp4"


def bag(path: Path) -> Path:
    pixels = [gray(level(number)) for number in range(FRAMES)]
    messages = [image(CAMERA, stamp(k), pixels[k], "bgr8") for k in range(FRAMES)]
    return write_rosbag2(path / "bag", messages)


@pytest.mark.parametrize("write", [folder, data_set_without_classes, video, bag])
def test_all_pictures_come_in_order_or_those_that_are_wanted(write, tmp_path: Path) -> None:
    drive = open_drive(write(tmp_path))
    assert len(drive) == FRAMES
    all_of_them = [float(picture.mean()) for picture in drive.pictures()]
    assert all_of_them == pytest.approx([level(number) for number in range(FRAMES)], abs=4)
    wanted = [float(picture.mean()) for picture in drive.pictures({1, 4, 99})]
    assert wanted == pytest.approx([level(1), level(4)], abs=4)
    assert not list(drive.pictures(()))


def test_damaged_pictures_of_a_bag_are_left_out(tmp_path: Path) -> None:
    messages = [image(CAMERA, stamp(k), gray(level(k)), "bgr8") for k in range(3)]
    messages[1] = messages[1]._replace(data=messages[1].data[:60])
    drive = open_drive(write_rosbag2(tmp_path / "bag", messages))
    assert isinstance(drive, BagCameras)
    assert [int(picture[0, 0, 0]) for picture in drive.pictures()] == [level(0), level(2)]


def test_who_asks_says_whether_folders_in_a_folder_count(tmp_path: Path) -> None:
    folder(tmp_path / "deeper")
    assert len(open_drive(tmp_path, pictures_of=pictures_below)) == FRAMES
    with pytest.raises(DataError, match="has no PNG"):
        open_drive(tmp_path)


def test_masks_of_a_data_set_without_pictures_are_no_pictures(tmp_path: Path) -> None:
    write_picture(tmp_path / "masks" / "1.png", gray(1))
    document = {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [], "categories": []}
    (tmp_path / "_annotations.coco.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"is a data set \(coco\) without pictures"):
        open_drive(tmp_path, pictures_of=pictures_below)


def test_a_bag_is_opened_once_to_count_its_pictures(tmp_path: Path) -> None:
    bag = write_rosbag2(tmp_path / "bag", [image(CAMERA, stamp(0), gray(level(0)), "bgr8")])
    drive = open_drive(bag)
    shutil.rmtree(bag)
    assert len(drive) == 1
