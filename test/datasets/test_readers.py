# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every layout as open_dataset reads it: recognised, whole, and with what may be wrong with it."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_pictures import BLACK, cut_short, gray, ids, rgb, row, tags, write_picture

from unet_seg_ros.datasets import capture_format
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet, LabelSetError

ROAD, ROAD_LINE = (128, 64, 128), (157, 234, 50)


def names(pictures: LabelledPictures) -> list[str]:
    return [pictures[position].name for position in range(len(pictures))]


def labels(pictures: LabelledPictures, position: int = 0) -> list[list[int]]:
    sample = pictures[position]
    assert sample.labels is not None
    assert sample.image.shape == (*sample.labels.shape, 3)
    return sample.labels.tolist()


# --- captures


def write_capture(folder: Path, *frames: dict[str, object]) -> Path:
    for frame in frames:
        write_picture(folder / "rgb" / f"{frame['name']}.png", row(2))
        write_picture(folder / "tags" / f"{frame['name']}.png", tags(1, 24))
    folder.mkdir(parents=True, exist_ok=True)
    description = {"format": capture_format.VERSION, "label_set": "carla29"}
    (folder / "capture.json").write_text(json.dumps(description))
    (folder / "frames.jsonl").write_text("".join(json.dumps(frame) + "\n" for frame in frames))
    return folder


def frame(name: str, town: str = "Town03", run: int = 0) -> dict[str, object]:
    return {"name": name, "town": town, "run": run, "frame": 7, "weather": "ClearNoon"}


def test_a_capture_has_raw_tags_and_runs(tmp_path: Path) -> None:
    write_capture(tmp_path / "drive", frame("b"), frame("a", run=1))
    pictures = open_dataset(str(tmp_path / "drive"))
    assert pictures.layout == "capture"
    assert pictures.label_set == LabelSet.load("carla29")
    assert names(pictures) == [f"drive/Town03ClearNoon/{name}" for name in "ba"]
    assert labels(pictures) == [[1, 24]]
    assert pictures.drives == ["drive/Town03/0", "drive/Town03/1"]
    assert pictures.faults == []


def test_captures_of_several_towns_are_drives_by_town(tmp_path: Path) -> None:
    write_capture(tmp_path / "one", frame("a", run=0), frame("b", run=1))
    write_capture(tmp_path / "two", frame("a", town="Town05"))
    pictures = open_dataset(str(tmp_path))
    assert pictures.drives == ["Town03", "Town03", "Town05"]
    assert names(pictures) == [
        "one/Town03ClearNoon/a",
        "one/Town03ClearNoon/b",
        "two/Town05ClearNoon/a",
    ]


def test_captures_with_different_label_sets_are_refused(tmp_path: Path) -> None:
    write_capture(tmp_path / "one", frame("a"))
    write_capture(tmp_path / "two", frame("b"))
    (tmp_path / "two" / "capture.json").write_text('{"format": 1, "label_set": "carla23"}')
    with pytest.raises(DataError, match="several label sets"):
        open_dataset(str(tmp_path))


def test_lines_that_cannot_be_used_and_pictures_without_one_are_named(tmp_path: Path) -> None:
    without_run = {"name": "c", "town": "Town03"}
    write_capture(tmp_path, frame("f"), frame("a"), frame("a"), frame("../a"), without_run)
    with (tmp_path / "frames.jsonl").open("a") as stream:
        stream.write('{"name": "d", "tow')
    write_picture(tmp_path / "rgb" / "e.png", row(2))
    write_picture(tmp_path / "rgb" / "g.png", row(2))  # being captured now
    pictures = open_dataset(str(tmp_path))
    assert names(pictures) == [f"{tmp_path.name}/Town03ClearNoon/{name}" for name in "fa"]
    lines = f"{tmp_path}/frames.jsonl, line"
    assert [fault.removeprefix(lines)[:13] for fault in pictures.faults[:4]] == [
        " 3: 'a' is in",
        " 4: name must",
        " 5: town must",
        " 6: not JSON,",
    ]
    assert pictures.faults[4:] == [
        f"{tmp_path}/rgb/{name}.png: has no line in frames.jsonl" for name in "ce"
    ]


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("[]", "not a JSON object"),
        ('{"form', "not JSON, or cut short"),
        ("[" * 100_000, "not JSON"),
        ('{"format": 2, "label_set": "carla29"}', "has format 2, not 1"),
        ('{"format": 1}', "no text under label_set"),
    ],
)
def test_a_description_that_cannot_be_used_is_named(
    tmp_path: Path, description: str, reason: str
) -> None:
    write_capture(tmp_path, frame("a"))
    (tmp_path / "capture.json").write_text(description)
    with pytest.raises(DataError, match=rf"capture\.json: .*{reason}"):
        open_dataset(str(tmp_path))


# --- the course's


@pytest.mark.parametrize("mask_folder", ["CameraSeg", "CameraMask"])
@pytest.mark.parametrize("mask", [ids(7, 10), tags(7, 10), tags(7, 10, channels=4)])
def test_the_course_has_13_tags_in_red_or_alone(
    tmp_path: Path, mask_folder: str, mask: np.ndarray
) -> None:
    write_picture(tmp_path / "CameraRGB" / "1.png", row(2))
    write_picture(tmp_path / mask_folder / "1.png", mask)
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "course"
    assert pictures.label_set == LabelSet.load("carla13")
    assert labels(pictures) == [[7, 10]]


@pytest.mark.parametrize("place", ["data{}", "data{0}/data{0}"])
def test_the_folders_of_the_course_are_drives(tmp_path: Path, place: str) -> None:
    for letter in "BA":
        folder = tmp_path / place.format(letter)
        for name in ("10.png", "9.png"):
            write_picture(folder / "CameraRGB" / name, row(1))
            write_picture(folder / "CameraSeg" / name, tags(7))
    pictures = open_dataset(str(tmp_path))
    a, b = place.format("A"), place.format("B")
    assert pictures.drives == [a, a, b, b]
    assert names(pictures) == [f"{a}/9", f"{a}/10", f"{b}/9", f"{b}/10"]


def test_tags_beyond_13_are_named_unless_another_label_set_is(tmp_path: Path) -> None:
    write_picture(tmp_path / "CameraRGB" / "1.png", row(1))
    write_picture(tmp_path / "CameraSeg" / "1.png", tags(22))
    with pytest.raises(DataError, match=r"CameraSeg/1\.png: has ids of 22, which carla13 does"):
        open_dataset(str(tmp_path))[0]
    assert labels(open_dataset(str(tmp_path), label_set="carla23")) == [[22]]


def test_two_kinds_of_masks_are_one_too_many(tmp_path: Path) -> None:
    for name in ("CameraRGB", "CameraSeg", "CameraMask"):
        write_picture(tmp_path / name / "1.png", row(1))
    with pytest.raises(DataError, match="has 2 of the folders"):
        open_dataset(str(tmp_path))


# --- nuclei


def write_nuclei(folder: Path, name: str, *masks: np.ndarray) -> None:
    bgra = cv2.cvtColor(row(3), cv2.COLOR_BGR2BGRA)
    write_picture(folder / name / "images" / f"{name}.png", bgra)
    (folder / name / "masks").mkdir()
    for number, mask in enumerate(masks):
        write_picture(folder / name / "masks" / f"{number}.png", mask)


def test_nuclei_are_the_pixels_of_all_masks(tmp_path: Path) -> None:
    write_nuclei(tmp_path, "f00", ids(255, 0, 0), ids(0, 0, 255))
    write_nuclei(tmp_path, "a11", ids(0, 255, 0))
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "nuclei"
    assert pictures.label_set == LabelSet.load("nuclei2")
    assert names(pictures) == pictures.drives == ["a11", "f00"]
    assert labels(pictures, 1) == [[1, 0, 1]]


def test_nuclei_pictures_without_masks_are_named(tmp_path: Path) -> None:
    write_nuclei(tmp_path, "a11")
    write_nuclei(tmp_path, "b22")
    (tmp_path / "b22" / "masks").rmdir()
    pictures = open_dataset(str(tmp_path))
    for position, name in enumerate(("a11", "b22")):
        with pytest.raises(DataError, match=rf"{name}\.png: has no masks"):
            pictures[position]


def test_one_of_several_masks_of_another_size_is_named(tmp_path: Path) -> None:
    write_nuclei(tmp_path, "a11", ids(0, 255, 0), ids(0, 255))
    with pytest.raises(DataError, match=r"masks/1\.png: has 2x1 pixels, its picture 3x1"):
        open_dataset(str(tmp_path))[0]


def test_masks_without_one_picture_are_named(tmp_path: Path) -> None:
    write_nuclei(tmp_path, "a11", ids(0, 255, 0))
    write_nuclei(tmp_path, "b22", ids(0, 255, 0))
    (tmp_path / "b22" / "images" / "b22.png").unlink()
    pictures = open_dataset(str(tmp_path))
    assert len(pictures) == 1
    assert pictures.faults == [f"{tmp_path}/b22/images: has 0 pictures; one is expected"]


# --- Town02


def test_the_reduced_palette_of_town02_is_one_drive(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        write_picture(tmp_path / "rgb" / name, row(2))
        write_picture(tmp_path / "segmentation" / name, rgb((50, 64, 128), BLACK))
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "town02"
    assert labels(pictures) == [[1, 0]]
    assert pictures.drives == [tmp_path.name] * 2
    with pytest.raises(DataError, match="is labelled in town02"):
        open_dataset(str(tmp_path), label_set="carla29")


def test_a_full_palette_is_not_taken_for_the_reduced_one(tmp_path: Path) -> None:
    write_picture(tmp_path / "rgb" / "1.png", row(3))
    write_picture(tmp_path / "segmentation" / "1.png", rgb(ROAD, ROAD_LINE, (110, 190, 160)))
    with pytest.raises(DataError, match=r"1\.png: 67% of its pixels have colours that town02"):
        open_dataset(str(tmp_path))[0]
    full = open_dataset(str(tmp_path), layout="palette", label_set="carla29")
    assert labels(full) == [[1, 24, 20]]


# --- CamVid


def write_camvid(folder: Path, part: str, *pictures: str) -> None:
    for name in pictures:
        write_picture(folder / part / f"{name}.jpg", row(3))
        write_picture(folder / f"{part}annot" / f"{name}.png", ids(0, 3, 11))


def test_camvid_has_parts_and_sequences(tmp_path: Path) -> None:
    write_camvid(tmp_path, "train", "0001TP_1", "0016E5_2")
    write_camvid(tmp_path, "val", "0016E5_4")
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "camvid"
    assert pictures.label_set == LabelSet.load("camvid11")
    assert pictures.parts == {"train": [0, 1], "val": [2]}
    assert pictures.drives == ["0001TP", "0016E5", "0016E5"]
    assert names(pictures) == ["train/0001TP_1", "train/0016E5_2", "val/0016E5_4"]
    assert labels(pictures) == [[0, 3, UNKNOWN_ID]]


def test_one_part_of_camvid_is_a_data_set(tmp_path: Path) -> None:
    write_camvid(tmp_path / "camvid", "val", "0016E5_4")
    pictures = open_dataset(str(tmp_path / "camvid" / "val"))
    assert pictures.name == "camvid/val"
    assert pictures.parts == {}


def test_other_classes_in_segnets_layout_have_their_own_unlabelled_id(tmp_path: Path) -> None:
    write_picture(tmp_path / "train" / "1.png", row(3))
    write_picture(tmp_path / "trainannot" / "1.png", ids(0, 12, 13))
    assert labels(open_dataset(str(tmp_path), label_set="carla13")) == [[0, 12, UNKNOWN_ID]]


# --- pairs


def test_pairs_of_ids_need_a_label_set(tmp_path: Path) -> None:
    write_picture(tmp_path / "7_rgb.jpg", row(2))
    write_picture(tmp_path / "7_ids.png", ids(1, 11))
    with pytest.raises(DataError, match="give a label set"):
        open_dataset(str(tmp_path))
    with pytest.raises(LabelSetError, match="carla99"):
        open_dataset(str(tmp_path), label_set="carla99")
    assert labels(open_dataset(str(tmp_path), label_set="carla29")) == [[1, 11]]


def test_pairs_of_colors_tell_their_label_set(tmp_path: Path) -> None:
    write_picture(tmp_path / "7_rgb.jpg", row(3))
    write_picture(tmp_path / "7_palette.png", rgb(ROAD, (152, 251, 152), ROAD_LINE))
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "palette"
    assert pictures.label_set == LabelSet.load("carla29")
    assert labels(pictures) == [[1, 10, 24]]


def test_labels_without_a_picture_are_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "7_rgb.jpg", row(1))
    for name in ("7_ids.png", "8_ids.png"):
        write_picture(tmp_path / name, ids(1))
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert pictures.faults == [f"{tmp_path}/8_ids.png: has no picture beside it"]


# --- images and masks


@pytest.mark.parametrize("mask", [ids(1, 24), tags(1, 24, channels=4), np.dstack([ids(1, 24)] * 3)])
def test_masks_may_have_ids_tags_in_red_or_gray(tmp_path: Path, mask: np.ndarray) -> None:
    write_picture(tmp_path / "images" / "1.png", row(2))
    write_picture(tmp_path / "masks" / "1.png", mask)
    assert labels(open_dataset(str(tmp_path), label_set="carla29")) == [[1, 24]]


def test_images_and_masks_pair_by_name_and_folders_are_drives(tmp_path: Path) -> None:
    for place in ("rain/2", "rain/10", "sun/1"):
        write_picture(tmp_path / "images" / f"{place}.jpg", row(2))
        write_picture(tmp_path / "masks" / f"{place}.png", ids(3, UNKNOWN_ID))
    pictures = open_dataset(str(tmp_path), label_set="carla13")
    assert pictures.layout == "images-masks"
    assert names(pictures) == ["rain/2", "rain/10", "sun/1"]
    assert pictures.drives == ["rain", "rain", "sun"]
    assert labels(pictures) == [[3, UNKNOWN_ID]]


def test_masks_of_0_and_255_are_two_classes(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "1.png", row(2))
    write_picture(tmp_path / "masks" / "1.png", ids(0, 255))
    assert labels(open_dataset(str(tmp_path), label_set="nuclei2")) == [[0, 1]]
    assert labels(open_dataset(str(tmp_path), label_set="carla13")) == [[0, UNKNOWN_ID]]


def test_masks_in_color_are_read_as_a_palette(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "1.png", row(2))
    write_picture(tmp_path / "masks" / "1.png", rgb(ROAD, (145, 170, 100)))
    assert open_dataset(str(tmp_path)).label_set == LabelSet.load("carla23")


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (ids(1), "has 1x1 pixels, its picture 2x1"),
        (rgb(ROAD, ROAD), "has ids of 128, which carla29 does not have"),
        (ids(1, 40), "has ids of 40, which carla29 does not have"),
        (np.zeros((1, 2), np.uint16), "has uint16 pixels"),
    ],
)
def test_a_mask_that_does_not_fit_is_named(tmp_path: Path, mask: np.ndarray, reason: str) -> None:
    for name in ("1.png", "2.png"):
        write_picture(tmp_path / "images" / name, row(2))
    write_picture(tmp_path / "masks" / "1.png", ids(0, 1))
    write_picture(tmp_path / "masks" / "2.png", mask)
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert labels(pictures) == [[0, 1]]
    with pytest.raises(DataError, match=rf"masks/2\.png: .*{reason}"):
        pictures[1]


def test_files_that_are_missing_cut_short_or_alone_are_named(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        write_picture(tmp_path / "images" / f"{name}.png", gray(9, 64, 48))
        write_picture(tmp_path / "masks" / f"{name}.png", gray(1, 64, 48)[..., 0])
    (tmp_path / "masks" / "1.png").unlink()
    cut_short(tmp_path / "masks" / "2.png")
    cut_short(tmp_path / "images" / "3.png")
    write_picture(tmp_path / "masks" / "4.png", ids(1))
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert pictures.faults == [f"{tmp_path}/masks/4.png: has no picture in {tmp_path}/images"]
    for position, reason in enumerate(
        [r"masks/1\.png: is missing", r"masks/2\.png: .*cut short", r"images/3\.png: .*cut short"]
    ):
        with pytest.raises(DataError, match=reason):
            pictures[position]


# --- regions drawn by hand


def draw(path: Path, *shapes: dict[str, object], width: int = 4, height: int = 3) -> None:
    """Write what labelme would, for a picture of that size."""
    document = {"shapes": shapes, "imageWidth": width, "imageHeight": height, "imageData": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def polygon(label: str, *points: list[float]) -> dict[str, object]:
    return {"label": label, "points": points, "shape_type": "polygon"}


def test_regions_lie_over_earlier_ones_and_the_rest_is_not_labelled(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png", "b/not_drawn_yet.png"):
        write_picture(tmp_path / name, gray(9, 4, 3))
    sky = polygon("Sky", [0, 0], [3, 0], [3, 1], [0, 1])
    car = {"label": "Car", "points": [[3, 1], [1, 0]], "shape_type": "rectangle"}
    draw(tmp_path / "a" / "1.json", sky, car)
    draw(tmp_path / "b" / "2.json")
    draw(tmp_path / "b" / "3.json")
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert pictures.layout == "labelme"
    assert (names(pictures), pictures.drives) == (["a/1", "b/2"], ["a", "b"])
    assert labels(pictures) == [[11, 14, 14, 14], [11, 14, 14, 14], [255, 255, 255, 255]]
    assert pictures.faults == [f"{tmp_path}/b/3.json: has no picture beside it"]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (polygon("Cloud", [0, 0], [1, 0], [1, 1]), "carla29' has no class 'Cloud'"),
        (polygon("Sky", [0, 0], [1, 0]), "a polygon needs at least 3 points"),
        (polygon("Sky", [0, 0], [1, 0], [1, float("nan")]), "far outside"),
        (polygon("Sky", [0, 0], [1, 0], [1e12, 1]), "far outside"),
        ({**polygon("Sky"), "points": [[0, "x"]]}, "not pairs of numbers"),
        ({**polygon("Sky"), "points": [[[0]]] * 3}, "a polygon needs"),
        ({**polygon("Sky", [0, 0], [1, 1]), "shape_type": "circle"}, "is a 'circle'; only"),
        ({"points": []}, "has no label"),
    ],
)
def test_a_region_that_cannot_be_drawn_is_named(
    tmp_path: Path, shape: dict[str, object], reason: str
) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    draw(tmp_path / "1.json", polygon("Sky", [0, 0], [1, 0], [1, 1]), shape)
    with pytest.raises(DataError, match=rf"1\.json: shape 2: .*{reason}"):
        open_dataset(str(tmp_path), label_set="carla29")[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"shapes": [', "cut short"),
        ('{"shapes": []}', "has no imageHeight"),
        ('{"shapes": [], "imageWidth": 4, "imageHeight": true}', "has no imageHeight"),
        ('{"shapes": [], "imageWidth": 400000, "imageHeight": 4000}', "at most"),
        ('{"shapes": [], "imageWidth": 3, "imageHeight": 4}', "3x4 pixels, its picture 4x3"),
    ],
)
def test_a_file_of_regions_that_does_not_fit_is_named(
    tmp_path: Path, text: str, reason: str
) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    (tmp_path / "1.json").write_text(text)
    with pytest.raises(DataError, match=rf"1\.json: .*{reason}"):
        open_dataset(str(tmp_path), label_set="carla29")[0]


# --- any


def test_a_data_set_is_cheap_to_send_to_a_worker(tmp_path: Path) -> None:
    for number in range(100):
        write_picture(tmp_path / "images" / f"{number}.png", row(1))
        write_picture(tmp_path / "masks" / f"{number}.png", ids(1))
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    message = pickle.dumps(pictures)
    assert len(message) < 100_000
    assert labels(pickle.loads(message), 99) == [[1]]


@pytest.mark.parametrize("layout", ["camvid", "course", "capture", "nuclei", "bag", "no-such"])
def test_a_layout_that_a_folder_does_not_have_is_refused(tmp_path: Path, layout: str) -> None:
    write_picture(tmp_path / "images" / "1.png", row(1))
    with pytest.raises(DataError, match=f"laid out as {layout}|no layout|has no metadata.yaml"):
        open_dataset(str(tmp_path), layout=layout)


def test_a_folder_in_no_layout_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", row(1))
    with pytest.raises(DataError, match="no known layout; known are capture, course"):
        open_dataset(str(tmp_path))
    with pytest.raises(DataError, match="no_such: no such folder or file"):
        open_dataset(str(tmp_path / "no_such"))


# --- real data sets


@pytest.mark.parametrize(
    ("folder", "label_set", "count", "class_seen"),
    [
        ("carla_town02", "", 2875, "Road"),
        ("carla_pairs/tags29_town10hd", "carla29", 2, "Roads"),
        ("carla_pairs/tags13", "carla13", 2, "Road"),
        ("carla_pairs/palette13_town03", "", 4, "Vehicle"),
        ("carla_pairs/palette23", "carla23", 1, "Road"),
        ("camvid", "", 468, "Road"),
        ("nuclei/stage1_train", "", 220, "Nucleus"),
    ],
)
def test_real_data_sets_are_read(
    shared_data: Path, folder: str, label_set: str, count: int, class_seen: str
) -> None:
    pictures = open_dataset(str(shared_data / folder), label_set=label_set)
    assert len(pictures) == len(pictures.drives) == count
    assert pictures.faults == []
    sample = pictures[count - 1]
    assert sample.labels is not None
    assert sample.labels.shape == sample.image.shape[:2]
    assert np.mean(sample.labels == pictures.label_set.class_id(class_seen)) > 0.03
    assert np.mean(sample.labels == UNKNOWN_ID) < 0.05


def test_a_real_palette_that_no_table_fits_is_refused_with_figures(shared_data: Path) -> None:
    with pytest.raises(DataError, match=r"carla23 0\.8\d%.*say which one it is"):
        open_dataset(str(shared_data / "carla_pairs" / "palette23"))


def test_camvid_has_its_published_parts(shared_data: Path) -> None:
    pictures = open_dataset(str(shared_data / "camvid"))
    assert {name: len(part) for name, part in pictures.parts.items()} == {"train": 367, "val": 101}
    assert Counter(pictures.drives) == {"0001TP": 62, "0006R0": 101, "0016E5": 305}
