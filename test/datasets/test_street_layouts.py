# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cityscapes, and the data sets that are laid out or labelled like it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_pictures import BLACK, ids, rgb, row, write_picture

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.labels.mapping import mapping_between

CARLA29 = LabelSet.load("carla29")
ROAD, CAR = (128, 64, 128), (0, 0, 142)


def write_city(folder: Path, place: str, **labels: np.ndarray) -> None:
    write_picture(folder / "leftImg8bit" / f"{place}_leftImg8bit.png", row(3))
    for kind, pixels in labels.items():
        write_picture(folder / "gtFine" / f"{place}_gtFine_{kind}.png", pixels)


@pytest.fixture
def cities(tmp_path: Path) -> Path:
    """Return two cities to train on and one to validate on, with all kinds of label pictures."""
    for place in ("train/aachen/aachen_1", "train/ulm/ulm_1", "val/bonn/bonn_1"):
        write_city(
            tmp_path,
            place,
            labelIds=ids(7, 26, 0),
            labelTrainIds=ids(0, 13, 255),
            color=rgb(ROAD, CAR, BLACK),
            instanceIds=np.array([[7, 26001, 0]], np.uint16),
        )
    return tmp_path


def test_cities_are_drives_and_parts_are_as_published(cities: Path) -> None:
    pictures = open_dataset(str(cities))
    assert pictures.layout == "cityscapes"
    assert pictures.label_set == LabelSet.load("cityscapes34")
    assert pictures.drives == ["aachen", "ulm", "bonn"]
    assert pictures.parts == {"train": [0, 1], "val": [2]}
    assert pictures.faults == []
    assert pictures.name_of(2) == "val/bonn/bonn_1"
    assert pictures[2].labels.tolist() == [[7, 26, 0]]  # type: ignore[union-attr]


def test_train_ids_are_read_where_they_are_asked_for_or_alone(cities: Path) -> None:
    asked = open_dataset(str(cities), label_set="cityscapes19")
    assert asked[0].labels.tolist() == [[0, 13, UNKNOWN_ID]]  # type: ignore[union-attr]
    for path in [*cities.rglob("*_labelIds.png"), *cities.rglob("*_color.png")]:
        path.unlink()
    assert open_dataset(str(cities)).label_set == LabelSet.load("cityscapes19")


def test_colors_are_read_where_there_is_nothing_else(cities: Path) -> None:
    for path in cities.rglob("*Ids.png"):
        path.unlink()
    assert open_dataset(str(cities))[0].labels.tolist() == [[7, 26, 0]]  # type: ignore[union-attr]


def test_idd_lite_has_seven_coarse_classes(tmp_path: Path) -> None:
    write_picture(tmp_path / "leftImg8bit" / "train" / "0" / "024541_image.jpg", row(3))
    write_picture(tmp_path / "gtFine" / "train" / "0" / "024541_label.png", ids(0, 6, 255))
    write_picture(tmp_path / "gtFine" / "train" / "0" / "024541_inst_label.png", ids(0, 0, 9))
    pictures = open_dataset(str(tmp_path))
    assert pictures.label_set == LabelSet.load("idd7")
    assert pictures[0].labels.tolist() == [[0, 6, UNKNOWN_ID]]  # type: ignore[union-attr]


def test_a_folder_without_any_kind_of_labels_says_what_was_looked_for(tmp_path: Path) -> None:
    write_city(tmp_path, "train/ulm/ulm_1", polygons=ids(0, 0, 0))
    with pytest.raises(DataError, match=r"looked for \*_gtFine_labelIds\.png, .*_label\.png"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize(
    ("folder", "mask"), [("semantic", ids(7, 26, 4)), ("semantic_rgb", rgb(ROAD, CAR, BLACK))]
)
def test_kitti_has_ids_or_colors(tmp_path: Path, folder: str, mask: np.ndarray) -> None:
    for name in ("000000_10", "000001_10"):
        write_picture(tmp_path / "image_2" / f"{name}.png", row(3))
        write_picture(tmp_path / folder / f"{name}.png", mask)
    pictures = open_dataset(str(tmp_path))
    assert pictures.layout == "kitti"
    assert pictures.drives == ["000000_10", "000001_10"]
    read = pictures[0].labels
    assert read is not None
    assert [pictures.label_set.names[item] for item in read[0, :2]] == ["road", "car"]


@pytest.mark.parametrize("source", ["cityscapes34", "cityscapes19"])
def test_the_classes_of_cityscapes_in_those_of_carla(source: str) -> None:
    mapping = mapping_between(LabelSet.load(source), CARLA29)

    def may_be(label: str) -> set[str]:
        return {CARLA29.names[item] for item in mapping.classes[mapping.source.class_id(label)]}

    assert may_be("road") == {"Roads", "RoadLine"}
    assert may_be("person") == {"Pedestrian"}
    assert may_be("terrain") == {"Terrain", "Ground", "Vegetation"}
    nothing = ("unlabeled", "ego vehicle", "rectification border", "out of roi")
    assert mapping.ignored == (nothing if source == "cityscapes34" else ())


def test_coarse_classes_together_may_be_every_class_of_carla_that_is_outdoors() -> None:
    mapping = mapping_between(LabelSet.load("idd7"), CARLA29)
    together = frozenset().union(*mapping.classes)
    assert {CARLA29.names[item] for item in range(len(CARLA29)) if item not in together} <= {
        "Unlabeled",
        "Water",
    }


@pytest.mark.parametrize(
    ("folder", "label_set", "count", "seen"),
    [
        ("kitti_semantics", "", 200, "road"),
        ("idd_lite", "idd7", 906, "Drivable"),
        ("carla_weathers", "", 36, "Roads"),
        ("lyft_course", "", 9, "Road"),
    ],
)
def test_published_sets_are_read(
    shared_data: Path, folder: str, label_set: str, count: int, seen: str
) -> None:
    pictures = open_dataset(str(shared_data / folder), label_set=label_set)
    assert len(pictures) == count
    assert pictures.faults == []
    labels = pictures[count // 2].labels
    assert labels is not None
    assert np.mean(labels == pictures.label_set.class_id(seen)) > 0.1
    assert np.mean(labels == UNKNOWN_ID) < 0.01
