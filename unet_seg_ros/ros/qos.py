# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The quality of service of the topics and who may change it.

Each function returns a new profile: rclpy writes the overrides that a user gives
(`qos_overrides.<topic>.<subscription|publisher>.<policy>`) into the profile it is handed.
"""

from __future__ import annotations

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


def newest_only() -> QoSProfile:
    """Return what a camera is listened to with: the newest picture, from any publisher.

    Best effort matches every publisher. Volatile, because the native CARLA interface would hand a
    transient-local subscriber pictures from before it came.
    """
    return QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def every_mask() -> QoSProfile:
    """Return what masks are published with: a recorder keeps up, every subscriber matches."""
    return QoSProfile(
        depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE
    )


def latched() -> QoSProfile:
    """Return what the legend is published with: whoever comes later still gets it."""
    return QoSProfile(
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def no_publisher_events() -> PublisherEventCallbacks:
    """Return what publishers are made with that stand by in great number.

    rclpy's executor puts every event that a publisher could tell of into every wait. With six
    cameras that was up to half of its time (benchmarks/cameras.py), and all that it tells is that a
    subscriber asks for what is not offered, which the subscriber's own side says as well.
    """
    return PublisherEventCallbacks(use_default_callbacks=False)


def overridable() -> QoSOverridingOptions:
    """Return the policies that users may override with parameters."""
    return QoSOverridingOptions(
        (
            QoSPolicyKind.HISTORY,
            QoSPolicyKind.DEPTH,
            QoSPolicyKind.RELIABILITY,
            QoSPolicyKind.DURABILITY,
        )
    )
