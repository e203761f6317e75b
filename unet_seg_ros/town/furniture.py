# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes of street furniture and billboards. They face +x, the ground is z = 0, metres."""

from __future__ import annotations

from itertools import pairwise
from math import cos, sin

import numpy as np

from unet_seg_ros.town.mesh import Color, Mesh, MeshBuilder
from unet_seg_ros.town.tags import Tag

_METAL: Color = (128, 132, 136)
METALS: tuple[Color, ...] = (_METAL, (168, 170, 168), (58, 60, 62))
HOUSINGS: tuple[Color, ...] = ((98, 100, 100), (30, 31, 30), (204, 156, 42))
_HOOD: Color = (24, 25, 26)
_SIGNALS: dict[str, Color] = {
    "red": (255, 40, 28),
    "yellow": (255, 190, 30),
    "green": (50, 255, 110),
}


def street_lamp(metal: Color) -> Mesh:
    """A pole at the kerb whose arm reaches over the street, towards +x."""
    build = MeshBuilder()
    build.frustum((-0.11, -0.11, 0.11, 0.11), (-0.06, -0.06, 0.06, 0.06), 0.0, 7.2, metal, Tag.POLE)
    build.frustum(
        (-0.16, -0.16, 0.16, 0.16), (-0.12, -0.12, 0.12, 0.12), 0.0, 0.8, (96, 98, 100), Tag.POLE
    )
    build.box((0.0, -0.05, 1.9, 0.05), 7.1, 7.22, metal, Tag.POLE)
    build.box((1.6, -0.14, 2.4, 0.14), 7.04, 7.2, (96, 98, 100), Tag.POLE)
    build.solid(2.0, 0.0, 7.0)
    build.face(
        [(1.65, -0.11, 7.03), (1.65, 0.11, 7.03), (2.35, 0.11, 7.03), (2.35, -0.11, 7.03)],
        (255, 236, 190), Tag.POLE, glow=1.0,
    )  # fmt: skip
    return build.build()


def traffic_light(state: str, overhead: bool, metal: Color, housing: Color) -> Mesh:
    """A light that faces +x, `red`, `yellow` or `green`, on a mast of some metal.

    Overhead, three more hang before an arm that rises towards +y, as at the wide junctions of
    CARLA's towns.
    """
    build = MeshBuilder()
    mast, height = (0.14, 5.0) if overhead else (0.09, 3.2)
    build.box((-mast, -mast, mast, mast), 0.0, height, metal, Tag.POLE)
    _signal_head(build, mast + 0.01, 0.0, 2.3, state, housing)
    if overhead:
        # In parts between the heads, so that each is drawn in its turn.
        arm = [(0.0, 4.9, 0.13), (1.2, 5.7, 0.12), (2.6, 5.95, 0.11)]
        arm += [(y, 6.0, r) for y, r in ((3.9, 0.1), (5.5, 0.09), (7.2, 0.08))]
        for (y0, z0, r0), (y1, z1, r1) in pairwise(arm):
            build.tube((0.0, y0, z0), (0.0, y1, z1), (r0, r1), metal, Tag.POLE)
        for y in (3.9, 5.5, 7.1):
            _signal_head(build, 0.11, y, 5.3, state, housing)
    return build.build()


def _signal_head(
    build: MeshBuilder, x: float, y: float, z: float, state: str, housing: Color
) -> None:
    """Add a housing whose back is at x and whose foot at z, with three lamps under hoods."""
    tag = Tag.TRAFFIC_LIGHT
    front = build.box((x, y - 0.19, x + 0.26, y + 0.19), z, z + 1.0, housing, tag)[0]
    build.panel(front, (0.0, 1.0), (0.0, 1.0), (36, 38, 36), tag)
    x += 0.28
    heights = [z + 0.82 - 0.31 * k for k in range(len(_SIGNALS))]
    for (name, color), middle in zip(_SIGNALS.items(), heights, strict=True):
        shown: Color = color if name == state else (54, 50, 48)
        build.disc((x, y, middle), 0.125, (1, 0), shown, tag, glow=float(name == state))
    for middle in heights:
        build.solid(x + 0.1, y, middle + 0.1)
        # Seven twelfths of a ring, open below.
        angles = np.deg2rad(np.linspace(-15, 195, 6))
        rim = [(y + 0.15 * cos(angle), middle + 0.15 * sin(angle)) for angle in angles]
        for (y0, z0), (y1, z1) in pairwise(rim):
            corners = [(x, y0, z0), (x + 0.22, y0, z0), (x + 0.22, y1, z1), (x, y1, z1)]
            build.face(corners, _HOOD, tag, both_sides=True)


def sign(kind: str) -> Mesh:
    """A sign that faces +x: `stop`, `limit`, `yield` or `board`."""
    build, tag = MeshBuilder(), Tag.TRAFFIC_SIGN
    build.box((-0.04, -0.04, 0.04, 0.04), 0.0, 2.5, _METAL, Tag.POLE)
    build.solid(0.06, 0.0, 2.2)

    def back_of(corners: list[tuple[float, float, float]]) -> None:
        build.face([(0.05, y, z) for _, y, z in corners][::-1], (120, 122, 124), tag)

    if kind == "stop":
        for radius, color in ((0.42, (225, 225, 220)), (0.39, (178, 24, 28))):
            build.disc((0.06, 0.0, 2.2), radius, (1, 0), color, tag, sides=8)
        build.disc((0.05, 0.0, 2.2), 0.42, (-1, 0), (120, 122, 124), tag, sides=8)
        build.face(
            [(0.07, y, z) for y, z in ((-0.28, 2.13), (0.28, 2.13), (0.28, 2.27), (-0.28, 2.27))],
            (230, 230, 225),
            tag,
        )
    elif kind == "limit":
        for radius, color in ((0.38, (190, 24, 28)), (0.29, (232, 232, 228))):
            build.disc((0.06, 0.0, 2.2), radius, (1, 0), color, tag, sides=14)
        build.disc((0.05, 0.0, 2.2), 0.38, (-1, 0), (120, 122, 124), tag, sides=14)
        for y in (-0.14, 0.04):
            build.face(
                [(0.07, y + a, b) for a, b in ((0, 2.08), (0.1, 2.08), (0.1, 2.32), (0, 2.32))],
                (28, 28, 30),
                tag,
            )
    elif kind == "yield":
        for size, color in ((0.46, (190, 24, 28)), (0.30, (235, 235, 230))):
            corners = [
                (0.06, 0.0, 2.2 - size),
                (0.06, size * 0.95, 2.2 + size * 0.6),
                (0.06, -size * 0.95, 2.2 + size * 0.6),
            ]
            build.face(corners, color, tag)
            if size > 0.4:
                back_of(corners)
    else:
        plate = build.box((0.02, -0.55, 0.07, 0.55), 1.9, 2.6, (26, 78, 150), tag)[0]
        build.panel(plate, (0.05, 0.95), (0.62, 0.82), (230, 230, 228), tag)
        build.panel(plate, (0.05, 0.6), (0.2, 0.4), (230, 230, 228), tag)
    return build.build()


def bench() -> Mesh:
    """A park bench."""
    build, wood = MeshBuilder(), (132, 92, 58)
    for y in (-0.7, 0.62):
        build.box((-0.2, y, 0.2, y + 0.08), 0.0, 0.42, (50, 50, 52), Tag.STATIC)
    build.box((-0.24, -0.85, 0.24, 0.85), 0.42, 0.48, wood, Tag.STATIC)
    build.box((-0.28, -0.85, -0.22, 0.85), 0.55, 0.92, wood, Tag.STATIC)
    return build.build()


def bin_(color: Color) -> Mesh:
    """A litter bin."""
    build = MeshBuilder()
    build.frustum(
        (-0.22, -0.22, 0.22, 0.22), (-0.29, -0.29, 0.29, 0.29), 0.0, 0.9, color, Tag.STATIC
    )
    build.frustum(
        (-0.31, -0.31, 0.31, 0.31), (-0.22, -0.22, 0.22, 0.22), 0.9, 1.02, (50, 52, 54), Tag.STATIC
    )
    return build.build()


def billboard(width: float, height: float, texture: int, color: Color) -> Mesh:
    """An upright picture that stands in the plane x = 0 and looks along +x."""
    build, h = MeshBuilder(), width / 2
    build.face(
        [(0, -h, 0), (0, h, 0), (0, h, height), (0, -h, height)],
        color, Tag.VEGETATION, both_sides=True, texture=texture,
    )  # fmt: skip
    return build.build()
