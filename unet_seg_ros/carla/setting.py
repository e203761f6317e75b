# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a rig asks of the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unet_seg_ros.carla.client import CarlaError
from unet_seg_ros.poses import Pose

Driver = Literal["none", "autopilot"]

MAX_STEP_S = 0.1
"""As long as the ten substeps of 0.01 s that CARLA's physics does at most in a step."""

TRAFFIC_MANAGER_PORT = 8010
"""Not 8000, where CARLA's script for traffic has its own, which is not to be disturbed."""


@dataclass(frozen=True)
class Setting:
    """What a rig asks of the world.

    Attributes:
        role_name: The vehicle's; a vehicle that has it already is adopted.
        town: The map, such as `Town03`; empty: the one that is loaded.
        weather: One of `weather_names()`; empty: as it is.
        spawn_point: Number of a spawn point of the map; None: the first one that is free.
        start: Where to spawn instead, so that a drive goes on where another one ended.
        driver: `autopilot` is the client's traffic manager. It listens at port 8010 of every
            interface of this machine, and when the server is lost, it aborts this process. With
            `none`, driving is left to others.
        step_s: Simulated seconds of a step.
        seed: Of the autopilot.

    Raises:
        CarlaError: A step of this length is not possible.
    """

    role_name: str = "ego_vehicle"
    town: str = ""
    weather: str = ""
    spawn_point: int | None = None
    start: Pose | None = None
    driver: Driver = "none"
    step_s: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.step_s <= MAX_STEP_S:
            raise CarlaError(
                f"a step of {self.step_s:g} s is not possible: it must be above 0 s and at most "
                f"{MAX_STEP_S} s long"
            )
