# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Outside the ring of streets: plots along it, meadows and trees, woods on the horizon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.layout import SIDEWALK, TownLayout
from unet_seg_ros.town.mesh import MeshBuilder
from unet_seg_ros.town.plots import build_plot, build_verge, divide
from unet_seg_ros.town.rects import Rect, Side, depth_of, grown, inset
from unet_seg_ros.town.scenery import Scenery
from unet_seg_ros.town.streets import furnish_kerb
from unet_seg_ros.town.tags import Tag

_VERGE = 7.0  # metres between a street's sidewalk and what may be a highway


def surround(scenery: Scenery, layout: TownLayout) -> None:
    """Place meadows, trees and houses outside the ring of streets, woods on the horizon."""
    x0, y0, x1, y1 = grown(layout.outer, SIDEWALK)
    depth = 15.0
    for y, out in ((y0, -1), (y1, 1)):
        for a, b in divide(scenery.rng, x0 + 10, x1 - 10):
            lot = (a, min(y, y + out * depth), b, max(y, y + out * depth))
            _build(scenery, lot, (0, -out))
        furnish_kerb(
            scenery,
            *_run(
                (x0 + 16, y - out * (SIDEWALK - 0.7)),
                (x1 - 16, y - out * (SIDEWALK - 0.7)),
                out < 0,
            ),
            (0, -out),
        )
    for x, out in ((x0, -1), (x1, 1)):
        for a, b in divide(scenery.rng, y0 + 10, y1 - 10):
            lot = (min(x, x + out * depth), a, max(x, x + out * depth), b)
            _build(scenery, lot, (-out, 0))
        furnish_kerb(
            scenery,
            *_run(
                (x - out * (SIDEWALK - 0.7), y0 + 16),
                (x - out * (SIDEWALK - 0.7), y1 - 16),
                out > 0,
            ),
            (-out, 0),
        )
    _woods(scenery, (x0, y0, x1, y1))


def _build(scenery: Scenery, lot: Rect, street: Side) -> None:
    """Build on a lot; before a highway, which houses would hide, only at its front."""
    front = inset(lot, street, front=0.0, sides=0.0, back=depth_of(lot, street) - _VERGE)
    if scenery.is_clear(lot):
        build_plot(scenery, lot, street)
    elif not scenery.is_bridged(front):
        build_verge(scenery, front, street)


def _woods(scenery: Scenery, town: Rect) -> None:
    for margin, count in ((24.0, 70), (45.0, 60)):
        ring = grown(town, margin)
        for _ in range(count):
            t, side = scenery.rng.random(), scenery.rng.integers(4)
            x = ring[0] + t * (ring[2] - ring[0]) if side < 2 else ring[2 * (side - 2)]
            y = ring[1] + t * (ring[3] - ring[1]) if side >= 2 else ring[1 + 2 * side]
            shift = scenery.rng.uniform(-6, 6, 2)
            x, y = float(x + shift[0]), float(y + shift[1])
            if scenery.is_clear(grown((x, y, x, y), 3.0)):
                scenery.plant(str(scenery.rng.choice(["fir", "broad", "tall"])), x, y)
    for margin, height in ((90.0, 13.0), (160.0, 26.0)):
        x0, y0, x1, y1 = grown(town, margin)
        span = 4 * height
        for (ax, ay), (bx, by) in (
            ((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)),
            ((x1, y1), (x0, y1)), ((x0, y1), (x0, y0)),
        ):  # fmt: skip
            count = max(round(max(abs(bx - ax), abs(by - ay)) / span), 1)
            for k in range(count):
                p = (ax + (bx - ax) * k / count, ay + (by - ay) * k / count)
                q = (ax + (bx - ax) * (k + 1) / count, ay + (by - ay) * (k + 1) / count)
                texture = int(scenery.rng.choice(scenery.stock.forest))
                build = MeshBuilder()
                build.solid((p[0] + q[0]) / 2, (p[1] + q[1]) / 2, 0.0)
                build.face(
                    [(*p, 0), (*q, 0), (*q, height), (*p, height)], (60, 84, 52),
                    Tag.VEGETATION, both_sides=True, texture=texture,
                )  # fmt: skip
                footprint = (min(p[0], q[0]), min(p[1], q[1]), max(p[0], q[0]), max(p[1], q[1]))
                scenery.put_unique(build.build(), footprint)


def _run(
    a: tuple[float, float], b: tuple[float, float], backwards: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (np.array(b), np.array(a)) if backwards else (np.array(a), np.array(b))
