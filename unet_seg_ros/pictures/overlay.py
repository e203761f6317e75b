# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The colour mask laid over its picture, with the outlines of everything at full strength.

A mask that hides little of the picture would leave lane markings, poles and far vehicles, a few
pixels each, as pale as the rest. All of them is outline, so all of them stays visible.
"""

from __future__ import annotations

import cv2

from unet_seg_ros.arrays import Uint8Array

OPACITY = 0.4
"""The share of the colour mask inside the outlines, unless asked for another."""

_NEIGHBOURS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def lay_over(
    image: Uint8Array,
    color_mask: Uint8Array,
    labels: Uint8Array,
    opacity: float = OPACITY,
    scratch: Uint8Array | None = None,
) -> None:
    """Blend the colour mask into a picture, in place.

    A pixel of which one of the four neighbours has another class gets the colour of its class,
    whatever the opacity: both sides of every border.

    Args:
        image: `(H, W, 3)` uint8.
        color_mask: `(H, W, 3)` uint8, in the picture's order of channels.
        labels: `(H, W)` uint8 label map.
        opacity: Share of the colour mask elsewhere, 0 to 1.
        scratch: `(H, W)` uint8 to work in, for callers that allocate nothing.
    """
    cv2.addWeighted(image, 1 - opacity, color_mask, opacity, 0, image)
    outlines = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, _NEIGHBOURS, scratch)
    cv2.copyTo(color_mask, outlines, image)
