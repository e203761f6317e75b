# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pixels of picture files, read and written.

OpenCV gets bytes and never a path: at a name that is no UTF-8 it ends the process, and from a file
it fills up what a JPEG that was cut short lacks.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures import exif
from unet_seg_ros.pictures.folders import KINDS
from unet_seg_ros.pictures.header import gray_bits, is_cut_jpeg, is_lossy_webp, stated_size
from unet_seg_ros.pictures.indexed import Indexed, read_indexed

MAX_FILE_BYTES = 1 << 28
MAX_PIXELS = 1 << 26

_JPEG_START = b"\xff\xd8"
# Of a pixel that may be a number; one of a single bit is a mask, 0 and 255.
_FEW_BITS = (2, 4)


def read_picture(path: Path) -> Uint8Array:
    """Return a picture as `(H, W, 3)` uint8 RGB, upright, without its alpha channel if it has one.

    Raises:
        DataError: The file is missing, no picture, cut short, or too large.
    """
    return read_picture_and_orientation(path)[0]


def read_picture_and_orientation(path: Path) -> tuple[Uint8Array, int]:
    """Return a picture as `read_picture` does, and the orientation that its file notes, 1 to 8."""
    data = _read(path)
    pixels = _decode(path, data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8), exif.orientation(data)


def read_label_picture(path: Path) -> Uint8Array:
    """Return the pixels as the file has them: `(H, W)` uint8, or `(H, W, 3|4)` uint8 BGR(A).

    The pixels of a PNG with a palette are its colours.

    Raises:
        DataError: As read_picture; or the file is a JPEG or has more than 8 bits a channel.
    """
    return _label_pixels(path, _read(path))


def read_label_ids(path: Path) -> Uint8Array:
    """Return the pixels as `read_label_picture` does, of a PNG with a palette its `ids`.

    Of a gray PNG of 2 or 4 bits they are the numbers in the file and not what these look like.
    """
    data = _read(path)
    indexed = _indexed(path, data)
    return _numbers(_label_pixels(path, data), data) if indexed is None else indexed.ids()


def read_label_pixels(path: Path) -> tuple[Uint8Array, Uint8Array]:
    """Return the pixels as `read_label_picture` does, and as `read_label_ids` does.

    Raises:
        DataError: As read_label_picture.
    """
    data = _read(path)
    pixels, indexed = _label_pixels(path, data), _indexed(path, data)
    return pixels, _numbers(pixels, data) if indexed is None else indexed.ids()


def write_picture(path: Path, pixels: cv2.typing.MatLike) -> None:
    """Write `(H, W)` uint8, or `(H, W, 3|4)` uint8 BGR(A), in the format that the suffix names.

    Raises:
        OSError: It cannot be written.
    """
    _, encoded = cv2.imencode(path.suffix, pixels)
    try:
        path.write_bytes(encoded.data)
    except OSError as error:
        raise OSError(f"{path}: cannot be written: {error.strerror}") from error


def path_for_opencv(path: Path) -> str:
    """Return a path for those of OpenCV's functions that take no bytes, such as for videos.

    Raises:
        DataError: Its name is no UTF-8, at which OpenCV would end the process.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path}: has a name that is no UTF-8, which videos cannot have; rename it"
        ) from error
    return str(path)


def _label_pixels(path: Path, data: bytes) -> Uint8Array:
    if data.startswith(_JPEG_START) or is_lossy_webp(data):
        kind = "JPEG" if data.startswith(_JPEG_START) else "lossy WebP"
        raise DataError(f"{path}: is a {kind}, which changes labels at edges; labels must be PNG")
    pixels = _decode(path, data, cv2.IMREAD_UNCHANGED)
    if pixels.dtype != np.uint8:
        raise DataError(f"{path}: has {pixels.dtype} pixels; 8 bits a channel are expected")
    return np.asarray(pixels, np.uint8)


def _numbers(pixels: Uint8Array, data: bytes) -> Uint8Array:
    """Return pixels that OpenCV spread over 0 to 255 as the file has them."""
    bits = gray_bits(data)
    return pixels // np.uint8(255 // ((1 << bits) - 1)) if bits in _FEW_BITS else pixels


def _indexed(path: Path, data: bytes) -> Indexed | None:
    _require_possible_size(path, data)
    try:
        return read_indexed(data)
    except ValueError as error:
        raise DataError(f"{path}: not a picture that OpenCV can read: {error}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"{path}: is larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


def _decode(path: Path, data: bytes, flags: int) -> np.ndarray:
    _require_possible_size(path, data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None or is_cut_jpeg(data):
        raise DataError(f"{path}: not a picture that OpenCV can read: cut short or damaged")
    return np.asarray(pixels)


def _require_possible_size(path: Path, data: bytes) -> None:
    size = stated_size(data)
    if size is None:
        raise DataError(f"{path}: not a picture that OpenCV can read: no {KINDS}, or cut short")
    if size[0] * size[1] > MAX_PIXELS:
        raise DataError(f"{path}: has {size[0]}x{size[1]} pixels; at most {MAX_PIXELS} are read")
