# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bridges of concrete: a highway on pillars beside the town, roads that lead over its streets."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from unet_seg_ros.town.layout import HALF_STREET, SIDEWALK, TownLayout
from unet_seg_ros.town.mesh import Color, MeshBuilder
from unet_seg_ros.town.rects import Rect, corners_of, grown
from unet_seg_ros.town.scenery import Scenery
from unet_seg_ros.town.tags import Tag

CLEARANCE = 4.9  # metres below a bridge; CARLA's trucks are up to 3.9 m high
_SLAB, _PARAPET, _TOP = 6.0, 6.5, 7.5  # where each begins, and the end
_SPAN = 13.0  # metres from pillar to pillar
_BEHIND = 13.0  # metres that a road over a street reaches behind the sidewalks
_TILE = (13.0, 1.2)


def build_bridges(scenery: Scenery, layout: TownLayout) -> None:
    """Build the town's bridges, before anything else: what they cover stays free of the rest."""
    _build_highways(scenery, grown(layout.outer, SIDEWALK))
    _build_overpasses(scenery, layout)


def _build_highways(scenery: Scenery, town: Rect) -> None:
    """Lead a highway past one side of the town, past two that face each other, or past none."""
    axis, count = int(scenery.rng.integers(2)), int(scenery.rng.choice(3, p=(0.3, 0.4, 0.3)))
    begin, end = town[axis] - 85.0, town[axis + 2] + 85.0
    cuts = np.linspace(begin, end, round((end - begin) / _SPAN) + 1).tolist()
    for out in scenery.rng.permutation([-1, 1])[:count].tolist():
        edge = town[1 - axis] if out < 0 else town[3 - axis]
        near = edge + out * float(scenery.rng.uniform(9, 22))
        far = near + out * float(scenery.rng.uniform(8, 13))
        spans = [(a, b, [(a + b) / 2]) for a, b in pairwise(cuts)]
        _build(scenery, axis, (min(near, far), max(near, far)), spans)
        scenery.vistas.append(_rect(axis, begin, min(edge, far), end, max(edge, far)))


def _build_overpasses(scenery: Scenery, layout: TownLayout) -> None:
    """Lead a road over the middle of an eighth of the streets."""
    stretches = layout.stretches
    kerb, far = HALF_STREET, HALF_STREET + SIDEWALK + _BEHIND
    count = max(len(stretches) // 8, int(scenery.rng.integers(2)))
    for number in scenery.rng.permutation(len(stretches))[:count].tolist():
        axis, street, (begin, end) = stretches[number]
        middle = begin + (end - begin) * float(scenery.rng.uniform(0.4, 0.6))
        half = float(scenery.rng.uniform(3.5, 6.0))
        covered = _rect(axis, street - far, middle - half, street + far, middle + half)
        if not scenery.is_clear(covered):
            continue
        # Nothing may cross the kerbs, at which the painter's order is cut.
        spans = [
            (street - far, street - kerb, [street - far + 0.6, street - kerb - 0.8]),
            (street - kerb, street + kerb, []),
            (street + kerb, street + far, [street + kerb + 0.8, street + far - 0.6]),
        ]
        _build(scenery, axis, (middle - half, middle + half), spans)


def _build(
    scenery: Scenery,
    axis: int,
    across: tuple[float, float],
    spans: Iterable[tuple[float, float, list[float]]],
) -> None:
    """Build a bridge along an axis.

    Args:
        scenery: where.
        axis: 0 along x, 1 along y.
        across: where its edges are on the other axis.
        spans: where each piece begins and ends, and where in it pairs of pillars stand.
    """
    texture = int(scenery.rng.choice(scenery.stock.concrete))
    color: Color = tuple(scenery.stock.textures[texture].mean.tolist())
    (low, high), tag = across, Tag.BRIDGE
    for begin, end, pillars in spans:
        # Pillars by themselves: who walks under a bridge is behind some and before others.
        for at in pillars:
            for side in (low + 1.6, high - 1.6):
                rect = _rect(axis, at - 0.6, side - 0.5, at + 0.6, side + 0.5)
                pillar = MeshBuilder()
                pillar.box(rect, 0.0, CLEARANCE, color, tag, texture=texture, tile=_TILE)
                scenery.put_unique(pillar.build(), rect)
        build = MeshBuilder()
        girders = _rect(axis, begin, low + 0.9, end, high - 0.9)
        build.box(girders, CLEARANCE, _SLAB, color, tag, texture=texture, tile=_TILE)
        slab = _rect(axis, begin, low, end, high)
        build.box(slab, _SLAB, _PARAPET, color, tag)
        for a, b in ((low, low + 0.3), (high - 0.3, high)):
            rect = _rect(axis, begin, a, end, b)
            build.box(rect, _PARAPET, _TOP, color, tag, texture=texture, tile=_TILE)
        scenery.put_unique(build.build(), slab)
        scenery.bridges.append(slab)
        scenery.shadows.append((corners_of(slab), CLEARANCE, _TOP))


def _rect(axis: int, begin: float, low: float, end: float, high: float) -> Rect:
    """Return the rectangle from `begin` to `end` along an axis, from `low` to `high` across it."""
    return (begin, low, end, high) if axis == 0 else (low, begin, high, end)
