# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""PNG files with a palette, whose pixels are indices into it: in masks, mostly the class ids.

OpenCV gives the colours only. The same file with a header that says it is gray gives the indices.

Programs that make PNG files smaller (oxipng, optipng) write gray pictures with a palette as well,
in which gray, or CARLA's tags in red, have indices in any order.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _PALETTE = 0, 3
# Class ids are below, but for 255; VOC's palette begins with black and a red of 128.
_MAX_IDS = 64
_NOT_LABELLED = 255


@dataclass(frozen=True)
class Indexed:
    """A picture with a palette.

    Attributes:
        indices: `(H, W)` uint8.
        palette: `(N, 3)` uint8 RGB, the colour of each index; N is up to 256.
    """

    indices: Uint8Array
    palette: Uint8Array

    def ids(self) -> Uint8Array:
        """Return what the pixels would be without a palette, `(H, W)` uint8.

        These are the indices, unless all colours are gray, or red alone, and could be ids.
        """
        red, green, blue = self.palette.T
        is_gray = bool((red == green).all() and (red == blue).all())
        is_red = not (green.any() or blue.any())
        is_id = red < _MAX_IDS
        # Of black and white alone nothing tells.
        could_be_ids = bool((is_id | (red == _NOT_LABELLED)).all() and red[is_id].any())
        if not ((is_gray or is_red) and could_be_ids):
            return self.indices
        # Indices that the palette lacks stay what they are.
        ids = np.arange(256, dtype=np.uint8)
        ids[: len(red)] = red
        return ids[self.indices]


def is_indexed(start: bytes) -> bool:
    """Tell from the first 26 bytes of a file whether it is a PNG with a palette."""
    return start[:8] == _SIGNATURE and len(start) >= 26 and start[25] == _PALETTE


def read_indexed(data: bytes) -> Indexed | None:
    """Return the indices and the palette of a PNG file (PNG 1.2), None where it has no palette.

    Raises:
        ValueError: It is damaged.
    """
    if not is_indexed(data):
        return None
    chunks, palette = [_SIGNATURE], b""
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            body = body[:9] + bytes([_GRAY]) + body[10:]
            chunks.append(_chunk(kind, body))
        elif kind == b"PLTE":
            palette = body
        elif kind in (b"IDAT", b"IEND"):
            chunks.append(data[position : position + 12 + length])
        position += 12 + length
    depth = data[24]
    gray = cv2.imdecode(np.frombuffer(b"".join(chunks), np.uint8), cv2.IMREAD_UNCHANGED)
    if gray is None or gray.ndim != 2 or gray.dtype != np.uint8:
        raise ValueError("cut short or damaged")
    # Gray of fewer bits than 8 is spread over 0 to 255.
    indices = np.asarray(gray // (255 // ((1 << depth) - 1)), np.uint8)
    colors = np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3)
    return Indexed(indices, colors)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
