# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ego vehicle's drive through the town, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.camera import CameraModel, CameraPose
from unet_seg_ros.town.renderer import Renderer
from unet_seg_ros.town.town import Town
from unet_seg_ros.town.weather import WEATHERS, Weather

CAMERA = CameraModel(width=800, height=600, fov_deg=90.0)
CAMERA_HEIGHT = 1.8  # metres above the ground
CAMERA_FORWARD = 0.8  # metres ahead of the ego vehicle's middle


class Drive:
    """An endless sequence of (rgb, labels) pictures along the ego vehicle's route.

    Args:
        fps: frames per second of simulation time.
    """

    def __init__(
        self,
        town: Town,
        *,
        fps: float = 20.0,
        camera: CameraModel = CAMERA,
        weather: Weather = WEATHERS["clear_noon"],
    ) -> None:
        if fps <= 0:
            raise ValueError(f"{fps} frames per second: must be positive")
        self.town, self.fps, self.weather = town, fps, weather
        self.renderer = Renderer(town, camera)

    def time_s(self, index: int) -> float:
        """Simulation time of a frame."""
        return index / self.fps

    def pose(self, index: int) -> CameraPose:
        """Where the camera is at a frame: behind the ego vehicle's windscreen, looking ahead."""
        x, y, yaw = self.town.traffic.ego(self.time_s(index))
        return CameraPose(
            x + CAMERA_FORWARD * float(np.cos(yaw)),
            y + CAMERA_FORWARD * float(np.sin(yaw)),
            CAMERA_HEIGHT,
            yaw,
        )

    def frame(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The picture (H, W, 3) and the class ids (H, W) of a frame; any frame, in any order."""
        return self.renderer.render(self.pose(index), self.time_s(index), self.weather)

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        index = 0
        while True:
            yield self.frame(index)
            index += 1
