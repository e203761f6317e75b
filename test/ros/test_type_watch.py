# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A topic whose type is not what a node expects: both types are named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph import Graph
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from unet_seg_ros.nodes.evaluation.node import EvaluationNode
from unet_seg_ros.ros.type_watch import TypeWatch

TRUTH = "/carla/ego_vehicle/semantic_segmentation_front/image"


@contextlib.contextmanager
def other_process(graph: Graph) -> Iterator[Node]:
    """Give a node of another participant: one of the same may not publish another type."""
    context = Context()
    rclpy.init(context=context, domain_id=graph.domain_id)
    node = Node("camera", context=context)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


SENTENCE = (
    f"{TRUTH} is published as sensor_msgs/msg/CompressedImage, but sensor_msgs/msg/Image is "
    "expected here: such messages are not received"
)


def test_both_types_are_named_and_logged_once() -> None:
    with Graph() as graph:
        node = graph.add(Node("listener", context=graph.context))
        node.create_subscription(Image, TRUTH, print, QoSProfile(depth=1))
        watch = TypeWatch(node)
        assert watch.problems() == {}
        with other_process(graph) as camera:
            camera.create_publisher(CompressedImage, TRUTH, 1)
            graph.spin_until(watch.problems, "the publisher")
            assert watch.problems() == {TRUTH: SENTENCE}


def test_the_right_type_is_no_problem() -> None:
    with Graph() as graph:
        node = graph.add(Node("listener", context=graph.context))
        node.create_subscription(Image, TRUTH, print, QoSProfile(depth=1))
        graph.publisher(Image, TRUTH)
        graph.spin_until(lambda: node.count_publishers(TRUTH), "the publisher")
        assert TypeWatch(node).problems() == {}


def test_the_evaluation_node_says_so_on_diagnostics() -> None:
    with Graph() as graph:
        graph.add(EvaluationNode(context=graph.context))
        reports = graph.collect(DiagnosticArray, "/diagnostics")

        def is_told() -> bool:
            statuses = [item for report in reports for item in report.status]
            return any(
                item.level == DiagnosticStatus.WARN and item.message == SENTENCE
                for item in statuses
            )

        with other_process(graph) as camera:
            camera.create_publisher(CompressedImage, TRUTH, 1)
            graph.spin_until(is_told, "the report")
