# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Painted surfaces: facades, walls, fences, foliage, each drawn once from a random generator.

A texture is a pyramid of (h, w, 4) uint8 pictures, each half the one before: red, green, blue and
class id. The id HOLE marks texels that let the background show through.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.town.mesh import Color
from unet_seg_ros.town.tags import Tag

HOLE = 255


@dataclass(frozen=True)
class Texture:
    """One class of surface; `mean` is its colour from afar."""

    levels: tuple[Uint8Array, ...]
    mean: NDArray[np.float32]
    has_holes: bool

    @staticmethod
    def of(rgb: NDArray, tag: Tag, solid: NDArray[np.bool_] | None = None) -> Texture:
        """From an (h, w, 3) picture, with `solid` (h, w) false where one can see through."""
        cover = np.ones(rgb.shape[:2], np.float32) if solid is None else solid.astype(np.float32)
        color = np.clip(rgb, 0, 255).astype(np.float32) * cover[..., None]
        mean = color.sum(axis=(0, 1)) / max(float(cover.sum()), 1.0)
        levels = []
        while True:
            height, width = cover.shape
            texels = np.empty((height, width, 4), np.uint8)
            texels[..., :3] = color / np.maximum(cover, 1e-3)[..., None]
            texels[..., 3] = np.where(cover > 0.4, tag, HOLE)
            levels.append(texels)
            if min(height, width) < 8:
                return Texture(tuple(levels), mean.astype(np.float32), solid is not None)
            half = (width // 2, height // 2)
            color = np.asarray(cv2.resize(color, half, interpolation=cv2.INTER_AREA), np.float32)
            cover = np.asarray(cv2.resize(cover, half, interpolation=cv2.INTER_AREA), np.float32)


def noise(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise of mean 0 and deviation about 1, `cells` bumps across; its edges tile."""
    grid = rng.normal(size=(cells, cells)).astype(np.float32)
    padded = np.pad(grid, 2, mode="wrap")
    scale = (shape[1] / cells, shape[0] / cells)
    # The inner part of an enlarged, wrapped grid continues at the opposite edge.
    x = (np.arange(shape[1], dtype=np.float32) + 0.5) / scale[0] + 1.5
    y = (np.arange(shape[0], dtype=np.float32) + 0.5) / scale[1] + 1.5
    map_x, map_y = np.meshgrid(x, y)
    return 1.6 * cv2.remap(padded, map_x, map_y, cv2.INTER_LINEAR)


def _plaster(shape: tuple[int, int], color: Color, rng: np.random.Generator) -> NDArray[np.float32]:
    """A surface in one colour with blotches and grain."""
    tone = 1 + 0.03 * noise(shape, 6, rng) + 0.03 * noise(shape, 24, rng)
    tone += rng.normal(0, 0.025, shape)
    return (np.array(color, np.float32) * tone[..., None]).astype(np.float32)


def _bricks(
    shape: tuple[int, int], color: Color, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Courses of bricks of `size` texels (wide, high) with mortar between them."""
    picture = _plaster(shape, color, rng)
    wide, high = size
    for row in range(-(-shape[0] // high)):
        shift = (row % 2) * wide // 2
        for column in range(-1, -(-shape[1] // wide)):
            x, y = column * wide + shift, row * high
            picture[y : y + high, max(x, 0) : max(x + wide, 0)] *= rng.uniform(0.82, 1.12)
            picture[y : y + high, max(x, 0) : max(x + 1, 0)] *= 0.72
        picture[row * high : row * high + 1] *= 0.72
    return picture


FLOOR = 3.2  # metres from floor to floor
BAY = 3.2  # metres from window to window
_BAYS = 4
_TEXELS = 80  # texels a bay and a floor


def facade(rng: np.random.Generator) -> Texture:
    """Four bays by two floors of windows, 12.8 x 6.4 m."""
    base: Color = _FACADES[rng.integers(len(_FACADES))]
    shape = (2 * _TEXELS, _BAYS * _TEXELS)
    kind = rng.choice(["plaster", "brick", "boards", "panels"])
    picture = _plaster(shape, base, rng)
    if kind == "brick":
        picture = _bricks(shape, base, (10, 4), rng)
    elif kind == "boards":
        picture[::5] *= 0.8
    elif kind == "panels":
        picture[:, :: _TEXELS // 2] *= 0.8
        picture[:: _TEXELS // 2] *= 0.8
    width, height = rng.uniform(0.34, 0.7), rng.uniform(0.45, 0.68)
    frame = float(rng.choice([45, 120, 225]))
    balcony = rng.random() < 0.25
    for floor in range(2):
        if rng.random() < 0.5:
            picture[floor * _TEXELS : floor * _TEXELS + 4] *= 1.2
        for bay in range(_BAYS):
            x = int((bay + 0.5 - width / 2) * _TEXELS)
            y = int((floor + 0.5 - height / 2) * _TEXELS)
            _window(picture, (x, y, int(width * _TEXELS), int(height * _TEXELS)), frame, rng)
            if balcony:
                rail = (floor + 1) * _TEXELS
                picture[rail - 30 : rail - 8, x - 8 : x + int(width * _TEXELS) + 8] *= 0.62
    if rng.random() < 0.25:
        tone = float(rng.choice([0.7, 1.25]))
        stone: Color = (tone * base[0], tone * base[1], tone * base[2])
        _uprights(picture, range(0, shape[1], _TEXELS), int(rng.integers(6, 19)), stone, rng)
    return Texture.of(picture, Tag.BUILDING)


def shopfront(rng: np.random.Generator) -> Texture:
    """Ground floor of a town house: four bays of doors and shop windows, 12.8 x 3.2 m."""
    picture = _plaster((_TEXELS, _BAYS * _TEXELS), _FACADES[rng.integers(len(_FACADES))], rng)
    picture[:14] = _AWNINGS[rng.integers(len(_AWNINGS))]
    picture[14:17] *= 0.5
    for bay in range(_BAYS):
        x = bay * _TEXELS
        if rng.random() < 0.3:
            picture[28:, x + 26 : x + 54] = rng.uniform(40, 120, 3)
            picture[34:50, x + 31 : x + 49] = (70, 82, 92)
        else:
            _window(picture, (x + 8, 24, 64, 42), float(rng.choice([40, 90])), rng)
    return Texture.of(picture, Tag.BUILDING)


def curtain_wall(rng: np.random.Generator) -> Texture:
    """Four bays by two floors of glass between bars, 12.8 x 6.4 m: a grid, ribs or bands of them.

    Ribs from the ground to the roof are what a network that knows few of them takes for poles.
    """
    shape = (2 * _TEXELS, _BAYS * _TEXELS)
    picture = _plaster(shape, _GLASS[rng.integers(len(_GLASS))], rng)
    picture *= 1 + 0.35 * noise(shape, 3, rng)[..., None]
    kind = str(rng.choice(["grid", "ribs", "bands"], p=[0.4, 0.45, 0.15]))
    bay = int(rng.choice([20, 40, 80] if kind != "ribs" else [40, 80, 160]))
    for y in range(0, shape[0], _TEXELS):
        for x in range(0, shape[1], bay):
            picture[y : y + _TEXELS, x : x + bay] *= rng.uniform(0.75, 1.3)
    bar = float(rng.choice([40, 125, 205]))
    if kind != "ribs":
        spandrel = 12 if kind == "grid" else int(rng.integers(20, 44))
        for y in range(0, shape[0], _TEXELS):
            picture[y : y + spandrel] = picture[y : y + spandrel] * 0.6 if kind == "grid" else bar
            picture[y : y + 2] = bar
    if kind != "bands":
        thick = int(rng.integers(2, 6) if kind == "grid" else rng.integers(5, 19))
        _uprights(picture, range(0, shape[1], bay), thick, (bar, bar, bar), rng)
    return Texture.of(picture, Tag.BUILDING)


def _uprights(
    picture: NDArray[np.float32],
    places: range,
    thick: int,
    color: Color,
    rng: np.random.Generator,
) -> None:
    """Bars from bottom to top, flat or round, so many texels thick."""
    across = np.linspace(-1, 1, thick)
    light = np.sqrt(1.05 - across**2) if rng.random() < 0.5 else 0.9 + 0.1 * across
    bar = np.array(color, np.float32) * light[:, None]
    for x in places:
        picture[:, x : x + thick] = bar


def _window(
    picture: NDArray[np.float32],
    place: tuple[int, int, int, int],
    frame: float,
    rng: np.random.Generator,
) -> None:
    """Glass with a reflection, a frame, a cross bar, sometimes a curtain, and a sill."""
    x, y, w, h = place
    picture[y - 3 : y + h + 3, x - 3 : x + w + 3] = frame
    shine = np.linspace(1.35, 0.75, h)[:, None, None]
    picture[y : y + h, x : x + w] = np.array([58, 70, 84]) * rng.uniform(0.55, 1.25) * shine
    if rng.random() < 0.35:
        picture[y : y + h, x : x + w // 3] = rng.uniform(120, 200)
    picture[y : y + h, x + w // 2 - 1 : x + w // 2 + 1] = frame
    picture[y + h + 3 : y + h + 6, x - 5 : x + w + 5] *= 0.6


def masonry(rng: np.random.Generator) -> Texture:
    """A garden or retaining wall, 4 x 2 m: brick, stone or concrete slabs."""
    shape, kind = (96, 192), rng.choice(["brick", "stone", "concrete"])
    if kind == "brick":
        picture = _bricks(shape, (142, 84, 66), (12, 4), rng)
    elif kind == "stone":
        picture = _bricks(shape, (128, 124, 116), (24, 12), rng)
    else:
        picture = _plaster(shape, (158, 154, 146), rng)
        picture[:, ::96] *= 0.6
    picture[:6] = picture[:6] * 0.4 + 90
    return Texture.of(picture, Tag.WALL)


def concrete(rng: np.random.Generator) -> Texture:
    """The side of a bridge, 13 x 1.2 m: joints, and what rain leaves below the edge."""
    shape = (48, 520)
    grey = float(rng.uniform(70, 155))
    picture = _plaster(shape, (grey, 0.98 * grey, 0.94 * grey), rng)
    streaks = np.clip(noise((1, shape[1]), 60, rng), 0, 2)
    picture *= 1 - 0.14 * (streaks * np.linspace(1, 0.2, shape[0])[:, None])[..., None]
    picture[:, :: shape[1] // 4] *= 0.7
    picture[:3] *= 1.15
    return Texture.of(picture, Tag.BRIDGE)


def fence(kind: str, rng: np.random.Generator) -> Texture:
    """A fence one sees through, 2 x 1 of its height: `pickets`, `bars` or `mesh`."""
    solid = np.zeros((96, 192), bool)
    color: Color
    if kind == "pickets":
        for x in range(0, 192, 16):
            solid[6:, x : x + 10] = True
        solid[22:30] = solid[70:78] = True
        color = (214, 210, 200) if rng.random() < 0.5 else (128, 92, 62)
    elif kind == "bars":
        for x in range(0, 192, 12):
            solid[:, x : x + 3] = True
        solid[8:13] = solid[82:88] = True
        solid[:, :7] = True
        color = (42, 44, 46)
    else:
        rows, columns = np.indices(solid.shape)
        solid = ((rows + columns) % 12 < 2) | ((rows - columns) % 12 < 2)
        solid[:5] = solid[-4:] = True
        solid[:, :6] = True
        color = (142, 146, 148)
    return Texture.of(_plaster(solid.shape, color, rng), Tag.FENCE, solid)


def hedge(rng: np.random.Generator) -> Texture:
    """Leaves without gaps."""
    tone = 0.75 + 0.14 * noise((128, 256), 40, rng) + 0.12 * noise((128, 256), 90, rng)
    tone *= np.linspace(1.25, 0.7, 128)[:, None]
    color = _LEAVES[rng.integers(3)]
    return Texture.of(np.array(color) * tone[..., None], Tag.VEGETATION)


def tree(kind: str, rng: np.random.Generator) -> Texture:
    """A whole plant, 256 texels high, its foot in the middle.

    The kinds are `broad`, `tall`, `fir`, `palm` and `bush`.
    """
    size = 256
    canvas = np.zeros((size, size, 4), np.float32)  # the fourth channel is cover
    leaf = np.array(_LEAVES[rng.integers(len(_LEAVES) if kind == "broad" else 3)])

    if kind != "bush":
        half = {"palm": 5, "fir": 6}.get(kind, 9)
        bark = np.array([96, 78, 62]) * rng.uniform(0.6, 1.1)
        lean = rng.uniform(-6, 6)
        top = 60 if kind == "palm" else 110
        trunk = [(128 - half, 256), (128 + half, 256), (128 + lean + 3, top), (128 + lean - 3, top)]
        _daub(canvas, [np.array(trunk)], bark)
        if kind == "broad":
            for bough in rng.uniform((40, 60), (216, 140), (5, 2)):
                _daub(canvas, [np.array([(124, 190), (132, 190), bough])], bark * 0.8)
    if kind == "palm":
        for angle in np.linspace(0, 2 * np.pi, 15, endpoint=False) + rng.uniform(0, 0.4, 15):
            _daub(canvas, [_frond(float(angle), rng)], leaf * rng.uniform(0.6, 1.15))
    else:
        _crown(canvas, kind, leaf, rng)
    cover = canvas[..., 3] > 0
    reach = int(np.abs(np.flatnonzero(cover.any(axis=0)) - size // 2).max())
    columns = slice(max(size // 2 - reach - 1, 0), size // 2 + reach + 1)
    return Texture.of(canvas[:, columns, :3], Tag.VEGETATION, cover[:, columns])


def _daub(canvas: NDArray[np.float32], shapes: list[NDArray], color: NDArray) -> None:
    """Fill shapes, (n, 2) corners each; where two of them overlap there is a gap."""
    points = [np.round(shape).astype(np.int32) for shape in shapes]
    cv2.fillPoly(canvas, points, (*color.tolist(), 1.0))


def _frond(angle: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Outline of a hanging palm leaf from the top of the trunk."""
    reach = rng.uniform(75, 105)
    t = np.linspace(0, 1, 9)
    x = 128 + np.cos(angle) * reach * t
    y = 60 - np.sin(angle) * reach * 0.45 * t + 75 * t**2
    wide = 9 * np.sin(np.pi * np.minimum(t + 0.12, 1.0))
    return np.concatenate([np.column_stack([x, y - wide]), np.column_stack([x, y + wide])[::-1]])


def _crown(canvas: NDArray[np.float32], kind: str, leaf: NDArray, rng: np.random.Generator) -> None:
    """Clumps of leaves, the lower and inner ones dark, the upper ones light."""
    count = {"broad": 2600, "tall": 1900, "fir": 2300, "bush": 2000}[kind]
    down, across = rng.random(count), rng.uniform(-1, 1, count)
    if kind == "broad":
        y, x = 8 + 165 * down, 128 + 112 * across * np.sqrt(1 - (2 * down - 1) ** 2 * 0.92)
        lobes = 1 + 0.12 * np.sin(9 * down + rng.uniform(0, 6)) * np.sign(across)
        x = 128 + (x - 128) * lobes
    elif kind == "tall":
        y, x = 6 + 215 * down, 128 + 46 * across * np.sin(np.pi * np.clip(down + 0.06, 0, 1)) ** 0.5
    elif kind == "fir":
        tier = (down * 9) % 1.0
        y, x = 4 + 232 * down, 128 + (14 + 78 * down) * across * (0.45 + 0.55 * tier)
    else:
        y, x = 70 + 180 * down, 128 + 120 * across * np.sin(np.pi * (0.18 + 0.5 * down))
    light = 1.2 - 0.62 * down - 0.16 * across + rng.normal(0, 0.13, count)
    angle = np.sort(rng.uniform(0, 2 * np.pi, (count, 5)), axis=1)
    radius = rng.uniform(3, 7.5, (count, 5))
    blobs = np.stack([np.cos(angle), np.sin(angle)], axis=2) * radius[..., None]
    blobs += np.stack([x, y], axis=1)[:, None]
    for batch in np.array_split(np.argsort(-down + rng.normal(0, 0.25, count)), count // 12):
        _daub(canvas, list(blobs[batch]), leaf * max(float(light[batch].mean()), 0.3))


def forest(rng: np.random.Generator) -> Texture:
    """A row of trees far away, four times as wide as high."""
    one = [tree(str(rng.choice(["fir", "broad", "tall"])), rng).levels[1] for _ in range(7)]
    color, solid = np.zeros((128, 512, 3), np.float32), np.zeros((128, 512), bool)
    for _ in range(26):
        plant = one[rng.integers(len(one))]
        size = int(rng.integers(70, 126))
        wide = size * plant.shape[1] // plant.shape[0]
        plant = np.asarray(
            cv2.resize(plant, (wide, size), interpolation=cv2.INTER_NEAREST), np.uint8
        )
        x = int(rng.integers(0, 512))
        columns = np.arange(x, x + wide) % 512
        there = plant[..., 3] != HOLE
        rows = np.arange(128 - size, 128)
        where = np.ix_(rows, columns)
        color[where] = np.where(there[..., None], plant[..., :3], color[where])
        solid[where] |= there
    solid[100:] = True
    color[100:] += np.where(color[100:].sum(axis=2, keepdims=True) == 0, 45, 0)
    return Texture.of(color, Tag.VEGETATION, solid)


_FACADES: list[Color] = [
    (142, 74, 62),
    (158, 106, 82),
    (186, 170, 146),
    (206, 200, 190),
    (150, 150, 150),
    (112, 116, 124),
    (84, 92, 106),
    (196, 178, 120),
    (168, 132, 112),
    (122, 138, 140),
    (176, 100, 84),
    (218, 212, 196),
]
_GLASS: list[Color] = [(34, 46, 62), (62, 88, 108), (30, 42, 46), (76, 90, 98), (88, 104, 128)]
_AWNINGS: list[Color] = [(40, 70, 60), (120, 36, 36), (44, 52, 84), (160, 150, 130), (60, 58, 56)]
_LEAVES: list[Color] = [(70, 104, 46), (88, 122, 52), (54, 88, 44), (98, 48, 36), (128, 120, 50)]
