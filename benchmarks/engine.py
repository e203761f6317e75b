# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames per second of the engine against what a typical wrapper around a U-Net does.

All candidates segment the same 800x600 BGRA frame with the same network and take turns, so that
whatever else the machine does slows all of them; the figures are medians.

The typical wrapper: shrink with OpenCV, to float32 tensor, normalise, network in evaluation mode,
logits resized to camera size, argmax, to numpy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from machine import machine

from unet_seg_ros.inference.options import Precision
from unet_seg_ros.inference.segmenter import Frame, Segmenter, cpu_has_bfloat16
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint
from unet_seg_ros.model.unet import PRESET_NAMES, UNet, preset
from unet_seg_ros.pictures.geometry import network_size
from unet_seg_ros.weights import find_checkpoint

FRAME_SIZE = (800, 600)

Candidate = Callable[[npt.NDArray[np.uint8]], object]


def typical_wrapper(checkpoint: Checkpoint) -> Candidate:
    """Return plain eager float32 PyTorch from a BGRA frame to a label map at camera size."""
    mean = torch.tensor(checkpoint.normalization.mean).view(1, 3, 1, 1)
    std = torch.tensor(checkpoint.normalization.std).view(1, 3, 1, 1)
    small = network_size(FRAME_SIZE, checkpoint.input_size, checkpoint.enlarge)

    @torch.inference_mode()
    def segment(bgra: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        height, width = bgra.shape[:2]
        rgb = cv2.cvtColor(
            cv2.resize(bgra, small, interpolation=cv2.INTER_AREA), cv2.COLOR_BGRA2RGB
        )
        image = torch.from_numpy(rgb).permute(2, 0, 1).contiguous().float().unsqueeze(0) / 255
        logits = checkpoint.model((image - mean) / std)
        logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        return logits.argmax(1)[0].numpy().astype(np.uint8)

    return segment


def engine(checkpoint: Checkpoint, device: str, precision: Precision, compile: bool) -> Candidate:
    """Return the engine, warmed up."""
    segmenter = Segmenter(checkpoint, device, precision, "on" if compile else "off")
    segmenter.warm_up([FRAME_SIZE])
    return lambda bgra: segmenter([Frame(bgra, "bgra")])


def candidates(checkpoint: Checkpoint) -> dict[str, Candidate]:
    """Return everything that this machine can run, the typical wrapper first."""
    found = {"typical wrapper": typical_wrapper(checkpoint)}
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    for precision in precisions:
        for compile in (False, True):
            name = f"engine, {precision}{', compiled' if compile else ''}"
            found[name] = engine(checkpoint, "cpu", precision, compile)
    if torch.cuda.is_available():
        for precision in (*precisions, "float16"):
            found[f"engine, cuda, {precision}"] = engine(checkpoint, "cuda", precision, False)
    return found


def measure(found: dict[str, Candidate], seconds: float) -> dict[str, float]:
    """Let the candidates take turns for about `seconds`; return median milliseconds a frame."""
    rng = np.random.default_rng(0)
    frame = cv2.resize(
        rng.integers(0, 256, (30, 40, 4), dtype=np.uint8), FRAME_SIZE, interpolation=cv2.INTER_CUBIC
    ).astype(np.uint8, copy=False)
    times_ms: dict[str, list[float]] = {name: [] for name in found}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(times_ms["typical wrapper"]) < 5:
        for name, candidate in found.items():
            # Twice, and the second counts: the one before it leaves the caches to it.
            candidate(frame)
            start = time.perf_counter()
            candidate(frame)
            times_ms[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(times) for name, times in times_ms.items()}


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoint", help="default: the preset, untrained (speed is the same)")
    parser.add_argument("--preset", choices=PRESET_NAMES, default="small")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    label_set = LabelSet.load("carla29")
    checkpoint = (
        load_checkpoint(find_checkpoint(options.checkpoint))
        if options.checkpoint
        else Checkpoint(UNet(preset(options.preset, len(label_set))).eval(), label_set, (400, 300))
    )
    median_ms = measure(candidates(checkpoint), options.seconds)
    report: dict[str, Any] = {
        "machine": machine(),
        "torch": torch.__version__,
        "threads": options.threads,
        "network": options.checkpoint or options.preset,
        "frame_size": FRAME_SIZE,
        "bfloat16_in_hardware": cpu_has_bfloat16(),
        "median_ms": median_ms,
    }
    print(json.dumps(report, indent=2) if options.json else as_table(report))


def as_table(report: dict[str, Any]) -> str:
    """Return the report for people."""
    width, height = report["frame_size"]
    lines = [
        f"{report['machine']}, {report['threads']} threads, torch {report['torch']}",
        f"network {report['network']}, frames of {width}x{height}, medians",
        "",
        f"{'':32}{'frames/s':>10}{'ms':>10}{'ratio':>8}",
    ]
    slowest = report["median_ms"]["typical wrapper"]
    for name, ms in report["median_ms"].items():
        lines.append(f"{name:32}{1e3 / ms:10.1f}{ms:10.1f}{slowest / ms:8.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
