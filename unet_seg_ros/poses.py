# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where something is, in CARLA's axes: plain data for whoever asks CARLA or tells ROS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pose:
    """Where something is, in CARLA's left-handed axes: in the world, or on the vehicle it sits on.

    A vehicle's origin is on the ground below its middle.

    Attributes:
        x: Metres; of something on a vehicle: forward.
        y: Metres; to the right.
        z: Metres up.
        roll: Degrees.
        pitch: Degrees, positive where it looks up.
        yaw: Degrees, positive where it looks to the right.
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
