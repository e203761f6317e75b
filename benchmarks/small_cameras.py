# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network finds in pictures of small cameras, as they are and enlarged to its input size.

    python benchmarks/small_cameras.py --data DATA/carla_weathers,only=Town05

Every picture is shrunk to the width of each camera, and its truth with it. One checkpoint,
carla29-small unless another is named, segments both ways in float32.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from machine import machine

from unet_seg_ros.cli.data_spec import parse_data_spec
from unet_seg_ros.datasets.samples import LabelledPictures, Sample
from unet_seg_ros.evaluation.evaluation import evaluate
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.model.checkpoint import load_checkpoint
from unet_seg_ros.pictures.geometry import enlarge_labels, shrink
from unet_seg_ros.weights import SMALL, find_checkpoint

_SHOWN = ("Roads", "RoadLine", "Pedestrian", "Car")


class _Shrunk:
    """Pictures as a camera of another width would see them."""

    def __init__(self, pictures: LabelledPictures, width: int) -> None:
        self._pictures, self._width = pictures, width

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pictures, name)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        sample = self._pictures[index]
        assert sample.labels is not None
        height, width = sample.labels.shape
        if width < self._width:
            raise SystemExit(f"{sample.name} is {width} pixels wide: give smaller --widths")
        size = (self._width, round(height * self._width / width))
        labels = enlarge_labels(sample.labels, size)
        return dataclasses.replace(sample, image=shrink(sample.image, size), labels=labels)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=parse_data_spec, required=True, help="pictures with truth")
    parser.add_argument("--checkpoint", default=SMALL, help="(default: %(default)s)")
    parser.add_argument("--widths", type=int, nargs="+", default=[160, 240, 320, 400])
    options = parser.parse_args()
    checkpoint = load_checkpoint(find_checkpoint(options.checkpoint))
    segmenters = [
        Segmenter(dataclasses.replace(checkpoint, enlarge=enlarge), "cpu", "float32", "off")
        for enlarge in (False, True)
    ]
    pictures = options.data.open()
    print(f"{checkpoint.name} on {len(pictures)} pictures of {pictures.name}; {machine()}\n")
    print(f"| camera | | pixel accuracy, mIoU | {', '.join(_SHOWN)} |\n| --- | --- | --- | --- |")
    for width in options.widths:
        shrunk = _Shrunk(pictures, width)
        measured = evaluate(segmenters, shrunk, range(len(shrunk)))
        for how, result in zip(("as it is", "enlarged"), measured.results, strict=True):
            counted = result.counts.matrix
            ious = counted.per_class_iou()
            shown = ", ".join(f"{ious[measured.label_set.class_id(n)]:.2f}" for n in _SHOWN)
            figures = f"{counted.pixel_accuracy():.3f}, {counted.mean_iou():.3f}"
            print(f"| {width} wide | {how} | {figures} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
