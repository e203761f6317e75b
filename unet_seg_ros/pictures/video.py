# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos for people, which any player shows: mp4 files whose frames last as long as they did.

Written with PyAV: OpenCV's writer has one rate for all frames, so a video of a variable rate would
last longer or shorter than what it shows.
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video import VideoStream

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.units import NS_PER_S

_CODEC = "mpeg4"
# The finest that the codec takes and that all common frame rates, 30000/1001 too, are multiples of.
_TICKS_PER_S = 60_000
_MAX_BIT_RATE = 1 << 30


def listed_frames(path: Path) -> int:
    """Return how many frames a video file lists, whether they are there or not.

    0 where it has no list, as MPEG-TS and Matroska have none, or is no video.
    """
    listed = 0
    with suppress(av.FFmpegError, OSError), path.open("rb") as file, av.open(file) as container:
        listed = sum(stream.frames for stream in container.streams.video[:1])
    return listed


class Video:
    """An mp4 file that is written; it has the size of its first frame, made even.

    Args:
        path: The file, which has to end in `.mp4`.
        rate_hz: Frames per second, where nothing else is said of a frame.
    """

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._container: OutputContainer | None = None
        self._stream: VideoStream
        self._file: BinaryIO
        self._size = (0, 0)
        self._ticks = -1  # when the last frame is shown
        self._time_ns = -round(NS_PER_S / rate_hz)

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        if self._container:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._file.close()

    def write(self, picture: Uint8Array, time_ns: int | None = None) -> None:
        """Add a frame.

        Args:
            picture: `(H, W, 3)` uint8 RGB; one of another size is scaled.
            time_ns: When it is shown, since the beginning; by default a period after the last one.

        Raises:
            OSError: The file cannot be written.
        """
        if self._container is None:
            self._begin(picture)
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size).astype(np.uint8, copy=False)
        if time_ns is None:
            time_ns = self._time_ns + round(NS_PER_S / self._rate_hz)
        self._time_ns = time_ns
        self._ticks = max(self._ticks + 1, round(time_ns * _TICKS_PER_S / NS_PER_S))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts = self._ticks
        frame.time_base = Fraction(1, _TICKS_PER_S)
        assert self._container
        self._container.mux(self._stream.encode(frame))

    def _begin(self, picture: Uint8Array) -> None:
        # The codec halves the colours' resolution, so sizes must be even.
        width, height = self._size = picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2
        # ffmpeg gets no name, which need not be UTF-8 and would be missing in its complaints.
        self._file = self._path.open("wb")
        self._container = av.open(self._file, "w", format="mp4")
        stream = self._container.add_stream(_CODEC, rate=round(self._rate_hz) or 1)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        # As much as the codec wants: its own choice shows blocks.
        self._stream.bit_rate = min(round(8 * self._rate_hz * width * height), _MAX_BIT_RATE)
