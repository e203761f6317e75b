# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of semantic cameras."""

from __future__ import annotations

import numpy as np
import pytest

from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet, built_in_label_sets
from unet_seg_ros.messages.semantic import (
    PALETTE,
    TAGS,
    UNKNOWN_COLOR_RGB,
    NothingInCommon,
    look_up,
    prediction_table,
    semantic_table,
)


@pytest.mark.parametrize("name", built_in_label_sets())
@pytest.mark.parametrize("semantic", [PALETTE, TAGS])
def test_what_is_drawn_is_read_back(name, semantic):
    label_set = LabelSet.load(name)
    labels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    pixels = look_up(semantic_table(semantic, label_set), labels)
    decode = label_set.decode_palette if semantic == PALETTE else label_set.decode_tags
    expected = np.where(labels < len(label_set), labels, UNKNOWN_ID)
    assert (decode(pixels, "bgra")[0] == expected).all()
    assert (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("name", built_in_label_sets())
def test_no_class_has_the_color_of_the_unknown(name):
    assert UNKNOWN_COLOR_RGB not in [item.color for item in LabelSet.load(name).classes]


def test_the_red_channel_of_a_picture_can_be_looked_up():
    table = semantic_table(PALETTE, LabelSet.load("carla29"))
    tags = np.zeros((2, 3, 4), np.uint8)
    tags[..., 2] = 1
    assert (look_up(table, tags[..., 2])[..., :3] == (128, 64, 128)).all()


def bgr(table, label_set, name):
    return tuple(table[LabelSet.load(label_set).class_id(name), :3])


@pytest.mark.parametrize(
    ("tags", "lane_tag", "truck_tag"), [("carla29", 24, 15), ("carla23", 6, 10), ("carla13", 6, 10)]
)
def test_predictions_have_the_tags_of_the_version(tags, lane_tag, truck_tag):
    table = prediction_table(TAGS, LabelSet.load("carla29"), LabelSet.load(tags))
    assert bgr(table, "carla29", "RoadLine") == (0, 0, lane_tag)
    assert bgr(table, "carla29", "Truck") == (0, 0, truck_tag)
    assert tuple(table[UNKNOWN_ID]) == (0, 0, 0, 255)


def test_predictions_have_the_colours_of_the_version():
    """Of every version lanes are R 157 and cars B 142, of older ones all vehicles."""
    network = LabelSet.load("carla29").recolored("colorblind")
    for tags, truck_blue in (("carla29", 70), ("carla23", 142), ("carla13", 142)):
        table = prediction_table(PALETTE, network, LabelSet.load(tags))
        assert bgr(table, "carla29", "RoadLine") == (50, 234, 157)
        assert bgr(table, "carla29", "Car") == (142, 0, 0)
        assert bgr(table, "carla29", "Truck") == (truck_blue, 0, 0)


def test_other_classes_are_matched_by_their_names():
    table = prediction_table(TAGS, LabelSet.load("camvid11"), LabelSet.load("carla29"))
    assert bgr(table, "camvid11", "Sky") == (0, 0, 11)
    assert bgr(table, "camvid11", "Road") == (0, 0, 1)


def test_classes_that_carla_has_not_are_no_semantic_picture():
    with pytest.raises(NothingInCommon, match="nuclei2"):
        prediction_table(TAGS, LabelSet.load("nuclei2"), LabelSet.load("carla29"))
