# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How vehicles of clients move: along their lane by themselves, or as their controls say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi, radians, sin, tan

import numpy as np

from unet_seg_ros.standin.transform import Transform
from unet_seg_ros.standin.wire import VehicleControl
from unet_seg_ros.town.layout import Path
from unet_seg_ros.town.traffic import Traffic

_LANE_REACH_M = 2.0  # a vehicle further from every lane's middle is on none
_LANE_ANGLE = pi / 4
_WHEELBASE_M = 2.9
_STEER_DEG = 40.0  # of the wheels at steer = 1
_TOP_SPEED_M_S = 15.0  # at full throttle
_ACCELERATION_M_S2, _BRAKING_M_S2 = 3.0, 8.0


@dataclass(frozen=True)
class OnLane:
    """A place on a lane, and the speed that everybody there drives with."""

    lane: Path
    along_m: float
    left_m: float  # beside the lane's middle
    speed_m_s: float

    @staticmethod
    def find(traffic: Traffic, transform: Transform) -> OnLane | None:
        """The nearest lane if the vehicle stands on it and looks along it."""
        place = np.array([transform.x, -transform.y])
        best: OnLane | None = None
        reach = _LANE_REACH_M
        for lane, speed in zip(traffic.lanes, traffic.speeds, strict=True):
            offset = place - lane.points
            distance = np.hypot(*offset.T)
            nearest = int(distance.argmin())
            heading = float(lane.headings[nearest])
            looks_along = cos(heading - transform.town_yaw) > cos(_LANE_ANGLE)
            if looks_along and distance[nearest] < reach:
                reach = float(distance[nearest])
                x, y = offset[nearest].tolist()
                ahead, left = (
                    x * cos(heading) + y * sin(heading),
                    y * cos(heading) - x * sin(heading),
                )
                best = OnLane(lane, float(lane.distance[nearest]) + ahead, left, speed)
        return best

    def after(self, seconds: float) -> OnLane:
        """Where the vehicle is then."""
        return replace(self, along_m=(self.along_m + self.speed_m_s * seconds) % self.lane.length)

    @property
    def transform(self) -> Transform:
        """The vehicle on the ground."""
        (x, y), heading = self.lane.at(self.along_m, self.left_m)
        return Transform.from_town(float(x), float(y), float(heading))


def steered(
    start: Transform, speed_m_s: float, control: VehicleControl, seconds: float
) -> tuple[Transform, float]:
    """A bicycle model with pedals: where the vehicle is some seconds later, and its speed.

    Throttle sets a speed that is reached with a steady acceleration; steer > 0 turns right.
    """
    stops = control.hand_brake or control.brake > 0.0
    wanted = 0.0 if stops else _TOP_SPEED_M_S * control.throttle * (-1 if control.reverse else 1)
    change = (_BRAKING_M_S2 if stops else _ACCELERATION_M_S2) * seconds
    speed = speed_m_s + min(max(wanted - speed_m_s, -change), change)
    turning = speed / _WHEELBASE_M * tan(radians(_STEER_DEG) * control.steer)
    yaw = (start.yaw + turning * seconds * 180.0 / pi + 180.0) % 360.0 - 180.0
    x = start.x + speed * seconds * cos(radians(yaw))
    y = start.y + speed * seconds * sin(radians(yaw))
    return Transform(x, y, 0.0, yaw=yaw), speed
