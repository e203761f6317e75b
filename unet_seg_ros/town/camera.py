# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera is and how it maps points of the town to pixels.

World axes: x east, y north, z up, metres, ground at z = 0 (right-handed, as in ROS).
Camera axes: x right, y down, z forward (as in OpenCV and ROS optical frames).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin, tan

import numpy as np
from numpy.typing import NDArray

NEAR = 0.15  # metres; nothing closer to the camera than this is drawn


@dataclass(frozen=True)
class CameraPose:
    """Location in metres and attitude in radians.

    Yaw turns counter-clockwise from east, pitch tilts the view up, roll lowers its right side.
    """

    x: float
    y: float
    z: float
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def position(self) -> NDArray[np.float64]:
        """Location, (3,) metres."""
        return np.array([self.x, self.y, self.z])

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) matrix whose rows are the camera's right, down and forward axes in the world."""
        cos_yaw, sin_yaw, cos_pitch, sin_pitch = (
            cos(self.yaw), sin(self.yaw), cos(self.pitch), sin(self.pitch),
        )  # fmt: skip
        forward = np.array([cos_pitch * cos_yaw, cos_pitch * sin_yaw, sin_pitch])
        right = np.array([sin_yaw, -cos_yaw, 0.0])
        down = np.array([sin_pitch * cos_yaw, sin_pitch * sin_yaw, -cos_pitch])
        c, s = cos(self.roll), sin(self.roll)
        return np.stack([c * right + s * down, c * down - s * right, forward])


@dataclass(frozen=True)
class CameraModel:
    """A pinhole camera without distortion, its axis through the middle of the picture.

    Raises:
        ValueError: the size is not positive or the field of view is not between 1 and 170 degrees.
    """

    width: int = 800
    height: int = 600
    fov_deg: float = 90.0

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"camera size {self.width}x{self.height}: both must be at least 1")
        if not 1.0 <= self.fov_deg <= 170.0:
            raise ValueError(f"camera field of view {self.fov_deg}: must be 1 to 170 degrees")

    @property
    def focal(self) -> float:
        """Focal length in pixels; the field of view is the horizontal one, as in CARLA."""
        return self.width / (2.0 * tan(radians(self.fov_deg) / 2.0))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) intrinsic matrix; the centre of the top left pixel is (0, 0)."""
        return np.array(
            [
                [self.focal, 0.0, (self.width - 1) / 2.0],
                [0.0, self.focal, (self.height - 1) / 2.0],
                [0.0, 0.0, 1.0],
            ]
        )

    def rays(self, pose: CameraPose, step: int = 1) -> NDArray[np.float64]:
        """World directions through every `step`-th pixel cell.

        Returns:
            (ceil(H / step), ceil(W / step), 3); each reaches one metre along the camera's axis.
        """
        columns, rows = -(-self.width // step), -(-self.height // step)
        u = (np.arange(columns) + 0.5) * (self.width / columns) - self.width / 2.0
        v = (np.arange(rows) + 0.5) * (self.height / rows) - self.height / 2.0
        right, down, forward = pose.rotation
        return np.asarray(
            forward
            + (u[None, :, None] / self.focal) * right
            + (v[:, None, None] / self.focal) * down
        )

    def project(self, points: NDArray[np.floating], pose: CameraPose) -> NDArray[np.float64]:
        """Pixel coordinates (..., 2) of world points (..., 3); NaN behind the near plane."""
        camera = (points - pose.position) @ pose.rotation.T
        depth = np.where(camera[..., 2:] >= NEAR, camera[..., 2:], np.nan)
        centre = np.array([(self.width - 1) / 2.0, (self.height - 1) / 2.0])
        return np.asarray(camera[..., :2] / depth * self.focal + centre)


def clip_polygon(polygon: NDArray[np.floating], planes: NDArray[np.floating]) -> NDArray:
    """Cut a convex polygon at planes, one after the other (Sutherland-Hodgman).

    Args:
        polygon: (n, 3) corners in camera axes.
        planes: (m, 4); what has `normal . point + offset >= 0` is kept.

    Returns:
        (k, 3) corners, k = 0 if nothing is left.
    """
    for plane in planes:
        distance = polygon @ plane[:3] + plane[3]
        inside = distance >= 0.0
        count = int(inside.sum())
        if count == len(inside):
            continue
        if count == 0:
            return polygon[:0]
        # Corners of a convex polygon inside a plane follow one another: here with both neighbours.
        start = int((inside & ~np.roll(inside, 1)).argmax())
        run = np.arange(start - 1, start + count + 1) % len(inside)
        corners, away = polygon[run], distance[run, None]
        ends = corners[[0, -1]], corners[[1, -2]]
        share = away[[0, -1]] / (away[[0, -1]] - away[[1, -2]])
        corners[[0, -1]] = ends[0] + share * (ends[1] - ends[0])
        polygon = corners
    return polygon
