# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures are taken from the wire, not from message objects.

From ROS 2 Lyrical on, the `uint8[]` of a message object may be a `rosidl_buffer.Buffer`, which is
no array and which numpy cannot read. What a raw subscription gets stays serialized bytes. (The
recorder and the viewer subscribe to whatever there is, always raw; their tests read the bytes.)
"""

from __future__ import annotations

from pathlib import Path

from graph import Graph
from rclpy.parameter import Parameter
from segmentation_graph import FRONT, Start

from unet_seg_ros.nodes.evaluation.node import EvaluationNode


def test_every_picture_comes_as_serialized_bytes(
    graph: Graph, start: Start, tmp_path: Path
) -> None:
    parameters = {"image_topic": FRONT, "truth_topic": "/truth", "report": str(tmp_path / "report")}
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    evaluation = EvaluationNode(context=graph.context, parameter_overrides=overrides)
    nodes = (start(), graph.add(evaluation))
    is_raw = {
        (node.get_name(), subscription.topic_name): subscription.raw
        for node in nodes
        for subscription in node.subscriptions
        if "sequence<uint8>" in subscription.msg_type.get_fields_and_field_types().values()
    }
    assert is_raw == {
        ("unet_segmentation", FRONT): True,
        ("evaluation", FRONT): True,
        ("evaluation", "/truth"): True,
        ("evaluation", "/front/segmentation/labels"): True,
    }
