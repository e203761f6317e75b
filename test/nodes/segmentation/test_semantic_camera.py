# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The prediction in the place of the simulator's semantic camera.

How good the masks are is tested elsewhere; here a node that was written against the truth gets the
prediction where, when and as it got the truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graph import Graph
from rclpy.node import Node
from segmentation_graph import FRONT, LABELS, NODE, Start, message, picture, pixels_of, stamp
from sensor_msgs.msg import CameraInfo, Image

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_image
from unet_seg_ros.messages.semantic import PALETTE, TAGS, look_up, semantic_table
from unet_seg_ros.ros.camera_info import pinhole_camera_info
from unet_seg_ros.town.drive import Drive

VEHICLE = "/carla/ego_vehicle"
CAMERA = f"{VEHICLE}/rgb_front"
SEMANTIC = f"{VEHICLE}/semantic_segmentation_front"
OWN = "/front/segmentation/semantic_camera/image"
STAMP_NS = 3_250_000_000
# A picture of the town with lane markings, vehicles and a lot of road.
FRAME = 300


class LaneNode(Node):
    """Finds lanes and cars in the truth of carla_ros_bridge, with numbers for colours."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__("lane_node", **arguments)
        self.frames: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []
        self.infos: dict[int, CameraInfo] = {}
        bridge = pytest.importorskip("cv_bridge").CvBridge()

        def on_picture(picture: Image) -> None:
            bgra = bridge.imgmsg_to_cv2(picture, desired_encoding="bgra8")
            lane, car, road = bgra[..., 2] == 157, bgra[..., 0] == 142, bgra[..., 2] == 128
            self.frames.append((stamp(picture), lane, car, road))

        def on_info(info: CameraInfo) -> None:
            self.infos[stamp(info)] = info

        self.create_subscription(Image, f"{SEMANTIC}/image", on_picture, 10)
        self.create_subscription(CameraInfo, f"{SEMANTIC}/camera_info", on_info, 10)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_a_node_that_was_written_against_the_truth_runs_unchanged(
    graph: Graph, start: Start, drive: Drive
) -> None:
    lane_node = graph.add(LaneNode(context=graph.context))
    rgb, labels = drive.frame(FRAME)
    truth = look_up(semantic_table(PALETTE, LabelSet.load("carla29")), labels)
    simulator = graph.publisher(Image, f"{SEMANTIC}/image")
    simulator.publish(write_image(Header(STAMP_NS, "ego_vehicle/semantic"), truth, "bgra8"))
    graph.spin_until(lambda: lane_node.frames, "the truth")
    graph.node.destroy_publisher(simulator)

    start(
        image_topics=[f"{CAMERA}/image"],
        checkpoint="carla29-small",
        semantic_camera="palette",
        semantic_camera_topics=[f"{SEMANTIC}/image"],
    )
    header = Header(STAMP_NS, "ego_vehicle/rgb_front")
    info = pinhole_camera_info(header, 320, 240, 90.0)
    infos = graph.publisher(CameraInfo, f"{CAMERA}/camera_info", matched=False)
    camera = graph.publisher(Image, f"{CAMERA}/image")

    def has_both() -> bool:
        infos.publish(info)
        camera.publish(write_image(header, np.ascontiguousarray(rgb), "rgb8"))
        return len(lane_node.frames) > 1 and STAMP_NS in lane_node.infos

    graph.spin_until(has_both, "the prediction and its camera_info")
    (truth_ns, *true), (predicted_ns, *predicted) = lane_node.frames[:2]
    assert predicted_ns == truth_ns == STAMP_NS
    assert list(lane_node.infos[STAMP_NS].k) == list(info.k)
    lane, car, road = (overlap(*pair) for pair in zip(true, predicted, strict=True))
    assert lane > 0.3
    assert car > 0.1
    assert road > 0.8


@pytest.mark.parametrize("tags", ["carla29", "carla23", "carla13"])
@pytest.mark.parametrize("semantic", [PALETTE, TAGS])
def test_it_shows_the_labels_in_the_tags_and_colours_of_the_version(
    graph: Graph, start: Start, semantic: str, tags: str
) -> None:
    node = start(semantic_camera=semantic, semantic_camera_tags=tags, palette="colorblind")
    labels, pictures = graph.collect(Image, LABELS), graph.collect(Image, OWN)
    graph.listened(node, LABELS)
    graph.listened(node, OWN)
    graph.publisher(Image, FRONT).publish(message(picture()))
    graph.spin_until(lambda: labels and pictures, "both pictures")
    assert pictures[0].encoding == "bgra8"
    assert pictures[0].header == labels[0].header
    version = LabelSet.load(tags)
    decode = version.decode_palette if semantic == PALETTE else version.decode_tags
    decoded, unknown = decode(pixels_of(pictures[0]), "bgra")
    assert unknown == 0
    expected = LabelSet.load("carla29").table_to(version)[pixels_of(labels[0])]
    expected[expected == 255] = 0  # Unlabeled: what the version has no tag for
    np.testing.assert_array_equal(decoded, expected)


def test_without_it_there_is_no_such_topic(start: Start) -> None:
    node = start()
    assert OWN not in {publisher.topic_name for publisher in node.publishers}


def test_a_network_of_something_else_is_refused(
    graph: Graph, start: Start, networks: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    nuclei = str(networks / "nuclei.safetensors")
    start(is_active=False, semantic_camera="tags", checkpoint=nuclei)
    assert not graph.transition(NODE, "configure")
    assert "semantic_camera: no class of label set 'nuclei2'" in capfd.readouterr().err
    first = str(networks / "first.safetensors")
    assert graph.set_parameters(NODE, {"checkpoint": first}).successful
    assert graph.transition(NODE, "configure")
    result = graph.set_parameters(NODE, {"checkpoint": nuclei})
    assert not result.successful
    assert "nuclei2" in result.reason


def test_a_word_that_yaml_takes_for_a_boolean_is_that_word(graph: Graph, start: Start) -> None:
    start(is_active=False)
    assert graph.transition(NODE, "configure")
    assert graph.set_parameters(NODE, {"semantic_camera": False}).successful
    refused = graph.set_parameters(NODE, {"semantic_camera": "tags"})
    assert "only be set while the node is unconfigured" in refused.reason
