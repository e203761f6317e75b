# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node that waits for simulation time says so; others say nothing."""

from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from graph import Graph
from rcl_interfaces.msg import Log
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from unet_seg_ros.ros.clock_watch import warn_without_clock

PERIOD_S = 0.03


def listener(graph: Graph, use_sim_time: bool) -> Node:
    setting = Parameter("use_sim_time", value=use_sim_time)
    return graph.add(Node("listener", context=graph.context, parameter_overrides=[setting]))


def warned(graph: Graph, node: Node) -> list[str]:
    """Return what a node logs until it has looked for the time."""
    logs = graph.collect(Log, "/rosout")
    graph.spin_until(lambda: node.count_subscribers("/rosout"), "the listener to logs")
    warn_without_clock(node, PERIOD_S)
    graph.spin_until(lambda: not list(node.timers), "the end of its patience")
    node.get_logger().info("the end")
    graph.spin_until(lambda: any(log.msg == "the end" for log in logs), "the log")
    return [log.msg for log in logs if log.name == "listener"][:-1]


def test_nothing_on_clock_is_said() -> None:
    with Graph() as graph:
        [sentence] = warned(graph, listener(graph, use_sim_time=True))
    assert sentence.startswith("use_sim_time is true, but nothing has come on /clock for 0.3 s")
    assert "use_sim_time:=false" in sentence


def test_with_a_clock_nothing_is_said() -> None:
    with Graph() as graph:
        node = listener(graph, use_sim_time=True)
        clock = graph.publisher(Clock, "/clock")
        now = node.get_clock().now

        def is_told() -> bool:
            clock.publish(Clock(clock=Time(sec=7)))
            return bool(now().nanoseconds)

        graph.spin_until(is_told, "the time")
        assert warned(graph, node) == []


@pytest.mark.parametrize("use_sim_time", [False, True])
def test_who_needs_no_clock_says_nothing(use_sim_time: bool) -> None:
    with Graph() as graph:
        node = listener(graph, use_sim_time)
        if use_sim_time:
            node.create_publisher(Clock, "/clock", 1)
        assert warned(graph, node) == []
