# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Night, dusk, rain, fog, low sun and wet roads, out of pictures taken on a clear day.

What the labels say is used: at night the sky is black and the road in front of the car is lit,
whatever they looked like by day, and only the road mirrors what stands on it. Where labels say
nothing, what is bright and bluish or white counts as sky. All of it is made for crops and works on
whole arrays, so that one core makes weather beside a training.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import LabelSet

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_SKY = ("Sky",)
_GROUND = ("Roads", "SideWalks", "RoadLine", "Ground", "RailTrack")
# What may have the sky in it.
_VAGUE = ("Unlabeled", "Other", *_SKY)
# A picture whose mean is below this was taken by night, and is not darkened once more.
_DARK = 70.0
# How often a picture stays clear, and how often each weather comes; how often it rains in each.
_SHARES = {"clear": 0.37, "night": 0.3, "dusk": 0.08, "sun": 0.07, "overcast": 0.1, "fog": 0.08}
_RAINS = {"clear": 0.15, "night": 0.4, "dusk": 0.35, "sun": 0.1, "overcast": 0.6, "fog": 0.2}
# How often the road is wet when it rains, and when it does not.
_WET = 0.6, 0.08
_DROPS = 0.4


@dataclass(frozen=True)
class Scene:
    """What the rows of label maps say about sky and ground.

    Attributes:
        sky: `(256,)` bool, rows that are sky and nothing else.
        vague: Rows that may be sky.
        ground: Rows that are ground to drive or to walk on, and nothing else.
    """

    sky: BoolArray
    vague: BoolArray
    ground: BoolArray


NOTHING_KNOWN = Scene(np.zeros(256, np.bool_), np.ones(256, np.bool_), np.zeros(256, np.bool_))


def scene_of(label_set: LabelSet, admissible: BoolArray) -> Scene:
    """Return what rows say about sky and ground, by the names that classes have in `carla29`.

    Args:
        label_set: The network's classes.
        admissible: `(256, C)` bool, which classes each row may be.
    """
    carla = LabelSet.load("carla29")
    names = label_set.table_to(carla)[: len(label_set)]

    def only(wanted: tuple[str, ...]) -> BoolArray:
        others = ~np.isin(names, [carla.class_id(name) for name in wanted])
        return np.asarray(~(admissible & others).any(axis=1))

    vague = np.isin(names, [carla.class_id(name) for name in _VAGUE]) | (names >= len(carla))
    sky = only(_SKY)
    return Scene(sky, (admissible & vague).any(axis=1) & ~sky, only(_GROUND))


def vary_weather(
    image: Uint8Array, labels: Uint8Array, scene: Scene, rng: np.random.Generator
) -> Uint8Array:
    """Return a picture, `(H, W, 3)` uint8 RGB, in another weather and at another time of day.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        labels: `(H, W)` uint8 rows.
        scene: What the rows mean.
        rng: What all random numbers come from.
    """
    weather = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    rains = rng.random() < _RAINS[weather]
    is_wet = rng.random() < _WET[0 if rains else 1]
    if weather == "clear" and not rains and not is_wet:
        return image
    where = _Where(image, labels, scene, rng)
    seen = image.astype(np.float32)
    if is_wet:
        seen = _wet_road(seen, where, rng)
    if weather in _EFFECTS and (where.brightness > _DARK or weather not in ("night", "dusk")):
        seen = _EFFECTS[weather](seen, where, rng)
    if rains:
        seen = _rain(seen, rng)
        if rng.random() < _DROPS:
            seen = _drops_on_lens(seen, rng)
    return np.clip(seen, 0, 255).astype(np.uint8)


class _Where:
    """Where sky and ground are in a picture, as shares of each pixel, and the horizon's row."""

    def __init__(
        self, image: Uint8Array, labels: Uint8Array, scene: Scene, rng: np.random.Generator
    ) -> None:
        self.size = self.height, self.width = labels.shape
        ground = _look_up(scene.ground, labels)
        self.ground = cv2.blur(ground, (3, 3))[..., None]
        rows_with_ground = np.flatnonzero(ground.mean(axis=1) > 0.1)
        if len(rows_with_ground):
            self.horizon = float(rows_with_ground[0])
        else:
            self.horizon = self.height * rng.uniform(0.2, 1.2)
        self.has_ground = len(rows_with_ground) > 0
        self.brightness = float(image[::4, ::4].mean())
        self.rows = np.arange(self.height, dtype=np.float32)[:, None]
        self.columns = np.arange(self.width, dtype=np.float32)[None]
        sky = _look_up(scene.vague, labels) * _looks_like_sky(image) * (self.rows < self.horizon)
        self.sky = cv2.blur(sky + _look_up(scene.sky, labels), (3, 3))[..., None]

    def below(self, over: float) -> FloatArray:
        """Return 0 above the horizon to 1 from `over` picture heights below it, `(H, 1)`."""
        below = (self.rows - self.horizon) / (over * self.height)
        return np.clip(below, 0, 1).astype(np.float32)

    def spot(self, x: float, y: float, radius: float, flat: float = 1.0) -> FloatArray:
        """Return a soft spot, 1 in its middle, `(H, W)`; `flat` times as wide as high."""
        across = np.exp(-(((self.columns - x) / (radius * flat)) ** 2))
        down = np.exp(-(((self.rows - y) / radius) ** 2))
        return np.asarray(across * down, np.float32)

    def clouds(self, rng: np.random.Generator, cells: int, spread: float) -> FloatArray:
        """Return smooth random factors around 1, `(H, W)`."""
        coarse = np.exp(rng.normal(0, spread, (cells, cells))).astype(np.float32)
        return np.asarray(
            cv2.resize(coarse, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        )


def _look_up(table: BoolArray, labels: Uint8Array) -> FloatArray:
    return np.asarray(cv2.LUT(labels, table.astype(np.float32)), np.float32)


def _looks_like_sky(image: Uint8Array) -> FloatArray:
    """Return 1 where a picture is bright and no redder than blue, 0 where it is dark."""
    small = image.astype(np.float32)
    light = (small[..., 2] - 120) / 50
    return np.clip(np.where(small[..., 0] > small[..., 2] + 12, 0, light), 0, 1)


def _tint(rng: np.random.Generator, warm: float, spread: float) -> FloatArray:
    """Return factors of red, green and blue, of which red is `exp(2 warm)` times blue."""
    by = rng.normal(warm, spread)
    return np.array(np.exp([by, rng.normal(0, 0.02), -by]), np.float32)


def _night(seen: FloatArray, where: _Where, rng: np.random.Generator) -> FloatArray:
    """Light a picture by headlights, lamps and a rest of daylight; make the sky black.

    Light as CARLA's nights have it: the road at a quarter of its brightness by day, what stands
    beside it at a sixth, in patches, and nothing in the sky; lamps and their glow are added.
    """
    rest = 10 ** rng.uniform(-1.8, -0.8)
    light = rest * where.clouds(rng, 5, 0.7)
    middle = where.width * rng.uniform(0.2, 0.8)
    ahead = np.exp(-(((where.columns - middle) / (where.width * rng.uniform(0.4, 1.2))) ** 2))
    light += rng.uniform(0.08, 0.35) * where.below(0.2) * ahead
    glow = np.zeros(where.size, np.float32)
    for _ in range(rng.integers(0, 5)):
        x, y = rng.uniform(0, where.width), where.horizon - rng.uniform(0, 0.5) * where.height
        # The lamp lights what is below and around it.
        light += rng.uniform(0.1, 0.4) * where.spot(
            x, y + 0.25 * where.height, where.height * rng.uniform(0.1, 0.4), 1.5
        )
        radius = where.height * 10 ** rng.uniform(-2.2, -1.2)
        glow += where.spot(x, y, radius) + 0.15 * where.spot(x, y, 4 * radius)
    lit = seen * light[..., None]
    # What shines by itself by day (lights, windows in the sun) may shine by night.
    lit = np.maximum(lit, (seen - 215) * rng.uniform(0, 4) * (1 - where.ground))
    sky = np.float32(rng.choice((0.0, rng.uniform(0, 30))))
    lit += where.sky * (sky - lit)
    lit = lit * _tint(rng, 0.2, 0.15)
    lit += 235 * np.minimum(glow, 1)[..., None] * _tint(rng, 0.05, 0.1)
    lit += rng.standard_normal(where.size, np.float32)[..., None] * rng.uniform(0, 4)
    return np.asarray(lit)


def _dusk(seen: FloatArray, where: _Where, rng: np.random.Generator) -> FloatArray:
    """Darken a picture to a third and redden it, with a sky that glows above the horizon."""
    light = rng.uniform(0.2, 0.5) * where.clouds(rng, 4, 0.35)
    lit = seen * light[..., None]
    above = 1 - np.clip((where.horizon - where.rows) / (0.7 * where.height), 0, 1)
    deep = np.array([25, 20, 25]) + rng.random() * np.array([50, 35, 45])
    glowing = np.array([90, 50, 25]) + rng.random() * np.array([100, 60, 45])
    sky = deep + (glowing - deep) * above[..., None] + (seen - 170) * rng.uniform(0.05, 0.25)
    lit += where.sky * (sky.astype(np.float32) - lit)
    return np.asarray(lit * _tint(rng, 0.15, 0.08))


def _low_sun(seen: FloatArray, where: _Where, rng: np.random.Generator) -> FloatArray:
    """Put the sun just above the horizon: a glare that hides things, and long warm light."""
    x, y = rng.uniform(0, where.width), where.horizon - rng.uniform(0, 0.3) * where.height
    size = where.height * rng.uniform(0.02, 0.06)
    glare = where.spot(x, y, size) + rng.uniform(0.3, 0.8) * where.spot(x, y, 8 * size)
    glare += rng.uniform(0.05, 0.2)
    # Its reflection on the road.
    streak = where.spot(x, where.height, 0.8 * where.height, 0.1) * where.ground[..., 0]
    glare += rng.uniform(0, 0.7) * streak
    color = np.array([255, 240, 215], np.float32) * _tint(rng, 0.0, 0.04)
    # What stands against the light is dark.
    lit = seen * (rng.uniform(0.4, 0.9) * _tint(rng, 0.08, 0.05))
    return np.asarray(lit + np.minimum(glare, 1)[..., None] * (color - lit * 0.6))


def _overcast(seen: FloatArray, where: _Where, rng: np.random.Generator) -> FloatArray:
    """Take colour and shadows away and make the sky one grey."""
    grey = seen.mean(axis=2, keepdims=True)
    lit = seen + rng.uniform(0.2, 0.7) * (grey - seen)
    lit = 128 + (lit - 128) * rng.uniform(0.55, 0.9) + rng.uniform(-50, 15)
    sky = rng.uniform(90, 215) * where.clouds(rng, 4, 0.06)[..., None] * _tint(rng, 0.01, 0.03)
    return np.asarray(lit + where.sky * rng.uniform(0.6, 1) * (sky - lit))


def _fog(seen: FloatArray, where: _Where, rng: np.random.Generator) -> FloatArray:
    """Hide what is far; the law is that of `augmentation.Haze`, and the sky is farthest."""
    nearest = 0.12
    distance = nearest / np.maximum(
        where.below(1 - min(where.horizon / where.height, 0.9)), nearest
    )
    clear = np.exp(-rng.uniform(0.8, 3.5) * distance)[..., None] * (1 - 0.9 * where.sky)
    airlight = rng.uniform(60, 225) * _tint(rng, -0.01, 0.03)
    return np.asarray(seen * clear + airlight * (1 - clear), np.float32)


def _wet_road(seen: FloatArray, where: _Where, rng: np.random.Generator) -> FloatArray:
    """Darken the ground and let it mirror what stands on it, most where it is seen at a slant."""
    if not where.has_ground:
        return seen
    # Row `horizon + d` mirrors row `horizon - d`.
    rows = np.clip(2 * where.horizon - where.rows[:, 0], 0, where.height - 1).astype(np.intp)
    mirrored = cv2.blur(seen[rows], (3, int(rng.integers(5, 16))))
    slant = 1 - where.below(rng.uniform(0.4, 1.0)) * rng.uniform(0.5, 0.9)
    puddles = np.clip(where.clouds(rng, 9, 0.6), 0, 1.6)
    share = rng.uniform(0.15, 0.6) * (slant * puddles)[..., None]
    wet = seen * rng.uniform(0.5, 0.9)
    wet += np.clip(share, 0, 0.8) * (mirrored - wet)
    return np.asarray(seen + where.ground * (wet - seen))


def _rain(seen: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw streaks, many thin ones far away and a few long ones near by."""
    height, width = seen.shape[:2]
    slant = rng.normal(0, 0.25)
    density = 10 ** rng.uniform(-3.0, -1.9) * height * width
    streaks: Uint8Array = np.zeros((height, width), np.uint8)
    for share, length, thickness, light in (
        (1.0, 0.03, 1, (70, 170)),
        (0.5, 0.06, 1, (100, 255)),
        (0.04, 0.1, 2, (60, 160)),
    ):
        count = int(density * share) + 1
        start = rng.uniform((-8, -8), (width, height), (count, 2))
        fall = height * length * rng.uniform(0.5, 1.5, count)
        end = start + np.stack([fall * (slant + rng.normal(0, 0.06, count)), fall], axis=1)
        lines = np.stack([start, end], axis=1).astype(np.int32)[:, :, None]
        cv2.polylines(streaks, list(lines), False, int(rng.uniform(*light)), thickness, cv2.LINE_AA)
    # From soft grey streaks in flat light to sharp white ones in the light of lamps and of the sun.
    if rng.random() < 0.5:
        streaks = np.asarray(cv2.blur(streaks, (2, 3)), np.uint8)
    share_of_rain = streaks.astype(np.float32)[..., None] * np.float32(1 / rng.uniform(160, 255))
    color = np.float32(np.clip(seen.mean() * 0.7 + rng.uniform(80, 220), 0, 255))
    veil = np.float32(rng.uniform(0, 0.08))
    seen = seen + veil * (color - seen)
    return np.asarray(seen + np.minimum(share_of_rain, 0.9) * (color - seen))


def _drops_on_lens(seen: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Put drops on the lens: each shows what is around it, blurred and upside down."""
    height, width = seen.shape[:2]
    drops = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, 16)):
        middle = int(rng.integers(width)), int(rng.integers(height))
        radius = int(height * 10 ** rng.uniform(-2, -0.9)) + 1
        axes = radius, int(radius * rng.uniform(0.8, 1.4))
        cv2.ellipse(drops, middle, axes, 0, 0, 360, int(rng.integers(120, 256)), -1, cv2.LINE_AA)
    share = cv2.blur(drops, (3, 3)).astype(np.float32)[..., None] * np.float32(1 / 255)
    coarse = cv2.resize(seen, (width // 8 + 1, height // 8 + 1), interpolation=cv2.INTER_AREA)
    both = np.asarray(0.5 * (coarse + coarse[::-1]), np.float32)
    inside = cv2.resize(both, (width, height))
    return np.asarray(seen + share * (inside * rng.uniform(0.7, 1.1) - seen))


_EFFECTS = {
    "night": _night,
    "dusk": _dusk,
    "sun": _low_sun,
    "overcast": _overcast,
    "fog": _fog,
}
