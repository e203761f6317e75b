# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Painting textured polygons onto a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.camera import NEAR, CameraModel, CameraPose
from unet_seg_ros.town.mesh import Mesh
from unet_seg_ros.town.projection import SUBPIXEL_BITS, Projected
from unet_seg_ros.town.textures import HOLE, Texture
from unet_seg_ros.town.weather import Weather

_SHADES = 24  # steps of light and of haze in which textures are prepared


class Sticker(NamedTuple):
    """A textured polygon on the picture."""

    box: list[int]  # x0, y0, x1, y1 pixels it lies in
    to_texel: NDArray[np.float64]  # (3, 3) from pixels of the box
    border: int  # OpenCV's rule for texels beyond the edge
    texture: int
    level: int
    shade: list[int]  # light, in _SHADES steps
    haze: int


class Texturer:
    """Paints with the textures of a town, as one camera sees them."""

    def __init__(self, textures: Sequence[Texture], camera: CameraModel) -> None:
        self._textures, self._camera = textures, camera
        self._mask = np.zeros((camera.height, camera.width), np.uint8)  # zero between two polygons
        self._texel_rows = [len(texture.levels[0]) for texture in textures]
        self._tinted = lru_cache(maxsize=1024)(self._tint)

    def stickers(
        self,
        mesh: Mesh,
        pose: CameraPose,
        projected: Projected,
        which: NDArray[np.int64],
        lit: NDArray[np.float64],
        haze: NDArray[np.float64],
    ) -> dict[int, Sticker]:
        """Return how to paint each of the polygons `which`, all of them textured."""
        if not len(which):
            return {}
        first = (np.cumsum(mesh.counts) - mesh.counts)[which]
        corners = (mesh.vertices[first[:, None] + np.arange(4)] - pose.position) @ pose.rotation.T
        origin, repeats, numbers = corners[:, 3], mesh.repeats[which], mesh.textures[which].tolist()
        across, down = corners[:, 2] - origin, corners[:, 0] - origin
        plane = np.stack([across / repeats[:, :1], down / repeats[:, 1:], origin], axis=2)
        to_pixel = self._camera.matrix @ plane
        to_pixel[np.abs(np.linalg.det(to_pixel)) < 1e-9] = np.eye(3)  # edge-on: nothing to see

        depth = np.maximum(corners[:, :, 2].mean(axis=1), NEAR)
        texels = np.array([self._texel_rows[n] for n in numbers])
        texels_per_m = texels * repeats[:, 1] / np.linalg.norm(down, axis=1)
        level = np.maximum(np.log2(texels_per_m * depth / self._camera.focal) + 0.3, 0).astype(int)
        pyramids = [self._textures[n].levels for n in numbers]
        level = np.minimum(level, [len(pyramid) - 1 for pyramid in pyramids]).tolist()
        sizes = [
            (pyramid[k].shape[1], pyramid[k].shape[0])
            for pyramid, k in zip(pyramids, level, strict=True)
        ]
        edge = (self._camera.width, self._camera.height)
        low = np.maximum(projected.low[which] - 1, 0).astype(int)
        high = np.minimum(projected.high[which] + 2, edge).astype(int)
        # From pixels of the box to texels; texel 0 has its middle at 0 there, 0.5 here.
        to_texel = np.linalg.inv(to_pixel)
        to_texel[:, :, 2] += (to_texel[:, :, :2] * low[:, None]).sum(axis=2)
        to_texel[:, :2] *= np.array(sizes, np.float64)[:, :, None]
        to_texel[:, :2] -= 0.5 * to_texel[:, 2:]

        once = (repeats == 1.0).all(axis=1)
        borders = np.where(once, cv2.BORDER_REPLICATE, cv2.BORDER_WRAP).tolist()
        shades = np.round(np.minimum(lit[which], 2.0) * _SHADES).astype(int).tolist()
        hazes = np.round(haze[which] * _SHADES).astype(int).tolist()
        boxes = np.hstack([low, high]).tolist()
        rows = zip(boxes, to_texel, borders, numbers, level, shades, hazes, strict=True)
        return {p: Sticker(*row) for p, row in zip(which.tolist(), rows, strict=True)}

    def stick(
        self,
        frame: NDArray[np.uint8],
        corners: NDArray[np.int32],
        sticker: Sticker,
        weather: Weather,
    ) -> None:
        """Paint one textured polygon onto a frame, (H, W, 4)."""
        x0, y0, x1, y1 = sticker.box
        if x1 <= x0 or y1 <= y0:
            return
        patch = cv2.warpPerspective(
            self._tinted(
                sticker.texture, sticker.level, tuple(sticker.shade), sticker.haze, weather.horizon
            ),
            sticker.to_texel,
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
            borderMode=sticker.border,
        )
        patch = patch.view(np.uint8).reshape(y1 - y0, x1 - x0, 4)
        cv2.fillConvexPoly(self._mask, corners, 1, cv2.LINE_8, SUBPIXEL_BITS)
        mask = self._mask[y0:y1, x0:x1]
        if self._textures[sticker.texture].has_holes:
            mask &= (patch[..., 3] != HOLE).view(np.uint8)
        cv2.copyTo(patch, mask, frame[y0:y1, x0:x1])
        mask[:] = 0

    def _tint(
        self,
        number: int,
        level: int,
        shade: tuple[int, int, int],
        haze: int,
        horizon: tuple[float, float, float],
    ) -> NDArray[np.float32]:
        """A texture in some light behind some haze, its four bytes a texel seen as one float.

        OpenCV copies one float faster than four bytes, and its nearest-texel lookup only copies.
        """
        channels = list(cv2.split(self._textures[number].levels[level]))
        far = haze / _SHADES
        for i in range(3):
            gain, offset = shade[i] / _SHADES * (1 - far), horizon[i] * far
            channels[i] = cv2.convertScaleAbs(channels[i], alpha=gain, beta=offset)
        return np.asarray(cv2.merge(channels)).view(np.float32)[..., 0]
