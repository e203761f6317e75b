# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sky above the horizon: gradient, sun, and clouds on a plane high above the town."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.textures import noise
from unet_seg_ros.town.weather import Weather

_TILE = 512  # texels of the cloud map, which covers 8 km
_TEXELS_PER_UNIT = _TILE / 8.0


class Sky:
    """Colours of view directions; the clouds drift with time."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 5])
        size = (_TILE, _TILE)
        self._clouds = np.zeros(size, np.float32)
        for weight, cells in ((0.55, 9), (0.3, 23), (0.18, 57), (0.1, 131)):
            self._clouds += weight * noise(size, cells, rng)

    def colors(
        self, rays: NDArray[np.float64], weather: Weather, time_s: float
    ) -> NDArray[np.float32]:
        """RGB, 0 to 255, (h, w, 3) for (h, w, 3) directions."""
        rays = rays.astype(np.float32)
        unit = rays / np.linalg.norm(rays, axis=2, keepdims=True)
        height = np.maximum(unit[..., 2], 0.0)
        zenith, horizon = np.array(weather.zenith, "f4"), np.array(weather.horizon, "f4")
        color = zenith + (horizon - zenith) * np.exp(-4.5 * height)[..., None]

        glow = np.maximum(unit @ weather.sun_direction.astype(np.float32), 0.0)
        sun = np.array(weather.sun, "f4") * (1.0 - 0.8 * weather.clouds)
        color += (90.0 * glow**12 + 260.0 * glow**220)[..., None] * sun

        # Directions meet the cloud plane one unit (a kilometre) up.
        plane = unit[..., :2] / (height + 0.06)[..., None] * _TEXELS_PER_UNIT
        drift = np.float32(time_s * 0.3)
        density = cv2.remap(
            self._clouds,
            (plane[..., 0] + drift) % _TILE,
            plane[..., 1] % _TILE,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        cover = np.clip(density * 0.9 + 3.0 * weather.clouds - 1.6, 0.0, 1.0) * np.clip(
            height * 9.0, 0.0, 1.0
        )
        bright = float(np.mean(weather.horizon))
        shade = np.clip(bright * (1.14 - 0.10 * density), 0, 250)
        color += (shade[..., None] * np.array([1.0, 1.0, 1.02], "f4") - color) * (
            0.85 * cover[..., None]
        )
        return np.asarray(np.minimum(color, 255.0))
