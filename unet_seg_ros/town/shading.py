# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Light on the ground: grain, patches and slabs, shadows, lamplight, wetness, distance."""

from __future__ import annotations

from math import log2
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.camera import CameraModel, CameraPose
from unet_seg_ros.town.mesh import Mesh
from unet_seg_ros.town.tags import Tag
from unet_seg_ros.town.textures import noise
from unet_seg_ros.town.weather import Weather

NEUTRAL = 128  # factor 1 in the 8-bit light map
LAMPLIGHT = 3.0  # below a street lamp it is so many times brighter than between them
_TEXELS_PER_M = 8.0
_DETAIL_PER_M = 40.0  # texels of the grain seen right in front of the camera
_MARGIN = 60.0  # metres of meadow around the town that the map covers
_STRIP = 20  # rows of the picture that share one level of the map


Shadow = tuple[NDArray[np.float64], float, float]  # outline (n, 2), from height, to height


class LightMap:
    """A map of the town from above: how much brighter or darker the ground is at each place.

    It changes colours only; the class of the ground comes from its polygons.
    """

    def __init__(
        self,
        bounds: tuple[float, float, float, float],
        ground: Mesh,
        shadows: list[Shadow],
        lamps: list[tuple[float, float]],
        seed: int,
    ) -> None:
        self._ground, self._shadows, self._lamps = ground, shadows, lamps
        x0, y0, x1, y1 = bounds
        self._origin = np.array([x0 - _MARGIN, y0 - _MARGIN])
        size = (np.array([x1 + _MARGIN, y1 + _MARGIN]) - self._origin) * _TEXELS_PER_M
        self._shape = (int(size[1]), int(size[0]))
        self._grain = self._draw_grain(np.random.default_rng([seed, 7]))
        grit = np.random.default_rng([seed, 8]).normal(NEUTRAL, 9, (512, 512))
        self._detail = np.clip(grit, 0, 255).astype(np.uint8)
        self._weather: Weather | None = None
        self._levels: list[NDArray[np.uint8]] = []

    def levels(self, weather: Weather) -> list[NDArray[np.uint8]]:
        """The map in some weather, then at half the size, and so on."""
        if weather != self._weather:
            self._levels = [_times(self._grain, self._draw_shadows(weather), NEUTRAL)]
            while len(self._levels) < 6:
                last = self._levels[-1]
                half = (last.shape[1] // 2, last.shape[0] // 2)
                coarser = cv2.resize(last, half, interpolation=cv2.INTER_AREA)
                self._levels.append(np.asarray(coarser, np.uint8))
            self._weather = weather
        return self._levels

    def seen(
        self, camera: CameraModel, pose: CameraPose, weather: Weather, top: int
    ) -> NDArray[np.uint8]:
        """The map as the camera sees it on the ground: (H - top, W), rows from `top` on.

        Worked out for every second pixel: the map is coarser than the picture but for far away.
        """
        size = (camera.width, camera.height - top)
        width, height = (-(-n // 2) for n in size)
        picture = np.empty((height, width), np.uint8)
        levels = self.levels(weather)
        doubled = np.array([[size[0] / width, 0, 0.5], [0, size[1] / height, top + 0.5], [0, 0, 1]])
        to_ground = self._pixel_to_texel(camera, pose) @ doubled
        for begin in range(0, height, _STRIP):
            end = min(begin + _STRIP, height)
            level = self._level(to_ground, width / 2, (begin + 2 * end) / 3, len(levels))
            scale = 0.5**level
            shift = np.array([[1.0, 0, 0], [0, 1.0, begin], [0, 0, 1.0]])
            shrink = np.array(
                [[scale, 0, 0.5 * scale - 0.5], [0, scale, 0.5 * scale - 0.5], [0, 0, 1]]
            )
            cv2.warpPerspective(
                levels[level],
                shrink @ to_ground @ shift,
                (width, end - begin),
                dst=picture[begin:end],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=NEUTRAL,
            )
            if level == 0:
                finer = np.diag([_DETAIL_PER_M / _TEXELS_PER_M] * 2 + [1.0])
                detail = cv2.warpPerspective(
                    self._detail,
                    finer @ to_ground @ shift,
                    (width, end - begin),
                    flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                    borderMode=cv2.BORDER_WRAP,
                )
                part = picture[begin:end]
                cv2.multiply(part, detail, dst=part, scale=1.0 / NEUTRAL)
        return np.asarray(cv2.resize(picture, size))

    def _pixel_to_texel(self, camera: CameraModel, pose: CameraPose) -> NDArray[np.float64]:
        """Homography from pixels to texels of the finest level."""
        ray = pose.rotation.T @ np.linalg.inv(camera.matrix)  # pixel -> world direction
        # Ground point = eye + ray * eye_z / -ray_z, written with the divisor as third coordinate.
        ground = np.stack(
            [
                -pose.x * ray[2] + pose.z * ray[0] + self._origin[0] * ray[2],
                -pose.y * ray[2] + pose.z * ray[1] + self._origin[1] * ray[2],
                -ray[2] / _TEXELS_PER_M,
            ]
        )
        return np.asarray(ground)

    @staticmethod
    def _level(homography: NDArray[np.float64], x: float, y: float, count: int) -> int:
        """The level whose texels are about as large as pixels near (x, y)."""
        # A homography enlarges areas by its determinant over its divisor cubed.
        divisor = abs(float(homography[2] @ (x, y, 1.0)))
        area = abs(float(np.linalg.det(homography))) / max(divisor, 1e-12) ** 3
        return int(min(max(0.5 * log2(max(area, 1e-9)) + 0.5, 0), count - 1))

    def _texels(self, points: NDArray[np.floating]) -> NDArray[np.int32]:
        """World points in texels with four fractional bits, as cv2 draws them."""
        texels = (points - self._origin) * _TEXELS_PER_M - 0.5
        return np.asarray(np.round(texels * 16), np.int32)

    def _draw_grain(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Asphalt with repairs and cracks, paving slabs, and grass, each where its class lies."""
        tile = 1024
        fine = rng.normal(0, 1, (tile, tile)).astype(np.float32)
        coarse = 0.02 * noise((tile, tile), 128, rng) + 0.03 * noise((tile, tile), 16, rng)
        slabs = 1.0 + 0.03 * fine + 0.5 * coarse
        slabs[::8] *= 0.86
        slabs[:, ::8] *= 0.86
        grass = 1.0 + 0.06 * fine + 0.11 * noise((tile, tile), 256, rng)
        grass += 0.10 * noise((tile, tile), 40, rng)

        grain = self._tiled(1.0 + 0.055 * fine + coarse)
        self._draw_patches(grain, rng)
        kinds = np.zeros(self._shape, np.uint8)
        mesh = self._ground
        flat = np.split(self._texels(mesh.vertices[:, :2]), np.cumsum(mesh.counts)[:-1])
        for outline, label in zip(flat, mesh.labels.tolist(), strict=True):
            if label != Tag.ROAD_LINE:
                cv2.fillConvexPoly(kinds, outline, label, cv2.LINE_8, 4)
        for kind, surface in ((Tag.SIDEWALK, slabs), (Tag.TERRAIN, grass)):
            cv2.copyTo(self._tiled(surface), cv2.inRange(kinds, int(kind), int(kind)), grain)
        return grain

    def _tiled(self, factor: NDArray[np.floating]) -> NDArray[np.uint8]:
        """A square of factors repeated over the whole map."""
        rows, columns = (-(-n // len(factor)) for n in self._shape)
        square = np.clip(factor * NEUTRAL, 0, 255).astype(np.uint8)
        return np.tile(square, (rows, columns))[: self._shape[0], : self._shape[1]].copy()

    def _draw_patches(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> None:
        """Repairs and cracks in the asphalt."""
        height, width = self._shape
        for _ in range(260):
            x, y = int(rng.integers(width)), int(rng.integers(height))
            w, h = rng.integers(8, 40, 2)
            part = picture[y : y + h, x : x + w]
            part[:] = cv2.convertScaleAbs(part, alpha=float(rng.uniform(0.84, 1.08)))
        for _ in range(400):
            start = rng.uniform((0, 0), (width, height))
            line = start + np.cumsum(rng.normal(0, 5, (12, 2)) + rng.normal(0, 4, 2), axis=0)
            points = np.round(line).astype(np.int32)[:, None]
            cv2.polylines(picture, [points], False, int(rng.integers(84, 108)), 1)

    def _draw_shadows(self, weather: Weather) -> NDArray[np.uint8]:
        """What the sun does not reach, and pools of lamplight."""
        sun = weather.sun_direction
        ambient = float(np.mean(weather.ambient))
        shade = ambient / (ambient + float(np.mean(weather.sun)) * float(sun[2]))
        light: NDArray[Any] = np.full(self._shape, NEUTRAL, np.uint8)
        slide = -sun[:2] / max(float(sun[2]), 0.15)
        for outline, low, high in self._shadows:
            cast = np.vstack([outline + slide * low, outline + slide * high])
            hull = cv2.convexHull(self._texels(cast))
            cv2.fillConvexPoly(light, hull, int(NEUTRAL * shade), cv2.LINE_8, 4)
        if weather.lamps:
            light = cv2.convertScaleAbs(light, alpha=1.0 / LAMPLIGHT)
            glow: NDArray[Any] = np.zeros(self._shape, np.uint8)
            for lamp in self._lamps:
                center = self._texels(np.array(lamp))
                cv2.circle(
                    glow, center.tolist(), int(6.0 * _TEXELS_PER_M * 16), 190, -1, cv2.LINE_8, 4
                )
            glow = cv2.blur(cv2.blur(glow, (49, 49)), (49, 49))
            return np.asarray(cv2.add(light, glow))
        return np.asarray(cv2.blur(light, (3, 3)))


def _times(a: NDArray[np.uint8], b: NDArray[np.uint8], one: int) -> NDArray[np.uint8]:
    """The product of two 8-bit pictures in which `one` stands for 1."""
    return np.asarray(cv2.multiply(a, b, scale=1.0 / one), np.uint8)
