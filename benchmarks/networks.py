# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What networks cost: milliseconds of the engine for an 800x600 frame, as ratios to the first one.

    python benchmarks/networks.py small@400x300 efficientnet-lite0@448x336 mine.safetensors

A network is a preset or an encoder, untrained (speed is the same), or a checkpoint, each at an
input size; behind an encoder, `:64,48,32,24` says the decoder's filters. All segment the same frame
with the compiled engine and take turns. With --processor-time the time that the machine gives to
others does not count; then it is one thread that is measured.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np
import torch
from engine import FRAME_SIZE, Candidate, engine
from machine import machine

from unet_seg_ros.inference.options import Precision
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint
from unet_seg_ros.model.encoder_unet import EncoderUNetConfig
from unet_seg_ros.model.networks import NetworkConfig, make_network
from unet_seg_ros.model.unet import PRESET_NAMES, preset
from unet_seg_ros.pictures.geometry import parse_size
from unet_seg_ros.weights import find_checkpoint

DEFAULT = ["small@400x300", "efficientnet-lite0@448x336", "efficientnet-lite0@512x384"]


def checkpoint_of(text: str) -> Checkpoint:
    """Return the checkpoint that an argument names, or one of an untrained network."""
    name, _, size = text.partition("@")
    label_set = LabelSet.load("carla29")
    network = _config(name, len(label_set))
    if network is None:
        checkpoint = load_checkpoint(find_checkpoint(name))
    else:
        checkpoint = Checkpoint(make_network(network).eval(), label_set, (400, 300))
    if size:
        checkpoint.input_size = parse_size(size)
    return checkpoint


def _config(name: str, classes: int) -> NetworkConfig | None:
    if name in PRESET_NAMES:
        return preset(name, classes)
    encoder, _, decoder = name.partition(":")
    if not encoder.startswith("efficientnet"):
        return None
    if not decoder:
        return EncoderUNetConfig(classes, encoder)
    return EncoderUNetConfig(classes, encoder, tuple(int(part) for part in decoder.split(",")))


def measure(
    candidates: dict[str, Candidate], seconds: float, processor_time: bool
) -> dict[str, float]:
    """Let the candidates take turns for about `seconds`; return median milliseconds a frame."""
    clock = time.process_time if processor_time else time.perf_counter
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 4), dtype=np.uint8)
    frame = cv2.resize(noise, FRAME_SIZE, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    times_ms: dict[str, list[float]] = {name: [] for name in candidates}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, candidate in candidates.items():
            # Twice, and the second counts: the one before it leaves the caches to it.
            candidate(frame)
            start = clock()
            candidate(frame)
            times_ms[name].append(1e3 * (clock() - start))
    return {name: statistics.median(times) for name, times in times_ms.items()}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=DEFAULT, metavar="NETWORK[@WxH]")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--processor-time", action="store_true")
    options = parser.parse_args()

    threads = 1 if options.processor_time else options.threads
    torch.set_num_threads(threads)
    is_cpu = options.device == "cpu"
    precision: Precision = options.precision or ("bfloat16" if is_cpu else "float16")
    candidates = {
        name: engine(checkpoint_of(name), options.device, precision, compile=is_cpu)
        for name in options.networks
    }
    median_ms = measure(candidates, options.seconds, options.processor_time)
    print(f"{machine()}, {threads} threads, torch {torch.__version__}, {precision}")
    for name, ms in median_ms.items():
        print(f"{name:48}{ms:8.1f} ms{ms / median_ms[options.networks[0]]:8.2f}")


if __name__ == "__main__":
    main()
