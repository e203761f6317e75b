# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a capture is to have: how many frames, from where, in which weathers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from unet_seg_ros.carla.client import CarlaError, Simulator
from unet_seg_ros.carla.setting import Driver
from unet_seg_ros.carla.world import load_town, weather_names

ALL_WEATHERS = "all"


@dataclass(frozen=True)
class CapturePlan:
    """What is to be captured. A capture goes on only with the plan that it was begun with.

    Attributes:
        town: The map.
        frames: How many frames; each has a picture of every camera.
        weathers: Names of CARLA's weathers.
        spawn_points: Numbers of the map's spawn points.
        every: Steps of the simulation from one frame to the next.
        step_s: Simulated seconds of a step.
        driver: As `Setting.driver`.
        seed: Of the autopilot.
    """

    town: str
    frames: int
    weathers: tuple[str, ...]
    spawn_points: tuple[int, ...]
    every: int
    step_s: float
    driver: Driver
    seed: int

    def leg(self, frame: int) -> tuple[int, str]:
        """Return the spawn point and the weather of a frame, counted from 0."""
        legs = len(self.spawn_points) * len(self.weathers)
        place, sky = divmod(frame * legs // self.frames, len(self.weathers))
        return self.spawn_points[place], self.weathers[sky]


def make_plan(
    simulator: Simulator,
    *,
    town: str,
    frames: int,
    weathers: Sequence[str],
    spawn_points: int,
    every: int,
    step_s: float,
    driver: Driver,
    seed: int,
) -> CapturePlan:
    """Load the town and decide where to start and what weathers to have.

    Args:
        simulator: Where to capture.
        town: The map; empty: the one that is loaded.
        frames: As `CapturePlan.frames`.
        weathers: Names, or `all` alone.
        spawn_points: How many; fewer where the town has fewer. The seed picks them.
        every: As `CapturePlan.every`.
        step_s: As `CapturePlan.step_s`.
        driver: As `CapturePlan.driver`.
        seed: Picks the spawn points, and is the autopilot's.

    Raises:
        CarlaError: The simulator lacks the town or a weather.
    """
    known = weather_names()
    chosen = known if list(weathers) == [ALL_WEATHERS] else tuple(weathers)
    for name in chosen:
        if name not in known:
            raise CarlaError(f"no weather {name!r}: give {ALL_WEATHERS}, or of {', '.join(known)}")
    town, available = load_town(simulator, town)
    numbers = random.Random(seed).sample(range(available), min(spawn_points, available))
    return CapturePlan(town, frames, chosen, tuple(numbers), every, step_s, driver, seed)
