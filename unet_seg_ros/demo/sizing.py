# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which size of picture a network can keep up with on this machine."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np

from unet_seg_ros.inference.segmenter import Frame, Segmenter
from unet_seg_ros.pictures.geometry import Size, network_size

_TIMED_FRAMES = 10
# Of the time between two frames, what the network may take: camera, score and recording run on the
# same CPUs.
_SHARE_OF_PERIOD = 0.27
# Parts of the frame's size that are tried, all of it where the network would enlarge it; whole ones
# are shrunk to in a fraction of the time. In less than a fifth a road line can no longer be seen.
_DIVISORS = (1, 2, 3, 4, 5)


def affordable_input_size(
    checkpoint: Path, device: str, frame_size: Size, rate_hz: float
) -> tuple[Size, float]:
    """Return the largest input size at which the network keeps up with a camera.

    The time of a frame at the checkpoint's own input size is measured; a smaller size takes less in
    proportion to its pixels.

    Args:
        checkpoint: The checkpoint file.
        device: What to run on.
        frame_size: (width, height) of the camera's pictures.
        rate_hz: The camera's pictures per second.

    Returns:
        The size, and the time of a frame at the checkpoint's own size, in milliseconds.
    """
    segmenter = Segmenter.from_checkpoint(checkpoint, device=device)
    try:
        frame_ms = _time_of_frame_ms(segmenter, frame_size)
        full = network_size(frame_size, segmenter.input_size, segmenter.checkpoint.enlarge)
    finally:
        segmenter.close()
    budget_ms = _SHARE_OF_PERIOD * 1e3 / rate_hz
    pixels = full[0] * full[1] * budget_ms / frame_ms
    parts = ((frame_size[0] // divisor, frame_size[1] // divisor) for divisor in _DIVISORS)
    smaller = [part for part in parts if part[0] < full[0]]
    affordable = (size for size in (full, *smaller) if size[0] * size[1] <= pixels)
    return next(affordable, (smaller or [full])[-1]), frame_ms


def _time_of_frame_ms(segmenter: Segmenter, frame_size: Size) -> float:
    width, height = frame_size
    frame = Frame(np.zeros((height, width, 4), np.uint8), "bgra")
    segmenter.warm_up([frame_size])
    times_ms = []
    for _ in range(_TIMED_FRAMES):
        start = time.perf_counter()
        segmenter([frame])
        times_ms.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times_ms)
