# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Says when a node waits for simulation time that nobody tells: its time stands at 0 then."""

from __future__ import annotations

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

PATIENCE_S = 10.0
CLOCK = "/clock"


def warn_without_clock(node: Node, patience_s: float = PATIENCE_S) -> None:
    """Log a warning if nothing has come on /clock in time; not for a node that tells the time."""

    def look() -> None:
        node.destroy_timer(timer)
        tells_time = any(publisher.topic_name == CLOCK for publisher in node.publishers)
        uses_sim_time = node.get_parameter("use_sim_time").value
        if uses_sim_time and not tells_time and not node.get_clock().now().nanoseconds:
            node.get_logger().warning(
                f"use_sim_time is true, but nothing has come on {CLOCK} for {patience_s:g} s: "
                "start what tells the time, or start this node with use_sim_time:=false"
            )

    timer = node.create_timer(patience_s, look, clock=Clock(clock_type=ClockType.STEADY_TIME))
