# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where things are in CARLA's axes, and the same in the town's.

CARLA (Unreal): x ahead, y right, z up; metres; pitch, yaw and roll in degrees, yaw clockwise as
seen from above. The town: x east, y north, z up, yaw counter-clockwise. So y and yaw change sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import asin, atan2, cos, degrees, radians, sin

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.camera import CameraPose


@dataclass(frozen=True)
class Transform:
    """A location in metres and a rotation in degrees, as `carla.Transform`."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0

    @staticmethod
    def from_town(x: float, y: float, yaw: float, z: float = 0.0) -> Transform:
        """Something upright at a place of the town; yaw in radians."""
        return Transform(x, -y, z, yaw=-degrees(yaw))

    @property
    def location(self) -> NDArray[np.float64]:
        """(3,) metres."""
        return np.array([self.x, self.y, self.z])

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) matrix whose columns are the axes ahead, right and up."""
        p, y, r = radians(self.pitch), radians(self.yaw), radians(self.roll)
        cp, sp, cy, sy, cr, sr = cos(p), sin(p), cos(y), sin(y), cos(r), sin(r)
        return np.array(
            [
                [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr],
                [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr],
                [sp, -cp * sr, cp * cr],
            ]
        )

    def compose(self, child: Transform) -> Transform:
        """Where something is in the world that is at `child` as seen from here."""
        turned = self.rotation @ child.rotation
        x, y, z = (self.location + self.rotation @ child.location).tolist()
        return Transform(
            x,
            y,
            z,
            pitch=degrees(asin(min(max(turned[2, 0], -1.0), 1.0))),
            yaw=degrees(atan2(turned[1, 0], turned[0, 0])),
            roll=degrees(atan2(-turned[2, 1], turned[2, 2])),
        )

    @property
    def town_yaw(self) -> float:
        """Heading in the town's axes, radians."""
        return -radians(self.yaw)

    @property
    def camera_pose(self) -> CameraPose:
        """A camera here, as the town's renderer takes it."""
        return CameraPose(
            self.x, -self.y, self.z, self.town_yaw, radians(self.pitch), radians(self.roll)
        )
