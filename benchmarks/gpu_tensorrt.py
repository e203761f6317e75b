# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Section of gpu.py: TensorRT in place of torch's graphs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from gpu_facts import Say, frames, load, percentiles, times_ms

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.options import EngineName
from unet_seg_ros.inference.segmenter import Segmenter, SegmenterError, require_engine
from unet_seg_ros.pictures.geometry import Size

Make = Callable[[EngineName], Segmenter]

_TURNS: tuple[tuple[str, EngineName], ...] = (
    ("torch", "torch"),
    ("TensorRT", "tensorrt"),
    ("TensorRT, kept", "tensorrt"),
)


def tensorrt(say: Say, device: str) -> None:
    """TensorRT beside torch: time to get ready, agreement, speed."""
    checkpoint = load()

    def make(engine: EngineName) -> Segmenter:
        return Segmenter(checkpoint, device, compile="off", adapts=False, engine=engine)

    # Of its own, so that engines are built.
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            require_engine("tensorrt", device, "auto")
            compare(say, make)
        except SegmenterError as error:
            say("left out", str(error))


def compare(say: Say, make: Make, size: Size = (800, 600), seconds: float = 1) -> None:
    """Say how both engines that `make` makes get ready for frames of `size`, and what they do.

    Raises:
        SegmenterError: one of them cannot be had.
    """
    for count in (1, 8):
        given = frames(size, count)
        expected: list[Uint8Array] = []
        for title, engine in _TURNS:
            name = f"x{count} {title}"
            begin = time.perf_counter()
            segmenter = make(engine)
            segmenter.warm_up([size], count)
            say(f"{name}: ready after, s", f"{time.perf_counter() - begin:.1f}")
            labels = [result.labels.copy() for result in segmenter(given)]
            expected = expected or labels
            shares = [np.mean(one == other) for one, other in zip(labels, expected, strict=True)]
            say(f"{name}: least share of labels as by torch", f"{min(shares):.5f}")
            times = times_ms(partial(segmenter, given), seconds)
            rate = count * len(times) / sum(times) * 1e3
            say(f"{name}", f"{percentiles(times)}, {rate:.0f} frames/s")
            say(f"{name}: notes", segmenter.notes)
            segmenter.close()
