# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Picture files: which there are in a folder, and their pixels."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.header import compressed_size

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
MAX_FILE_BYTES = 1 << 28
MAX_PIXELS = 1 << 26

_JPEG_START = b"\xff\xd8"
_BMP_START = b"BM"


def read_picture(path: Path) -> Uint8Array:
    """Return a picture as `(H, W, 3)` uint8 RGB, without its alpha channel if it has one.

    Raises:
        DataError: The file is missing, no picture, cut short, or too large.
    """
    pixels = _decode(path, _read(path), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def read_label_picture(path: Path) -> Uint8Array:
    """Return the pixels as the file has them: `(H, W)` uint8, or `(H, W, 3|4)` uint8 BGR(A).

    Raises:
        DataError: As read_picture; or the file is a JPEG or has more than 8 bits a channel.
    """
    data = _read(path)
    if data.startswith(_JPEG_START):
        raise DataError(f"{path}: is a JPEG, which changes labels at edges; labels must be PNG")
    pixels = _decode(path, data, cv2.IMREAD_UNCHANGED)
    if pixels.dtype != np.uint8:
        raise DataError(f"{path}: has {pixels.dtype} pixels; 8 bits a channel are expected")
    return np.asarray(pixels, np.uint8)


def write_picture(path: Path, pixels: cv2.typing.MatLike) -> None:
    """Write `(H, W)` uint8, or `(H, W, 3|4)` uint8 BGR(A), in the format that the suffix names.

    Raises:
        OSError: It cannot be written.
    """
    if not cv2.imwrite(str(path), pixels):
        raise OSError(f"{path}: cannot be written; is the disk full?")


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in a folder, frame_2 before frame_10.

    Raises:
        DataError: There are none.
    """
    return _sorted_pictures(folder, folder.iterdir())


def pictures_below(folder: Path) -> list[Path]:
    """Return the pictures in a folder and the folders in it, as `pictures_in` does."""
    return _sorted_pictures(folder, folder.rglob("*"))


def is_picture(path: Path) -> bool:
    """Tell by its name whether a file is a picture; hidden files are none."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def natural(text: str) -> list[tuple[int, str]]:
    """Return a key to sort by: digits count by their value, everything else as text."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)
    ]


def _sorted_pictures(folder: Path, paths: Iterable[Path]) -> list[Path]:
    pictures = [path for path in paths if is_picture(path)]
    if not pictures:
        raise DataError(f"{folder}: has no PNG, JPEG or BMP pictures")
    return sorted(pictures, key=lambda path: natural(path.as_posix()))


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
    # From memory: from a file, OpenCV fills up what a JPEG that was cut short lacks.
    size = _stated_size(data)
    if size is None:
        raise DataError(
            f"{path}: not a picture that OpenCV can read: no PNG, JPEG or BMP, or cut short"
        )
    if size[0] * size[1] > MAX_PIXELS:
        raise DataError(f"{path}: has {size[0]}x{size[1]} pixels; at most {MAX_PIXELS} are read")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"{path}: not a picture that OpenCV can read: cut short or damaged")
    return np.asarray(pixels)


def _stated_size(data: bytes) -> tuple[int, int] | None:
    if data.startswith(_BMP_START) and len(data) >= 26:
        width, height = struct.unpack_from("<ii", data, 18)
        return width, abs(height)  # negative where the first row is at the top
    return compressed_size(data)
