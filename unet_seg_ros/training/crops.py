# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Crops of pictures, cut at zooms near the one at which the network will see such a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID
from unet_seg_ros.pictures.geometry import Size, enlarge_labels, resize
from unet_seg_ros.training.augmentation import Variation
from unet_seg_ros.training.rare import focus_point
from unet_seg_ros.training.sampler import Draw

# How much larger or smaller than at inference a picture may be seen.
MAX_ZOOM = 1.6


@dataclass(frozen=True)
class TrainingSet:
    """Pictures to learn from.

    Attributes:
        pictures: Where they are.
        indices: Which of them.
        row_table: `(256,)` uint8, the row of the loss for every label id; 255, nothing known,
            stays 255.
        share: How often its pictures come, in proportion to the shares of the other sets.
        enlarge: How many times as large as they are they may be seen, before `MAX_ZOOM`.

    Raises:
        ValueError: There is nothing to learn from, or a number is outside its range.
    """

    pictures: LabelledPictures
    indices: Sequence[int]
    row_table: Uint8Array
    share: float = 1.0
    enlarge: float = 1.0

    def __post_init__(self) -> None:
        name = self.pictures.name
        if not self.indices:
            raise ValueError(f"{name}: has no pictures to learn from")
        if not self.share > 0:
            raise ValueError(f"{name}: its share must be above 0, not {self.share}")
        if self.row_table.shape != (256,) or self.row_table[UNKNOWN_ID] != UNKNOWN_ID:
            raise ValueError(f"{name}: its row table must have 256 rows, and 255 for id 255")

    def rows(self, labels: Uint8Array) -> Uint8Array:
        """Return the rows of labels, `(H, W)` uint8."""
        return cv2.LUT(labels, self.row_table).astype(np.uint8, copy=False)


class Window(NamedTuple):
    """What becomes a crop of a picture, before it is brought to its size.

    Attributes:
        image: `(H, W, 3)` uint8.
        rows: `(H, W)` uint8.
        picture: (width, height) of the whole picture.
    """

    image: Uint8Array
    rows: Uint8Array
    picture: Size


def zoom_range(
    picture: Size,
    crop: Size,
    input_size: Size,
    spread: float = MAX_ZOOM,
    enlarge: float = 1.0,
) -> tuple[float, float]:
    """Return the smallest and the largest zoom at which a crop is cut from a picture.

    They are the zoom at which inference shrinks the picture to fit in `input_size`, divided and
    multiplied by `spread`; but the smallest is never so small that the picture does not fill the
    crop. Where it is above the largest, the picture is too small. Sizes are (width, height).

    A smaller picture may be seen up to `enlarge` times as large as it is, as far as it then fits in
    `input_size`, before `spread`: it stands for one of a larger camera, or inference enlarges it.
    """
    fitting = min(input_size[0] / picture[0], input_size[1] / picture[1])
    filling = max(crop[0] / picture[0], crop[1] / picture[1])
    return max(filling, min(1.0, fitting) / spread), min(enlarge, fitting) * spread


def resized(image: Uint8Array, labels: Uint8Array, size: Size) -> tuple[Uint8Array, Uint8Array]:
    """Return a picture and its label map at a size (width, height)."""
    if size == picture_size(image):
        return image, labels
    return resize(image, size), enlarge_labels(labels, size)


def random_window(
    shape: tuple[int, ...],
    size: Size,
    zoom: float,
    rng: np.random.Generator,
    around: tuple[int, int] | None = None,
) -> tuple[slice, slice]:
    """Return rows and columns of a window anywhere in a picture.

    Args:
        shape: (height, width) of the picture.
        size: (width, height) of the crop that the window is to become.
        zoom: How many pixels of the crop one of the picture becomes; the picture fills the crop.
        rng: Tells where.
        around: (x, y) of a pixel that must be in the window.
    """
    height, width = shape
    window_width = min(round(size[0] / zoom), width)
    window_height = min(round(size[1] / zoom), height)
    x, y = around or (None, None)
    left = _start(width, window_width, x, rng)
    top = _start(height, window_height, y, rng)
    return np.s_[top : top + window_height, left : left + window_width]


def _start(length: int, window: int, inside: int | None, rng: np.random.Generator) -> int:
    """Return where a window begins, anywhere, or anywhere where `inside` is in it."""
    if inside is None:
        return int(rng.integers(length - window + 1))
    return int(rng.integers(max(0, inside - window + 1), min(inside, length - window) + 1))


class Cutter:
    """Cuts crops out of the pictures of several sets.

    Args:
        sets: The sets.
        input_size: (width, height) that frames will be shrunk to fit in at inference.
        variation: What may differ; `light` and `slide` leave the zoom as it is at inference, but
            for pictures that are enlarged, which they show at any zoom up to that.
        room_bytes: So much of what is read may be kept.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        input_size: Size,
        variation: Variation,
        room_bytes: int = 0,
    ) -> None:
        self._sets = sets
        self._input_size = input_size
        self._spread = 1.0 if variation in ("light", "slide") else MAX_ZOOM
        self._read = _Reader(sets, room_bytes)

    def __call__(
        self,
        draw: Draw,
        size: Size,
        rng: np.random.Generator,
        row: int | None = None,
        closer: float = 1.0,
    ) -> tuple[Uint8Array, Uint8Array]:
        """Return a crop of a picture, `(H, W, 3)`, and its rows, `(H, W)`.

        Where a row is given, the crop shows a pixel of it. It is cut as from a camera that is
        `closer` times as near to what it shows.
        """
        image, rows, _ = self.window(draw, size, rng, row, closer)
        return resized(image, rows, size)

    def window(
        self,
        draw: Draw,
        size: Size,
        rng: np.random.Generator,
        row: int | None = None,
        closer: float = 1.0,
    ) -> Window:
        """Return what `__call__` does before it is brought to its size."""
        image, labels = self._read(draw)
        item = self._sets[draw.set_number]
        low, high = zoom_range(
            picture_size(image), size, self._input_size, self._spread, item.enlarge
        )
        # As often twice as large as half as large; a picture that is too small fills the crop.
        zoom = closer * low * max(high / low, 1.0) ** rng.random()
        around = None
        if row is not None:
            around = focus_point(item.rows(labels), row, rng)
        window = random_window(labels.shape, size, zoom, rng, around)
        return Window(image[window], item.rows(labels[window]), picture_size(image))


class _Reader:
    """Reads pictures and their label maps, and keeps them as long as there is room."""

    def __init__(self, sets: Sequence[TrainingSet], room_bytes: int) -> None:
        self._sets = sets
        self._room_bytes = room_bytes
        self._kept: dict[Draw, tuple[Uint8Array, Uint8Array]] = {}

    def __call__(self, draw: Draw) -> tuple[Uint8Array, Uint8Array]:
        if draw in self._kept:
            return self._kept[draw]
        image, labels = read_pair(self._sets[draw.set_number], draw.position)
        size_bytes = image.nbytes + labels.nbytes
        if size_bytes <= self._room_bytes:
            self._room_bytes -= size_bytes
            self._kept[draw] = image, labels
        return image, labels


def read_pair(item: TrainingSet, position: int) -> tuple[Uint8Array, Uint8Array]:
    """Return a picture of a set and its label map; raises DataError where it cannot be read."""
    sample = item.pictures[item.indices[position]]
    if sample.labels is None:
        raise DataError(f"{sample.name}: has no label map to learn from")
    return sample.image, sample.labels


def picture_size(image: Uint8Array) -> Size:
    """Return (width, height)."""
    return image.shape[1], image.shape[0]
