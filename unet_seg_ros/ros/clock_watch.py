# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Says when a node waits for simulation time that nobody tells: its time stands at 0 then."""

from __future__ import annotations

import itertools

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

CLOCK = "/clock"
LOOKS = 10
PERIOD_S = 1.0


def warn_without_clock(node: Node, period_s: float = PERIOD_S) -> None:
    """Log a warning once nothing has come on /clock in `LOOKS` periods.

    Every look is one of the executor's, so that a callback that takes long, in which no message is
    taken either, makes it wait longer.
    """
    looks = itertools.count(1)

    def look() -> None:
        is_over = next(looks) == LOOKS
        waits = _waits_for_time(node)
        if is_over or not waits:
            node.destroy_timer(timer)
        if is_over and waits:
            node.get_logger().warning(
                f"use_sim_time is true, but nothing has come on {CLOCK} for "
                f"{LOOKS * period_s:g} s: start what tells the time, or start this node with "
                "use_sim_time:=false"
            )

    timer = node.create_timer(period_s, look, clock=Clock(clock_type=ClockType.STEADY_TIME))


def _waits_for_time(node: Node) -> bool:
    tells_time = any(publisher.topic_name == CLOCK for publisher in node.publishers)
    uses_sim_time = bool(node.get_parameter("use_sim_time").value)
    return uses_sim_time and not tells_time and not node.get_clock().now().nanoseconds
