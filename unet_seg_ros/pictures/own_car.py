# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the own car in the pictures of a drive: its rim stays where it is while all else moves.

A bonnet is no still area: it reflects sky and trees, and the road before a car that has none in
view is as smooth. What tells it is its upper rim: an edge across the picture that is at the same
pixels, in the same direction, in every picture. The rim is the path from the left to the right side
along which that is truest, and the car is all below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError

MIN_PICTURES = 4

# Pictures are looked at in this width, at most.
_WIDTH_PX = 400
# The strength of an edge that counts half, in grey levels a pixel.
_HALF_EDGE = 2.0
# A car covers at most the part of a picture below this share of its height.
_HIGHEST = 0.4
# By how many rows a rim may climb or fall from a column to the next, and what each row costs.
_SLOPE = 2
_CLIMBING = 0.02
# Where the steadiness is below this, the rim is below the picture. Bonnets have 0.86 to 0.88 in the
# mean of all columns and 0.79 to 0.84 in the worst tenth of them; horizons and kerbs up to 0.76 and
# 0.61 in a second of driving straight on, and below 0.6 in a longer drive.
_RIM = 0.6
_RIM_MEAN = 0.75
_RIM_WORST = 0.7
# A car narrower or lower than this is something else.
_LEAST_WIDTH = 0.25
_LEAST_AREA = 0.005
# Above the rim a drive has 0.3 to 0.5, a car that stands 1.
_MOVING = 0.8

FloatArray = npt.NDArray[np.float32]


class NoOwnCar(DataError):
    """Pictures in which the own car cannot be told from the rest; the message says why."""


class _Rim(NamedTuple):
    """Where the car begins, and how steady the edge there is.

    Attributes:
        rows: The first row of the car in every column, `(w,)`; the height where it has none.
        steadiness: That of the edge, 0 to 1, in those columns in which there is a rim, `(n,)`.
    """

    rows: npt.NDArray[np.int64]
    steadiness: FloatArray


def find_own_car(pictures: Iterable[Uint8Array]) -> Uint8Array:
    """Return where the own car is, `(H, W)` uint8, 255 or 0.

    Args:
        pictures: Of one camera, `(H, W, 3)` uint8 RGB, evenly spread over a drive.

    Raises:
        NoOwnCar: There are too few, their sizes differ, the drive hardly moves, or nothing in it
            looks like the own car.
    """
    count, size = 0, (0, 0)
    sums: FloatArray = np.zeros(0, np.float32)
    for picture in pictures:
        height, width = picture.shape[:2]
        if count and (width, height) != size:
            raise NoOwnCar(f"has pictures of {_text(size)} and {width}x{height}: give one camera")
        size = width, height
        edges = _edges(picture)
        sums = sums + edges if count else edges
        count += 1
    if count < MIN_PICTURES:
        raise NoOwnCar(f"has {count} pictures; at least {MIN_PICTURES} are needed")
    # The mean of unit vectors: as long as the edge's strength where all point the same way.
    strength, cosine, sine = sums / count
    steadiness = np.hypot(cosine, sine)
    rim = _best_rim(np.maximum(-cosine, 0))
    above = np.arange(len(steadiness))[:, None] < rim.rows
    all_edges = float(strength[above].sum())
    if not all_edges or float(steadiness[above].sum()) / all_edges > _MOVING:
        raise NoOwnCar(
            "hardly moves, so that nothing can be told from the own car; give a longer drive"
        )
    _refuse_doubtful(rim, len(steadiness))
    return _below(rim.rows, len(steadiness), size)


def _edges(picture: Uint8Array) -> FloatArray:
    """Return how strong edges are, 0 to 1, and cosine and sine of their direction at that length.

    The angle is taken twice, so that an edge from dark to bright is the same as one from bright to
    dark.

    Args:
        picture: `(H, W, 3)` uint8 RGB.

    Returns:
        `(3, h, w)`, of the picture shrunk to the width that is looked at.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, _WIDTH_PX / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    gray = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1)
    x, y = (cv2.Sobel(gray, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    squared = x * x + y * y
    length = np.sqrt(squared)
    strength = length / (length + _HALF_EDGE)
    share = strength / np.maximum(squared, 1e-6)
    return np.stack([strength, (x * x - y * y) * share, 2 * x * y * share]).astype(np.float32)


def _best_rim(lying: FloatArray) -> _Rim:
    """Return the steadiest path from the left side to the right, by dynamic programming.

    Args:
        lying: How steady edges are that lie rather than stand, `(h, w)`.
    """
    height, width = lying.shape
    highest = int(height * _HIGHEST)
    # Another row for columns in which the car is below the picture.
    gains = np.vstack([lying[highest:] - _RIM, np.zeros((1, width), np.float32)])
    count = len(gains)
    steps = np.arange(-_SLOPE, _SLOPE + 1)
    best = gains[:, 0]
    came_from = np.zeros((width, count), np.int64)
    for column in range(1, width):
        padded = np.pad(best, _SLOPE, constant_values=-np.inf)
        reached = np.stack([padded[_SLOPE + step : _SLOPE + step + count] for step in steps])
        reached -= _CLIMBING * np.abs(steps)[:, None]
        chosen = reached.argmax(axis=0)
        came_from[column] = np.arange(count) + steps[chosen]
        best = reached.max(axis=0) + gains[:, column]
    path = np.zeros(width, np.int64)
    path[-1] = best.argmax()
    for column in range(width - 1, 0, -1):
        path[column - 1] = came_from[column, path[column]]
    rows = path + highest
    # As steep as it may be, a path is on its way to a rim rather than along it.
    is_rim = (path < count - 1) & (np.abs(np.diff(path, prepend=path[:1])) < _SLOPE)
    columns = np.flatnonzero(is_rim)
    if columns.size:
        rows[: columns[0]] = rows[columns[-1] + 1 :] = height
    return _Rim(rows, lying[rows[columns], columns])


def _refuse_doubtful(rim: _Rim, height: int) -> None:
    """Raise NoOwnCar where a rim is none."""
    width = len(rim.rows)
    area = float((height - rim.rows).sum()) / (height * width)
    if (
        len(rim.steadiness) < _LEAST_WIDTH * width
        or area < _LEAST_AREA
        or float(rim.steadiness.mean()) < _RIM_MEAN
        or float(np.percentile(rim.steadiness, 10)) < _RIM_WORST
    ):
        raise NoOwnCar(
            "nothing in the lower part of the pictures stays where it is: this camera does not see "
            "its car, or mask it by hand with labelme"
        )


def _below(rows: npt.NDArray[np.int64], height: int, size: tuple[int, int]) -> Uint8Array:
    """Return the mask below a rim, smoothed and brought to `size`, (width, height)."""
    width, full_height = size
    span = 2 * math.ceil(len(rows) / 100) + 1
    padded = np.pad(rows, span // 2, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, span), axis=1)
    # Pixel centres lie at half-integer positions, and the middle of the edge in that of its row.
    columns = (np.arange(width) + 0.5) * len(rows) / width - 0.5
    edge = (np.interp(columns, np.arange(len(rows)), smooth) + 0.5) * full_height / height
    edge[edge > full_height * (1 - 0.25 / height)] = full_height
    below = np.arange(full_height)[:, None] + 0.5 > edge
    return np.where(below, np.uint8(255), np.uint8(0))


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
