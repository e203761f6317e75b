# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nav2's names, and the parameters of its semantic segmentation layer.

The layer itself has not been run here. What it reads is from its source, version 1.0.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from graph import Graph, latched
from rclpy.qos import QoSProfile, ReliabilityPolicy
from segmentation_graph import FRONT, LABELS, Start, message, picture, pixels_of
from sensor_msgs.msg import Image

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.topics import NAV2_TOPICS

CONFIG = Path(__file__).parents[3] / "config" / "nav2_semantic_layer.yaml"
OF_A_TYPE = {
    *("classes", "base_cost", "max_cost", "mark_confidence", "samples_to_max_cost"),
    "dominant_priority",
}
OF_A_SOURCE = {
    *("segmentation_topic", "confidence_topic", "labels_topic", "pointcloud_topic"),
    *("observation_persistence", "expected_update_rate", "class_types", "max_obstacle_distance"),
    *("min_obstacle_distance", "tile_map_decay_time", "visualize_tile_map", "use_cost_selection"),
}
MASKS = ("labels", "confidence", "overlay")
# As the layer subscribes to them.
SENSOR_DATA = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def source() -> dict[str, Any]:
    """Return the parameters of the layer's only source of observations."""
    parameters = yaml.safe_load(CONFIG.read_text())["local_costmap"]["local_costmap"]
    layer = parameters["ros__parameters"]["semantic_segmentation_layer"]
    assert layer["plugin"] == "semantic_segmentation_layer::SemanticSegmentationLayer"
    return layer[layer["observation_sources"]]


def test_the_layer_knows_every_class_and_each_once(source: dict[str, Any]) -> None:
    assert source["class_types"]
    known = [name for kind in source["class_types"] for name in source[kind]["classes"]]
    assert sorted(known) == sorted(LabelSet.load("carla29").names)


def test_the_layer_reads_every_parameter(source: dict[str, Any]) -> None:
    assert source.keys() - set(source["class_types"]) <= OF_A_SOURCE
    for name in source["class_types"]:
        kind = source[name]
        assert {"classes", "base_cost", "max_cost"} <= kind.keys() <= OF_A_TYPE
        numbers = [value for key, value in kind.items() if "cost" in key or "confidence" in key]
        assert all(type(number) is int and 0 <= number <= 254 for number in numbers)


def test_the_layer_listens_to_the_names_that_the_node_publishes(source: dict[str, Any]) -> None:
    assert source["segmentation_topic"] == NAV2_TOPICS["labels"]
    assert source["confidence_topic"] == NAV2_TOPICS["confidence"]
    assert source["labels_topic"] == NAV2_TOPICS["label_info"]


def test_the_first_cameras_masks_have_nav2s_names_as_well(graph: Graph, start: Start) -> None:
    node = start(image_topics=[FRONT, "/rear/image"], nav2_topics=True)
    masks = {name: graph.collect(Image, NAV2_TOPICS[name], SENSOR_DATA) for name in MASKS}
    labels = graph.collect(Image, LABELS)
    for topic in (LABELS, *(NAV2_TOPICS[name] for name in MASKS)):
        graph.listened(node, topic)
    graph.publisher(Image, "/rear/image").publish(message(picture(1), stamp_ns=7))
    camera = graph.publisher(Image, FRONT)

    def has_all() -> bool:
        camera.publish(message(picture()))
        return bool(labels) and all(masks.values())

    graph.spin_until(has_all, "masks under both names")
    assert masks["labels"][0].header == labels[0].header
    assert (pixels_of(masks["labels"][0]) == pixels_of(labels[0])).all()
    encodings = {name: pictures[0].encoding for name, pictures in masks.items()}
    assert encodings == {"labels": "mono8", "confidence": "mono8", "overlay": "rgb8"}


def test_class_names_have_nav2s_name_as_well(graph: Graph, start: Start) -> None:
    messages = pytest.importorskip("vision_msgs.msg")
    start(nav2_topics=True)
    received = graph.collect(messages.LabelInfo, NAV2_TOPICS["label_info"], latched())
    graph.spin_until(lambda: received, "the class names")
    names = {item.class_id: item.class_name for item in received[0].class_map}
    assert names == dict(enumerate(LabelSet.load("carla29").names))


def test_missing_class_names_are_said(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("unet_seg_ros.nodes.segmentation.outputs.LabelInfo", None)
    start(nav2_topics=True)
    assert "install ros-$ROS_DISTRO-vision-msgs" in capfd.readouterr().err
