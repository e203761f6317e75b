# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""In which order the painter draws: a tree of cuts through the town, as in the games of the 1990s.

A vertical cut that goes through no object parts the objects: those on the far side can never hide
those on the camera's side. Cutting on until every object stands alone gives the exact order from
far to near for any camera. The cuts are parallel to the axes, which is how the town is built.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DEPTH_BITS = 62
_LEAF = -1


class PaintOrder:
    """The tree over (N, 4) footprints x0, y0, x1, y1.

    Args:
        streets: cuts along x and along y made before all others. Nothing static crosses them, and
            traffic, which is not in the tree, stays between them.
    """

    def __init__(self, footprints: NDArray[np.floating], streets: tuple[NDArray, NDArray]) -> None:
        self._axis: list[int] = []
        self._cut: list[float] = []
        self._low: list[int] = []
        self._high: list[int] = []
        self._streets = tuple(np.sort(np.asarray(s, np.float64)) for s in streets)
        everywhere = np.array([[-np.inf, np.inf], [-np.inf, np.inf]])
        self._grow(np.asarray(footprints, np.float64), everywhere, 0)
        self._axes, self._cuts = np.array(self._axis), np.array(self._cut)
        self._children = np.array([self._low, self._high])

    def ranks(self, points: NDArray[np.floating], eye: NDArray[np.floating]) -> NDArray[np.int64]:
        """(N,) ranks of (N, 2) points: what ranks higher is drawn later, over the rest."""
        eye_side = eye[self._axes] >= self._cuts
        node: NDArray[np.int64] = np.zeros(len(points), np.int64)
        rank = np.zeros(len(points), np.int64)
        rows = np.arange(len(points))
        for bit in range(_DEPTH_BITS, 0, -1):
            inner = self._axes[node] != _LEAF
            if not inner.any():
                break
            side = points[rows, np.maximum(self._axes[node], 0)] >= self._cuts[node]
            near = inner & (side == eye_side[node])
            rank += near.astype(np.int64) << bit
            node = np.where(inner, self._children[side.astype(int), node], node)
        return rank

    def _grow(self, boxes: NDArray, region: NDArray, depth: int) -> int:
        """Add the node for the footprints in a region, with everything below it."""
        node = len(self._axis)
        self._cut.append(0.0)
        for numbers in (self._axis, self._low, self._high):
            numbers.append(_LEAF)
        found = self._street(region) or _clean_cut(boxes)
        if found is None or depth >= _DEPTH_BITS:
            return node
        axis, cut = found
        self._axis[node], self._cut[node] = axis, cut
        middle = (boxes[:, axis] + boxes[:, axis + 2]) / 2
        below, above = region.copy(), region.copy()
        below[axis, 1] = above[axis, 0] = cut
        self._low[node] = self._grow(boxes[middle < cut], below, depth + 1)
        self._high[node] = self._grow(boxes[middle >= cut], above, depth + 1)
        return node

    def _street(self, region: NDArray) -> tuple[int, float] | None:
        """The middle one of the streets' cuts through a region, if any is left."""
        for axis, cuts in enumerate(self._streets):
            inside = cuts[(cuts > region[axis, 0]) & (cuts < region[axis, 1])]
            if len(inside):
                return axis, float(inside[len(inside) // 2])
        return None


def _clean_cut(boxes: NDArray) -> tuple[int, float] | None:
    """The cut through no box that parts the boxes most evenly."""
    best, best_even = None, 0
    for axis in (0, 1):
        low, high = boxes[:, axis], boxes[:, axis + 2]
        cuts = np.unique(np.concatenate([low, high]))[:, None]
        whole = ((high <= cuts + 1e-6) | (low >= cuts - 1e-6)).all(axis=1)
        below = ((low + high) / 2 < cuts).sum(axis=1)
        even = np.where(whole, np.minimum(below, len(boxes) - below), 0)
        if len(even) and even.max() > best_even:
            best_even = even.max()
            best = (axis, float(cuts[even.argmax(), 0]))
    return best
