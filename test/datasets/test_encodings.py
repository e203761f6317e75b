# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""In which way masks hold their classes, found out from all of them."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from drawn_pictures import BLACK, ids, rgb, row, tags, write_indexed, write_picture
from PIL import Image

from unet_seg_ros.datasets import encodings
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

GREEN = (0, 255, 0)
ROAD, ROAD_LINE = (128, 64, 128), (157, 234, 50)


@pytest.fixture
def green_road(tmp_path: Path) -> str:
    classes = [
        {"id": 0, "name": "Background", "color": list(BLACK)},
        {"id": 1, "name": "Road", "color": list(GREEN)},
    ]
    path = tmp_path / "green_road.yaml"
    path.write_text(yaml.safe_dump({"name": "green_road", "classes": classes}))
    return str(path)


def write_masks(folder: Path, *masks: np.ndarray) -> Path:
    for number, mask in enumerate(masks):
        write_picture(folder / "images" / f"{number:03}.png", row(mask.shape[1]))
        write_picture(folder / "masks" / f"{number:03}.png", mask)
    return folder


def labels(pictures: LabelledPictures, position: int = 0) -> list[list[int]]:
    found = pictures[position].labels
    assert found is not None
    return found.tolist()


def test_a_first_mask_that_is_black_does_not_tell(tmp_path: Path, green_road: str) -> None:
    write_masks(tmp_path, *[rgb(BLACK, BLACK)] * 3, rgb(BLACK, GREEN))
    pictures = open_dataset(str(tmp_path), label_set=green_road)
    assert pictures.layout == "palette"
    assert labels(pictures, 3) == [[0, 1]]


@pytest.mark.parametrize("rare", [ids(0, 255), rgb(BLACK, (255, 255, 255))])
def test_foreground_in_one_of_a_hundred_masks_is_found(tmp_path: Path, rare: np.ndarray) -> None:
    write_masks(tmp_path, *[rare * 0] * 100, rare)
    pictures = open_dataset(str(tmp_path), label_set="nuclei2")
    assert labels(pictures, 100) == [[0, 1]]


def test_one_mask_with_class_1_makes_255_unlabelled(tmp_path: Path) -> None:
    write_masks(tmp_path, *[ids(0, 255)] * 70, ids(1, 255))
    pictures = open_dataset(str(tmp_path), label_set="nuclei2")
    assert labels(pictures) == [[0, UNKNOWN_ID]]
    assert labels(pictures, 70) == [[1, UNKNOWN_ID]]


def test_colors_among_ids_are_a_fault_of_that_mask(tmp_path: Path) -> None:
    write_masks(tmp_path, ids(1, 24), rgb(ROAD, ROAD_LINE))
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert labels(pictures) == [[1, 24]]
    with pytest.raises(DataError, match=r"001\.png: has ids of 128, 157"):
        pictures[1]


@pytest.mark.parametrize("channel", [0, 1])
def test_tags_in_blue_or_green_are_read_and_noted(tmp_path: Path, channel: int) -> None:
    mask = np.zeros((1, 2, 3), np.uint8)
    mask[..., channel] = [7, 10]
    for side in ("CameraRGB", "CameraSeg"):
        write_picture(tmp_path / side / "1.png", mask)
    pictures = open_dataset(str(tmp_path))
    assert labels(pictures) == [[7, 10]]
    where = ("blue", "green")[channel]
    assert list(pictures.notes) == [f"class ids are in {where}, where red is usual"]


def test_an_instance_cameras_tags_are_in_red(tmp_path: Path) -> None:
    write_masks(tmp_path, rgb((1, 0, 0), (1, 0, 0)), rgb((1, 9, 200), (14, 77, 3)))
    for layout in ("auto", "images-masks"):
        pictures = open_dataset(str(tmp_path), label_set="carla29", layout=layout)
        assert labels(pictures, 1) == [[1, 14]]


@pytest.mark.parametrize("layout", ["auto", "images-masks"])
def test_the_index_of_a_palette_is_the_class(tmp_path: Path, layout: str) -> None:
    write_picture(tmp_path / "images" / "1.png", row(3))
    voc = [BLACK, (128, 0, 0), (0, 128, 0)]
    write_indexed(tmp_path / "masks" / "1.png", ids(0, 2, 1), voc)
    pictures = open_dataset(str(tmp_path), label_set="carla29", layout=layout)
    assert (pictures.layout, labels(pictures)) == ("images-masks", [[0, 2, 1]])


@pytest.mark.parametrize("green_and_blue", [1, 0])
def test_of_pictures_made_smaller_with_a_palette_the_values_are_the_classes(
    tmp_path: Path, green_and_blue: int
) -> None:
    write_picture(tmp_path / "images" / "1.png", row(4))
    renumbered = [(value, *[value * green_and_blue] * 2) for value in (14, 7, 255, 1)]
    write_indexed(tmp_path / "masks" / "1.png", ids(0, 1, 2, 3), renumbered)
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert labels(pictures) == [[14, 7, UNKNOWN_ID, 1]]


@pytest.mark.parametrize(
    "palette", [[BLACK, (90, 90, 90)], [BLACK, (255, 255, 255)], [BLACK, (128, 0, 0)]]
)
def test_colors_that_no_id_has_are_for_looking_at(
    tmp_path: Path, palette: list[tuple[int, int, int]]
) -> None:
    write_picture(tmp_path / "images" / "1.png", row(2))
    write_indexed(tmp_path / "masks" / "1.png", ids(0, 1), palette)
    assert labels(open_dataset(str(tmp_path), label_set="carla29")) == [[0, 1]]


def test_a_palette_with_the_label_sets_own_colors_is_read_by_them(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "1.png", row(2))
    write_indexed(tmp_path / "masks" / "1.png", ids(0, 1), [ROAD_LINE, ROAD])
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert (pictures.layout, labels(pictures)) == ("palette", [[24, 1]])


def test_indexed_masks_of_segnets_layout_are_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "1.png", row(3))
    write_indexed(tmp_path / "trainannot" / "1.png", ids(0, 3, 11), [(9, 9, k) for k in range(12)])
    assert labels(open_dataset(str(tmp_path))) == [[0, 3, UNKNOWN_ID]]


def test_the_colors_of_carla_0_8_are_its_13_classes(tmp_path: Path) -> None:
    write_masks(tmp_path, rgb(ROAD, ROAD_LINE, (0, 0, 255)))
    vehicle = LabelSet.load("carla13").class_id("Vehicle")
    for label_set in ("", "carla13"):
        pictures = open_dataset(str(tmp_path), label_set=label_set)
        assert pictures.label_set == LabelSet.load("carla13")
        assert labels(pictures) == [[7, 6, vehicle]]
        assert list(pictures.notes) == ["colours are those of CARLA 0.8"]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_indices_of_any_depth_are_read(tmp_path: Path, bits: int) -> None:
    write_picture(tmp_path / "images" / "1.png", row(2))
    palette = [(k, 7, 7) for k in range(2**bits)]
    write_indexed(tmp_path / "masks" / "1.png", ids(0, 1), palette, bits)
    assert labels(open_dataset(str(tmp_path), label_set="carla29")) == [[0, 1]]


def test_masks_that_cannot_be_read_do_not_tell(tmp_path: Path) -> None:
    write_masks(tmp_path, tags(1, 24), rgb(ROAD, ROAD_LINE))
    (tmp_path / "masks" / "000.png").write_bytes(b"no picture")
    assert open_dataset(str(tmp_path), label_set="carla29").layout == "palette"
    assert cv2.imread(str(tmp_path / "masks" / "001.png")) is not None


def test_classes_in_gray_of_four_bits(tmp_path: Path) -> None:
    # Number 3 would be 51 to who looks at it.
    picture = Image.frombytes("P", (2, 1), bytes([1, 3]))
    picture.putpalette([part * 17 for part in range(16) for _ in range(3)])
    path = tmp_path / "1.png"
    picture.save(path, bits=4)
    data = path.read_bytes()
    header = data[12:25] + bytes([0]) + data[26:29]
    start = data.index(b"PLTE") - 4
    length = int.from_bytes(data[start : start + 4], "big")
    crc = zlib.crc32(header).to_bytes(4, "big")
    path.write_bytes(data[:12] + header + crc + data[33:start] + data[start + 12 + length :])
    [found] = encodings.pixels_of([path])
    assert (found.colors.tolist(), found.ids.tolist()) == ([[17, 51]], [[1, 3]])
    way = encodings.told_by([found], encodings.class_ids(LabelSet.load("carla29")))
    assert way.format(way.read(path)).labels.tolist() == [[1, 3]]
