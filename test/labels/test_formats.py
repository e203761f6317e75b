# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from drawn_pictures import BLACK, gray, ids, rgb, tags

from unet_seg_ros.labels import formats
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

CARLA13, CARLA23, CARLA29 = (LabelSet.load(f"carla{count}") for count in (13, 23, 29))
ROAD = (128, 64, 128)


def drawn_in(label_set: LabelSet, *names: str) -> np.ndarray:
    return rgb(*(label_set.classes[label_set.class_id(name)].color for name in names))


def test_ids_beyond_the_label_set_are_complained_about_and_unknown() -> None:
    labels, complaint, _ = formats.ids(ids(0, 12, 13, 200, UNKNOWN_ID), CARLA13)
    assert labels.tolist() == [[0, 12, UNKNOWN_ID, UNKNOWN_ID, UNKNOWN_ID]]
    assert complaint == "has ids of 13, 200, which carla13 does not have"


def test_ids_that_mean_unlabelled_are_no_reason_to_complain() -> None:
    labels, complaint, _ = formats.ids(ids(12, 13, UNKNOWN_ID), CARLA13, ignored=(13,))
    assert labels.tolist() == [[12, UNKNOWN_ID, UNKNOWN_ID]]
    assert complaint == ""


def test_a_long_list_of_foreign_ids_is_cut() -> None:
    _, complaint, _ = formats.ids(ids(*range(100, 120)), CARLA13)
    assert complaint == "has ids of 100, 101, 102, 103, 104, ..., which carla13 does not have"


@pytest.mark.parametrize("pixels", [ids(7, 10), tags(7, 10), tags(7, 10, channels=4)])
def test_tags_are_in_red_or_in_the_only_channel(pixels: np.ndarray) -> None:
    labels, complaint, _ = formats.tags(pixels, CARLA13)
    assert labels.tolist() == [[7, 10]]
    assert complaint == ""


def test_a_few_foreign_colors_are_unknown_and_many_are_complained_about() -> None:
    few = rgb(*[ROAD] * 95, *[(1, 2, 3)] * 5)
    labels, complaint, _ = formats.palette(few, CARLA29)
    assert np.bincount(labels.ravel())[[1, UNKNOWN_ID]].tolist() == [95, 5]
    assert complaint == ""
    many = rgb(*[ROAD] * 94, *[(1, 2, 3)] * 6)
    complaint = formats.palette(many, CARLA29).complaint
    assert complaint == "6% of its pixels have colours that carla29 does not have"


def test_the_reduced_palette_does_not_take_other_colors_for_other() -> None:
    town02 = LabelSet.load("town02")
    pixels = rgb((50, 64, 128), BLACK, (0, 0, 255), (70, 70, 70))
    labels, complaint, _ = formats.reduced_palette(pixels, town02)
    assert labels.tolist() == [[1, 0, 0, UNKNOWN_ID]]
    assert complaint == "25% of its pixels have colours that town02 does not have"


def test_a_black_picture_of_one_channel_is_in_the_reduced_palette() -> None:
    town02 = LabelSet.load("town02")
    labels, complaint, _ = formats.reduced_palette(ids(0, 0), town02)
    assert labels.tolist() == [[0, 0]]
    assert complaint == ""


def test_a_binary_mask_has_two_values() -> None:
    for pixels in (ids(0, 255), rgb(BLACK, (255, 255, 255))):
        labels, complaint, _ = formats.binary(pixels)
        assert labels.tolist() == [[0, 1]]
        assert complaint == ""
    labels, complaint, _ = formats.binary(ids(0, 255, 128))
    assert labels.tolist() == [[0, 1, UNKNOWN_ID]]
    assert complaint == "has values of 128 beside 0 and 255"


@pytest.mark.parametrize("pixels", [ids(0, 3), rgb(BLACK, (0, 3, 0))])
def test_foreground_is_whatever_is_not_black(pixels: np.ndarray) -> None:
    assert formats.foreground(pixels).labels.tolist() == [[0, 1]]


def test_tags_in_another_channel_are_no_class_0() -> None:
    blue = tags(7, 10)[..., ::-1]
    labels, complaint, _ = formats.tags(blue, CARLA13)
    assert complaint.startswith("has something in blue and nothing in red")
    labels, complaint, _ = formats.tags_in(blue, CARLA13, channel=0)
    assert (labels.tolist(), complaint) == ([[7, 10]], "")
    assert "has something in green and red, too" in formats.tags_in(rgb(ROAD), CARLA29, 0).complaint


def test_an_instance_camera_has_tags_in_red_whatever_is_in_the_others() -> None:
    numbered = rgb((1, 77, 3), (24, 0, 200))
    assert formats.tags(numbered, CARLA29).labels.tolist() == [[1, 24]]
    complaint = formats.palette(numbered, CARLA29).complaint
    assert complaint.endswith("; its red has class ids, which layout=images-masks reads")


def test_a_class_of_another_palette_is_noted_however_few_pixels_it_has() -> None:
    road = gray(0, width=100, height=100)
    road[:] = ROAD[::-1]
    road[0, :2] = CARLA29.classes[CARLA29.class_id("Rider")].color[::-1]
    labels, complaint, note = formats.palette(road, CARLA23)
    assert np.count_nonzero(labels == UNKNOWN_ID) == 2
    assert complaint == ""
    assert note == (
        "has 2 pixels in (255, 0, 0) (Rider in carla29), which carla23 lacks: not labelled"
    )
    road[0, 1] = ROAD[::-1]
    assert formats.palette(road, CARLA23).note == ""  # one in ten thousand is a stray


def test_a_black_picture_may_be_gray_in_a_palette() -> None:
    labels, complaint, _ = formats.palette(ids(0, 0), CARLA29)
    assert (labels.tolist(), complaint) == ([[0, 0]], "")


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [(ids(1), False), (tags(1, 24, channels=4), False), (gray(7), False), (rgb(ROAD), True)],
)
def test_colors_are_told_from_tags(pixels: np.ndarray, expected: bool) -> None:
    assert formats.is_colored(pixels) is expected
