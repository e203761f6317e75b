# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The quality of service of the masks' topics (`ros.qos`) as a bag holds it."""

from __future__ import annotations

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

# How rmw writes a time that never comes.
_FOREVER = QosTime(9223372036, 854775807)

EVERY_MASK = Qos(
    QosHistory.KEEP_LAST,
    5,
    QosReliability.RELIABLE,
    QosDurability.VOLATILE,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    avoid_ros_namespace_conventions=False,
)
LATCHED = EVERY_MASK._replace(depth=1, durability=QosDurability.TRANSIENT_LOCAL)
