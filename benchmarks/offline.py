# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames per second of `unet-seg bag segment`, against the engine alone on the same pictures.

    python benchmarks/offline.py [DRIVE] [--preset small] [--frames N]

The engine alone segments the decoded pictures one after the other, with nothing read, decoded or
written: no way of working off a bag is faster. The candidates take turns, so that whatever else the
machine does slows all of them. Beside time, the CPU time of a frame is given, and the most
memory that segmenting a drive, and one four times as long, takes in a process of its own.

DRIVE is a folder of pictures or the built-in town; of it, bags of 800x600 bgra8 pictures are made,
raw as MCAP and as SQLite, and as JPEG.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from machine import machine
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.sources import open_source
from unet_seg_ros.inference.segmenter import Frame, Segmenter
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, write_compressed_image, write_image
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.model.unet import PRESET_NAMES, UNet, preset
from unet_seg_ros.offline.segment_bag import BATCH, MaskSettings, segment_bag

SIZE = (800, 600)
DIFFERENT_PICTURES = 16
FRAME_NS = 50_000_000
ROUNDS = 3
RAW, JPEG = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
ENGINE = "engine alone"


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("drive", nargs="?", default="town", metavar="DRIVE")
    parser.add_argument("--preset", choices=PRESET_NAMES, default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)  # of a bag, for `peak_mib`
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    segmenter = make_segmenter(options)
    if options.peak:
        segment(options.peak, segmenter, MaskSettings())
        print(peak_of_this_process_mib())
        return
    folder = Path(tempfile.mkdtemp())
    try:
        report = measure(options, segmenter, folder)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(report, indent=2) if options.json else as_table(report))


def make_segmenter(options: argparse.Namespace) -> Segmenter:
    """Return an untrained network, which is as fast as a trained one."""
    labels = LabelSet.load("carla29")
    network = UNet(preset(options.preset, len(labels))).eval()
    return Segmenter(Checkpoint(network, labels, (400, 300)), options.device, compile="off")


def measure(options: argparse.Namespace, segmenter: Segmenter, folder: Path) -> dict[str, Any]:
    """Return all figures."""
    pictures = load_pictures(options.drive)
    frames = [
        picture
        for picture, _ in zip(itertools.cycle(pictures), range(options.frames), strict=False)
    ]
    mcap, sqlite = StoragePlugin.MCAP, StoragePlugin.SQLITE3
    raw = write_drive(folder / "raw", frames, RAW, mcap)
    in_sqlite = write_drive(folder / "sqlite", frames, RAW, sqlite)
    jpeg = write_drive(folder / "jpeg", frames, JPEG, mcap)
    png = MaskSettings(compress_labels=True)
    candidates: dict[str, Callable[[], None]] = {
        ENGINE: lambda: run_engine(frames, segmenter),
        "bag segment, raw": lambda: segment(raw, segmenter, MaskSettings()),
        "raw, labels as PNG": lambda: segment(raw, segmenter, png),
        "raw, in SQLite": lambda: segment(in_sqlite, segmenter, MaskSettings()),
        "JPEG": lambda: segment(jpeg, segmenter, MaskSettings()),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, run in candidates.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
            times[name].append((wall_s * 1e3 / len(frames), cpu_s * 1e3 / len(frames)))
    four_times = write_drive(folder / "four_times", frames * 4, RAW, mcap)
    return {
        "machine": machine(),
        "torch": torch.__version__,
        "threads": options.threads,
        "device": segmenter.device,
        "precision": segmenter.precision,
        "preset": options.preset,
        "frames": len(frames),
        "frame_ms": {
            name: {"wall": statistics.median(walls), "cpu": statistics.median(cpus)}
            for name, (walls, cpus) in (
                (name, zip(*runs, strict=True)) for name, runs in times.items()
            )
        },
        "peak_mib": {
            str(count): peak_mib(bag, options)
            for count, bag in ((len(frames), raw), (4 * len(frames), four_times))
        },
    }


def load_pictures(drive: str) -> list[Uint8Array]:
    """Return a few pictures of a drive, `(600, 800, 4)` BGRA."""
    samples = itertools.islice(open_source(drive, size=SIZE), DIFFERENT_PICTURES)
    resized = (cv2.resize(item.image, SIZE, interpolation=cv2.INTER_AREA) for item in samples)
    return [np.asarray(cv2.cvtColor(item, cv2.COLOR_RGB2BGRA), np.uint8) for item in resized]


def write_drive(
    path: Path, frames: Sequence[Uint8Array], type_name: str, storage: StoragePlugin
) -> Path:
    """Write a bag with one camera."""
    store = get_typestore(Stores.LATEST)
    topic = "/front/image/compressed" if type_name == JPEG else "/front/image"
    with Writer(path, version=8, storage_plugin=storage) as bag:
        camera = bag.add_connection(topic, type_name, typestore=store)
        for index, pixels in enumerate(frames):
            header = Header(index * FRAME_NS, "front")
            if type_name == JPEG:
                jpeg = np.asarray(cv2.imencode(".jpg", pixels[..., :3])[1], np.uint8)
                data = write_compressed_image(header, jpeg, "jpeg")
            else:
                data = write_image(header, pixels, "bgra8")
            bag.write(camera, index * FRAME_NS, data)
    return path


def run_engine(frames: Sequence[Uint8Array], segmenter: Segmenter) -> None:
    """Segment pictures in batches."""
    for start in range(0, len(frames), BATCH):
        segmenter([Frame(pixels, "bgra") for pixels in frames[start : start + BATCH]])


def segment(bag: Path, segmenter: Segmenter, settings: MaskSettings) -> None:
    """Segment a bag into one that is thrown away."""
    target = bag.with_name(f"{bag.name}_masks")
    segment_bag(bag, target, segmenter, settings)
    shutil.rmtree(target)


def peak_mib(bag: Path, options: argparse.Namespace) -> float:
    """Return the most memory that segmenting a bag takes, in a process of its own."""
    command = [sys.executable, __file__, "--peak", str(bag), "--preset", options.preset]
    command += ["--device", options.device, "--threads", str(options.threads)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def peak_of_this_process_mib() -> float:
    """Return the most memory that was resident at a time."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def as_table(report: dict[str, Any]) -> str:
    """Return the report for people."""
    engine = report["frame_ms"][ENGINE]
    lines = [
        f"{report['machine']}, {report['threads']} threads, torch {report['torch']}",
        f"preset {report['preset']} on {report['device']} in {report['precision']}, "
        f"{report['frames']} frames of {SIZE[0]}x{SIZE[1]}, medians",
        "",
        f"{'':24}{'frames/s':>10}{'of engine':>11}{'CPU ms':>9}{'of engine':>11}",
    ]
    for name, ms in report["frame_ms"].items():
        lines.append(
            f"{name:24}{1e3 / ms['wall']:10.1f}{engine['wall'] / ms['wall']:11.2f}"
            f"{ms['cpu']:9.1f}{ms['cpu'] / engine['cpu']:11.2f}"
        )
    lines += [
        f"{mib:.0f} MiB resident, {frames} frames" for frames, mib in report["peak_mib"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
