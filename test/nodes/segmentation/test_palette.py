# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The segmentation node in other colours than its checkpoint's: masks and legend agree."""

from __future__ import annotations

import json

import numpy as np
from graph import Graph, latched
from segmentation_graph import FRONT, LABELS, NODE, Start, message, picture, pixels_of
from sensor_msgs.msg import Image
from std_msgs.msg import String

from unet_seg_ros.labels.label_set import LabelSet

COLORBLIND = LabelSet.load("carla29").recolored("colorblind")


def test_masks_and_legend_have_the_palette(graph: Graph, start: Start) -> None:
    start(palette="colorblind")
    legends = graph.collect(String, "/front/segmentation/legend", latched())
    labels = graph.collect(Image, LABELS)
    masks = graph.collect(Image, "/front/segmentation/color_mask")
    camera = graph.publisher(Image, FRONT)

    def have_arrived() -> bool:
        camera.publish(message(picture()))
        return bool(legends and labels and masks)

    graph.spin_until(have_arrived, "a colour mask and its legend")
    assert LabelSet.from_dict(json.loads(legends[0].data)) == COLORBLIND
    # The same picture again and again gives the same masks.
    np.testing.assert_array_equal(pixels_of(masks[0]), COLORBLIND.colorize(pixels_of(labels[0])))


def test_an_unknown_palette_leaves_the_node_unconfigured(graph: Graph, start: Start) -> None:
    start(is_active=False, palette="sepia")
    assert not graph.transition(NODE, "configure")
    assert graph.state(NODE) == "unconfigured"
