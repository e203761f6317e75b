# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How many pictures a second, and of which size, a network can keep up with on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

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
# Of the width at which it learnt: in less, a network finds people, signs and lines far less often,
# and fewer pictures a second show more.
_ENOUGH = 0.5


class Pace(NamedTuple):
    """What a network keeps up with.

    Attributes:
        rate_hz: Pictures per second.
        input_size: (width, height) that the network sees of each.
        frame_ms: What a frame takes at the checkpoint's own input size.
    """

    rate_hz: float
    input_size: Size
    frame_ms: float


def affordable_pace(
    checkpoint: Path,
    device: str,
    frame_size: Size,
    rates_hz: Sequence[float],
    input_size: Size | None = None,
) -> Pace:
    """Return the first of some rates at which the network sees enough, and how much it sees then.

    The time of a frame at the checkpoint's own input size is measured; a smaller size takes less in
    proportion to its pixels.

    Args:
        checkpoint: The checkpoint file.
        device: What to run on.
        frame_size: (width, height) of the camera's pictures.
        rates_hz: Pictures per second, the one wished for first. If the network sees enough at none
            of them, it sees what it can at the last.
        input_size: The size at which to see them; None for the largest that can be kept up with.
    """
    segmenter = Segmenter.from_checkpoint(checkpoint, device=device)
    try:
        frame_ms = _time_of_frame_ms(segmenter, frame_size)
        full = network_size(frame_size, segmenter.input_size, segmenter.checkpoint.enlarge)
    finally:
        segmenter.close()
    parts = ((frame_size[0] // divisor, frame_size[1] // divisor) for divisor in _DIVISORS)
    sizes = [input_size] if input_size else [full, *(part for part in parts if part[0] < full[0])]
    enough = [size for size in sizes if size[0] >= _ENOUGH * full[0]] or sizes

    def affordable(size: Size, rate_hz: float) -> bool:
        took_ms = frame_ms * (size[0] * size[1]) / (full[0] * full[1])
        return took_ms <= _SHARE_OF_PERIOD * 1e3 / rate_hz

    tried = [(rate_hz, size) for rate_hz in rates_hz for size in enough]
    tried += [(rates_hz[-1], size) for size in sizes]
    found = next((pair for pair in tried if affordable(pair[1], pair[0])), tried[-1])
    return Pace(*found, frame_ms)


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
