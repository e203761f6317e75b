# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The built-in town as an endless set of labelled pictures to learn from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.inference.geometry import Size
from unet_seg_ros.standin.camera import CameraModel, CameraPose
from unet_seg_ros.standin.layout import LayoutName
from unet_seg_ros.standin.renderer import Renderer
from unet_seg_ros.standin.town import Town
from unet_seg_ros.standin.weather import Weather

VIEWS_PER_TOWN = 100
# A new weather lights every surface anew, which takes as long as two pictures.
VIEWS_PER_WEATHER = 5
_LAYOUTS: tuple[LayoutName, ...] = ("grid", "loop")
# A moment of the traffic, seconds.
_LATEST_S = 3600.0


def random_views(size: Size, seed: int) -> Iterator[Sample]:
    """Yield views of towns (class ids of `carla29`), a new town every hundred pictures.

    Each is from the street or, now and then, the sidewalk, by a camera of another height, tilt and
    field of view, at another moment, in another weather.

    Args:
        size: (width, height) of the pictures.
        seed: The same seed yields the same pictures, another one other towns.
    """
    random = np.random.default_rng(seed)
    for number in range(1 << 30):
        town = Town(seed + number, _LAYOUTS[number % len(_LAYOUTS)])
        for view in range(VIEWS_PER_TOWN):
            if view % VIEWS_PER_WEATHER == 0:
                renderer = Renderer(town, _random_camera(size, random))
                weather = Weather.random(random)
            image, labels = renderer.render(
                _random_pose(town, random), random.uniform(0, _LATEST_S), weather
            )
            yield Sample(image, labels, f"town {town.seed}, view {view}")


def _random_camera(size: Size, random: np.random.Generator) -> CameraModel:
    return CameraModel(*size, fov_deg=random.uniform(60, 110))


def _random_pose(town: Town, random: np.random.Generator) -> CameraPose:
    """Return a pose near the middle of a lane, looking along it or somewhere else."""
    x, y, yaw = town.spawn_points[random.integers(len(town.spawn_points))]
    sideways = random.normal(0, 0.6)
    looks_ahead = random.random() < 0.8
    return CameraPose(
        x - sideways * float(np.sin(yaw)),
        y + sideways * float(np.cos(yaw)),
        random.uniform(1.2, 2.8),
        yaw + (random.normal(0, 0.12) if looks_ahead else random.uniform(-np.pi, np.pi)),
        random.normal(-0.02, 0.06),
        random.normal(0, 0.015),
    )
