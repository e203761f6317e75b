# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A source's pictures, made ready to be published."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import Sample

# From RGB, as sources yield it; None where nothing is to be done.
CONVERSIONS = {
    "bgra8": cv2.COLOR_RGB2BGRA,
    "bgr8": cv2.COLOR_RGB2BGR,
    "rgba8": cv2.COLOR_RGB2RGBA,
    "rgb8": None,
    "mono8": cv2.COLOR_RGB2GRAY,
    "jpeg": cv2.COLOR_RGB2BGR,
}
JPEG = "jpeg"


@dataclass(frozen=True)
class Shot:
    """A picture ready to be published: `(H, W)`, `(H, W, C)` or, as JPEG, `(N,)` uint8.

    `wait_s` is how long after the one before it is due, `pixel_aspect` how many times as wide as
    high a pixel is: scaling may have left none that is square.
    """

    width: int
    height: int
    pixels: Uint8Array
    labels: Uint8Array | None
    wait_s: float
    pixel_aspect: float = 1.0


def make_shot(sample: Sample, size: tuple[int, int], encoding: str, wait_s: float) -> Shot:
    """Return a sample as a picture of a size and an encoding.

    Args:
        sample: An RGB picture, perhaps with ground truth.
        size: Width and height in pixels; 0 keeps the picture's.
        encoding: One of `CONVERSIONS`.
        wait_s: How long after the one before it is due.
    """
    own_height, own_width = sample.image.shape[:2]
    width, height = size[0] or own_width, size[1] or own_height
    pixel_aspect = own_width * height / (width * own_height)
    is_smaller = width < own_width
    interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    pixels: np.ndarray = _scaled(sample.image, width, height, interpolation)
    code = CONVERSIONS[encoding]
    if code is not None:
        pixels = cv2.cvtColor(pixels, code)
    if encoding == JPEG:
        pixels = cv2.imencode(".jpg", pixels)[1]
    labels = sample.labels
    if labels is not None:
        labels = _scaled(labels, width, height, cv2.INTER_NEAREST_EXACT)
    return Shot(width, height, np.asarray(pixels, np.uint8), labels, wait_s, pixel_aspect)


def _scaled(pixels: Uint8Array, width: int, height: int, interpolation: int) -> Uint8Array:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)
