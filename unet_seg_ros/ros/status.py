# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parts that every report on /diagnostics is made of.

Written by hand because Python's diagnostic_updater compares stamps with wall time, which is wrong
under `use_sim_time`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node


def status(name: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
    """Return a status; the part of `name` before a colon, the node, is its hardware id."""
    return DiagnosticStatus(
        name=name,
        level=level,
        message=message,
        hardware_id=name.partition(":")[0],
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def stamped(node: Node, statuses: Sequence[DiagnosticStatus]) -> DiagnosticArray:
    """Return a report with the time of the node's clock."""
    report = DiagnosticArray(status=list(statuses))
    report.header.stamp = node.get_clock().now().to_msg()
    return report
