# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from unet_seg_ros.labels.label_set import (
    UNKNOWN_ID,
    LabelClass,
    LabelSet,
    LabelSetError,
    built_in_label_sets,
    group_table,
)

CARLA29 = LabelSet.load("carla29")


@pytest.mark.parametrize(
    ("name", "classes"),
    [("camvid11", 11), ("carla13", 13), ("carla23", 23), ("carla29", 30), ("nuclei2", 2)],
)
def test_built_in_sets_load_and_survive_a_round_trip(name: str, classes: int) -> None:
    label_set = LabelSet.load(name)
    assert len(label_set) == classes
    assert name in built_in_label_sets()
    assert LabelSet.from_dict(label_set.to_dict()) == label_set


def test_aliases_are_those_of_today() -> None:
    today = LabelSet.load("carla29")
    bare = tuple(dataclasses.replace(item, aliases=()) for item in today.classes)
    assert LabelSet("carla29", bare).with_aliases_of_today().classes[12].aliases == ("person",)
    own = LabelSet("mine", bare)
    assert own.with_aliases_of_today() is own


# Samples of the three tables where they differ: an id means another class in each, and so does a
# colour. CARLA: LibCarla/source/carla/image/CityScapesPalette.h of 0.9.5, 0.9.13 and 0.9.15.
@pytest.mark.parametrize(
    ("name", "class_id", "class_name", "color"),
    [
        ("carla13", 7, "Road", (128, 64, 128)),
        ("carla13", 3, "Other", (250, 170, 160)),
        ("carla23", 7, "Road", (128, 64, 128)),
        ("carla23", 2, "Fence", (100, 40, 40)),
        ("carla23", 22, "Terrain", (145, 170, 100)),
        ("carla29", 7, "TrafficLight", (250, 170, 30)),
        ("carla29", 10, "Terrain", (152, 251, 152)),
        ("carla29", 24, "RoadLine", (157, 234, 50)),
        ("carla29", 29, "Rock", (180, 130, 70)),
    ],
)
def test_ids_and_colors_are_those_of_the_simulator(
    name: str, class_id: int, class_name: str, color: tuple[int, int, int]
) -> None:
    item = LabelSet.load(name).classes[class_id]
    assert (item.name, item.color) == (class_name, color)


@given(st.sampled_from(built_in_label_sets()), st.integers(0, 2**32 - 1))
def test_coloring_and_decoding_are_inverse(name: str, seed: int) -> None:
    label_set = LabelSet.load(name)
    labels = np.random.default_rng(seed).integers(0, len(label_set), (7, 5), np.uint8)
    colors = label_set.colorize(labels)
    decoded, unknown = label_set.decode_palette(colors, "rgb")
    np.testing.assert_array_equal(decoded, labels)
    assert unknown == 0


@pytest.mark.parametrize("order", ["rgb", "bgr", "rgba", "bgra"])
def test_palette_decodes_in_every_channel_order_and_ignores_alpha(order: str) -> None:
    labels = np.array([[1, 14, 24]], np.uint8)
    channels = dict(zip("rgb", np.moveaxis(CARLA29.colorize(labels), -1, 0), strict=True))
    channels["a"] = np.array([[0, 128, 255]], np.uint8)
    pixels = np.stack([channels[channel] for channel in order], axis=-1)
    decoded, unknown = CARLA29.decode_palette(pixels, order)
    np.testing.assert_array_equal(decoded, labels)
    assert unknown == 0


def test_palette_decodes_a_view_with_padded_rows() -> None:
    labels = np.array([[1, 2], [3, 4]], np.uint8)
    padded = np.zeros((2, 5, 4), np.uint8)
    padded[:, :2, :3] = CARLA29.colorize(labels)[..., ::-1]
    decoded, _ = CARLA29.decode_palette(padded[:, :2], "bgra")
    np.testing.assert_array_equal(decoded, labels)


def test_colors_of_no_class_become_unknown_and_are_counted() -> None:
    pixels = np.array([[[128, 64, 128], [128, 64, 129], [1, 2, 3]]], np.uint8)
    labels, unknown = CARLA29.decode_palette(pixels, "rgb")
    np.testing.assert_array_equal(labels, [[1, UNKNOWN_ID, UNKNOWN_ID]])
    assert unknown == 2


def test_raw_tags_are_the_red_channel_and_tags_of_no_class_are_counted() -> None:
    bgra = np.array([[[9, 9, 1, 255], [9, 9, 30, 255], [0, 0, 200, 0]]], np.uint8)
    labels, unknown = CARLA29.decode_tags(bgra, "bgra")
    np.testing.assert_array_equal(labels, [[1, UNKNOWN_ID, UNKNOWN_ID]])
    assert unknown == 2


def test_unknown_is_drawn_black() -> None:
    labels = np.array([[UNKNOWN_ID, 1]], np.uint8)
    np.testing.assert_array_equal(CARLA29.colorize(labels), [[(0, 0, 0), (128, 64, 128)]])


def test_groups_name_what_downstream_nodes_ask_for() -> None:
    names = {group: {CARLA29.names[i] for i in ids} for group, ids in CARLA29.groups.items()}
    assert names["lane"] == {"RoadLine"}
    assert names["drivable"] == {"Roads", "RoadLine"}
    assert names["sidewalk"] == {"SideWalks"}
    assert names["traffic_control"] == {"TrafficLight", "TrafficSign"}
    assert {"Pedestrian", "Rider", "Car", "Truck", "Bus", "Bicycle"} <= names["obstacle"]


def test_group_table_masks_its_ids_only() -> None:
    mask = group_table([1, 24])[np.array([[0, 1, 24, UNKNOWN_ID]], np.uint8)]
    np.testing.assert_array_equal(mask, [[0, 255, 255, 0]])


def test_remapping_goes_by_name_then_by_alias() -> None:
    carla13 = LabelSet.load("carla13")
    table = CARLA29.table_to(carla13)

    def target(source: str) -> str | None:
        class_id = table[CARLA29.class_id(source)]
        return None if class_id == UNKNOWN_ID else carla13.names[class_id]

    assert target("Building") == "Building"
    assert target("Roads") == "Road"
    assert target("Truck") == "Vehicle"
    assert target("GuardRail") is None
    assert table[UNKNOWN_ID] == UNKNOWN_ID


def test_vehicle_of_an_old_table_is_no_single_class_of_the_new_one() -> None:
    carla13 = LabelSet.load("carla13")
    assert carla13.table_to(CARLA29)[carla13.class_id("Vehicle")] == UNKNOWN_ID


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": []}, "has 0 classes"),
        ({"classes": [{"id": 1, "name": "a", "color": [0, 0, 0]}]}, "it must be 0"),
        ({"classes": [{"id": 0, "name": "a", "color": [0, 0, 256]}]}, "from 0 to 255"),
        ({"classes": [{"id": 0, "name": "a"}]}, "'color' is missing"),
        ({"classes": [{"id": 0, "name": "a", "color": [0, 0]}]}, r"\[0, 0\] is no colour: write"),
        ({"classes": [{"id": 0, "name": "a", "color": "123"}]}, "'123' is no colour: write"),
        ({"classes": [{"id": "x", "name": "a", "color": [0, 0, 0]}]}, "not a label set: .*'x'"),
        ({"classes": 3}, "not iterable"),
    ],
)
def test_wrong_sets_are_refused_with_the_reason(change: dict[str, object], message: str) -> None:
    with pytest.raises(LabelSetError, match=message):
        LabelSet.from_dict({"name": "wrong", **change})


def test_repeated_names_and_colors_are_refused() -> None:
    road = LabelClass(0, "Road", (1, 2, 3))
    with pytest.raises(LabelSetError, match="the name Road occurs twice"):
        LabelSet("twice", (road, LabelClass(1, "Road", (4, 5, 6))))
    with pytest.raises(LabelSetError, match=r"the colour \(1, 2, 3\) occurs twice"):
        LabelSet("twice", (road, LabelClass(1, "Grass", (1, 2, 3))))


def test_a_set_of_the_users_own_loads_from_its_path(tmp_path: Path) -> None:
    document = {"name": "mine", "classes": [{"id": 0, "name": "Crop", "color": [0, 200, 0]}]}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(document))
    assert LabelSet.load(path).names == ("Crop",)
    path.write_text(yaml.safe_dump({**document, "classes": []}))
    with pytest.raises(LabelSetError, match=f"^{path}: label set 'mine': has 0 classes"):
        LabelSet.load(path)


def test_an_unknown_set_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(LabelSetError, match="give one of camvid11, carla13, carla23, carla29"):
        LabelSet.load(tmp_path / "carla99")


@pytest.mark.parametrize(
    ("name", "pictures", "unknown_pixels"),
    [
        ("carla29", "tags29_town10hd/*_palette.png", 0),
        ("carla13", "palette13_town03/*_palette.png", 0),
        # The people who published this frame painted its parked cars red, a colour of no tag.
        ("carla23", "palette23/*_palette.png", 5814),
    ],
)
def test_palette_pictures_of_the_simulator_decode_exactly(
    shared_data: Path, name: str, pictures: str, unknown_pixels: int
) -> None:
    paths = sorted((shared_data / "carla_pairs").glob(pictures))
    assert paths
    for path in paths:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        labels, unknown = LabelSet.load(name).decode_palette(pixels, "bgr")
        assert unknown == unknown_pixels, path.name
        ids = path.with_name(path.name.replace("_palette", "_ids"))
        if ids.exists():
            np.testing.assert_array_equal(labels, cv2.imread(str(ids), cv2.IMREAD_UNCHANGED))


def test_raw_tag_pictures_of_the_simulator_hold_only_known_tags(shared_data: Path) -> None:
    paths = sorted((shared_data / "carla_pairs" / "tags13").glob("*_ids.png"))
    assert paths
    for path in paths:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        labels, unknown = LabelSet.load("carla13").decode_tags(pixels, "bgr")
        assert unknown == 0
        assert {7, 8} <= set(np.unique(labels)), "road and sidewalk are in every street picture"
