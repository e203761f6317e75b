# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The class ids of CARLA's 29-tag table (0.9.14 to 0.9.16) that the town draws."""

from __future__ import annotations

from enum import IntEnum


class Tag(IntEnum):
    """Semantic tag of a drawn surface; the numbers are those of the label set `carla29`."""

    ROAD = 1
    SIDEWALK = 2
    BUILDING = 3
    WALL = 4
    FENCE = 5
    POLE = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGN = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIAN = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    ROAD_LINE = 24
    GROUND = 25
    BRIDGE = 26
