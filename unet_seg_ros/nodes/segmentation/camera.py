# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A camera as the segmentation node sees it: its topics, its latest frames, what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sensor_msgs.msg import CameraInfo

from unet_seg_ros.messages.sequence import SequenceGaps
from unet_seg_ros.nodes.segmentation.outputs import CameraOutputs
from unet_seg_ros.nodes.segmentation.watchdog import Watchdog
from unet_seg_ros.nodes.statistics import CameraStatistics
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.geometry import Size


@dataclass(frozen=True, order=True)
class Workload:
    """What a network is made ready for: pictures of a size, with or without confidence."""

    size: Size
    confidence: bool = False

    def __str__(self) -> str:
        width, height = self.size
        return f"{width}x{height}" + (" with confidence" if self.confidence else "")


@dataclass(frozen=True)
class RawFrame:
    """A serialized image message, and when it came: on the monotonic and on the node's clock."""

    data: bytes
    received_s: float
    received_ns: int


@dataclass
class Camera:
    """A camera as the worker sees it.

    `ego_mask` is where it sees the own car, `info` its latest CameraInfo, `workload` what it last
    asked for.
    """

    outputs: CameraOutputs
    ego_mask: EgoMask | None = None
    statistics: CameraStatistics = field(default_factory=CameraStatistics)
    gaps: SequenceGaps = field(default_factory=SequenceGaps)
    watchdog: Watchdog = field(default_factory=Watchdog)
    info: CameraInfo | None = None
    workload: Workload | None = None

    @property
    def topic(self) -> str:
        """The topic of its pictures."""
        return self.outputs.camera.image
