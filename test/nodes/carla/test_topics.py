# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a rig's frames are on the real middleware. The frames are made here: no simulator runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from graph import Graph, latched
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from unet_seg_ros.carla.rig import RigFrame
from unet_seg_ros.carla.rig_file import RGB, SEMANTIC, CameraEntry
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.semantic import PALETTE, TAGS
from unet_seg_ros.nodes.carla.topics import RigTopics
from unet_seg_ros.poses import Pose

WIDTH, HEIGHT, FOV_DEG = 40, 30, 90.0
STAMP_NS = 7_050_000_000
POSE = Pose(10.0, 20.0, 0.5, 0.0, 0.0, 90.0)
CAMERAS = tuple(
    CameraEntry(camera_id, blueprint, Pose(x=2.0, y=0.5, z=1.5), WIDTH, HEIGHT, FOV_DEG, {})
    for camera_id, blueprint in (("rgb", RGB), ("semantic", SEMANTIC))
)
RNG = np.random.default_rng(0)


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


def pictures() -> dict[str, np.ndarray]:
    """Return a colourful picture, and one with every tag of CARLA and more in the red channel."""
    tags = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    tags[..., 2] = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 31
    return {"rgb": RNG.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8), "semantic": tags}


def frame(**changes: object) -> RigFrame:
    values = {
        "number": 141,
        "stamp_ns": STAMP_NS,
        "vehicle": POSE,
        "speed_m_s": 8.0,
        "pictures": pictures(),
        "missing": (),
    }
    return RigFrame(**{**values, **changes})


def topics(graph: Graph, semantic: str = PALETTE) -> tuple[Node, RigTopics]:
    node = graph.add(Node("carla", context=graph.context))
    return node, RigTopics(node, "ego", CAMERAS, semantic)


def pixels(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 4)


def test_pictures_and_camera_info_have_the_names_and_encodings_of_ros_bridge(graph):
    images = graph.collect(Image, "/carla/ego/rgb/image")
    infos = graph.collect(CameraInfo, "/carla/ego/rgb/camera_info")
    clocks = graph.collect(Clock, "/clock")
    node, rig = topics(graph)
    for topic in ("/carla/ego/rgb/image", "/carla/ego/rgb/camera_info", "/clock"):
        graph.listened(node, topic)
    sent = frame()
    rig.publish(sent)
    graph.spin_until(lambda: images and infos and clocks, "a picture, its camera_info, the time")

    [image], [info], [clock] = images, infos, clocks
    assert image.header.frame_id == "ego/rgb"
    assert image.header.stamp.sec * 10**9 + image.header.stamp.nanosec == STAMP_NS
    assert clock.clock == image.header.stamp
    assert image.encoding == "bgra8"
    assert (pixels(image) == sent.pictures["rgb"]).all()
    assert info.header == image.header
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert info.k[0] == pytest.approx(WIDTH / 2)  # 90 degrees see as far aside as ahead


@pytest.mark.parametrize("semantic", [PALETTE, TAGS])
def test_both_forms_of_the_semantic_camera_say_the_same(graph, semantic):
    images = graph.collect(Image, "/carla/ego/semantic/image")
    node, rig = topics(graph, semantic)
    graph.listened(node, "/carla/ego/semantic/image")
    sent = frame()
    rig.publish(sent)
    graph.spin_until(lambda: images, "a picture")
    assert images[0].encoding == "bgra8"
    label_set = LabelSet.load("carla29")
    decode = label_set.decode_palette if semantic == PALETTE else label_set.decode_tags
    labels, unknown_px = decode(pixels(images[0]), "bgra")
    expected, expected_unknown_px = label_set.decode_tags(sent.pictures["semantic"], "bgra")
    assert (labels == expected).all()
    assert unknown_px == expected_unknown_px > 0  # the tags 29 and 30


def test_a_picture_that_is_missing_takes_nothing_else_with_it(graph):
    images = graph.collect(Image, "/carla/ego/rgb/image")
    semantics = graph.collect(Image, "/carla/ego/semantic/image")
    node, rig = topics(graph)
    graph.listened(node, "/carla/ego/rgb/image")
    graph.listened(node, "/carla/ego/semantic/image")
    rig.publish(frame(pictures={"rgb": pictures()["rgb"]}, missing=("semantic",)))
    rig.publish(frame(stamp_ns=2 * STAMP_NS))
    graph.spin_until(lambda: len(images) == 2 and semantics, "the pictures there are")
    assert len(semantics) == 1
    assert semantics[0].header.stamp == images[1].header.stamp


def test_transforms_lead_from_the_map_to_the_cameras(graph):
    messages = pytest.importorskip("tf2_msgs.msg", reason="tf2_msgs comes with ROS installations")
    moving = graph.collect(messages.TFMessage, "/tf")
    mounts = graph.collect(messages.TFMessage, "/tf_static", latched())
    node, rig = topics(graph)
    graph.listened(node, "/tf")
    rig.publish(frame())
    graph.spin_until(lambda: moving and mounts, "transforms")
    [vehicle] = moving[0].transforms
    assert (vehicle.header.frame_id, vehicle.child_frame_id) == ("map", "ego")
    assert vehicle.header.stamp.sec * 10**9 + vehicle.header.stamp.nanosec == STAMP_NS
    assert vehicle.transform.translation.y == -20.0
    links = {(item.header.frame_id, item.child_frame_id) for item in mounts[0].transforms}
    assert links == {("ego", "ego/rgb"), ("ego", "ego/semantic")}
