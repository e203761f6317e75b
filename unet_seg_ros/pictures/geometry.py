# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How pictures are resized for the network and label maps brought back: one rule for all.

Training, evaluation and every engine use these functions, so that a network sees the pictures it
was trained on. Sizes are (width, height), as in OpenCV. All functions map the corners of one
picture to the corners of the other; pixel centres lie at half-integer positions, hence nothing
shifts by half a pixel on the way.
"""

from __future__ import annotations

import re

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array

Size = tuple[int, int]
"""Width and height in pixels."""


def parse_size(text: str) -> Size:
    """Return the size that `text` says, for example 800x600; raises ValueError where it is none."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise ValueError(f"{text!r} is not a size; write WIDTHxHEIGHT, like 800x600")
    return int(match[1]), int(match[2])


def network_size(frame_size: Size, input_size: Size, enlarge: bool = False) -> Size:
    """Return the size at which the network sees a frame, so that it fits in `input_size`.

    The aspect ratio is kept up to rounding. A smaller frame stays as it is, or is enlarged until
    it fits exactly.
    """
    width, height = frame_size
    limit_width, limit_height = input_size
    if width <= limit_width and height <= limit_height and not enlarge:
        return frame_size
    if width * limit_height >= height * limit_width:
        return limit_width, max(1, (height * limit_width + width // 2) // width)
    return max(1, (width * limit_height + height // 2) // height), limit_height


def shrink(image: Uint8Array, size: Size, out: Uint8Array | None = None) -> Uint8Array:
    """Shrink an `(H, W, C)` picture; every new pixel is the mean of the area it covers.

    Args:
        image: `(H, W, C)` uint8.
        size: (width, height), neither larger than the picture's.
        out: Where to put the result, `(height, width, C)` uint8.
    """
    return _uint8(cv2.resize(image, size, dst=out, interpolation=cv2.INTER_AREA))


def resize(image: Uint8Array, size: Size, out: Uint8Array | None = None) -> Uint8Array:
    """Bring an `(H, W, C)` picture to `size`: shrunk as `shrink` does, or enlarged linearly.

    Args:
        image: `(H, W, C)` uint8.
        size: (width, height) with about the picture's aspect ratio.
        out: Where to put the result, `(height, width, C)` uint8.
    """
    if size[0] <= image.shape[1] and size[1] <= image.shape[0]:
        return shrink(image, size, out)
    return _uint8(cv2.resize(image, size, dst=out, interpolation=cv2.INTER_LINEAR_EXACT))


def enlarge_labels(labels: Uint8Array, size: Size, out: Uint8Array | None = None) -> Uint8Array:
    """Bring an `(h, w)` label map to `size`, larger or smaller; pixels take the id at their centre.

    Args:
        labels: `(h, w)` uint8.
        size: (width, height).
        out: Where to put the result, `(height, width)` uint8.
    """
    # INTER_NEAREST looks from a pixel's corner instead of its centre.
    return _uint8(cv2.resize(labels, size, dst=out, interpolation=cv2.INTER_NEAREST_EXACT))


def resize_matrix(source: int, target: int) -> npt.NDArray[np.float32]:
    """Return the `(target, source)` matrix that resizes one axis the way `resize` does."""
    return area_matrix(source, target) if target <= source else _linear_matrix(source, target)


def area_matrix(source: int, target: int) -> npt.NDArray[np.float32]:
    """Return the `(target, source)` matrix that shrinks one axis the way `shrink` does.

    Row i holds how much of new pixel i each old pixel covers; rows sum to 1.
    """
    edges = np.arange(target + 1) * (source / target)
    pixels = np.arange(source)
    left = np.maximum(edges[:-1, None], pixels)
    right = np.minimum(edges[1:, None], pixels + 1)
    overlap = np.clip(right - left, 0, None)
    matrix: npt.NDArray[np.float32] = (overlap * (target / source)).astype(np.float32)
    return matrix


def _linear_matrix(source: int, target: int) -> npt.NDArray[np.float32]:
    """Return the `(target, source)` matrix that enlarges one axis linearly."""
    centres = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    distance = np.abs(centres[:, None] - np.arange(source))
    matrix: npt.NDArray[np.float32] = np.clip(1 - distance, 0, None).astype(np.float32)
    return matrix


def nearest_indices(source: int, target: int) -> npt.NDArray[np.int64]:
    """Return for each of `target` pixels the one of `source` that `enlarge_labels` takes."""
    # The fixed-point arithmetic of OpenCV's INTER_NEAREST_EXACT, so that both agree everywhere.
    step = ((source << 16) + target // 2) // target
    indices = (step * np.arange(target) + step // 2 - source % 2) >> 16
    clamped: npt.NDArray[np.int64] = np.minimum(indices, source - 1)
    return clamped


def _uint8(image: npt.NDArray[np.generic]) -> Uint8Array:
    # For the type checker: OpenCV returns the type that it was given.
    return image.astype(np.uint8, copy=False)
