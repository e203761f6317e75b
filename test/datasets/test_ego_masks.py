# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of the own car from files, by camera, and data sets without it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from arrays import ArrayPictures
from bag_files import drive, stamp, write_rosbag2
from drawn_pictures import write_picture

from unet_seg_ros.datasets.ego_masks import EgoMasks, read_ego_mask, split_text
from unet_seg_ros.datasets.own_car import without_own_car
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet

FRONT, REAR = "/carla/hero/rgb_front/image", "/carla/hero/rgb_rear/image/compressed"
SIZE = (8, 6)


def inside(path: Path) -> np.ndarray:
    """Return a mask of 8x6 as `(6, 8)` bool."""
    placed = read_ego_mask(path).at(SIZE)
    mask = np.zeros((6, 8), bool)
    mask[placed.rows] = placed.inside > 0
    return mask


def lower(value: int, *channels: int) -> np.ndarray:
    pixels = np.zeros((6, 8, *channels), np.uint8)
    pixels[4:] = value
    return pixels


@pytest.mark.parametrize(
    "pixels", [lower(1), lower(255), lower(9, 3), lower(200, 4)], ids=["1", "255", "bgr", "bgra"]
)
def test_a_png_is_the_own_car_where_it_is_other_than_0(tmp_path: Path, pixels: np.ndarray) -> None:
    mask = inside(write_picture(tmp_path / "mask.png", pixels))
    assert np.array_equal(mask, lower(1) > 0)


def test_what_is_only_opaque_is_not_the_own_car(tmp_path: Path) -> None:
    pixels = np.zeros((6, 8, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[5, :, 0] = 1
    assert np.array_equal(
        np.flatnonzero(inside(write_picture(tmp_path / "m.png", pixels))), range(40, 48)
    )


def labelme(path: Path, *shapes: dict) -> Path:
    document = {"imageWidth": 8, "imageHeight": 6, "shapes": shapes}
    path.write_text(json.dumps(document))
    return path


def test_a_file_of_labelme_is_the_own_car_where_regions_are(tmp_path: Path) -> None:
    path = labelme(
        tmp_path / "mask.json",
        {"label": "bonnet", "shape_type": "polygon", "points": [[0, 4], [7, 4], [7, 5], [0, 5]]},
        {"label": "mirror", "shape_type": "rectangle", "points": [[0, 0], [1, 1]]},
    )
    expected = lower(1) > 0
    expected[:2, :2] = True
    assert np.array_equal(inside(path), expected)


def test_files_that_are_no_mask_are_refused_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "text.json").write_text("no JSON")
    write_picture(tmp_path / "photo.jpg", lower(9, 3))
    write_picture(tmp_path / "deep.png", lower(1).astype(np.uint16))
    write_picture(tmp_path / "black.png", lower(0))
    labelme(tmp_path / "empty.json")
    for name, reason in (
        ("missing.png", "cannot be read"),
        ("text.png", "not a picture"),
        ("text.json", "not JSON"),
        ("photo.jpg", "is a JPEG"),
        ("deep.png", "uint16"),
        ("black.png", "marks nothing as the own car"),
        ("empty.json", "marks nothing as the own car"),
    ):
        with pytest.raises(DataError) as refused:
            read_ego_mask(tmp_path / name)
        assert reason in str(refused.value)
        assert name in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_picture_that_claims_to_be_huge_is_refused_unread(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "huge.png", lower(1))
    data = bytearray(path.read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    with pytest.raises(DataError, match="at most"):
        read_ego_mask(path)


def test_texts_name_a_camera_or_none() -> None:
    assert split_text("front.png") == ("", Path("front.png"))
    assert split_text("rgb_front=a/b=c.png") == ("rgb_front", Path("a/b=c.png"))
    assert split_text("~/mask.png") == ("", Path.home() / "mask.png")
    for text in ("", "front=", "=mask.png"):
        with pytest.raises(DataError, match="names no mask"):
            split_text(text)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    paths = [write_picture(tmp_path / name, lower(1)) for name in ("one.png", "two.png")]
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize("name", ["rgb_front", "/carla/hero/rgb_front", FRONT])
def test_a_camera_has_its_own_mask_before_that_of_all(files: tuple[str, str], name: str) -> None:
    one, two = files
    masks = EgoMasks.read([one, f"{name}={two}"])
    found = masks.of([FRONT, REAR])
    assert {topic: mask.name for topic, mask in found.items()} == {FRONT: two, REAR: one}
    assert masks.of_camera(REAR).name == one


def test_of_two_masks_for_a_camera_the_one_that_names_it_more_exactly_counts(
    files: tuple[str, str],
) -> None:
    one, two = files
    topics = ("/left/camera/image", "/right/camera/image")
    found = EgoMasks.read([f"camera={one}", f"/right/camera={two}"]).of(topics)
    assert [found[topic].name for topic in topics] == [one, two]


def test_cameras_without_a_mask_are_left_out(files: tuple[str, str]) -> None:
    masks = EgoMasks.read([f"rgb_rear={files[0]}"])
    assert masks.of([FRONT, REAR]).keys() == {REAR}
    assert masks.of_camera(FRONT) is None
    assert not EgoMasks.read([])


def test_a_mask_for_no_camera_and_two_for_one_are_refused(files: tuple[str, str]) -> None:
    one, two = files
    with pytest.raises(DataError, match="no camera is called 'front'; there are rgb_front, rgb_r"):
        EgoMasks.read([f"front={one}"]).of([FRONT, REAR])
    with pytest.raises(DataError, match="two masks for all cameras"):
        EgoMasks.read([one, two])
    with pytest.raises(DataError, match="two masks for camera 'rgb_front'"):
        EgoMasks.read([f"rgb_front={one}", f"rgb_front={two}"])


def samples() -> ArrayPictures:
    labels = np.ones((6, 8), np.uint8)
    return ArrayPictures([Sample(lower(5, 3), labels, "one")], LabelSet.load("camvid11"))


def test_a_data_set_without_the_own_car_has_no_truth_there(files: tuple[str, str]) -> None:
    pictures = samples()
    scored = without_own_car(pictures, EgoMasks.read([files[0]]))
    assert (scored.name, len(scored), scored.label_set) == (pictures.name, 1, pictures.label_set)
    assert np.array_equal(scored[0].labels, np.where(lower(1), np.uint8(255), np.uint8(1)))
    assert scored[0].ego_mask.name == files[0]
    assert (pictures[0].labels == 1).all()  # the data set itself is as it was
    assert without_own_car(pictures, EgoMasks()) is pictures


def test_only_a_bag_tells_cameras_apart(files: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="only a bag tells which picture is which camera's"):
        without_own_car(samples(), EgoMasks.read([f"rgb_front={files[0]}"]))


def test_cameras_of_some_pictures_of_a_bag_have_masks_of_their_own(
    files: tuple[str, str], tmp_path: Path
) -> None:
    bag = write_rosbag2(tmp_path / "drive", drive(2))
    pictures = DataSpec.parse(f"{bag},label-set=camvid11,only={stamp(1)}").open()
    masks = EgoMasks.read([f"rgb_front={files[0]}"])
    scored = without_own_car(pictures, masks)
    assert scored.name == pictures.name == f"drive-only-{stamp(1)}"
    assert [scored.name_of(position) for position in range(len(scored))] == [
        f"rgb_front_{stamp(1)}"
    ]
    assert scored[0].ego_mask.name == files[0]
