# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches: random crops of pictures from several data sets, varied as cameras vary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unet_seg_ros.labels import UNKNOWN_ID

Uint8Array = npt.NDArray[np.uint8]
Size = tuple[int, int]

# Crops, (width, height), one of which a whole batch has: from the 160x80 pictures of a small camera
# to most of what the network sees of an 800x600 one.
CROP_SIZES: tuple[Size, ...] = ((160, 80), (224, 144), (320, 192))
# A picture is enlarged up to this much beyond what its crop needs, and never shrunk below a third.
_MAX_EXTRA_ZOOM = 1.6
_MIN_ZOOM = 0.35


@dataclass(frozen=True)
class LabelledPicture:
    """A picture, `(H, W, 3)` uint8 RGB, and the rows of its labels, `(H, W)` uint8.

    A row is a row number of `loss.admissible_classes`, 255 where nothing is known.
    """

    image: Uint8Array
    rows: Uint8Array


# Returns one picture of a data set, another one each time.
PictureSource = Callable[[np.random.Generator], LabelledPicture]


def random_view(
    picture: LabelledPicture, size: Size, random: np.random.Generator
) -> LabelledPicture:
    """Return a random crop of `size` (width, height): zoomed, mirrored, in another light."""
    width, height = size
    smallest = max(width / picture.image.shape[1], height / picture.image.shape[0])
    low = max(smallest, _MIN_ZOOM)
    zoom = random.uniform(low, max(low * _MAX_EXTRA_ZOOM, 1.0))
    # The window of the picture that becomes the crop.
    window = (
        min(round(width / zoom), picture.image.shape[1]),
        min(round(height / zoom), picture.image.shape[0]),
    )
    left = random.integers(picture.image.shape[1] - window[0] + 1)
    top = random.integers(picture.image.shape[0] - window[1] + 1)
    area = np.s_[top : top + window[1], left : left + window[0]]
    smooth = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    image = cv2.resize(picture.image[area], size, interpolation=smooth)
    rows = cv2.resize(picture.rows[area], size, interpolation=cv2.INTER_NEAREST_EXACT)
    if random.random() < 0.5:
        image, rows = image[:, ::-1], rows[:, ::-1]
    varied = _in_another_light(np.asarray(image, np.uint8), random)
    return LabelledPicture(varied, np.asarray(rows, np.uint8))


def batches(
    sources: Sequence[PictureSource], pixels: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches for ever, each made while the one before is being used.

    Args:
        sources: Where pictures come from, each as often as any other.
        pixels: About how many pixels a batch has; its crops are as many as fit.
        seed: The same seed gives the same batches.

    Yields:
        Pictures `(N, 3, H, W)` uint8 RGB and rows `(N, H, W)` int64.
    """
    random = np.random.default_rng(seed)

    def make() -> tuple[Tensor, Tensor]:
        size = CROP_SIZES[random.integers(len(CROP_SIZES))]
        count = max(round(pixels / (size[0] * size[1])), 1)
        chosen = random.permutation(np.arange(count) % len(sources))
        views = [random_view(sources[index](random), size, random) for index in chosen]
        images = np.stack([view.image for view in views])
        rows = np.stack([view.rows for view in views])
        return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(rows).long()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
        pending = pool.submit(make)
        while True:
            batch = pending.result()
            pending = pool.submit(make)
            yield batch


def rows_of(labels: Uint8Array, first_row: int) -> Uint8Array:
    """Return the rows of a label map whose data set starts at `first_row`."""
    return np.where(labels == UNKNOWN_ID, UNKNOWN_ID, labels + np.uint8(first_row)).astype(np.uint8)


def _in_another_light(image: Uint8Array, random: np.random.Generator) -> Uint8Array:
    """Vary exposure, gamma, contrast, saturation, white balance, sharpness and noise."""
    levels = np.linspace(0, 1, 256)
    contrast = random.uniform(0.75, 1.25)
    curve = (levels ** random.uniform(0.7, 1.4) - 0.5) * contrast + 0.5 + random.uniform(-0.1, 0.1)
    gains = random.uniform(0.92, 1.08, 3)
    table = np.clip(curve[:, None] * gains * 255, 0, 255).astype(np.uint8)
    varied = cv2.LUT(np.ascontiguousarray(image), table[None])
    grey = cv2.cvtColor(cv2.cvtColor(varied, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    saturation = random.uniform(0.6, 1.3)
    varied = cv2.addWeighted(varied, saturation, grey, 1 - saturation, 0)
    if random.random() < 0.3:
        varied = cv2.GaussianBlur(varied, (0, 0), random.uniform(0.4, 1.2))
    if random.random() < 0.3:
        noise = random.normal(0, random.uniform(2, 8), varied.shape)
        varied = np.clip(varied + noise, 0, 255)
    return varied.astype(np.uint8, copy=False)
