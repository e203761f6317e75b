# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes of people, on foot and astride. Forward is +x, the ground is z = 0, metres."""

from __future__ import annotations

from math import cos, pi, sin

from unet_seg_ros.town.mesh import Color, Mesh, MeshBuilder
from unet_seg_ros.town.tags import Tag

WALK_PHASES = 8  # of a stride, and of a turn of the pedals
_SKIN: tuple[Color, ...] = ((224, 182, 150), (176, 128, 96), (112, 78, 58))
_HELMET: Color = (34, 34, 38)


def pedestrian(shirt: Color, trousers: Color, look: int, phase: int) -> Mesh:
    """A person walking; the stride has WALK_PHASES phases."""
    swing = 0.30 * sin(2 * pi * phase / WALK_PHASES)
    skin, hair = _SKIN[look % 3], ((40, 30, 24), (96, 70, 40), (150, 140, 130))[look // 3 % 3]
    build, tag = MeshBuilder(), Tag.PEDESTRIAN
    for side, step in ((-1, swing), (1, -swing)):
        y = side * 0.1
        knee = (step * 0.55 + 0.05, y, 0.48)
        lift = 0.10 * max(0.0, cos(2 * pi * phase / WALK_PHASES) * -side)
        _limb(build, (0, y, 0.88), knee, 0.17, trousers, tag)
        _limb(build, knee, (step - 0.02, y, 0.06 + lift), 0.13, trousers, tag)
        build.box(
            (step - 0.1, y - 0.06, step + 0.18, y + 0.06), lift, 0.09 + lift, (34, 30, 28), tag
        )
    build.frustum((-0.11, -0.18, 0.12, 0.18), (-0.13, -0.23, 0.13, 0.23), 0.84, 1.44, shirt, tag)
    for side, step in ((-1, -swing), (1, swing)):
        y = side * 0.28
        elbow = (step * 0.45, y, 1.14)
        _limb(build, (0, y, 1.42), elbow, 0.12, shirt, tag)
        _limb(build, elbow, (step * 0.9 + 0.06, y, 0.88), 0.09, skin, tag)
    _head(build, 0.0, 1.5, skin, hair, tag)
    return build.build()


def add_rider(
    build: MeshBuilder,
    hip: tuple[float, float],
    shoulder: tuple[float, float],
    hands: tuple[float, float],
    shirt: Color,
    phase: int = 0,
    helmet: bool = False,
) -> None:
    """Add a person astride, hip, shoulder and hands given as (x, z)."""
    tag = Tag.RIDER
    for side in (-1, 1):
        turn = 2 * pi * phase / WALK_PHASES + (pi if side > 0 else 0.0)
        foot = (-0.05, 0.26) if helmet else (-0.08 + 0.16 * cos(turn), 0.3 + 0.16 * sin(turn))
        _bent_leg(build, hip, foot, side * (0.2 if helmet else 0.1))
    (hx, hz), (sx, sz) = hip, shoulder
    build.frustum(
        (hx - 0.13, -0.16, hx + 0.13, 0.16), (sx - 0.14, -0.22, sx + 0.12, 0.22), hz, sz, shirt, tag
    )
    elbow = (sx + hands[0]) / 2, (sz + hands[1]) / 2
    for side in (-1, 1):
        y = side * 0.26
        _limb(build, (sx, y, sz - 0.02), (elbow[0], y, elbow[1] - 0.08), 0.12, shirt, tag)
        _limb(build, (elbow[0], y, elbow[1] - 0.02), (hands[0], y, hands[1]), 0.1, shirt, tag)
    if helmet:
        _helmet(build, sx, sz)
    else:
        _head(build, sx + 0.06, sz + 0.09, _SKIN[0], (60, 44, 32), tag)


def _bent_leg(
    build: MeshBuilder, hip: tuple[float, float], foot: tuple[float, float], y: float
) -> None:
    """The leg of a rider at `y` metres to the left, with its shoe."""
    tag, trousers = Tag.RIDER, (46, 50, 66)
    knee = (hip[0] + 0.36, (hip[1] + foot[1]) / 2 + 0.14)
    _limb(build, (hip[0], y * 0.8, hip[1] + 0.06), (knee[0], y, knee[1]), 0.16, trousers, tag)
    _limb(build, (knee[0], y, knee[1] + 0.05), (foot[0], y, foot[1]), 0.12, trousers, tag)
    shoe = (foot[0] - 0.08, y - 0.05, foot[0] + 0.18, y + 0.05)
    build.box(shoe, foot[1] - 0.07, foot[1] + 0.02, (30, 28, 28), tag)


def _helmet(build: MeshBuilder, x: float, z: float) -> None:
    """A helmet above shoulders at (x, z)."""
    jaw, brow = (x - 0.08, -0.12, x + 0.18, 0.12), (x - 0.1, -0.14, x + 0.16, 0.14)
    crown = (x - 0.04, -0.09, x + 0.08, 0.09)
    build.frustum(jaw, brow, z + 0.04, z + 0.24, _HELMET, Tag.RIDER)
    build.frustum(brow, crown, z + 0.24, z + 0.34, _HELMET, Tag.RIDER)


def _limb(
    build: MeshBuilder,
    top: tuple[float, float, float],
    bottom: tuple[float, float, float],
    width: float,
    color: Color,
    tag: Tag,
) -> None:
    """A slanting box between two points, one above the other or nearly so."""
    (x1, y1, z1), (x0, y0, z0) = top, bottom
    h = width / 2
    build.frustum(
        (x0 - h, y0 - h, x0 + h, y0 + h), (x1 - h, y1 - h, x1 + h, y1 + h), z0, z1, color, tag
    )


def _head(build: MeshBuilder, x: float, z: float, skin: Color, hair: Color, tag: Tag) -> None:
    build.box((x - 0.05, -0.05, x + 0.06, 0.05), z - 0.08, z, skin, tag)
    build.frustum(
        (x - 0.09, -0.08, x + 0.1, 0.08), (x - 0.11, -0.09, x + 0.11, 0.09), z, z + 0.15, skin, tag
    )
    build.frustum(
        (x - 0.12, -0.1, x + 0.11, 0.1),
        (x - 0.09, -0.07, x + 0.07, 0.07),
        z + 0.14,
        z + 0.25,
        hair,
        tag,
    )
    build.box((x - 0.125, -0.095, x - 0.07, 0.095), z + 0.03, z + 0.16, hair, tag)
