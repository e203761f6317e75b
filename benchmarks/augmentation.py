# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures per second of albumentations against kornia, doing the same to the same pictures.

Both cut a 320x192 crop from a 480x360 picture and its label map, mirror it, and change it by the
effects that both have, each as often as the other. kornia gets batches of 16, albumentations one
picture at a time, as each is meant to be used. They take turns; the figures are medians. On a
CPU both have one core, since a training needs the others. On CUDA, kornia's time includes the
way of the pictures to the device.

`everything` is the pipeline that trainings use (`training/augmentation.py`), without the crop.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import cv2
import kornia.augmentation as K
import numpy as np
import numpy.typing as npt
import torch
from machine import machine

from unet_seg_ros.training.augmentation import Augmentation

PICTURE_SIZE = (480, 360)
CROP_SIZE = (320, 192)
BATCH = 16

Uint8Array = npt.NDArray[np.uint8]
# Works on BATCH pictures.
Candidate = Callable[[Uint8Array, Uint8Array], object]


def with_albumentations() -> Candidate:
    """Return the pipeline in albumentations, picture by picture."""
    # Here, so that unet_seg_ros has kept it from asking for its newest version.
    import albumentations as A  # type: ignore[import-untyped]

    width, height = CROP_SIZE
    pipeline = A.Compose([
        A.RandomResizedCrop((height, width), scale=(0.4, 1.0), ratio=(5 / 3, 5 / 3), p=1),
        A.HorizontalFlip(p=0.5),
        A.RandomRain(p=0.1),
        A.GaussianBlur(blur_limit=5, sigma_limit=(0.3, 1.0), p=0.1),
        A.MotionBlur(blur_limit=(3, 5), p=0.1),
        A.PlanckianJitter(p=0.3),
        A.ColorJitter((0.75, 1.2), (0.75, 1.2), (0.6, 1.4), (-0.03, 0.03), p=0.7),
        A.RandomGamma((70, 140), p=0.4),
        A.GaussNoise(std_range=(0.02, 0.02), p=0.2),
        A.ImageCompression(quality_range=(40, 90), p=0.2),
    ], seed=0)  # fmt: skip

    def run(pictures: Uint8Array, labels: Uint8Array) -> object:
        return [
            pipeline(image=image, mask=mask) for image, mask in zip(pictures, labels, strict=True)
        ]

    return run


def with_kornia(device: str) -> Candidate:
    """Return the pipeline in kornia, a batch at a time, uint8 in and out."""
    width, height = CROP_SIZE
    pipeline = K.AugmentationSequential(
        K.RandomResizedCrop((height, width), scale=(0.4, 1.0), ratio=(5 / 3, 5 / 3), p=1),
        K.RandomHorizontalFlip(p=0.5),
        K.RandomRain(drop_height=(24, 24), drop_width=(-5, 5), number_of_drops=(64, 64), p=0.1),
        K.RandomGaussianBlur((5, 5), (0.3, 1.0), p=0.1),
        K.RandomMotionBlur((3, 5), 90.0, 1.0, p=0.1),
        K.RandomPlanckianJitter(p=0.3),
        K.ColorJiggle((0.75, 1.2), (0.75, 1.2), (0.6, 1.4), (-0.03, 0.03), p=0.7),
        K.RandomGamma((0.7, 1.4), p=0.4),
        K.RandomGaussianNoise(std=0.02, p=0.2),
        K.RandomJPEG((40, 90), p=0.2),
        data_keys=["input", "mask"],
        same_on_batch=False,
    ).to(device)

    def run(pictures: Uint8Array, labels: Uint8Array) -> object:
        images = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
        masks = torch.from_numpy(labels).to(device)[:, None].float()
        images, masks = pipeline(images, masks)
        result = (images.clamp(0, 1) * 255).byte(), masks.byte()
        if device != "cpu":
            torch.cuda.synchronize()
        return result

    return run


def everything() -> Candidate:
    """Return what trainings do to a crop."""
    augmentation = Augmentation("street")
    rng = np.random.default_rng(0)
    width, height = CROP_SIZE

    def run(pictures: Uint8Array, labels: Uint8Array) -> object:
        return [
            augmentation(image[:height, :width], mask[:height, :width], rng)
            for image, mask in zip(pictures, labels, strict=True)
        ]

    return run


def measure(found: dict[str, Candidate], seconds: float) -> dict[str, float]:
    """Let the candidates take turns for about `seconds`; return median milliseconds a picture."""
    width, height = PICTURE_SIZE
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (BATCH, height // 20, width // 20, 3), dtype=np.uint8)
    pictures = np.stack([
        cv2.resize(picture, PICTURE_SIZE, interpolation=cv2.INTER_CUBIC) for picture in coarse
    ]).astype(np.uint8, copy=False)  # fmt: skip
    labels = pictures[..., 0] // 20
    times_ms: dict[str, list[float]] = {name: [] for name in found}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(next(iter(times_ms.values()))) < 5:
        for name, candidate in found.items():
            start = time.perf_counter()
            candidate(pictures, labels)
            times_ms[name].append(1e3 * (time.perf_counter() - start) / BATCH)
    return {name: statistics.median(times) for name, times in times_ms.items()}


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    found = {"kornia": with_kornia("cpu"), "albumentations": with_albumentations()}
    if torch.cuda.is_available():
        found["kornia, cuda"] = with_kornia("cuda")
    found["everything"] = everything()
    report: dict[str, Any] = {
        "machine": machine(),
        "albumentations": version("albumentations"),
        "kornia": version("kornia"),
        "median_ms": measure(found, options.seconds),
    }
    print(json.dumps(report, indent=2) if options.json else as_table(report))


def as_table(report: dict[str, Any]) -> str:
    """Return the report for people."""
    lines = [
        f"{report['machine']}, one core",
        f"albumentations {report['albumentations']}, kornia {report['kornia']}; "
        f"{'x'.join(map(str, PICTURE_SIZE))} to {'x'.join(map(str, CROP_SIZE))}, medians",
        "",
        f"{'':20}{'pictures/s':>12}{'ms':>10}{'ratio':>8}",
    ]
    reference = report["median_ms"]["kornia"]
    for name, ms in report["median_ms"].items():
        lines.append(f"{name:20}{1e3 / ms:12.1f}{ms:10.2f}{reference / ms:8.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
