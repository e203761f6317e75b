# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a picture file states, read before its pixels are: its size, and whether it is whole."""

from __future__ import annotations

import struct

_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_LOOKED_AT_BYTES = 4096


def compressed_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Return the (width, height) that a JPEG or PNG states, None where neither is found."""
    if data[:8] == _PNG_START:
        return _png_size(data)
    if data[:2] == _JPEG_START:
        return _jpeg_size(data)
    return None


def is_cut_jpeg(data: bytes | memoryview) -> bool:
    """Return whether the end of a JPEG is missing, which OpenCV 4.6 fills with grey.

    It is looked for from behind: there it is, but for what some cameras and telephones append.
    """
    ends = range(len(data), 0, -_LOOKED_AT_BYTES)
    parts = (bytes(data[max(end - _LOOKED_AT_BYTES - 1, 0) : end]) for end in ends)
    return data[:2] == _JPEG_START and not any(_JPEG_END in part for part in parts)


def is_lossy_webp(data: bytes) -> bool:
    """Tell a WebP (RFC 9649) whose picture, or one of whose pictures, was compressed with loss."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return False
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"VP8 ":
            return True
        position += 8
        # The picture of an animation's frame lies in the frame, behind 16 bytes about that.
        position += 16 if kind == b"ANMF" else length + length % 2
    return False


def gray_bits(data: bytes) -> int:
    """Return how many bits a pixel of a gray PNG has; 0 of any other picture."""
    is_png = data[:8] == _PNG_START and len(data) >= 26
    return data[24] if is_png and data[25] == 0 else 0


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Return the (width, height) that a file states, None where it is in no format that is read."""
    if data.startswith(b"BM") and len(data) >= 26:
        width, height = struct.unpack_from("<ii", data, 18)
        return width, abs(height)  # negative where the first row is at the top
    try:
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff_size(data)
    except struct.error:
        return None
    return compressed_size(data)


def _webp_size(webp: bytes) -> tuple[int, int] | None:
    """Read the first chunk of a WebP file (RFC 9649), if the file is as long as it tells."""
    (length,) = struct.unpack_from("<I", webp, 4)
    if len(webp) < length + 8:
        return None
    kind = webp[12:16]
    if kind == b"VP8X":  # 24 bits each, less one
        return (
            int.from_bytes(webp[24:27], "little") + 1,
            int.from_bytes(webp[27:30], "little") + 1,
        )
    if kind == b"VP8L":  # 14 bits each, less one
        (bits,) = struct.unpack_from("<I", webp, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", webp, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff_size(tiff: bytes) -> tuple[int, int] | None:
    """Read the first directory of a TIFF file (TIFF 6.0, section 2)."""
    order = "<" if tiff[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, offset)
    found = {}
    for entry in range(count):
        start = offset + 2 + 12 * entry
        tag, kind = struct.unpack_from(f"{order}HH", tiff, start)
        form = {3: "H", 4: "I"}.get(kind)
        if form and tag in (256, 257):
            (found[tag],) = struct.unpack_from(f"{order}{form}", tiff, start + 8)
    return (found[256], found[257]) if len(found) == 2 else None


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
