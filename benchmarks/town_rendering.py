# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames per second of the built-in town, picture and class ids together, on one core.

    python benchmarks/town_rendering.py [--size 800x600] [--frames 120]

Wall time is what a user waits; CPU time is what a busy machine does not inflate as much.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import cv2

from unet_seg_ros.town.camera import CameraModel
from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.town import Town
from unet_seg_ros.town.weather import WEATHERS


def main() -> None:
    """Drive once around the route in several weathers and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", default="800x600", help="WIDTHxHEIGHT (default %(default)s)")
    parser.add_argument("--frames", type=int, default=120, help="per weather (default %(default)s)")
    arguments = parser.parse_args()
    width, height = (int(n) for n in arguments.size.split("x"))
    cv2.setNumThreads(1)

    town = Town(seed=0)
    print(f"{width}x{height}, one core, {arguments.frames} frames around the whole route")
    print(f"{'weather':<18}{'wall ms':>9}{'cpu ms':>9}{'p95 ms':>9}{'frames/s':>10}")
    for name in ("clear_noon", "hard_rain_noon", "clear_night"):
        drive = Drive(town, camera=CameraModel(width, height), weather=WEATHERS[name])
        stride = drive.town.traffic.lap_s * drive.fps / arguments.frames
        drive.frame(0)
        wall, cpu = [], []
        for i in range(arguments.frames):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            drive.frame(round(i * stride))
            wall.append(1e3 * (time.perf_counter() - begin))
            cpu.append(1e3 * (time.process_time() - begin_cpu))
        slow = sorted(wall)[int(0.95 * len(wall))]
        middle = median(wall)
        print(f"{name:<18}{middle:>9.1f}{median(cpu):>9.1f}{slow:>9.1f}{1e3 / middle:>10.1f}")


if __name__ == "__main__":
    main()
