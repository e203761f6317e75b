# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes of vehicles. Forward is +x, the ground is z = 0, metres."""

from __future__ import annotations

from itertools import pairwise
from math import pi

import numpy as np

from unet_seg_ros.town.mesh import Color, Mesh, MeshBuilder
from unet_seg_ros.town.people import add_rider
from unet_seg_ros.town.tags import Tag

_GLASS: Color = (38, 46, 56)
_TYRE: Color = (26, 26, 28)
_HUB: Color = (150, 152, 156)
_HEADLIGHT: Color = (238, 238, 225)
_TAILLIGHT: Color = (190, 24, 20)
_METAL: Color = (128, 132, 136)


def car(kind: str, paint: Color) -> Mesh:
    """A `saloon`, `hatch`, `suv` or `van` of the class car."""
    length, half, waist, roof, cabin = {
        "saloon": (4.6, 0.90, 0.88, 1.42, ((-1.65, 1.05), (-1.05, 0.35))),
        "hatch": (3.8, 0.86, 0.90, 1.48, ((-1.85, 0.95), (-1.55, 0.35))),
        "suv": (4.7, 0.95, 1.05, 1.75, ((-2.25, 1.15), (-2.0, 0.55))),
        "van": (4.9, 0.97, 1.10, 2.05, ((-2.42, 1.95), (-2.35, 1.35))),
    }[kind]
    end = length / 2
    radius = 0.34 if kind in ("saloon", "hatch") else 0.39
    build = MeshBuilder()
    axles = (-end * 0.62, end * 0.62)
    _underbody(build, axles, half - 0.03, radius, Tag.CAR)
    lower = build.frustum(
        (-end + 0.06, -half, end - 0.06, half), (-end, -half, end, half), 0.26, 0.52, paint, Tag.CAR
    )
    build.panel(lower[0], (0.0, 1.0), (0.0, 0.5), (40, 40, 42), Tag.CAR)
    build.panel(lower[2], (0.0, 1.0), (0.0, 0.5), (40, 40, 42), Tag.CAR)
    front, left, back, right = build.frustum(
        (-end, -half, end, half),
        (-end + 0.08, -half + 0.06, end - 0.22, half - 0.06),
        0.52,
        waist,
        paint,
        Tag.CAR,
    )
    _ends(build, front, back, 0.4, Tag.CAR)
    for side in (left, right):
        for u in (0.36, 0.62):
            build.panel(side, (u, u + 0.006), (0.0, 1.0), (30, 30, 32), Tag.CAR)
    _wheels(build, axles, half, radius, Tag.CAR)
    (low0, low1), (top0, top1) = cabin
    glasshouse = build.frustum(
        (low0, -half + 0.08, low1, half - 0.08),
        (top0, -half + 0.24, top1, half - 0.24),
        waist,
        roof,
        paint,
        Tag.CAR,
    )
    build.panel(glasshouse[0], (0.06, 0.94), (0.08, 0.92), _GLASS, Tag.CAR)
    build.panel(glasshouse[2], (0.10, 0.90), (0.18, 0.90), _GLASS, Tag.CAR)
    for side in (glasshouse[1], glasshouse[3]):
        for pane in ((0.07, 0.47), (0.52, 0.92)):
            build.panel(side, pane, (0.10, 0.88), _GLASS, Tag.CAR)
    return build.build()


def truck(paint: Color) -> Mesh:
    """A lorry with a cab and a box body."""
    build = MeshBuilder()
    axles = (-2.7, -1.6, 2.6)
    _underbody(build, axles, 1.12, 0.5, Tag.TRUCK)
    chassis = build.box((-3.9, -1.1, 3.7, 1.1), 0.5, 0.85, (46, 46, 50), Tag.TRUCK)
    build.panel(chassis[2], (0.03, 0.16), (0.2, 0.9), _TAILLIGHT, Tag.TRUCK, glow=0.5)
    build.panel(chassis[2], (0.84, 0.97), (0.2, 0.9), _TAILLIGHT, Tag.TRUCK, glow=0.5)
    _wheels(build, axles, 1.16, 0.5, Tag.TRUCK)
    body = build.box((-3.9, -1.22, 1.75, 1.22), 0.85, 3.35, (205, 205, 200), Tag.TRUCK)
    for side in (body[1], body[3]):
        build.panel(side, (0.0, 1.0), (0.22, 0.42), paint, Tag.TRUCK)
        build.panel(side, (0.0, 1.0), (0.0, 0.04), (60, 60, 62), Tag.TRUCK)
    build.panel(body[2], (0.49, 0.51), (0.0, 1.0), (90, 90, 92), Tag.TRUCK)
    build.panel(body[2], (0.0, 1.0), (0.0, 0.05), (180, 40, 34), Tag.TRUCK)
    cab = build.frustum(
        (1.95, -1.15, 3.8, 1.15), (1.95, -1.1, 3.55, 1.1), 0.75, 2.75, paint, Tag.TRUCK
    )
    build.panel(cab[0], (0.05, 0.95), (0.48, 0.88), _GLASS, Tag.TRUCK)
    build.panel(cab[1], (0.15, 0.75), (0.5, 0.86), _GLASS, Tag.TRUCK)
    build.panel(cab[3], (0.25, 0.85), (0.5, 0.86), _GLASS, Tag.TRUCK)
    _ends(build, cab[0], cab[2], 0.16, Tag.TRUCK, high=0.11)
    return build.build()


def bus(paint: Color) -> Mesh:
    """A town bus with a row of windows and doors on its right."""
    build = MeshBuilder()
    axles = (-3.2, 3.3)
    _underbody(build, axles, 1.22, 0.5, Tag.BUS)
    body = build.frustum(
        (-5.5, -1.27, 5.5, 1.27), (-5.45, -1.2, 5.4, 1.2), 0.35, 3.05, paint, Tag.BUS,
        top_color=(190, 190, 188),
    )  # fmt: skip
    build.panel(body[0], (0.06, 0.94), (0.32, 0.80), _GLASS, Tag.BUS)
    build.panel(body[0], (0.25, 0.75), (0.84, 0.96), (232, 172, 40), Tag.BUS, glow=0.7)
    build.panel(body[2], (0.15, 0.85), (0.50, 0.82), _GLASS, Tag.BUS)
    for side in (body[1], body[3]):
        build.panel(side, (0.0, 1.0), (0.0, 0.14), (60, 62, 66), Tag.BUS)
        for i in range(8):
            u = 0.03 + i * 0.119
            build.panel(side, (u, u + 0.105), (0.42, 0.82), _GLASS, Tag.BUS)
    for u in (0.80, 0.42):
        build.panel(body[3], (u, u + 0.10), (0.05, 0.86), (54, 62, 72), Tag.BUS)
    _ends(build, body[0], body[2], 0.14, Tag.BUS, high=0.09)
    _wheels(build, axles, 1.27, 0.5, Tag.BUS)
    return build.build()


def bicycle(paint: Color, shirt: Color, phase: int) -> Mesh:
    """A bicycle with its rider; the pedals have WALK_PHASES phases."""
    build, tag = MeshBuilder(), Tag.BICYCLE
    _wheel(build, -0.52, 0.34, 0.05, tag, spokes=True)
    _wheel(build, 0.52, 0.34, 0.05, tag, spokes=True)
    for a, b in (
        ((-0.52, 0.34), (-0.08, 0.28)), ((-0.52, 0.34), (-0.2, 0.82)),
        ((-0.08, 0.28), (-0.22, 0.92)), ((-0.08, 0.28), (0.38, 0.78)),
        ((-0.19, 0.8), (0.37, 0.82)), ((0.52, 0.34), (0.34, 1.0)),
    ):  # fmt: skip
        _tube(build, a, b, paint, tag)
    build.box((-0.36, -0.08, -0.08, 0.08), 0.9, 0.96, (30, 28, 28), tag)
    build.box((0.28, -0.29, 0.34, 0.29), 1.0, 1.04, (40, 40, 42), tag)
    add_rider(
        build, hip=(-0.2, 0.98), shoulder=(0.12, 1.48), hands=(0.3, 1.05), shirt=shirt, phase=phase
    )
    return build.build()


def motorcycle(paint: Color, shirt: Color) -> Mesh:
    """A motorcycle with its rider."""
    build, tag = MeshBuilder(), Tag.MOTORCYCLE
    _wheel(build, -0.68, 0.32, 0.16, tag, spokes=False)
    _wheel(build, 0.72, 0.32, 0.13, tag, spokes=False)
    build.box((-0.35, -0.17, 0.4, 0.17), 0.22, 0.56, (58, 58, 62), tag)
    tail = build.frustum(
        (-0.8, -0.12, -0.1, 0.12), (-0.85, -0.14, -0.05, 0.14), 0.58, 0.78, paint, tag
    )
    build.panel(tail[2], (0.1, 0.9), (0.2, 0.9), _TAILLIGHT, tag, glow=0.6)
    build.frustum((-0.15, -0.16, 0.45, 0.16), (-0.05, -0.13, 0.4, 0.13), 0.55, 0.92, paint, tag)
    nose = build.frustum(
        (0.42, -0.16, 0.78, 0.16), (0.42, -0.13, 0.6, 0.13), 0.66, 1.05, paint, tag
    )
    build.panel(nose[0], (0.2, 0.8), (0.2, 0.6), _HEADLIGHT, tag, glow=0.7)
    build.box((0.66, -0.06, 0.76, 0.06), 0.3, 0.68, _METAL, tag)
    build.box((0.36, -0.36, 0.42, 0.36), 0.98, 1.03, (40, 40, 42), tag)
    build.box((-0.72, -0.26, -0.2, -0.16), 0.26, 0.38, _METAL, tag)
    add_rider(
        build, hip=(-0.3, 0.82), shoulder=(-0.08, 1.36), hands=(0.36, 1.0), shirt=shirt, helmet=True
    )
    return build.build()


def _wheels(
    build: MeshBuilder, axles: tuple[float, ...], half: float, radius: float, tag: Tag
) -> None:
    """Tyres on both sides of a body, painted as part of the solid begun before."""
    for x in axles:
        for side in (-1, 1):
            y = side * (half + 0.01)
            build.disc((x, y, radius), radius, (0, side), _TYRE, tag)
            build.disc((x, y + side * 0.01, radius), radius * 0.58, (0, side), _HUB, tag)


def _underbody(
    build: MeshBuilder, axles: tuple[float, ...], half: float, radius: float, tag: Tag
) -> None:
    """What is seen below the bumpers: tyres from ahead and behind, darkness between them."""
    x0, x1 = min(axles) - radius, max(axles) + radius
    deep = ((x0 + x1) / 2, 0.0, -20.0)  # drawn before the body, which is above
    build.box((x0, -half + 0.1, x1, half - 0.1), 0.2, radius * 1.1, (18, 18, 20), tag, center=deep)
    for x in axles:
        for y in (-half, half - 0.24):
            rect = (x - 0.45 * radius, y, x + 0.45 * radius, y + 0.24)
            build.box(rect, 0.0, radius * 1.1, _TYRE, tag, center=deep)


def _ends(
    build: MeshBuilder,
    front: np.ndarray,
    back: np.ndarray,
    low: float,
    tag: Tag,
    high: float = 0.26,
) -> None:
    """Lights, grille and plates on the front and back faces of a body.

    The lights begin at `low` and are `high` tall, both shares of the faces' height.
    """
    for u in ((0.04, 0.24), (0.76, 0.96)):
        build.panel(front, u, (low, low + high), _HEADLIGHT, tag, glow=0.5)
        build.panel(back, u, (low, low + high), _TAILLIGHT, tag, glow=0.5)
    build.panel(front, (0.28, 0.72), (low - high / 5, low + 0.8 * high), (30, 30, 32), tag)
    for end in (front, back):
        build.panel(end, (0.38, 0.62), (low - 1.1 * high, low - 0.4 * high), (215, 215, 210), tag)
        build.panel(end, (0.0, 1.0), (0.0, high / 4), (34, 34, 36), tag)


def _wheel(
    build: MeshBuilder, x: float, radius: float, thick: float, tag: Tag, spokes: bool
) -> None:
    """A two-wheeler's wheel: a ring with or without a disc, and its tread as seen from the ends."""
    build.solid(x, 0.0, radius)
    angles = np.linspace(0, 2 * pi, 13)
    ring = np.column_stack([np.cos(angles), np.zeros(13), np.sin(angles)])
    inner = radius - (0.05 if spokes else 0.13)
    middle = np.array([x, 0.0, radius])
    tread = np.array([0.0, thick / 2, 0.0])
    for a, b in pairwise(ring):
        corners = [middle + inner * a, middle + radius * a, middle + radius * b, middle + inner * b]
        build.face(corners, _TYRE, tag, both_sides=True)
        outer = [middle + radius * a - tread, middle + radius * a + tread]
        outer += [middle + radius * b + tread, middle + radius * b - tread]
        build.face(outer, _TYRE, tag, both_sides=True)
    if spokes:
        for k in range(3):
            across = ring[2 * k] * inner
            up = np.array([-across[2], 0.0, across[0]]) * 0.02
            build.face(
                [middle - across - up, middle + across - up,
                 middle + across + up, middle - across + up],
                _METAL, tag, both_sides=True,
            )  # fmt: skip
    else:
        build.disc((x, 0.0, radius), inner, (0, 1), (74, 76, 80), tag, both_sides=True)


def _tube(
    build: MeshBuilder, a: tuple[float, float], b: tuple[float, float], color: Color, tag: Tag
) -> None:
    """A frame tube in the plane of the wheels, from (x, z) to (x, z)."""
    build.solid((a[0] + b[0]) / 2, 0.0, (a[1] + b[1]) / 2)
    along = np.array([b[0] - a[0], b[1] - a[1]])
    nx, nz = np.array([-along[1], along[0]]) / np.linalg.norm(along) * 0.022
    low, high = (a[0], 0.0, a[1]), (b[0], 0.0, b[1])
    build.face(
        [(low[0] - nx, 0, low[2] - nz), (high[0] - nx, 0, high[2] - nz),
         (high[0] + nx, 0, high[2] + nz), (low[0] + nx, 0, low[2] + nz)],
        color, tag, both_sides=True,
    )  # fmt: skip
    build.face(
        [(low[0], -0.02, low[2]), (low[0], 0.02, low[2]),
         (high[0], 0.02, high[2]), (high[0], -0.02, high[2])],
        color, tag, both_sides=True,
    )  # fmt: skip
