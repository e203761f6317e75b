# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rectangles on the ground, along the axes; one that fronts a street is a lot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in metres."""

Side = tuple[int, int]
"""The direction (dx, dy) in which a lot's street lies; one of them is 0, the other 1 or -1."""


def corners_of(rect: Rect) -> NDArray[np.float64]:
    """Return the (4, 2) corners, counter-clockwise."""
    x0, y0, x1, y1 = rect
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def grown(rect: Rect, by: float) -> Rect:
    """Return a rectangle that reaches further by as many metres on every side."""
    x0, y0, x1, y1 = rect
    return (x0 - by, y0 - by, x1 + by, y1 + by)


def inset(lot: Rect, street: Side, front: float, sides: float, back: float) -> Rect:
    """Return a lot made smaller on its street side, its two flanks and its far side."""
    x0, y0, x1, y1 = lot
    if street[1]:
        low, high = (front, back) if street[1] < 0 else (back, front)
        return (x0 + sides, y0 + low, x1 - sides, y1 - high)
    low, high = (front, back) if street[0] < 0 else (back, front)
    return (x0 + low, y0 + sides, x1 - high, y1 - sides)


def meet(one: Rect, other: Rect) -> bool:
    """Return whether two rectangles share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def depth_of(lot: Rect, street: Side) -> float:
    """Return how far a lot reaches back from its street, in metres."""
    return lot[3] - lot[1] if street[1] else lot[2] - lot[0]
