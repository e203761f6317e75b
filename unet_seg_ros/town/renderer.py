# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the town as a camera sees it: the picture and its class ids, from the same strokes.

Everything is painted from far to near into one four-channel picture, three colours and the class
id, so that the two can never disagree about an edge. Light that falls on the ground, rain and
sensor noise change the colours afterwards.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.camera import NEAR, CameraModel, CameraPose
from unet_seg_ros.town.mesh import PLAIN, Instances, Mesh
from unet_seg_ros.town.projection import SUBPIXEL_BITS, Projection
from unet_seg_ros.town.shading import LAMPLIGHT, NEUTRAL
from unet_seg_ros.town.tags import Tag
from unet_seg_ros.town.texturing import Texturer
from unet_seg_ros.town.town import Town
from unet_seg_ros.town.weather import WEATHERS, Weather

_COARSE = 8  # the sky and the air are worked out for every eighth pixel
_TEXTURE_PIXELS = 7.0  # textured polygons that look smaller get their mean colour
_SHADOWS_SEEN = 50.0  # metres; shadows of moving things beyond are left out


class Renderer:
    """Pictures of one town through one camera.

    Args:
        noise: standard deviation of the sensor noise in grey levels; 0 turns it off.
    """

    def __init__(self, town: Town, camera: CameraModel, noise: float = 2.0) -> None:
        self.town, self.camera = town, camera
        rng = np.random.default_rng([town.seed, 11])
        shape = (camera.height + 64, camera.width + 64, 3)
        self._noise = np.clip(rng.normal(16, noise, shape), 0, 32).astype(np.uint8)
        self._noisy = noise > 0
        self._streaks = _draw_streaks(camera, rng)
        self._frame = np.empty((camera.height, camera.width, 4), np.uint8)
        size = (camera.height, camera.width)
        self._neutral, self._white = np.full(size, NEUTRAL, np.uint8), np.full(size, 255, np.uint8)
        self._projection = Projection(camera)
        self._texturer = Texturer(town.textures, camera)
        ground = town.ground
        spread = np.linalg.norm(
            ground.vertices - np.repeat(ground.centers, ground.counts, 0), axis=1
        )
        self._ground_radius = np.maximum.reduceat(spread, np.cumsum(ground.counts) - ground.counts)

    def render(
        self,
        pose: CameraPose,
        time_s: float = 0.0,
        weather: Weather = WEATHERS["clear_noon"],
        movers: tuple[Instances, Instances] | None = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw one moment.

        Args:
            pose: where the camera is.
            time_s: what moves is where it is then.
            weather: light and air.
            movers: who is in the streets, and the traffic lights; if left out, as the town has them
                at that moment.

        Returns:
            The RGB picture, (H, W, 3) uint8, and its class ids (`carla29`), (H, W) uint8.

        Raises:
            ValueError: the camera is not above the ground.
        """
        if pose.z < NEAR:
            raise ValueError(
                f"camera height {pose.z} m: must be at least {NEAR} m above the ground"
            )
        actors, lights = movers or self.town.movers(time_s)
        rays = self.camera.rays(pose, _COARSE)
        self._draw_sky(rays, weather, time_s)
        self._draw_ground(pose, rays, weather, actors)
        self._draw_models(pose, weather, Instances.gather([self.town.statics, actors, lights]))
        rgb = np.asarray(cv2.cvtColor(self._frame, cv2.COLOR_RGBA2RGB), np.uint8)
        labels = np.asarray(cv2.extractChannel(self._frame, 3), np.uint8)
        self._finish(rgb, weather, time_s)
        return rgb, labels

    # ------------------------------------------------------------------ sky and ground

    def _draw_sky(self, rays: NDArray, weather: Weather, time_s: float) -> None:
        width, height = self.camera.width, self.camera.height
        above = np.flatnonzero((rays[..., 2] > 0).any(axis=1))
        last = above[-1] + 2 if len(above) else 1
        coarse = np.empty((*rays[:last].shape[:2], 4), np.uint8)
        coarse[..., :3] = self.town.sky.colors(rays[:last], weather, time_s)
        coarse[..., 3] = Tag.SKY
        rows = min(round(len(coarse) * height / len(rays)), height)
        cv2.resize(coarse, (width, rows), dst=self._frame[:rows])
        cv2.rectangle(self._frame, (0, rows), (width, height), (0, 0, 0, int(Tag.SKY)), cv2.FILLED)

    def _draw_ground(
        self, pose: CameraPose, rays: NDArray, weather: Weather, actors: Instances
    ) -> None:
        in_view = self._projection.in_view(self.town.ground.centers, self._ground_radius, pose)
        mesh = self.town.ground.part(np.flatnonzero(in_view))
        light = np.array(weather.ambient) + np.array(weather.sun) * weather.sun_direction[2]
        light = light * (LAMPLIGHT if weather.lamps else 1.0)
        wet = np.where(mesh.labels == Tag.ROAD_LINE, 0.9, 1.0 - 0.3 * weather.wetness)
        colors = np.clip(mesh.colors * light * wet[:, None], 0, 255)
        projected = self._projection.project(mesh.vertices, mesh.counts, pose)
        fill = np.column_stack([colors, mesh.labels]).tolist()
        begin, end = projected.first.tolist(), projected.last.tolist()
        for p in np.flatnonzero(projected.visible).tolist():
            polygon = projected.corners[begin[p] : end[p]]
            cv2.fillConvexPoly(self._frame, polygon, fill[p], cv2.LINE_8, SUBPIXEL_BITS)

        coarse_below = np.flatnonzero((rays[..., 2] < 0).any(axis=1))
        if not len(coarse_below):
            return
        step = self.camera.height / len(rays)
        top = max(int((coarse_below[0] - 1) * step), 0)
        factor = self.town.light.seen(self.camera, pose, weather, top)
        self._shade_actors(factor, pose, actors, top, weather)
        self._air(factor, rays, pose, weather, top)

    def _air(
        self, factor: NDArray[np.uint8], rays: NDArray, pose: CameraPose, weather: Weather, top: int
    ) -> None:
        """Multiply the ground by its light, add haze and, when wet, the sky's reflection."""
        down = np.maximum(-rays[..., 2], 1e-6)
        length = np.linalg.norm(rays, axis=2)
        kept = np.exp(-weather.fog * np.minimum(pose.z * length / down, 2e4))
        mirror = weather.wetness * (0.04 + 0.6 * (1.0 - down / length) ** 5)
        kept *= 1.0 - mirror
        added: NDArray[Any] = np.zeros((*rays.shape[:2], 4), np.uint8)
        added[..., :3] = (1.0 - kept[..., None]) * np.array(weather.horizon)
        size = (self.camera.width, self.camera.height)
        gain = cv2.resize((kept * 255.0).astype(np.uint8), size)[top:]
        added = cv2.resize(added, size)[top:]
        cv2.multiply(factor, gain, dst=factor, scale=1.0 / 255.0)

        part = self._frame[top:]
        level = np.flatnonzero((rays[..., 2] > 0).any(axis=1))
        if len(level):  # rows that show some sky, which is not to change
            rows = slice(0, max(round((level[-1] + 2) * size[1] / len(rays)) - top, 0))
            sky = part[rows, :, 3] == Tag.SKY
            factor[rows][sky] = NEUTRAL
            added[rows][sky] = 0
        cv2.multiply(
            part,
            cv2.merge((factor, factor, factor, self._neutral[top:])),
            dst=part,
            scale=1.0 / NEUTRAL,
        )
        cv2.add(part, added, dst=part)

    def _shade_actors(
        self,
        factor: NDArray[np.uint8],
        pose: CameraPose,
        actors: Instances,
        top: int,
        weather: Weather,
    ) -> None:
        """Darken the ground below and behind whoever stands on it."""
        near = np.linalg.norm(actors.positions - pose.position, axis=1) < _SHADOWS_SEEN
        if not near.any():
            return
        sun = weather.sun_direction
        strength = float(np.mean(weather.sun)) * float(sun[2])
        shade = 0.45 + 0.3 * (1.0 - min(strength / 0.5, 1.0))
        half = self.town.library.half_size[actors.models[near]]
        base = _corners(actors[near], half)
        cast = base - (sun[:2] / max(float(sun[2]), 0.5)) * half[:, None, 2:]
        # The base, its image at the end of the shadow, and what each side sweeps between them.
        swept = np.stack([base, np.roll(base, -1, 1), np.roll(cast, -1, 1), cast], axis=2)
        quads = np.concatenate([base[:, None], cast[:, None], swept], axis=1).reshape(-1, 2)
        corners = np.column_stack([quads, np.zeros(len(quads))])
        projected = self._projection.project(corners, np.full(len(corners) // 4, 4), pose)
        dimmed = self._white[top:].copy()
        pixels = projected.corners - (np.array([0, top], np.int32) << SUBPIXEL_BITS)
        for p in np.flatnonzero(projected.visible).tolist():
            corners = pixels[projected.first[p] : projected.last[p]]
            cv2.fillConvexPoly(dimmed, corners, int(255 * shade), cv2.LINE_8, SUBPIXEL_BITS)
        cv2.multiply(factor, dimmed, dst=factor, scale=1.0 / 255.0)

    # ------------------------------------------------------------------ what stands up

    def _draw_models(self, pose: CameraPose, weather: Weather, everything: Instances) -> None:
        mesh, place = self._seen(pose, everything)
        projected = self._projection.project(mesh.vertices, mesh.counts, pose)
        distance = np.linalg.norm(mesh.centers - pose.position, axis=1)
        # Within one model the solids from far to near; sorting is stable, so details stay on top.
        order = np.lexsort((-distance, place))
        order = order[projected.visible[order]]
        lit, haze = self._lit(mesh, distance, weather)
        colors = mesh.colors * lit * (1 - haze[:, None]) + haze[:, None] * weather.horizon
        fill = np.column_stack([np.clip(colors, 0, 255), mesh.labels])[order].tolist()
        size = (projected.high - projected.low).max(axis=1)
        textured = (mesh.textures != PLAIN) & (size >= _TEXTURE_PIXELS) & projected.visible
        stickers = self._texturer.stickers(
            mesh, pose, projected, np.flatnonzero(textured), lit, haze
        )
        begin, end = projected.first.tolist(), projected.last.tolist()
        for p, color in zip(order.tolist(), fill, strict=True):
            corners = projected.corners[begin[p] : end[p]]
            if p in stickers:
                self._texturer.stick(self._frame, corners, stickers[p], weather)
            else:
                cv2.fillConvexPoly(self._frame, corners, color, cv2.LINE_8, SUBPIXEL_BITS)

    def _seen(self, pose: CameraPose, everything: Instances) -> tuple[Mesh, NDArray]:
        """Models in sight, placed in the world, and each polygon's place in the drawing order."""
        library = self.town.library
        middle = library.middle[everything.models]
        cos, sin = np.cos(everything.yaws), np.sin(everything.yaws)
        centre = everything.positions + np.column_stack(
            [
                cos * middle[:, 0] - sin * middle[:, 1],
                sin * middle[:, 0] + cos * middle[:, 1],
                middle[:, 2],
            ]
        )
        radius = library.radius[everything.models]
        seen = np.flatnonzero(self._projection.in_view(centre, radius, pose))
        tops = everything.positions[seen, 2] + library.half_size[everything.models[seen], 2]
        hidden = self.town.occluders.hidden(pose.position, centre[seen, :2], radius[seen], tops)
        seen = seen[~hidden]
        shown = everything[seen]
        away = pose.position[:2] - shown.positions[:, :2]
        yaws = np.where(
            library.faces_camera[shown.models], np.arctan2(away[:, 1], away[:, 0]), shown.yaws
        )
        shown = Instances(shown.models, shown.positions, yaws.astype(np.float32))
        rank = self._ranks(seen, shown, pose)
        place = np.empty(len(seen), np.int64)
        distance = np.linalg.norm(centre[seen] - pose.position, axis=1)
        place[np.lexsort((-distance, rank))] = np.arange(len(seen))
        mesh, owner = library.place(shown, pose.position)
        return mesh, place[owner]

    def _ranks(self, seen: NDArray, shown: Instances, pose: CameraPose) -> NDArray[np.int64]:
        """Drawing rank of each model in sight; the numbers in `seen` put movers last."""
        eye, order, feet = pose.position[:2], self.town.order, self.town.feet
        still = seen < len(feet)
        rank = np.empty(len(seen), np.int64)
        rank[still] = order.ranks(feet[seen[still]], eye)
        # Something that moves may stand across a cut: the part nearest to the camera counts.
        movers = shown[~still]
        corners = _corners(movers, self.town.library.half_size[movers.models])
        rank[~still] = order.ranks(corners.reshape(-1, 2), eye).reshape(-1, 4).max(axis=1)
        return rank

    def _lit(
        self, mesh: Mesh, distance: NDArray, weather: Weather
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Light on each polygon, (P, 3), and how much the air hides of it, (P,)."""
        facing = mesh.normals @ weather.sun_direction
        two_sided = ~mesh.normals.any(axis=1)
        facing = np.where(two_sided, 0.55, np.maximum(facing, 0.0))
        # Surfaces that look down see the ground, not the sky.
        sky = 0.82 + 0.18 * mesh.normals[:, 2:]
        light = np.array(weather.ambient) * sky + np.array(weather.sun) * facing[:, None]
        light += mesh.glow[:, None] * (1.0 - light)
        haze = 1.0 - np.exp(-weather.fog * distance)
        return light, haze * (1.0 - 0.5 * mesh.glow)

    # ------------------------------------------------------------------ the camera itself

    def _finish(self, rgb: NDArray[np.uint8], weather: Weather, time_s: float) -> None:
        """Falling rain and the sensor's noise, different in every frame."""
        moment = np.random.default_rng(abs(int(time_s * 1000)))
        if weather.rain > 0.05:
            dx, dy = moment.integers(0, 64, 2)
            streaks = self._streaks[dy : dy + rgb.shape[0], dx : dx + rgb.shape[1]]
            cv2.scaleAdd(streaks, float(weather.rain), rgb, dst=rgb)
        if self._noisy:
            dx, dy = moment.integers(0, 64, 2)
            noise = self._noise[dy : dy + rgb.shape[0], dx : dx + rgb.shape[1]]
            cv2.addWeighted(rgb, 1.0, noise, 1.0, -16.0, dst=rgb)


def _corners(instances: Instances, half: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, 4, 2) corners, counter-clockwise, of what models of half sizes (N, 2 or more) cover."""
    x, y = half[:, 0, None] * (1, -1, -1, 1), half[:, 1, None] * (1, 1, -1, -1)
    cos, sin = np.cos(instances.yaws)[:, None], np.sin(instances.yaws)[:, None]
    turned = np.stack([cos * x - sin * y, sin * x + cos * y], axis=2)
    return np.asarray(turned + instances.positions[:, None, :2])


def _draw_streaks(camera: CameraModel, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Rain as bright streaks on black, (H + 64, W + 64, 3)."""
    height, width = camera.height + 64, camera.width + 64
    picture = np.zeros((height, width), np.uint8)
    for _ in range(width * height // 1600):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        length = rng.uniform(0.01, 0.05) * height
        end = (int(x + 0.08 * length), int(y + length))
        cv2.line(picture, (int(x), int(y)), end, int(rng.integers(18, 60)), 1, cv2.LINE_AA)
    return np.asarray(cv2.merge((picture, picture, picture)))
