# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos for people, which any player shows: mp4 files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array


class Video:
    """An mp4 file that is written; it has the size of its first frame, made even.

    Args:
        path: The file, which has to end in `.mp4`.
        rate_hz: Frames per second.
    """

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def write(self, picture: Uint8Array) -> None:
        """Add a frame, `(H, W, 3)` uint8 RGB; one of another size is scaled.

        Raises:
            OSError: OpenCV cannot write the file.
        """
        if self._writer is None:
            # The codec halves the colours' resolution, so sizes must be even.
            self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), codec, self._rate_hz, self._size)
            if not self._writer.isOpened():
                raise OSError(f"{self._path}: this OpenCV cannot write mp4 videos")
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size).astype(np.uint8, copy=False)
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
