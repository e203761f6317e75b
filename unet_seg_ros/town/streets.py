# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Street furniture: what stands between kerb and walkway, and the traffic lights."""

from __future__ import annotations

from math import atan2

import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town import furniture
from unet_seg_ros.town.layout import HALF_STREET, LANE, TownLayout
from unet_seg_ros.town.rects import Rect, Side, grown
from unet_seg_ros.town.scenery import Scenery, Signal


def furnish_block(scenery: Scenery, layout: TownLayout, block: Rect) -> None:
    """Place lamps, trees, signs, bins and benches between kerb and walkway."""
    x0, y0, x1, y1 = block
    clear = max(layout.corner, 6.0) + 3.0
    sides = (
        ((x0 + clear, y0 + 0.7), (x1 - clear, y0 + 0.7), (0, -1)),
        ((x1 - 0.7, y0 + clear), (x1 - 0.7, y1 - clear), (1, 0)),
        ((x1 - clear, y1 - 0.7), (x0 + clear, y1 - 0.7), (0, 1)),
        ((x0 + 0.7, y1 - clear), (x0 + 0.7, y0 + clear), (-1, 0)),
    )
    for start, end, out in sides:
        furnish_kerb(scenery, np.array(start), np.array(end), out)


def furnish_kerb(scenery: Scenery, start: NDArray, end: NDArray, out: Side) -> None:
    """Furnish one kerb: its traffic runs from `end` to `start`, its street lies towards `out`."""
    length = float(np.linalg.norm(end - start))
    street_yaw = atan2(out[1], out[0])
    leafy = scenery.rng.random() < 0.6
    kinds = [str(k) for k in scenery.rng.choice(["broad", "tall", "palm", "broad"], 1)]
    for k in range(max(int(length // 6), 1)):
        x, y = (start + (end - start) * ((k + 0.5) * 6.0 / max(length, 6.0))).tolist()
        if not scenery.is_clear(grown((x, y, x, y), 3.0)):
            continue
        if k % 4 == 1:
            scenery.put(scenery.stock.lamp, x, y, street_yaw)
            scenery.lamps.append((x + 2 * out[0], y + 2 * out[1]))
        elif k % 4 == 3 and scenery.rng.random() < 0.45:
            along = (end - start) / length
            # A driver in this lane sees the sign's face: it looks back along the lane.
            sign = int(scenery.rng.choice(scenery.stock.signs))
            scenery.put(sign, x, y, atan2(along[1], along[0]))
        elif leafy and k % 2 == 0 and scenery.rng.random() < 0.7:
            scenery.plant(kinds[0], x, y)
        elif scenery.rng.random() < 0.2:
            scenery.put(int(scenery.rng.choice(scenery.stock.bins)), x, y, street_yaw, 0.3)


def place_signals(scenery: Scenery, layout: TownLayout) -> NDArray[np.int32]:
    """Place a traffic light beyond each junction for every street that comes in.

    Returns:
        (2, 2) numbers of their models: beside or over the street, then green or red.
    """
    housing = furniture.HOUSINGS[scenery.rng.integers(len(furniture.HOUSINGS))]

    def model(state: str, overhead: bool) -> int:
        mesh = furniture.traffic_light(state, overhead, scenery.stock.metal, housing)
        return scenery.stock.add(mesh)

    models_by_state = [
        [model(state, overhead) for state in ("green", "red")] for overhead in (False, True)
    ]
    for junction in layout.junctions:
        overhead = bool(scenery.rng.random() < 0.5)
        for dx, dy in junction.arms:
            # Drivers come in against (dx, dy) and find the light on their right beyond.
            aside = HALF_STREET + 2.9
            x, y = junction.x - aside * dx - aside * dy, junction.y - aside * dy + aside * dx
            reach = HALF_STREET + layout.corner
            stop = (
                junction.x + reach * dx - LANE / 2 * dy,
                junction.y + reach * dy + LANE / 2 * dx,
            )
            scenery.signals.append(Signal(x, y, atan2(dy, dx), stop, overhead))
    return np.array(models_by_state, np.int32)
