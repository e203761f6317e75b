# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How fast pictures and their tags are captured: the writer alone, and with the stand-in drawing.

Pairs of 800x600 are written by `CaptureWriter` in threads and, the plain way, by one `cv2.imwrite`
after the other; then a rig of two cameras is stepped, with nothing kept and with every frame kept.
The ways take turns, so that a busy machine slows all alike. Files go to the folder for temporary
ones; CPU is that of the capturing process.

    python benchmarks/capture.py [--frames N]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NoReturn

import cv2
from machine import machine
from simulator import simulator

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.carla.client import connect
from unet_seg_ros.carla.rig import Rig, open_rig
from unet_seg_ros.carla.rig_file import load_rig
from unet_seg_ros.carla.setting import Setting
from unet_seg_ros.datasets.capture_writer import CapturedPair, CaptureWriter, begin_capture
from unet_seg_ros.process import leave

ROUNDS = 3
TIMEOUT_S = 30.0
STARTS = 8

Pair = tuple[Uint8Array, Uint8Array]
Write = Callable[[Path, Sequence[Pair]], None]


def main() -> NoReturn:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=24, help="of each way and round (default 24)")
    frames = parser.parse_args().frames
    print(f"{machine()}\n")
    with simulator() as port:
        pairs = views(port, frames)
        print_table("writer alone", writers(pairs), frames)
        print()
        print_table("with the simulator", drives(port, frames), frames)
    leave(0)


@contextlib.contextmanager
def opened(port: int, spawn_point: int) -> Iterator[Rig]:
    """Yield a rig with one camera and its twin."""
    setting = Setting(spawn_point=spawn_point)
    with open_rig(connect("127.0.0.1", port, TIMEOUT_S), load_rig("front"), setting) as rig:
        yield rig


def seen(rig: Rig) -> Pair:
    """Step the simulator and return what its cameras saw."""
    pictures = rig.tick(TIMEOUT_S).pictures
    return pictures["rgb_front"], pictures["semantic_segmentation_front"]


def views(port: int, frames: int) -> list[Pair]:
    """Return as many pairs, from different streets."""
    pairs: list[Pair] = []
    for spawn_point in range(STARTS):
        with opened(port, spawn_point) as rig:
            pairs += [seen(rig) for _ in range(-(-frames // STARTS))]
    return pairs[:frames]


def write_in_threads(folder: Path, pairs: Sequence[Pair]) -> None:
    """Write as a capture does."""
    with CaptureWriter(folder) as writer:
        for number, (image, tags) in enumerate(pairs):
            writer.add([CapturedPair({"name": str(number)}, image, tags)])


def write_plainly(folder: Path, pairs: Sequence[Pair]) -> None:
    """Write both pictures as they are, one after the other, with OpenCV's own settings."""
    for number, (image, tags) in enumerate(pairs):
        cv2.imwrite(str(folder / "rgb" / f"{number}.png"), image[..., :3])
        cv2.imwrite(str(folder / "tags" / f"{number}.png"), tags[..., :3])


def writers(pairs: Sequence[Pair]) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds and CPU seconds that every round of every writer took."""
    ways: dict[str, Write] = {"capture": write_in_threads, "cv2.imwrite": write_plainly}
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, write in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                begin_capture(Path(folder), {})
                costs[name].append(timed(lambda: write(Path(folder), pairs)))  # noqa: B023
    return costs


def drives(port: int, frames: int) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds and CPU seconds that every round took, kept or not."""
    costs: dict[str, list[tuple[float, float]]] = {"nothing kept": [], "every frame kept": []}
    names = count()
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(port, 0) as rig,
        contextlib.ExitStack() as stack,
    ):
        begin_capture(Path(folder), {})
        for _ in range(ROUNDS):
            costs["nothing kept"].append(timed(lambda: [seen(rig) for _ in range(frames)]))
            writer = stack.enter_context(CaptureWriter(Path(folder)))

            def keep(writer: CaptureWriter = writer) -> None:
                for _ in range(frames):
                    line = {"name": str(next(names))}
                    writer.add([CapturedPair(line, *seen(rig))])
                writer.close()

            costs["every frame kept"].append(timed(keep))
    return costs


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds and this process's CPU seconds that a call takes."""
    begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - begin_s, time.process_time() - begin_cpu_s


def print_table(title: str, costs: dict[str, list[tuple[float, float]]], frames: int) -> None:
    """Print pairs a second, and the CPU's time for a pair, as a Markdown table."""
    print(f"| {title} | pairs a second | CPU, ms a pair |")
    print("| --- | ---: | ---: |")
    for name, rounds in costs.items():
        wall_s, cpu_s = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"| {name} | {frames / wall_s:.1f} | {1e3 * cpu_s / frames:.1f} |")


if __name__ == "__main__":
    main()
