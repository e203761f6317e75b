# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small picture files for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

BLACK = (0, 0, 0)


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def write_indexed(
    path: Path, indices: np.ndarray, palette: Sequence[tuple[int, int, int]], bits: int = 8
) -> Path:
    """Write a PNG with a palette of RGB colours."""
    height, width = indices.shape
    picture = Image.frombytes("P", (width, height), indices.astype(np.uint8).tobytes())
    picture.putpalette([part for color in palette for part in color])
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, bits=bits)
    return path


def gray(value: int, width: int = 8, height: int = 6) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def ids(*values: int) -> np.ndarray:
    """Return one row of class ids."""
    return np.array([values], np.uint8)


def rgb(*colors: tuple[int, int, int]) -> np.ndarray:
    """Return one row of pixels as cv2.imwrite takes them."""
    return np.array([colors], np.uint8)[..., ::-1]


def tags(*values: int, channels: int = 3) -> np.ndarray:
    """Return one row of tags in the red channel, as CARLA's semantic camera has them."""
    pixels = np.zeros((1, len(values), channels), np.uint8)
    pixels[..., 2] = values
    pixels[..., 3:] = 255
    return pixels


def row(width: int) -> np.ndarray:
    """Return a picture of one row, to go with labels of one row."""
    return gray(9, width=width, height=1)


def cut_short(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
