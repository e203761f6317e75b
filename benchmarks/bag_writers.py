# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What it costs to write a drive to a bag: our writer against those of `rosbags` and `mcap`.

A drive here is, per frame, a camera picture (bgra8), its label map (mono8) and that in colours as
a semantic camera sends it (bgra8), all 800x600. The writers take turns; CPU time is counted,
because on a small machine the network needs it. All but those of `rosbags` write checksums. Ours
waits for the disk once at the end, or ("synced") as often as the recorder does.

    python benchmarks/bag_writers.py [FOLDER_OF_PICTURES] [--frames N]

How well pictures compress decides everything: give real ones. Where they have no label maps, the
blurred gray picture rounded to eight ids stands for one.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as RosbagsWriter
from rosbags.typesys import Stores, get_typestore

from unet_seg_ros.bags.threaded import SYNC_PERIOD_S
from unet_seg_ros.bags.writer import BagWriter, Topic
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.datasets.sources import open_source
from unet_seg_ros.messages.images import Header, write_image

SIZE = (800, 600)
TOPICS = ("/image", "/labels", "/semantic")
ROUNDS = 3
DIFFERENT_PICTURES = 16
FRAME_NS = 50_000_000
FRAMES_PER_SYNC = round(SYNC_PERIOD_S * 1e9 / FRAME_NS)
IMAGE = "sensor_msgs/msg/Image"
STORE = get_typestore(Stores.LATEST)
DEFINITION = STORE.generate_msgdef(IMAGE, ros_version=2)[0]
DIGEST = STORE.hash_rihs01(IMAGE)
PALETTE = np.random.default_rng(0).integers(0, 256, (256, 4), np.uint8)

Frames = Sequence[tuple[bytes, bytes, bytes]]
Write = Callable[[Path, Frames], None]


def main() -> None:
    """Let every writer write the same drive and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", default="town", help="a folder of pictures, or town")
    parser.add_argument("--frames", type=int, default=60)
    arguments = parser.parse_args()
    frames = load_frames(arguments.source, arguments.frames)
    writers: dict[str, Write] = {
        "rosbags, zstd chunks": rosbags_writer(CompressionMode.STORAGE),
        "rosbags, plain": rosbags_writer(CompressionMode.NONE),
        "mcap, zstd": mcap_writer(CompressionType.ZSTD),
        "mcap, lz4": mcap_writer(CompressionType.LZ4),
        "mcap, plain": mcap_writer(CompressionType.NONE),
        "unet_seg_ros": write_ours,
        "unet_seg_ros, synced": partial(write_ours, sync_frames=FRAMES_PER_SYNC),
    }
    costs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in writers}
    for _ in range(ROUNDS):
        for name, write in writers.items():
            costs[name].append(measure(write, frames))
    print(f"{'writer':24}{'CPU ms/frame':>14}{'ms/frame':>12}{'MB/frame':>12}")
    for name, runs in costs.items():
        cpu_ms, wall_ms, size_mb = (statistics.median(item) for item in zip(*runs, strict=True))
        print(f"{name:24}{cpu_ms:14.1f}{wall_ms:12.1f}{size_mb:12.2f}")


def load_frames(spec: str, count: int) -> Frames:
    """Return the messages of each frame, in the order of TOPICS; the source's pictures in turn."""
    samples = itertools.cycle(itertools.islice(open_source(spec, size=SIZE), DIFFERENT_PICTURES))
    return [_messages(sample, i) for i, sample in zip(range(count), samples)]  # noqa: B905


def _messages(sample: Sample, index: int) -> tuple[bytes, bytes, bytes]:
    rgb = cv2.resize(sample.image, SIZE, interpolation=cv2.INTER_AREA)
    bgra = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA), np.uint8)
    labels = sample.labels
    if labels is None:  # something with edges like those of the picture
        labels = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        labels = np.asarray(cv2.medianBlur(labels, 15) // 32, np.uint8)
    labels = np.asarray(cv2.resize(labels, SIZE, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    header = Header(index * FRAME_NS, "camera")
    return (
        write_image(header, bgra, "bgra8"),
        write_image(header, labels, "mono8"),
        write_image(header, PALETTE[labels], "bgra8"),
    )


def measure(write: Write, frames: Frames) -> tuple[float, float, float]:
    """Return CPU milliseconds, milliseconds and megabytes per frame."""
    folder = Path(tempfile.mkdtemp())
    try:
        begin, cpu_begin = time.monotonic(), time.process_time()
        write(folder / "bag", frames)
        wall_s, cpu_s = time.monotonic() - begin, time.process_time() - cpu_begin
        size = sum(path.stat().st_size for path in (folder / "bag").iterdir())
    finally:
        shutil.rmtree(folder)
    return cpu_s * 1e3 / len(frames), wall_s * 1e3 / len(frames), size / 1e6 / len(frames)


def write_ours(path: Path, frames: Frames, sync_frames: int = 0) -> None:
    """Write with this package's writer; wait for the disk every so many frames, if not 0."""
    with BagWriter(path) as bag:
        topics = [bag.add_topic(Topic(name, IMAGE, DEFINITION, DIGEST)) for name in TOPICS]
        for i, frame in enumerate(frames):
            for topic, message in zip(topics, frame, strict=True):
                bag.write(topic, message, i * FRAME_NS)
            if sync_frames and i % sync_frames == 0:
                bag.flush()
                bag.sync()


def rosbags_writer(mode: CompressionMode) -> Write:
    """Return a function that writes with rosbags."""

    def write(path: Path, frames: Frames) -> None:
        bag = RosbagsWriter(path, version=8, storage_plugin=StoragePlugin.MCAP)
        bag.set_compression(mode, CompressionFormat.ZSTD)
        with bag:
            topics = [bag.add_connection(name, IMAGE, typestore=STORE) for name in TOPICS]
            for i, frame in enumerate(frames):
                for topic, message in zip(topics, frame, strict=True):
                    bag.write(topic, i * FRAME_NS, message)

    return write


def mcap_writer(compression: CompressionType) -> Write:
    """Return a function that writes with mcap."""

    def write(path: Path, frames: Frames) -> None:
        path.mkdir()
        with (path / "bag_0.mcap").open("wb") as stream:
            bag = McapWriter(stream, compression=compression)
            bag.start("ros2")
            schema = bag.register_schema(IMAGE, "ros2msg", DEFINITION.encode())
            topics = [bag.register_channel(name, "cdr", schema) for name in TOPICS]
            for i, frame in enumerate(frames):
                for topic, message in zip(topics, frame, strict=True):
                    bag.add_message(topic, i * FRAME_NS, message, i * FRAME_NS)
            bag.finish()

    return write


if __name__ == "__main__":
    main()
