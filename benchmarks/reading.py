# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures per second of training steps whose batches are read from files, against one in memory.

Both are steps of the trainer; one gets its batches from the training loader, which reads, crops and
varies pictures in processes beside the training, the other gets one batch over and over. They take
turns, a few steps each. A turn begins with steps that are not measured: in them the loader finishes
what it makes ahead, or the training takes what was made ahead meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from machine import machine
from torch import nn

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.datasets.town import TownViews
from unet_seg_ros.labels.label_set import UNKNOWN_ID
from unet_seg_ros.model.checkpoint import Normalization
from unet_seg_ros.model.unet import PRESET_NAMES, UNet, preset
from unet_seg_ros.training.crops import TrainingSet
from unet_seg_ros.training.hardware import launch
from unet_seg_ros.training.recipe import Hardware
from unet_seg_ros.training.trainer import Learner, Optimization
from unet_seg_ros.training.views import Batch, training_loader

INPUT_SIZE = (400, 300)
CROP_SIZE = (384, 288)
# More than the loader makes ahead.
UNMEASURED_STEPS = 4
TOWN_PICTURES = 30


def draw_town(folder: Path) -> LabelledPictures:
    """Write pictures of the built-in town and open them as any other data set."""
    for name in ("images", "masks"):
        (folder / name).mkdir()
    views = TownViews(count=TOWN_PICTURES)
    for number in range(len(views)):
        sample = views[number]
        cv2.imwrite(str(folder / f"images/{number}.png"), sample.image[..., ::-1])
        cv2.imwrite(str(folder / f"masks/{number}.png"), np.asarray(sample.labels))
    return open_dataset(str(folder), label_set="carla29")


def endless_batches(pictures: LabelledPictures, count: int, workers: int) -> Iterator[Batch]:
    """Return the training loader's batches of `count` pictures."""
    rows = np.arange(UNKNOWN_ID + 1, dtype=np.uint8)
    loader = training_loader(
        [TrainingSet(pictures, range(len(pictures)), rows)],
        crops=[CROP_SIZE],
        input_size=INPUT_SIZE,
        batch_px=count * CROP_SIZE[0] * CROP_SIZE[1],
        seed=0,
        first_step=0,
        steps=1_000_000,
        workers=workers,
    )
    return iter(loader)


def new_learner(network: str, classes: int) -> Learner:
    """Return a learner as the trainer uses it, on the best device there is."""
    return Learner(
        launch(Hardware()),
        UNet(preset(network, classes)),
        nn.CrossEntropyLoss(ignore_index=UNKNOWN_ID),
        Normalization(),
        Optimization(steps=1_000_000),
    )


def measure(
    learner: Learner, read: Iterator[Batch], turns: int, steps: int
) -> dict[str, list[float]]:
    """Let both take turns of `steps` measured steps; return the seconds of every step."""
    sources = {"one batch in memory": itertools.repeat(next(read)), "training loader": read}
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    for _ in range(turns):
        for name, batches in sources.items():
            for number in range(UNMEASURED_STEPS + steps):
                start = time.perf_counter()
                float(learner.learn(*next(batches)))
                if number >= UNMEASURED_STEPS:
                    seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="default: pictures of the built-in town, written as PNG")
    parser.add_argument("--label-set", default="", help="of --data, where it does not tell")
    parser.add_argument("--preset", choices=PRESET_NAMES, default="small")
    parser.add_argument("--batch", type=int, default=2, help="pictures in a batch")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--steps", type=int, default=15, help="measured steps in a turn")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        pictures = (
            open_dataset(options.data, label_set=options.label_set)
            if options.data
            else draw_town(Path(folder))
        )
        learner = new_learner(options.preset, len(pictures.label_set))
        read = endless_batches(pictures, options.batch, options.workers)
        seconds = measure(learner, read, options.turns, options.steps)
    report: dict[str, Any] = {
        "machine": torch.cuda.get_device_name() if torch.cuda.is_available() else machine(),
        "torch": torch.__version__,
        "data": pictures.name if options.data else f"town, {TOWN_PICTURES} PNG files of 800x600",
        "preset": options.preset,
        "batch": options.batch,
        "workers": options.workers,
        "pictures_per_s": {
            name: options.batch / statistics.mean(values) for name, values in seconds.items()
        },
    }
    print(json.dumps(report, indent=2) if options.json else as_table(report))


def as_table(report: dict[str, Any]) -> str:
    """Return the report for people."""
    width, height = CROP_SIZE
    lines = [
        f"{report['machine']}, torch {report['torch']}",
        f"{report['preset']}, {report['batch']} pictures of {width}x{height}, {report['workers']} "
        f"workers, {report['data']}; means",
        "",
        f"{'':24}{'pictures/s':>12}{'ratio':>8}",
    ]
    fastest = report["pictures_per_s"]["one batch in memory"]
    for name, value in report["pictures_per_s"].items():
        lines.append(f"{name:24}{value:12.2f}{value / fastest:8.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
