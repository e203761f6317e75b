# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Seconds from the start of a process to its first mask, and to the compiled network.

Compiled before the first frame, with an empty and a filled cache of the compiler, and in the
background, where frames come while it works: what they take then, as a multiple of what they take
afterwards. Each row is a process of its own; the node itself says the same in its log.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
from machine import machine

FRAME_SIZE = (800, 600)
PERIOD_S = 0.1
# What is measured, how the network is compiled, and with which cache of the compiler.
ROWS = (
    ("uncompiled", "off", "none"),
    ("compiled first, empty cache", "auto", "first"),
    ("compiled first", "auto", "first"),
    ("in the background, empty cache", "background", "second"),
    ("in the background", "background", "second"),
)


def serve(compile: Any, checkpoint: str) -> None:
    """Segment frames until the network is compiled, and print when and how fast that was."""
    from unet_seg_ros.inference.segmenter import Frame, Segmenter
    from unet_seg_ros.process import age_s
    from unet_seg_ros.weights import find_checkpoint

    segmenter = Segmenter.from_checkpoint(find_checkpoint(checkpoint), "cpu", compile=compile)
    segmenter.warm_up([FRAME_SIZE])
    frame = Frame(np.zeros((FRAME_SIZE[1], FRAME_SIZE[0], 4), np.uint8), "bgra")
    segmenter([frame])
    report = {"first_mask_s": age_s()}
    meanwhile_s = []
    while segmenter.is_compiling:
        meanwhile_s.append(_time_s(segmenter, frame))
        time.sleep(PERIOD_S)
    report["compiled_s"] = age_s() if segmenter.compiled else 0
    after_s = statistics.median(_time_s(segmenter, frame) for _ in range(11))
    report["frame_ms"] = 1e3 * after_s
    report["meanwhile"] = statistics.median(meanwhile_s) / after_s if meanwhile_s else 0
    print(json.dumps(report))


def _time_s(segmenter: Any, frame: Any) -> float:
    begin = time.perf_counter()
    segmenter([frame])
    return time.perf_counter() - begin


def measure(compile: str, checkpoint: str, cache: str) -> dict[str, float]:
    """Return what a process says that has this folder for the compiler's cache."""
    printed = subprocess.run(
        [sys.executable, __file__, "--serve", compile, "--checkpoint", checkpoint],
        env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache, "OMP_WAIT_POLICY": "passive"},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    report: dict[str, float] = json.loads(printed)
    return report


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoint", default="carla29-small")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.checkpoint)
        return
    print(f"{machine()}; {options.checkpoint}, frames of {FRAME_SIZE[0]}x{FRAME_SIZE[1]}")
    print(f"{'':34}{'first mask, s':>15}{'compiled, s':>13}{'frame, ms':>11}{'meanwhile':>11}")
    with tempfile.TemporaryDirectory() as caches:
        for name, compile, cache in ROWS:
            report = measure(compile, options.checkpoint, f"{caches}/{cache}")
            figures = f"{report['first_mask_s']:15.1f}{report['compiled_s'] or float('nan'):13.1f}"
            figures += f"{report['frame_ms']:11.1f}{report['meanwhile'] or float('nan'):11.1f}"
            print(name.ljust(34) + figures, flush=True)


if __name__ == "__main__":
    main()
