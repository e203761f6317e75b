# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which things stand hidden behind houses, so that they need not be drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.mesh import ranges

_BINS = 2048  # directions around the camera
_REACH = 110.0  # metres; houses beyond hide too little to be worth the work
_LAYERS = 2  # per direction: the nearest house and the one that stands highest


class Occluders:
    """Upright boxes that stand on the ground.

    Args:
        boxes: (B, 4) x0, y0, x1, y1.
        heights: (B,) metres.
    """

    def __init__(self, boxes: NDArray[np.floating], heights: NDArray[np.floating]) -> None:
        corners = np.asarray(boxes, np.float64)[:, [0, 1, 2, 1, 2, 3, 0, 3]]
        self._corners = corners.reshape(-1, 4, 2)
        self._heights = np.asarray(heights, np.float64)

    def hidden(
        self, eye: NDArray[np.floating], centers: NDArray, radius: NDArray, tops: NDArray
    ) -> NDArray[np.bool_]:
        """Whether upright cylinders cannot be seen from the eye.

        Args:
            eye: (3,) metres.
            centers: (N, 2) of the cylinders' axes.
            radius: (N,).
            tops: (N,) heights above the ground.
        """
        distances, slopes = self._skyline(eye)
        offset = centers - eye[:2]
        distance = np.hypot(*offset.T)
        near = np.maximum(distance - radius, 0.1)
        slope = (tops - eye[2]) / near
        half = np.arcsin(np.minimum(radius / np.maximum(distance, 1e-6), 1.0))
        middle = np.arctan2(offset[:, 1], offset[:, 0])
        first, last = (np.floor((middle + s * half) * (_BINS / (2 * np.pi))) for s in (-1, 1))
        counts = (last - first).astype(np.int64) + 1
        owner = np.repeat(np.arange(len(counts)), counts)
        bins = ranges(first.astype(np.int64), counts) % _BINS
        behind = (near[owner] > distances[:, bins]) & (slope[owner] < slopes[:, bins])
        starts = np.cumsum(counts) - counts
        covered = np.logical_and.reduceat(behind.any(axis=0), starts)
        return np.asarray(covered & (distance > radius))

    def _skyline(self, eye: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Per layer and direction: beyond which distance, up to which slope, nothing is seen."""
        distances = np.full((_LAYERS, _BINS), np.inf)
        slopes = np.full((_LAYERS, _BINS), -np.inf)
        offset = self._corners - eye[:2]
        far = np.hypot(offset[..., 0], offset[..., 1])
        middle = offset.mean(axis=1)
        heading = np.arctan2(middle[:, 1], middle[:, 0])
        cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
        turn = np.arctan2(
            cos * offset[..., 1] - sin * offset[..., 0], cos * offset[..., 0] + sin * offset[..., 1]
        )
        first = np.ceil((heading + turn.min(axis=1)) * (_BINS / (2 * np.pi)) - 0.5).astype(int)
        last = np.floor((heading + turn.max(axis=1)) * (_BINS / (2 * np.pi)) - 0.5).astype(int)
        far, near = far.max(axis=1), far.min(axis=1)
        slope = (self._heights - eye[2]) / far
        usable = (near < _REACH) & (np.ptp(turn, axis=1) < np.pi) & (slope > 0) & (last >= first)
        counts = np.where(usable, last - first + 1, 0)
        house = np.repeat(np.arange(len(counts)), counts)
        bins = ranges(first, counts) % _BINS
        for layer, order in enumerate((-far[house], slope[house])):
            # Where houses share a direction the last one written stays.
            order = np.argsort(order)
            distances[layer, bins[order]] = far[house[order]]
            slopes[layer, bins[order]] = slope[house[order]]
        return distances, slopes
