# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The size that a compressed picture states, read before anything is allocated for its pixels."""

from __future__ import annotations

import struct


def compressed_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Return the (width, height) that a JPEG or PNG states, None where neither is found."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png_size(data)
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    return None


def _png_size(png: bytes | memoryview) -> tuple[int, int] | None:
    """Walk a PNG's chunks (PNG 1.2, section 3.2) to its end; the first states the size.

    All are looked at because OpenCV allocates the length that a chunk claims before it reads it.
    """
    position = 8
    while position + 12 <= len(png):
        length, name = struct.unpack(">I4s", png[position : position + 8])
        position += 12 + length
        if name == b"IEND" and position <= len(png):
            width, height = struct.unpack(">II", png[16:24])
            return (width, height) if png[12:16] == b"IHDR" else None
    return None


def _jpeg_size(jpeg: bytes | memoryview) -> tuple[int, int] | None:
    """Walk a JPEG's segments (ITU T.81, annex B) to its frame header, before any scan."""
    start_of_frame = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
    without_length = {0x01, *range(0xD0, 0xD8)}
    start_of_scan, end_of_image = 0xDA, 0xD9
    position = 2
    while position + 9 <= len(jpeg) and jpeg[position] == 0xFF:
        marker = jpeg[position + 1]
        if marker in start_of_frame:
            height, width = struct.unpack(">HH", jpeg[position + 5 : position + 9])
            return width, height
        if marker in (start_of_scan, end_of_image):
            return None
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in without_length:
            position += 2
        else:
            position += 2 + struct.unpack(">H", jpeg[position + 2 : position + 4])[0]
    return None
