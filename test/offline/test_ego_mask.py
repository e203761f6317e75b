# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Drives of every kind are looked at for the own car."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from bag_files import CAMERA, REAR, image, jpeg, stamp, write_rosbag2
from drawn_pictures import write_picture
from engines import picture

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.datasets.splits import evenly_spread
from unet_seg_ros.errors import DataError
from unet_seg_ros.offline.ego_mask import propose
from unet_seg_ros.pictures.video import Video

WIDTH, HEIGHT, FRAMES = 160, 120, 10
BONNET = 30  # rows


def frame(seed: int) -> Uint8Array:
    """Return a picture with a black bonnet, `(120, 160, 3)`."""
    pixels = picture(WIDTH, HEIGHT, seed) // 2 + 110
    pixels[-BONNET:] = 20
    return pixels


def folder(path: Path) -> Path:
    for seed in range(FRAMES):
        write_picture(path / "pictures" / f"{seed}.png", frame(seed))
    return path / "pictures"


def data_set(path: Path) -> Path:
    for seed in range(FRAMES):
        write_picture(path / "course" / "CameraRGB" / f"{seed}.png", frame(seed))
        write_picture(path / "course" / "CameraSeg" / f"{seed}.png", frame(seed) // 200)
    return path / "course"


def video(path: Path) -> Path:
    with Video(path / "drive.mp4", 10.0) as out:
        for seed in range(FRAMES):
            out.write(frame(seed))
    return path / "drive.mp4"


def bag(path: Path) -> Path:
    return write_rosbag2(
        path / "bag", [image(CAMERA, stamp(seed), frame(seed), "bgr8") for seed in range(FRAMES)]
    )


@pytest.mark.parametrize("write", [folder, data_set, video, bag])
def test_the_own_car_is_found_in_every_kind_of_drive(write, tmp_path: Path) -> None:
    proposal = propose(write(tmp_path), 8)
    assert proposal.frames == 8
    assert proposal.mask.shape == (HEIGHT, WIDTH)
    rows = np.flatnonzero(proposal.mask.all(axis=1))
    assert abs(int(rows[0]) - (HEIGHT - BONNET)) <= 1
    assert rows[-1] == HEIGHT - 1
    assert not proposal.mask[: HEIGHT - BONNET - 2].any()
    # Three pictures side by side, red on the bonnet.
    assert proposal.overlay.shape == (HEIGHT, 3 * WIDTH, 3)
    assert proposal.overlay[-5, 5].argmax() == 0
    assert np.ptp(proposal.overlay[-5, 5].astype(int)) > 50


def test_pictures_are_spread_over_the_drive(tmp_path: Path) -> None:
    drive = folder(tmp_path)
    for seed in set(range(FRAMES)) - set(evenly_spread(range(FRAMES), FRAMES // 2)):
        (drive / f"{seed}.png").write_bytes(b"damaged")
    assert propose(drive, FRAMES // 2).frames == FRAMES // 2  # one of every two
    with pytest.raises(DataError, match="not a picture"):
        propose(drive, FRAMES)


def test_a_bag_with_several_cameras_needs_a_name(tmp_path: Path) -> None:
    messages = []
    for seed in range(FRAMES):
        bonnetless = cv2.cvtColor(picture(WIDTH, HEIGHT, 50 + seed), cv2.COLOR_RGB2BGRA)
        messages += [
            image(CAMERA, stamp(seed), frame(seed), "bgr8"),
            jpeg(REAR, stamp(seed), bonnetless),
        ]
    path = write_rosbag2(tmp_path / "bag", messages)
    with pytest.raises(DataError, match=f"several cameras.* name one of {CAMERA}, {REAR}"):
        propose(path, 8)
    assert propose(path, 8, [CAMERA]).mask.any()
    with pytest.raises(DataError, match=f"^{path}: nothing in the lower part"):
        propose(path, 8, [REAR])
    with pytest.raises(BagError, match="/left: no image topic"):
        propose(path, 8, ["/left"])


def test_what_is_no_drive_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    for name, topics, reason in (
        ("nowhere", [], "no such folder or file"),
        ("notes.txt", [], "not a video"),
        ("notes.txt", ["/front"], "is no bag and has no topics"),
        (".", [], "has no PNG, JPEG, BMP, TIFF or WebP pictures"),
    ):
        with pytest.raises(DataError, match=reason):
            propose(tmp_path / name, 8, topics)
