# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plots along the streets: town houses, houses in gardens, parks, yards, car parks."""

from __future__ import annotations

from math import atan2, pi

import numpy as np

from unet_seg_ros.town.layout import SIDEWALK, TownLayout
from unet_seg_ros.town.mesh import Color, MeshBuilder
from unet_seg_ros.town.rects import Rect, Side, corners_of, depth_of, grown, inset
from unet_seg_ros.town.scenery import Scenery
from unet_seg_ros.town.tags import Tag
from unet_seg_ros.town.textures import BAY, FLOOR

# The share of the lots of a block with towers on them.
_DOWNTOWN, _ELSEWHERE = 0.6, 0.08
_ROOFS: list[Color] = [(112, 58, 48), (84, 72, 66), (66, 68, 74), (138, 92, 66)]


def fill_block(scenery: Scenery, layout: TownLayout, block: Rect) -> None:
    """Build on the lots along the four sides of a block; the first two sides own the corners."""
    x0, y0, x1, y1 = (
        block[0] + SIDEWALK, block[1] + SIDEWALK, block[2] - SIDEWALK, block[3] - SIDEWALK,
    )  # fmt: skip
    depth = float(scenery.rng.uniform(13, 16))
    lots: list[tuple[Rect, Side]] = []
    for y, inwards in ((y0, 1), (y1, -1)):
        for a, b in divide(scenery.rng, x0, x1):
            lots.append(
                (
                    (a, min(y, y + inwards * depth), b, max(y, y + inwards * depth)),
                    (0, -inwards),
                )
            )
    for x, inwards in ((x0, 1), (x1, -1)):
        for a, b in divide(scenery.rng, y0 + depth, y1 - depth):
            lots.append(
                (
                    (min(x, x + inwards * depth), a, max(x, x + inwards * depth), b),
                    (-inwards, 0),
                )
            )
    towers = _DOWNTOWN if scenery.rng.random() < 0.35 else _ELSEWHERE
    for lot, street in lots:
        if not _beside_bend(layout, lot, block) and scenery.is_clear(lot):
            build_plot(scenery, lot, street, towers)
    middle = (x0 + depth + 1, y0 + depth + 1, x1 - depth - 1, y1 - depth - 1)
    scenery.plant_some(middle, int(scenery.rng.integers(4, 9)), ("broad", "fir", "tall"))


def divide(rng: np.random.Generator, a: float, b: float) -> list[tuple[float, float]]:
    """Cut a frontage from `a` to `b` into lots of 11 to 20 metres or so."""
    count = max(round((b - a) / float(rng.uniform(11, 20))), 1)
    cuts = np.linspace(a, b, count + 1)
    cuts[1:-1] += rng.uniform(-1.5, 1.5, count - 1)
    return list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))


def build_plot(scenery: Scenery, lot: Rect, street: Side, towers: float = _ELSEWHERE) -> None:
    """Put a house, a park or the like on a lot; `street` is where its street lies."""
    if scenery.rng.random() < towers:
        _tower(scenery, lot, street)
        return
    shares = {_flats: 0.30, _house: 0.33, _park: 0.15, _yard: 0.13, _parking: 0.09}
    number = scenery.rng.choice(len(shares), p=list(shares.values()))
    list(shares)[number](scenery, lot, street)


def build_verge(scenery: Scenery, lot: Rect, street: Side) -> None:
    """Put a fence, a wall or a hedge along the front of a lot, and some firs close behind it."""
    _boundary(scenery, lot, street)
    strip = inset(lot, street, front=2.0, sides=1.0, back=1.0)
    scenery.plant_some(strip, int(scenery.rng.integers(0, 3)), ("fir", "bush"))


def _beside_bend(layout: TownLayout, lot: Rect, block: Rect) -> bool:
    """Whether the rounding of a block's corner, where it is wide, cuts into a lot."""
    cut = layout.corner if layout.corner > 10 else 0.0
    return any(
        min(abs(lot[i] - x) for i in (0, 2)) < cut * 0.8
        and min(abs(lot[j] - y) for j in (1, 3)) < cut * 0.8
        for x in (block[0], block[2])
        for y in (block[1], block[3])
    )


def _flats(scenery: Scenery, lot: Rect, street: Side) -> None:
    """A town house at the pavement, shops below, a flat roof with a parapet."""
    rect = inset(lot, street, front=0.3, sides=0.0, back=float(scenery.rng.uniform(1, 4)))
    floors = int(scenery.rng.integers(2, 7))
    facade = int(scenery.rng.choice(scenery.stock.facades))
    shop = int(scenery.rng.choice(scenery.stock.shops)) if scenery.rng.random() < 0.7 else facade
    _building(scenery, rect, floors, facade, shop)


def _tower(scenery: Scenery, lot: Rect, street: Side) -> None:
    """A high building of glass, a little behind the pavement, at times behind a wall."""
    rect = inset(lot, street, front=3.0, sides=1.0, back=float(scenery.rng.uniform(1, 4)))
    facade = int(scenery.rng.choice(scenery.stock.curtain_walls))
    _building(scenery, rect, int(scenery.rng.integers(6, 20)), facade, facade)
    if scenery.rng.random() < 0.35:
        _barrier(scenery, lot, street, "wall", float(scenery.rng.uniform(1.0, 4.5)))


def _building(scenery: Scenery, rect: Rect, floors: int, facade: int, ground: int) -> None:
    """Put up a ground floor and `floors` above it, whose textures are `ground` and `facade`."""
    height = FLOOR * (floors + 1)
    color = tuple(scenery.stock.textures[facade].mean.tolist())
    build, tag = MeshBuilder(), Tag.BUILDING
    tile_height = FLOOR if ground != facade else 2 * FLOOR
    build.box(rect, 0.0, FLOOR, color, tag, texture=ground, tile=(4 * BAY, tile_height))
    build.box(rect, FLOOR, height, color, tag, texture=facade, tile=(4 * BAY, 2 * FLOOR))
    edge: Color = tuple(0.8 * c for c in color)
    build.box(grown(rect, 0.2), height, height + 0.6, edge, tag)
    if scenery.rng.random() < 0.35:
        tone = float(scenery.rng.choice([0.6, 1.5]))
        post: Color = tuple(min(tone * c, 235.0) for c in color)
        _corner_posts(build, rect, height, float(scenery.rng.uniform(0.15, 0.6)), post)
    scenery.put_unique(build.build(), rect)
    scenery.houses.append((rect, height))
    scenery.shadows.append((corners_of(rect), 0.0, height))


def _corner_posts(
    build: MeshBuilder, rect: Rect, height: float, radius: float, color: Color
) -> None:
    """Square posts at the corners of a building, from the ground to its roof."""
    for x, y in corners_of(rect):
        build.box(grown((x, y, x, y), radius), 0.0, height, color, Tag.BUILDING)


def _house(scenery: Scenery, lot: Rect, street: Side) -> None:
    """A house with a gabled roof in a garden behind a fence, a wall or a hedge."""
    rect = inset(lot, street, front=5.5, sides=1.8, back=1.0)
    eaves = FLOOR * float(scenery.rng.integers(1, 3)) + 0.4
    facade = int(scenery.rng.choice(scenery.stock.facades))
    color = tuple(scenery.stock.textures[facade].mean.tolist())
    build, tag = MeshBuilder(), Tag.BUILDING
    build.box(rect, 0.0, eaves, color, tag, texture=facade, tile=(4 * BAY, 2 * FLOOR))
    _gable(
        build,
        rect,
        eaves,
        along_x=bool(street[1]),
        wall=color,
        roof=_ROOFS[scenery.rng.integers(4)],
    )
    scenery.put_unique(build.build(), rect)
    scenery.houses.append((rect, eaves))
    scenery.shadows.append((corners_of(rect), 0.0, eaves + 1.6))
    _boundary(scenery, lot, street)
    garden = inset(lot, street, front=1.2, sides=0.8, back=depth_of(lot, street) - 4.8)
    scenery.plant_some(garden, int(scenery.rng.integers(0, 3)), ("broad", "tall", "bush"))
    scenery.plant_some(garden, int(scenery.rng.integers(0, 4)), ("bush",))


def _park(scenery: Scenery, lot: Rect, street: Side) -> None:
    if scenery.rng.random() < 0.5:
        _boundary(scenery, lot, street)
    inner = inset(lot, street, front=2.5, sides=1.0, back=1.0)
    scenery.plant_some(
        inner, int(scenery.rng.integers(3, 7)), ("broad", "fir", "tall", "palm", "bush")
    )
    x, y = scenery.somewhere(
        inset(lot, street, front=1.2, sides=2.0, back=depth_of(lot, street) - 2.0)
    )
    scenery.put(scenery.stock.bench, x, y, atan2(street[1], street[0]), 0.3)


def _yard(scenery: Scenery, lot: Rect, street: Side) -> None:
    """Trees behind a wall, that may be as high as a house, or behind a high fence of wire."""
    kinds = {("wall", 1.8, 2.8): 0.4, ("wall", 3.0, 6.0): 0.35, ("wire", 1.8, 3.5): 0.25}
    kind, low, high = list(kinds)[scenery.rng.choice(len(kinds), p=list(kinds.values()))]
    _barrier(scenery, lot, street, kind, float(scenery.rng.uniform(low, high)))
    inner = inset(lot, street, front=2.5, sides=1.0, back=1.0)
    scenery.plant_some(inner, int(scenery.rng.integers(2, 6)), ("broad", "fir"))


def _parking(scenery: Scenery, lot: Rect, street: Side) -> None:
    """Paved ground with parked cars nose to the street, at times behind a high fence of wire."""
    if scenery.rng.random() < 0.4:
        _barrier(scenery, lot, street, "wire", float(scenery.rng.uniform(1.8, 3.5)))
    scenery.lots.append((lot, (104.0, 103.0, 101.0), Tag.GROUND))
    across = (lot[2] - lot[0]) if street[1] else (lot[3] - lot[1])
    for k in range(int(across // 3.2)):
        if scenery.rng.random() < 0.75:
            offset = (k + 0.5) * 3.2
            x, y = (lot[0] + offset, lot[1]) if street[1] else (lot[0], lot[1] + offset)
            front = inset(lot, street, 4.0, 0.0, 0.0)
            if street[1]:
                y = front[3] if street[1] > 0 else front[1]
            else:
                x = front[2] if street[0] > 0 else front[0]
            yaw = atan2(street[1], street[0]) + (pi if scenery.rng.random() < 0.5 else 0.0)
            scenery.put(int(scenery.rng.choice(scenery.stock.parked)), x, y, yaw, 0.9)
            scenery.shadows.append((corners_of((x - 1.2, y - 1.2, x + 1.2, y + 1.2)), 0.0, 1.2))


def _boundary(scenery: Scenery, lot: Rect, street: Side) -> None:
    kind = str(scenery.rng.choice(["fence", "fence", "wall", "hedge"]))
    height = {"fence": 1.2, "wall": 0.9, "hedge": 1.3}[kind] * float(scenery.rng.uniform(0.8, 1.2))
    _barrier(scenery, lot, street, kind, height)


def _barrier(scenery: Scenery, lot: Rect, street: Side, kind: str, height: float) -> None:
    """Along the front of a lot, in pieces of about six metres."""
    thick = {"fence": 0.04, "wire": 0.04, "wall": 0.3, "hedge": 0.8}[kind]
    strip = inset(lot, street, front=0.4, sides=0.1, back=depth_of(lot, street) - 0.4 - thick)
    bank = {
        "fence": scenery.stock.fences,
        "wire": scenery.stock.wire,
        "wall": scenery.stock.masonry,
        "hedge": scenery.stock.hedges,
    }[kind]
    texture = int(scenery.rng.choice(bank))
    color = tuple(scenery.stock.textures[texture].mean.tolist())
    see_through = kind in ("fence", "wire")
    along_x = bool(street[1])
    a, b = (strip[0], strip[2]) if along_x else (strip[1], strip[3])
    cuts = np.linspace(a, b, max(round((b - a) / 6), 1) + 1)
    for p, q in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        rect = (p, strip[1], q, strip[3]) if along_x else (strip[0], p, strip[2], q)
        build = MeshBuilder()
        if see_through:
            middle = (rect[1] + rect[3]) / 2 if along_x else (rect[0] + rect[2]) / 2
            ends = [(p, middle), (q, middle)] if along_x else [(middle, p), (middle, q)]
            corners = [(*ends[0], 0), (*ends[1], 0), (*ends[1], height), (*ends[0], height)]
            repeat = (round((q - p) / (2 * height), 2), 1.0)
            build.solid((rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2, height / 2)
            build.face(corners, color, Tag.FENCE, both_sides=True, texture=texture, repeat=repeat)
            if kind == "wire":
                _wire_frame(build, ends, height)
        else:
            tag, tile = (Tag.WALL, (4.0, 2.0)) if kind == "wall" else (Tag.VEGETATION, (3.0, 1.5))
            build.box(rect, 0.0, height, color, tag, texture=texture, tile=tile)
        scenery.put_unique(build.build(), rect)
        scenery.shadows.append((corners_of(rect), 0.0, height * (0.5 if see_through else 1.0)))


def _wire_frame(build: MeshBuilder, ends: list[tuple[float, float]], height: float) -> None:
    """Posts at both ends of a piece of a fence of wire, and the rail that they carry."""
    steel: Color = (118.0, 122.0, 124.0)
    for x, y in ends:
        build.box(grown((x, y, x, y), 0.05), 0.0, height + 0.05, steel, Tag.FENCE)
    (x0, y0), (x1, y1) = ends
    build.box(grown((x0, y0, x1, y1), 0.03), height - 0.06, height, steel, Tag.FENCE)


def _gable(
    build: MeshBuilder, rect: Rect, eaves: float, along_x: bool, wall: Color, roof: Color
) -> None:
    """A gabled roof with its ridge along x or y."""
    x0, y0, x1, y1 = rect
    o = 0.35  # overhang
    half = ((y1 - y0) if along_x else (x1 - x0)) / 2
    ridge = eaves + 0.62 * half
    build.solid((x0 + x1) / 2, (y0 + y1) / 2, eaves + 1.0)
    if along_x:
        m = (y0 + y1) / 2
        gables = [
            [(x1, y0, eaves), (x1, y1, eaves), (x1, m, ridge)],
            [(x0, y1, eaves), (x0, y0, eaves), (x0, m, ridge)],
        ]
        slopes = [
            [
                (x0 - o, y0 - o, eaves - 0.2),
                (x1 + o, y0 - o, eaves - 0.2),
                (x1 + o, m, ridge),
                (x0 - o, m, ridge),
            ],
            [
                (x1 + o, y1 + o, eaves - 0.2),
                (x0 - o, y1 + o, eaves - 0.2),
                (x0 - o, m, ridge),
                (x1 + o, m, ridge),
            ],
        ]
    else:
        m = (x0 + x1) / 2
        gables = [
            [(x0, y0, eaves), (x1, y0, eaves), (m, y0, ridge)],
            [(x1, y1, eaves), (x0, y1, eaves), (m, y1, ridge)],
        ]
        slopes = [
            [
                (x1 + o, y0 - o, eaves - 0.2),
                (x1 + o, y1 + o, eaves - 0.2),
                (m, y1 + o, ridge),
                (m, y0 - o, ridge),
            ],
            [
                (x0 - o, y1 + o, eaves - 0.2),
                (x0 - o, y0 - o, eaves - 0.2),
                (m, y0 - o, ridge),
                (m, y1 + o, ridge),
            ],
        ]
    for gable in gables:
        build.face(gable, wall, Tag.BUILDING)
    for slope in slopes:
        build.face(slope, roof, Tag.BUILDING)
