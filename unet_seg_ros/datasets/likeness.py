# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that are next to the same: copies, scaled, compressed or brightened, or a standing car.

Perceptual hashes as in C. Zauner (2010), "Implementation and Benchmarking of Perceptual Image Hash
Functions", section 3.2.1: the signs of the low frequencies of a small gray picture. They need one
transform of OpenCV; a package for them would bring SciPy and wavelets along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array

_HASHED: tuple[int, int] = (32, 32)
_LOW_FREQUENCIES = 8
# Of 64 signs so many may differ; those of unrelated pictures differ in 32.
_MOST_SIGNS = 4
_LOOKED_AT: tuple[int, int] = (16, 16)
# And gray levels that small pictures of mean 0 may differ by, on average.
_MOST_LEVELS = 3.0
_COMPARED_AT_ONCE = 1024


@dataclass(frozen=True)
class Fingerprint:
    """What a picture is compared by.

    Attributes:
        signs: `(64,)` int8, -1 or 1.
        small: `(256,)` float32, gray levels less their mean.
    """

    signs: npt.NDArray[np.int8]
    small: npt.NDArray[np.float32]


def fingerprint(image: Uint8Array) -> Fingerprint:
    """Return the fingerprint of a picture, `(H, W, 3)` uint8 RGB."""
    gray = cv2.cvtColor(
        cv2.resize(image, _HASHED, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
    )
    frequencies = np.asarray(cv2.dct(gray.astype(np.float32)), np.float32)
    low = frequencies[:_LOW_FREQUENCIES, :_LOW_FREQUENCIES].ravel()
    signs = np.where(low > np.median(low[1:]), 1, -1).astype(np.int8)
    small = cv2.resize(gray, _LOOKED_AT, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    return Fingerprint(signs, small - small.mean())


def near_copies(
    some: Sequence[Fingerprint], others: Sequence[Fingerprint]
) -> list[tuple[int, int]]:
    """Return which of some pictures have one next to the same among others: positions of both.

    Of several others it is the one that is most alike; each of `some` is listed once at most.
    """
    if not some or not others:
        return []
    signs = np.stack([item.signs for item in others]).astype(np.float32)
    small = np.stack([item.small for item in others])
    found = []
    for start in range(0, len(some), _COMPARED_AT_ONCE):
        block = some[start : start + _COMPARED_AT_ONCE]
        own = np.stack([item.signs for item in block]).astype(np.float32)
        differing = (own.shape[1] - own @ signs.T) / 2
        for position, candidates in enumerate(differing <= _MOST_SIGNS):
            alike = np.flatnonzero(candidates)
            if len(alike):
                levels = np.abs(small[alike] - block[position].small).mean(axis=1)
                if levels.min() <= _MOST_LEVELS:
                    found.append((start + position, int(alike[levels.argmin()])))
    return found
