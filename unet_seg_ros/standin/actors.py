# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What clients put into the town: vehicles and cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import cos, isfinite, radians, sin

from unet_seg_ros.standin.blueprints import SEMANTIC, Blueprint
from unet_seg_ros.standin.driving import OnLane, steered
from unet_seg_ros.standin.transform import Transform
from unet_seg_ros.standin.wire import VehicleControl
from unet_seg_ros.town.camera import CameraModel

MAX_IMAGE_SIDE = 3840  # pixels
MAX_SENSOR_TICK_S = 3600.0


@dataclass
class Actor:
    """Anything with an id; a plain one is the spectator."""

    id: int
    blueprint: Blueprint
    attributes: Mapping[str, str]
    transform: Transform  # in the world, or relative to the parent
    parent: int  # its id, or 0


@dataclass
class Vehicle(Actor):
    """A vehicle; until it is given its first control it follows its lane by itself."""

    on_lane: OnLane | None = None
    control: VehicleControl = field(default_factory=VehicleControl)
    controlled: bool = False
    physics: bool = True  # without, it stays where it is put
    speed_m_s: float = 0.0

    @property
    def velocity(self) -> tuple[float, float, float]:
        """Metres per second along CARLA's axes."""
        yaw = radians(self.transform.yaw)
        return self.speed_m_s * cos(yaw), self.speed_m_s * sin(yaw), 0.0

    def step(self, seconds: float) -> None:
        """Move on."""
        if not self.physics:
            self.speed_m_s = 0.0
        elif self.on_lane and not self.controlled:
            self.on_lane = self.on_lane.after(seconds)
            self.transform, self.speed_m_s = self.on_lane.transform, self.on_lane.speed_m_s
        else:
            self.transform, self.speed_m_s = steered(
                self.transform, self.speed_m_s, self.control, seconds
            )


@dataclass
class CameraActor(Actor):
    """A camera and the stream of its pictures."""

    stream: int
    model: CameraModel
    period_s: float  # 0 = a picture in every frame
    next_picture_s: float

    @property
    def is_semantic(self) -> bool:
        """Whether its pictures are of class ids."""
        return self.blueprint.name == SEMANTIC

    @property
    def role(self) -> str:
        """The name that its client gave it."""
        return self.attributes["role_name"]


def camera_model(attributes: Mapping[str, str]) -> CameraModel:
    """The optics that a camera's attributes ask for.

    Raises:
        ValueError: the size or the field of view is no number or out of range.
    """
    width, height = (int(attributes[f"image_size_{axis}"]) for axis in "xy")
    if max(width, height) > MAX_IMAGE_SIDE:
        raise ValueError(f"camera size {width}x{height}: at most {MAX_IMAGE_SIDE} pixels a side")
    return CameraModel(width, height, float(attributes["fov"]))


def sensor_period_s(attributes: Mapping[str, str]) -> float:
    """Seconds from picture to picture that a camera's attributes ask for.

    Raises:
        ValueError: it is no number or out of range.
    """
    period = float(attributes["sensor_tick"])
    if not (isfinite(period) and 0.0 <= period <= MAX_SENSOR_TICK_S):
        raise ValueError(f"sensor_tick {period}: must be from 0 to {MAX_SENSOR_TICK_S:g} seconds")
    return period
