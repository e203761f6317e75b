# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the town with the vehicles of clients in it, in the form that cameras send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.standin.transform import Transform
from unet_seg_ros.town.camera import NEAR, CameraModel
from unet_seg_ros.town.mesh import Instances
from unet_seg_ros.town.renderer import Renderer
from unet_seg_ros.town.town import Town
from unet_seg_ros.town.weather import Weather


@dataclass(frozen=True)
class View:
    """What a camera looks at; cameras with equal views see the same."""

    model: CameraModel
    transform: Transform  # in the world
    carrier: int  # id of the vehicle that it is attached to, which it does not see; 0 = none


@dataclass(frozen=True)
class Scene:
    """What there is to see at one moment."""

    town: Town
    time_s: float
    weather: Weather
    vehicles: Instances  # of clients, with models of the town's library
    ids: NDArray[np.int64]  # (N,) of these vehicles
    movers: tuple[Instances, Instances]  # everybody else, and the traffic lights


# A renderer keeps the textures it needs ready; making one takes longer than a picture.
@lru_cache(maxsize=8)
def _renderer(town: Town, model: CameraModel) -> Renderer:
    return Renderer(town, model)


def draw(view: View, scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The RGB picture, (H, W, 3), and its class ids, (H, W).

    A camera below the ground is lifted out of it.
    """
    actors, lights = scene.movers
    others = scene.vehicles[scene.ids != view.carrier]
    pose = view.transform.camera_pose
    return _renderer(scene.town, view.model).render(
        replace(pose, z=max(pose.z, NEAR)),
        scene.time_s,
        scene.weather,
        (Instances.gather([actors, others]), lights),
    )


def color_pixels(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What an RGB camera sends: (H, W, 4) bytes blue, green, red, 255."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA), np.uint8)


def tag_pixels(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a semantic camera sends: (H, W, 4) bytes 0, 0, class id, 255."""
    nothing = np.zeros_like(labels)
    return np.asarray(cv2.merge((nothing, nothing, labels, np.full_like(labels, 255))), np.uint8)
