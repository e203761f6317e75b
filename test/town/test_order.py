# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
from numpy.typing import NDArray

from unet_seg_ros.town.order import PaintOrder


def _crosses(box: NDArray, start: NDArray, end: NDArray) -> bool:
    """Whether the line from start to end goes through the inside of a box (slab test)."""
    direction = end - start
    first, last = 0.0, 1.0
    for axis in (0, 1):
        sides = (box[[axis, axis + 2]] - start[axis]) / (direction[axis] or 1e-12)
        first, last = max(first, sides.min()), min(last, sides.max())
    return first < last - 1e-6


def test_what_hides_is_drawn_after_what_it_hides() -> None:
    rng = np.random.default_rng(3)
    # One box of random size in each cell of a grid: a clean cut always exists.
    cells = np.array([(i, j) for i in range(7) for j in range(7)], float) * 10.0
    low = cells + rng.uniform(0.2, 4.0, cells.shape)
    boxes = np.hstack([low, low + rng.uniform(0.1, 5.0, cells.shape)])
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    order = PaintOrder(boxes, (np.array([20.0, 30.0]), np.array([40.0])))
    hidden = 0
    for eye in rng.uniform(-10, 80, (10, 2)):
        if ((eye > boxes[:, :2]) & (eye < boxes[:, 2:])).all(axis=1).any():
            continue
        ranks = order.ranks(middle, eye)
        for far in range(len(boxes)):
            for near in range(len(boxes)):
                if near != far and _crosses(boxes[near], eye, middle[far]):
                    hidden += 1
                    assert ranks[near] > ranks[far]
    assert hidden > 300
