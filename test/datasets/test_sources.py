# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What open_source makes of folders, videos, data sets, the town, and of damaged ones."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_pictures import gray, rgb, write_picture

from unet_seg_ros.datasets.sources import open_source
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet, LabelSetError

SKY, ROAD, ROAD_LINE = 11, 1, 24


# --- folders of pictures


def test_pictures_come_in_natural_order_with_rgb_pixels(tmp_path):
    for number in (10, 2, 1):
        write_picture(tmp_path / f"frame_{number}.png", rgb((number, 0, 255)))
    samples = list(open_source(str(tmp_path)))
    assert [sample.name for sample in samples] == ["frame_1", "frame_2", "frame_10"]
    assert samples[2].image.tolist() == [[[10, 0, 255]]]
    assert samples[2].labels is None


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.jpeg", "a.bmp"])
def test_common_suffixes_are_read_and_other_files_skipped(tmp_path, name):
    write_picture(tmp_path / name, gray(100))
    (tmp_path / "notes.txt").write_text("not a picture")
    source = open_source(str(tmp_path))
    assert len(source) == 1
    assert source.label_set is None
    assert next(iter(source)).image.shape == (6, 8, 3)


def test_a_source_begins_again(tmp_path):
    write_picture(tmp_path / "1.png", gray(1))
    source = open_source(str(tmp_path))
    assert [sample.name for sample in source] == [sample.name for sample in source] == ["1"]


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    with pytest.raises(DataError, match=r"broken\.png: not a picture"):
        list(open_source(str(tmp_path)))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no PNG, JPEG, BMP, TIFF or WebP pictures"):
        open_source(str(tmp_path))


def test_a_missing_path_is_refused():
    with pytest.raises(DataError, match="no_such_folder: no such folder or file"):
        open_source("no_such_folder")


# --- data sets with ground truth


def test_the_reduced_palette_of_town02(tmp_path):
    colors = [(50, 64, 128), (255, 255, 255), (157, 234, 50), (0, 0, 255), (0, 0, 0)]
    write_picture(tmp_path / "rgb" / "00001.png", gray(9, width=5, height=1))
    write_picture(tmp_path / "segmentation" / "00001.png", rgb(*colors))
    source = open_source(str(tmp_path))
    names = [source.label_set.names[label] for label in next(iter(source)).labels[0]]
    assert names == ["Road", "Sidewalk", "RoadLine", "Other", "Other"]


@pytest.mark.parametrize("channels", [3, 4])
def test_pairs_with_palette_pictures(tmp_path, channels):
    palette = rgb((128, 64, 128), (157, 234, 50), (1, 2, 3))
    if channels == 4:
        palette = cv2.cvtColor(palette, cv2.COLOR_BGR2BGRA)
    write_picture(tmp_path / "7_rgb.jpg", gray(9, width=3, height=1))
    write_picture(tmp_path / "7_palette.png", palette)
    source = open_source(str(tmp_path), label_set="carla29")
    assert next(iter(source)).labels.tolist() == [[ROAD, ROAD_LINE, UNKNOWN_ID]]
    assert source.label_set == LabelSet.load("carla29")


def test_pairs_with_class_ids(tmp_path):
    write_picture(tmp_path / "7_rgb.jpg", gray(9, width=3, height=1))
    write_picture(tmp_path / "7_ids.png", np.array([[ROAD, SKY, 200]], np.uint8))
    source = open_source(str(tmp_path), label_set="carla29")
    assert next(iter(source)).labels.tolist() == [[ROAD, SKY, UNKNOWN_ID]]


def test_camvid_takes_the_folder_beside(tmp_path):
    write_picture(tmp_path / "train" / "1.png", gray(9, width=3, height=1))
    write_picture(tmp_path / "trainannot" / "1.png", np.array([[0, 3, 11]], np.uint8))
    source = open_source(str(tmp_path / "train"))
    assert source.label_set == LabelSet.load("camvid11")
    assert next(iter(source)).labels.tolist() == [[0, 3, UNKNOWN_ID]]


def test_pairs_need_a_label_set(tmp_path):
    write_picture(tmp_path / "7_rgb.jpg", gray(9))
    write_picture(tmp_path / "7_ids.png", gray(1)[..., 0])
    with pytest.raises(DataError, match="give a label set"):
        open_source(str(tmp_path))
    with pytest.raises(LabelSetError, match="carla99"):
        open_source(str(tmp_path), label_set="carla99")


def test_a_missing_label_file_is_named_before_anything_is_read(tmp_path):
    write_picture(tmp_path / "rgb" / "1.png", gray(9))
    (tmp_path / "segmentation").mkdir()
    with pytest.raises(DataError, match=r"segmentation: has no label picture .* looked for 1\.png"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    ("label_file", "pixels", "reason"),
    [
        ("7_ids.png", np.zeros((6, 7), np.uint8), "has 7x6 pixels, its picture 8x6"),
        ("7_ids.png", np.zeros((6, 8), np.uint16), "uint16"),
    ],
)
def test_unsuitable_label_files_are_named(tmp_path, label_file, pixels, reason):
    write_picture(tmp_path / "7_rgb.png", gray(9))
    write_picture(tmp_path / label_file, pixels)
    with pytest.raises(DataError, match=rf"{label_file}: .*{reason}"):
        list(open_source(str(tmp_path), label_set="carla29"))


# --- videos


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (32, 24))
    for value in (50, 150, 250):
        writer.write(gray(value, width=32, height=24))
    writer.release()
    return path


def test_videos_are_played_frame_by_frame_and_again(video):
    source = open_source(str(video))
    for _ in range(2):
        samples = list(source)
        assert [sample.name for sample in samples] == [f"drive_00000{n}" for n in range(3)]
        assert [round(sample.image.mean(), -1) for sample in samples] == [50, 150, 250]


def test_a_file_that_is_no_video_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a video")
    with pytest.raises(DataError, match=r"notes\.txt: not a video"):
        list(open_source(str(path)))


# --- the town


def test_the_town_is_endless_and_has_ground_truth():
    source = open_source("town:3", size=(160, 120), fov_deg=100, fps=10)
    first, second = islice(source, 2)
    assert first.image.shape == (120, 160, 3)
    assert first.labels.shape == (120, 160)
    assert {ROAD, SKY} <= set(np.unique(first.labels))
    assert source.label_set == LabelSet.load("carla29")
    assert (first.image != second.image).any()
    assert (next(iter(source)).image == first.image).all()


@pytest.mark.parametrize("spec", ["town:x", "town:-1"])
def test_the_towns_seed_is_a_number(spec):
    with pytest.raises(DataError, match="seed must be a number"):
        open_source(spec)


def test_an_impossible_field_of_view_is_refused():
    with pytest.raises(DataError, match="field of view"):
        open_source("town", fov_deg=190)


# --- real pictures


@pytest.mark.parametrize(
    ("folder", "label_set", "count", "class_seen"),
    [
        ("carla_town02", "", 2875, "Road"),
        ("carla_pairs/tags29_town10hd", "carla29", 2, "Roads"),
        ("carla_pairs/tags13", "carla13", 2, "Road"),
        ("carla_pairs/palette13_town03", "carla13", 4, "Vehicle"),
        ("carla_pairs/palette23", "carla23", 1, "Road"),
        ("camvid/val", "", 101, "Road"),
    ],
)
def test_real_data_sets_are_recognised(shared_data, folder, label_set, count, class_seen):
    source = open_source(str(shared_data / folder), label_set=label_set)
    assert len(source) == count
    sample = next(iter(source))
    assert sample.labels.shape == sample.image.shape[:2]
    assert np.mean(sample.labels == source.label_set.class_id(class_seen)) > 0.1
    assert np.mean(sample.labels == UNKNOWN_ID) < 0.05
