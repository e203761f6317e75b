# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the sections of gpu.py share: pictures, networks, clocks."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.inference.device_errors import first_line
from unet_seg_ros.inference.segmenter import Frame, Request
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.weights import checkpoint_for, find_checkpoint

Say = Callable[[str, object], None]
"""Called with each fact, a name and a value, as soon as it is known."""


def load(name: str = "") -> Checkpoint:
    """Return a checkpoint in the box, by default the one that `auto` means on CUDA."""
    return load_checkpoint(find_checkpoint(name) if name else checkpoint_for("cuda:0"))


def picture(size: Size, seed: int = 0) -> Uint8Array:
    """Return blurred noise, `(H, W, 4)` uint8 BGRA."""
    width, height = size
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height // 40 + 2, width // 40 + 2, 4), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def frames(size: Size, count: int) -> list[Frame]:
    """Return so many different frames."""
    return [Frame(picture(size, seed), "bgra") for seed in range(count)]


def everything(checkpoint: Checkpoint) -> Request:
    """Return the request for every mask that there is."""
    return Request(True, True, True, checkpoint.label_set.groups)


def wait(device: str) -> None:
    """Wait for what a device does."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def times_ms(work: Callable[[], object], seconds: float, least: int = 5) -> list[float]:
    """Return how long `work` takes, over and over for about `seconds`, sorted."""
    times: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(times) < least:
        begin = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - begin))
    return sorted(times)


def percentiles(times: list[float]) -> str:
    """Return p50, p95 and p99 of sorted times, and the longest."""
    p50, p95, p99 = (times[int(share * (len(times) - 1))] for share in (0.5, 0.95, 0.99))
    return f"p50 {p50:.2f}  p95 {p95:.2f}  p99 {p99:.2f}  max {times[-1]:.2f} ms"


def attempt(work: Callable[[], object]) -> str:
    """Return "ok", or how `work` failed."""
    try:
        work()
    except Exception as error:
        return f"{type(error).__name__}: {first_line(error)}"
    return "ok"
