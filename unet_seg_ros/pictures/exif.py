# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The orientation that a camera notes in a picture file: how its pixels are turned to be upright.

Exif 2.32, tag 0x0112. A telephone that is held upright stores pictures lying on their side so.
OpenCV turns colour pictures upright while it reads them, and TIFF always.
"""

from __future__ import annotations

import struct

import numpy as np

from unet_seg_ros.arrays import Uint8Array

_TAG = 0x0112
_SHORT = 3
# What stands before the Exif data, by what the file begins with, and how far on those begin.
_MARKS = {
    b"\xff\xd8": (b"Exif\0\0", 6),
    b"\x89PNG": (b"eXIf", 4),
    b"RIFF": (b"EXIF", 8),
}


def orientation(data: bytes) -> int:
    """Return the orientation that a picture file notes, 1 to 8; 1, upright, where it notes none."""
    mark, skipped = next((_MARKS[start] for start in _MARKS if data.startswith(start)), (b"", 0))
    position = data.find(mark) + skipped if mark and mark in data else -1
    if position < 0:
        return 1
    try:
        return _of_tiff(memoryview(data)[position:])
    except struct.error:  # cut short: whoever decodes the picture says so
        return 1


def upright(pixels: Uint8Array, noted: int) -> Uint8Array:
    """Return pixels, `(H, W)` or `(H, W, C)`, turned and mirrored as an orientation asks for."""
    if noted in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)  # mirrored along the diagonal: orientation 5
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(noted, ())
    return np.ascontiguousarray(np.flip(pixels, flips))


def _of_tiff(tiff: memoryview) -> int:
    order = {b"II": "<", b"MM": ">"}.get(bytes(tiff[:2]))
    if order is None:
        return 1
    (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, offset)
    for entry in range(count):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, offset + 2 + 12 * entry)
        if tag == _TAG and kind == _SHORT and 1 <= value <= 8:
            return int(value)
    return 1
