# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a camera has in view, and where on the picture it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.camera import NEAR, CameraModel, CameraPose, clip_polygon

SUBPIXEL_BITS = 4
_FAR = 320.0  # metres; nothing beyond is drawn
_FINE_PIXELS = 0.8  # models and polygons that look smaller are left out
_WILD = 1e6  # pixels; polygons that reach further out are cut at the picture's edges


@dataclass(frozen=True)
class Projected:
    """Polygons on the picture: corners in pixels, those of polygon p at first[p]:last[p]."""

    corners: NDArray[np.int32]  # (K, 2) with SUBPIXEL_BITS fractional bits
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    visible: NDArray[np.bool_]
    low: NDArray[np.float64]  # (P, 2) left and top, not limited to the picture
    high: NDArray[np.float64]


class Projection:
    """From the world to the pictures of one camera, wherever that is."""

    def __init__(self, camera: CameraModel) -> None:
        self._camera = camera
        # The near plane and the picture's sides, (5, 4) in camera axes.
        x, y = camera.width / 2 / camera.focal, camera.height / 2 / camera.focal
        self._planes = np.array(
            [[0, 0, 1, -NEAR], [1, 0, x, 0], [-1, 0, x, 0], [0, 1, y, 0], [0, -1, y, 0]], np.float64
        )
        self._plane_size = np.linalg.norm(self._planes[:, :3], axis=1)

    def in_view(
        self, centers: NDArray[np.floating], radius: NDArray[np.floating], pose: CameraPose
    ) -> NDArray[np.bool_]:
        """Return whether balls are in view, near enough, and large enough to be seen."""
        camera = (centers - pose.position) @ pose.rotation.T
        distance = np.linalg.norm(camera, axis=1)
        inside = (camera @ self._planes[:, :3].T > -radius[:, None] * self._plane_size).all(axis=1)
        large = radius * self._camera.focal > _FINE_PIXELS * distance
        return np.asarray(inside & large & (distance - radius < _FAR))

    def project(
        self, vertices: NDArray[np.floating], counts: NDArray[np.integer], pose: CameraPose
    ) -> Projected:
        """Return polygons on the picture, cut where one gets too close or leaves the view by far.

        Args:
            vertices: (V, 3) corners in the world, polygon after polygon.
            counts: (P,) how many each polygon has.
            pose: where the camera is.
        """
        camera = (vertices - pose.position) @ pose.rotation.T
        last = np.cumsum(counts)
        first = last - counts
        near = np.minimum.reduceat(camera[:, 2], first)
        visible = np.maximum.reduceat(camera[:, 2], first) >= NEAR
        pixels = self._pixels(np.maximum(camera, (-np.inf, -np.inf, NEAR)))
        low, high = np.minimum.reduceat(pixels, first), np.maximum.reduceat(pixels, first)
        wild = np.maximum(-low, high).max(axis=1) > _WILD
        extra, at = [pixels], len(pixels)
        for p in np.flatnonzero(visible & ((near < NEAR) | wild)):
            corners = clip_polygon(
                camera[first[p] : last[p]], self._planes[: None if wild[p] else 1]
            )
            if len(corners) < 3:
                visible[p] = False
                continue
            extra.append(self._pixels(corners))
            low[p], high[p] = extra[-1].min(axis=0), extra[-1].max(axis=0)
            first[p], last[p] = at, at + len(corners)
            at += len(corners)
        edge = (self._camera.width, self._camera.height)
        visible &= ((high > -1) & (low < edge)).all(axis=1)
        visible &= (high - low).max(axis=1) > _FINE_PIXELS
        corners = np.round(np.concatenate(extra) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        return Projected(corners, first, last, visible, low, high)

    def _pixels(self, camera: NDArray[np.floating]) -> NDArray[np.float64]:
        centre = self._camera.matrix[:2, 2]
        return np.asarray(camera[:, :2] / camera[:, 2:] * self._camera.focal + centre)
