# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from drawn_pictures import BLACK, gray, ids, rgb, tags

from unet_seg_ros.labels import formats
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

CARLA13, CARLA23, CARLA29 = (LabelSet.load(f"carla{count}") for count in (13, 23, 29))
TABLES = (CARLA13, CARLA23, CARLA29)
ROAD = (128, 64, 128)


def drawn_in(label_set: LabelSet, *names: str) -> np.ndarray:
    return rgb(*(label_set.classes[label_set.class_id(name)].color for name in names))


def test_ids_beyond_the_label_set_are_complained_about_and_unknown() -> None:
    labels, complaint = formats.ids(ids(0, 12, 13, 200, UNKNOWN_ID), CARLA13)
    assert labels.tolist() == [[0, 12, UNKNOWN_ID, UNKNOWN_ID, UNKNOWN_ID]]
    assert complaint == "has ids of 13, 200, which carla13 does not have"


def test_ids_that_mean_unlabelled_are_no_reason_to_complain() -> None:
    labels, complaint = formats.ids(ids(12, 13, UNKNOWN_ID), CARLA13, ignored=(13,))
    assert labels.tolist() == [[12, UNKNOWN_ID, UNKNOWN_ID]]
    assert complaint == ""


def test_a_long_list_of_foreign_ids_is_cut() -> None:
    _, complaint = formats.ids(ids(*range(100, 120)), CARLA13)
    assert complaint == "has ids of 100, 101, 102, 103, 104, ..., which carla13 does not have"


@pytest.mark.parametrize("pixels", [ids(7, 10), tags(7, 10), tags(7, 10, channels=4)])
def test_tags_are_in_red_or_in_the_only_channel(pixels: np.ndarray) -> None:
    labels, complaint = formats.tags(pixels, CARLA13)
    assert labels.tolist() == [[7, 10]]
    assert complaint == ""


def test_a_few_foreign_colors_are_unknown_and_many_are_complained_about() -> None:
    few = rgb(*[ROAD] * 95, *[(1, 2, 3)] * 5)
    labels, complaint = formats.palette(few, CARLA29)
    assert np.bincount(labels.ravel())[[1, UNKNOWN_ID]].tolist() == [95, 5]
    assert complaint == ""
    many = rgb(*[ROAD] * 94, *[(1, 2, 3)] * 6)
    complaint = formats.palette(many, CARLA29).complaint
    assert complaint == "6% of its pixels have colours that carla29 does not have"


def test_the_reduced_palette_does_not_take_other_colors_for_other() -> None:
    town02 = LabelSet.load("town02")
    pixels = rgb((50, 64, 128), BLACK, (0, 0, 255), (70, 70, 70))
    labels, complaint = formats.reduced_palette(pixels, town02)
    assert labels.tolist() == [[1, 0, 0, UNKNOWN_ID]]
    assert complaint == "25% of its pixels have colours that town02 does not have"


def test_a_binary_mask_has_two_values() -> None:
    for pixels in (ids(0, 255), rgb(BLACK, (255, 255, 255))):
        labels, complaint = formats.binary(pixels)
        assert labels.tolist() == [[0, 1]]
        assert complaint == ""
    labels, complaint = formats.binary(ids(0, 255, 128))
    assert labels.tolist() == [[0, 1, UNKNOWN_ID]]
    assert complaint == "has values of 128 beside 0 and 255"


@pytest.mark.parametrize("pixels", [ids(0, 3), rgb(BLACK, (0, 3, 0))])
def test_foreground_is_whatever_is_not_black(pixels: np.ndarray) -> None:
    assert formats.foreground(pixels).labels.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([ids(0, 255)], True),
        ([ids(0, 0), ids(0, 255)], True),
        ([ids(0, 255), ids(0, 1)], False),
        ([ids(0, 0)], False),
        ([rgb(BLACK, (255, 255, 255))], True),
        ([], False),
    ],
)
def test_masks_of_0_and_255_are_told_from_ids_with_unlabelled_pixels(
    samples: list[np.ndarray], expected: bool
) -> None:
    assert formats.is_binary(samples) is expected


@pytest.mark.parametrize("table", TABLES)
def test_a_palette_is_told_by_its_own_colors(table: LabelSet) -> None:
    assert formats.palette_of([drawn_in(table, *table.names)], TABLES) is table


def test_a_stray_pixel_does_not_decide() -> None:
    road = gray(0, width=200, height=100)
    road[:] = ROAD[::-1]
    road[0, 0] = CARLA29.classes[CARLA29.class_id("Rider")].color[::-1]
    with pytest.raises(ValueError, match="do not tell the label set"):
        formats.palette_of([road], TABLES)


def test_one_color_that_only_one_set_has_decides() -> None:
    road = gray(0, width=100, height=10)
    road[:] = ROAD[::-1]
    terrain = drawn_in(CARLA23, "Terrain")
    assert formats.palette_of([road, terrain], TABLES) is CARLA23


@pytest.mark.parametrize(
    "samples",
    [
        [rgb(ROAD, (244, 35, 232))],  # all three have them
        [rgb(ROAD, (1, 2, 3))],  # none has them
        [ids(1, 2)],  # no colours
        [],
    ],
)
def test_a_palette_that_cannot_be_told_is_refused(samples: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"do not tell the label set|no label pictures in colour"):
        formats.palette_of(samples, TABLES)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [(ids(1), False), (tags(1, 24, channels=4), False), (gray(7), False), (rgb(ROAD), True)],
)
def test_colors_are_told_from_tags(pixels: np.ndarray, expected: bool) -> None:
    assert formats.is_colored(pixels) is expected
