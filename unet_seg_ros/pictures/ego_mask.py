# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera sees the car that carries it: its bonnet, which a network takes for road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.geometry import Size, enlarge_labels

# A camera that changes its size for ever must not fill the memory.
_MAX_SIZES = 8


@dataclass(frozen=True)
class PlacedMask:
    """A mask at the size of a picture, cut to the rows that have any of the own car.

    Attributes:
        rows: Those rows.
        inside: `(rows, W)` uint8, 255 on the own car and 0 elsewhere.
        outside: The opposite.
        outside_rgb: The same three times, `(rows, W, 3)`.
    """

    rows: slice
    inside: Uint8Array
    outside: Uint8Array
    outside_rgb: Uint8Array


class EgoMask:
    """The pixels of a camera's pictures that show the car itself.

    Args:
        inside: `(H, W)` uint8, other than 0 on the own car.
        name: What messages call it: its file.

    Raises:
        DataError: It marks nothing, or everything.
    """

    def __init__(self, inside: Uint8Array, name: str) -> None:
        marked = np.count_nonzero(inside)
        if marked in (0, inside.size):
            share = "the whole picture" if marked else "nothing"
            raise DataError(
                f"{name}: marks {share} as the own car; its pixels there must be other than 0, "
                "all others 0"
            )
        self.name = name
        self._inside: Uint8Array = np.where(inside, np.uint8(255), np.uint8(0))
        self._placed: dict[Size, PlacedMask] = {}

    def at(self, size: Size) -> PlacedMask:
        """Return the mask for pictures of `size`, (width, height).

        Raises:
            DataError: They have another aspect ratio than the mask.
        """
        placed = self._placed.get(size)
        if placed is None:
            if len(self._placed) >= _MAX_SIZES:
                self._placed.clear()
            placed = self._placed[size] = self._place(size)
        return placed

    def _place(self, size: Size) -> PlacedMask:
        width, height = size
        own_height, own_width = self._inside.shape
        # One is the other, scaled, where a side comes out right to a pixel.
        if abs(width * own_height - height * own_width) > max(width, own_width):
            raise DataError(
                f"{self.name}: a mask of {own_width}x{own_height} does not fit a picture of "
                f"{width}x{height}; give one of its size or aspect ratio"
            )
        scaled = enlarge_labels(self._inside, size)
        marked = np.flatnonzero(scaled.any(axis=1))
        # A mask of few pixels may have none left in a far smaller picture.
        rows = slice(int(marked[0]), int(marked[-1]) + 1) if marked.size else slice(0, 0)
        inside = scaled[rows]
        outside = ~inside
        return PlacedMask(rows, inside, outside, np.repeat(outside[..., None], 3, axis=2))
