# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Polygons of COCO, YOLO, labelme and LabelMe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from drawn_pictures import gray, write_picture

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID

LEFT_HALF = [0, 0, 2, 0, 2, 3, 0, 3]
CORNER = [0, 0, 1, 0, 1, 1, 0, 1]


@pytest.fixture
def _drawer() -> None:
    pytest.importorskip("pycocotools", reason="draws the polygons of COCO and YOLO")


def labels(pictures: LabelledPictures, position: int = 0) -> list[list[int]]:
    found = pictures[position].labels
    assert found is not None
    return found.tolist()


# --- COCO


def write_coco(path: Path, *shapes: tuple[int, Any]) -> None:
    document = {
        "images": [{"id": 7, "file_name": "1.png", "width": 4, "height": 3}],
        "categories": [{"id": 1, "name": "car"}, {"id": 5, "name": "Building"}],
        "annotations": [
            {"id": number, "image_id": 7, "category_id": category, "segmentation": shape}
            for number, (category, shape) in enumerate(shapes)
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.mark.usefixtures("_drawer")
@pytest.mark.parametrize(
    ("place", "picture"),
    [
        ("annotations/instances_train2017.json", "train2017/1.png"),
        ("annotations/instances_default.json", "images/default/1.png"),
        ("train/_annotations.coco.json", "train/1.png"),
    ],
)
def test_small_regions_lie_over_large_ones(tmp_path: Path, place: str, picture: str) -> None:
    write_picture(tmp_path / picture, gray(9, 4, 3))
    write_coco(tmp_path / place, (1, [CORNER]), (5, [LEFT_HALF]))
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "coco"
    assert pictures.label_set.names == ("background", "car", "Building")
    assert labels(pictures) == [[1, 2, 0, 0], [2, 2, 0, 0], [2, 2, 0, 0]]
    assert list(pictures.parts) == (["train"] if "train" in place else [])


@pytest.mark.usefixtures("_drawer")
def test_a_run_length_mask_is_drawn(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    write_coco(tmp_path / "_annotations.coco.json", (1, {"size": [3, 4], "counts": [3, 3, 6]}))
    assert labels(open_dataset(str(tmp_path))) == [[0, 1, 0, 0]] * 3


@pytest.mark.usefixtures("_drawer")
def test_polygons_of_a_picture_of_another_size_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 8, 6))
    write_coco(tmp_path / "_annotations.coco.json", (1, [CORNER]))
    with pytest.raises(DataError, match="a region is for 4x3 pixels, the picture has 8x6"):
        labels(open_dataset(str(tmp_path)))


@pytest.mark.usefixtures("_drawer")
def test_categories_are_classes_by_name_and_others_are_not_labelled(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    write_coco(tmp_path / "_annotations.coco.json", (5, [LEFT_HALF]), (1, [CORNER]))
    pictures = open_dataset(str(tmp_path), label_set="nuclei2")
    assert labels(pictures)[0] == [UNKNOWN_ID, UNKNOWN_ID, 0, 0]
    assert list(pictures.notes) == ["Building, car: not in nuclei2, so that these are not labelled"]


def test_a_picture_that_is_listed_and_missing_is_named(tmp_path: Path) -> None:
    write_coco(tmp_path / "_annotations.coco.json", (1, [CORNER]))
    [fault] = open_dataset(str(tmp_path)).faults
    assert fault.endswith("_annotations.coco.json: lists '1.png', which is missing")


@pytest.mark.usefixtures("_drawer")
def test_a_picture_that_two_files_list_has_the_regions_of_both(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "1.png", gray(9, 4, 3))
    write_coco(tmp_path / "annotations" / "cars.json", (1, [CORNER]))
    write_coco(tmp_path / "annotations" / "buildings.json", (5, [LEFT_HALF]))
    pictures = open_dataset(str(tmp_path))
    assert len(pictures) == 1
    assert labels(pictures) == [[1, 2, 0, 0], [2, 2, 0, 0], [2, 2, 0, 0]]


@pytest.mark.usefixtures("_drawer")
def test_four_numbers_are_no_region_and_no_box_beside_polygons(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    path = tmp_path / "_annotations.coco.json"
    write_coco(path, (1, [[0, 0, 2, 2]]))
    with pytest.raises(DataError, match=r"1\.png: a region cannot be drawn: it has no polygon"):
        open_dataset(str(tmp_path))[0]
    write_coco(path, (1, [[0, 0, 4, 3], CORNER]))
    assert labels(open_dataset(str(tmp_path))) == [[1, 0, 0, 0], [0] * 4, [0] * 4]


@pytest.mark.usefixtures("_drawer")
def test_ids_may_be_whole_numbers_with_a_point(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    path = tmp_path / "_annotations.coco.json"
    write_coco(path, (1, [CORNER]))
    document = json.loads(path.read_text())
    document["images"][0]["id"] = 7.0
    document["annotations"][0].update(image_id=7.0, category_id=1.0)
    path.write_text(json.dumps(document))
    pictures = open_dataset(str(tmp_path))
    assert pictures.faults == []
    assert labels(pictures) == [[1, 0, 0, 0], [0] * 4, [0] * 4]


def test_entries_without_usable_ids_are_a_fault(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    path = tmp_path / "_annotations.coco.json"
    write_coco(path)
    document = json.loads(path.read_text())
    listed = {"image_id": [7], "category_id": 1, "segmentation": [CORNER]}
    document["annotations"] = ["text", listed, {**listed, "image_id": float("nan")}]
    document["categories"] += [{"id": {}, "name": "x"}]
    path.write_text(json.dumps(document))
    pictures = open_dataset(str(tmp_path))
    annotations, categories = pictures.faults
    assert (
        "annotations without a usable image_id and category_id are left out: 3 of 3" in annotations
    )
    assert "categories without a usable id are left out: 1 of 3" in categories
    assert labels(pictures) == [[0] * 4] * 3


def test_regions_that_would_be_background_without_a_word_are_a_fault(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    path = tmp_path / "_annotations.coco.json"
    write_coco(path, (1, [CORNER]), (1, []), (5, []), (3, [CORNER]))
    document = json.loads(path.read_text())
    document["annotations"] += [{"image_id": 8, "category_id": 1, "segmentation": [CORNER]}]
    path.write_text(json.dumps(document))
    pictures = open_dataset(str(tmp_path))
    with pytest.raises(DataError, match="a region cannot be drawn"):
        labels(pictures)
    assert sorted(pictures.faults) == [
        f"{path}: 1 of 5 regions are of pictures that it does not list",
        f"{path}: 1 of 5 regions have a category that it does not list",
        f"{path}: 2 of 5 regions are boxes without a polygon or mask, which do not say which "
        "pixels they mean",
    ]


def test_two_entries_with_one_id_are_left_out(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    write_picture(tmp_path / "2.png", gray(9, 4, 3))
    path = tmp_path / "_annotations.coco.json"
    write_coco(path, (1, [CORNER]))
    document = json.loads(path.read_text())
    document["images"] += [{"id": 8, "file_name": "2.png"}, {"id": 7.0, "file_name": "2.png"}]
    path.write_text(json.dumps(document))
    pictures = open_dataset(str(tmp_path))
    assert [pictures.name_of(number) for number in range(len(pictures))] == ["2"]
    images, regions = pictures.faults
    assert "images without a usable id are left out: 2 of 3" in images
    assert regions == f"{path}: 1 of 1 regions are of pictures that it does not list"


# --- YOLO


def write_yolo(folder: Path, text: str) -> None:
    write_picture(folder / "images" / "val" / "1.png", gray(9, 4, 3))
    (folder / "labels" / "val").mkdir(parents=True)
    (folder / "labels" / "val" / "1.txt").write_text(text)
    (folder / "data.yaml").write_text("names: {0: car, 1: building}\n")


@pytest.mark.usefixtures("_drawer")
def test_yolos_polygons_are_in_shares_of_the_picture(tmp_path: Path) -> None:
    write_yolo(tmp_path, "1 0 0 0.5 0 0.5 1 0 1\n\n0 0 0 0.25 0 0.25 0.333 0 0.333\n")
    pictures = open_dataset(str(tmp_path))
    assert (pictures.layout, list(pictures.parts)) == ("yolo", ["val"])
    assert pictures.label_set.names == ("background", "car", "building")
    assert labels(pictures) == [[1, 2, 0, 0], [2, 2, 0, 0], [2, 2, 0, 0]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 0.5 0.5 0.2 0.2", "is a box and no polygon"),
        ("2 0 0 1 0 1 1", "not a known class"),
        ("-1 0 0 1 0 1 1", "not a known class"),
        ("0 0 0 x 0 1 1", "not a known class and numbers"),
        ("0 0 0 1 0 1", "three or more pairs"),
        ("0 0 0 nan 0 1 1", "three or more pairs"),
    ],
)
def test_a_line_that_is_no_polygon_is_named(tmp_path: Path, text: str, reason: str) -> None:
    write_yolo(tmp_path, f"\n{text}\n")
    with pytest.raises(DataError, match=rf"1\.txt, line 2: .*{reason}"):
        open_dataset(str(tmp_path))[0]


def test_pictures_of_one_name_do_not_share_the_polygons_of_yolo(tmp_path: Path) -> None:
    write_yolo(tmp_path, "1 0 0 1 0 1 1")
    first = next((tmp_path / "images").rglob("1.*"))
    (first.parent / "2.png").write_bytes(first.read_bytes())
    (first.parent / "1.jpg").write_bytes(first.read_bytes())
    next((tmp_path / "labels").rglob("1.txt")).with_name("2.txt").write_text("")
    pictures = open_dataset(str(tmp_path))
    assert [pictures[index].name for index in range(len(pictures))] == ["val/2"]
    assert len(pictures.faults) == 1
    assert "are pictures of one name; leave one of them there" in pictures.faults[0]


def test_without_a_list_of_classes_yolo_is_refused(tmp_path: Path) -> None:
    write_yolo(tmp_path, "")
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(DataError, match=r"has no data\.yaml that names the classes"):
        open_dataset(str(tmp_path))


# --- labelme


def draw(path: Path, *shapes: dict[str, Any]) -> None:
    path.write_text(json.dumps({"shapes": shapes, "imageWidth": 4, "imageHeight": 3}))


@pytest.mark.parametrize(
    "corners",
    [
        [[1, 1], [3, 2]],
        [[3, 2], [1, 1]],
        [[1, 1], [3, 1], [3, 2], [1, 2]],
        [[3, 1], [1, 2], [1, 1], [3, 2]],
    ],
)
def test_a_rectangle_of_any_number_of_corners_is_their_box(
    tmp_path: Path, corners: list[list[int]]
) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    draw(tmp_path / "1.json", {"label": "Car", "points": corners, "shape_type": "rectangle"})
    unknown = UNKNOWN_ID
    drawn = labels(open_dataset(str(tmp_path), label_set="carla29"))
    assert drawn == [[unknown] * 4, [unknown, 14, 14, 14], [unknown, 14, 14, 14]]


@pytest.mark.parametrize("kind", ["circle", "line", "linestrip", "point", "mask"])
def test_other_shapes_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    shape = {"label": "Car", "points": [[0, 0], [1, 1], [2, 0]], "shape_type": kind}
    draw(tmp_path / "1.json", shape)
    with pytest.raises(DataError, match=rf"1\.json: shape 1: is a '{kind}'; only polygons"):
        open_dataset(str(tmp_path), label_set="carla29")[0]


def test_files_that_are_no_labelme_are_left_alone_with_a_note(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    draw(tmp_path / "1.json", {"label": "Car", "points": [[0, 0], [3, 0], [3, 2]]})
    (tmp_path / "classes.json").write_text("{}")
    (tmp_path / "._1.json").write_bytes(b"\0\5\26\7")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    draw(tmp_path / ".ipynb_checkpoints" / "1-checkpoint.json")
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert pictures.faults == []
    assert list(pictures.notes) == ["no files of labelme, left alone: classes.json"]


def test_labelme_in_xml_as_cvat_exports_it(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((0, 0), (3, 0), (3, 1), (0, 1)))
    (tmp_path / "1.xml").write_text(
        "<annotation><filename>1.png</filename>"
        "<imagesize><nrows>3</nrows><ncols>4</ncols></imagesize>"
        f"<object><name>Sky</name><deleted>0</deleted><polygon>{points}</polygon></object>"
        f"<object><name>Car</name><deleted>1</deleted><polygon>{points}</polygon></object>"
        "</annotation>"
    )
    pictures = open_dataset(str(tmp_path), label_set="carla29")
    assert pictures.layout == "labelme"
    assert labels(pictures) == [[11] * 4, [11] * 4, [UNKNOWN_ID] * 4]


def test_a_damaged_xml_file_is_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "1.png", gray(9, 4, 3))
    (tmp_path / "1.xml").write_text("<annotation><imagesize><nrows>3")
    with pytest.raises(DataError, match=r"1\.xml: cannot be read as a file of LabelMe"):
        open_dataset(str(tmp_path), label_set="carla29")[0]
