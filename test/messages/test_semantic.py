# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of semantic cameras."""

from __future__ import annotations

import numpy as np
import pytest

from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet, built_in_label_sets
from unet_seg_ros.messages.semantic import PALETTE, TAGS, UNKNOWN_COLOR_RGB, look_up, semantic_table


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
