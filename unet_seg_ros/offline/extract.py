# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with ground truth out of a bag into a capture (`datasets.capture_format`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from unet_seg_ros.datasets.bag_pictures import BagPictures
from unet_seg_ros.datasets.capture_format import UNKNOWN_TOWN
from unet_seg_ros.datasets.capture_writer import (
    CapturedPair,
    CaptureWriter,
    begin_capture,
    runs_of,
)
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.files import named_when_whole
from unet_seg_ros.units import NS_PER_S

# Of frames closer to each other than this the worst one is enough.
_NEIGHBOURS_NS = NS_PER_S
_MAX_REPORT_BYTES = 1 << 28


@dataclass
class Extracted:
    """How many pictures were written, and what was wrong with each that was not."""

    pictures: int = 0
    faults: list[str] = field(default_factory=list)


def extract(
    pictures: BagPictures,
    indices: Sequence[int],
    folder: Path,
    label_set: str,
    after_picture: Callable[[int, int], None] = lambda _done, _total: None,
) -> Extracted:
    """Write pictures of a bag as a capture, which data check and training read.

    Args:
        pictures: The bag.
        indices: Which of its pictures, in the order of the drive.
        folder: What to write; its name is `<folder>.partial` until it is whole.
        label_set: What a reader is told of the tags: the name of a label set in the box, or the
            path of a file.
        after_picture: Called with how many pictures are done, and of how many.

    Raises:
        DataError: None of the pictures can be used.
        OSError: The folder exists, or cannot be written.
    """
    extracted = Extracted()
    with named_when_whole(folder) as partial:
        begin_capture(partial, {"label_set": label_set, "bag": str(pictures.bag)})
        with CaptureWriter(partial) as writer:
            times_ns = [pictures.times_ns[index] for index in indices]
            frames = zip(indices, times_ns, runs_of(times_ns), strict=True)
            for done, (index, time_ns, run) in enumerate(frames, start=1):
                try:
                    sample = pictures[index]
                except DataError as error:
                    extracted.faults.append(str(error))
                else:
                    writer.add([_pair(sample, time_ns, run)])
                    extracted.pictures += 1
                after_picture(done, len(indices))
        if not extracted.pictures:
            raise DataError(f"{pictures.bag}: none of its pictures can be used")
    return extracted


def worst_pictures(pictures: BagPictures, mious: Mapping[str, float], count: int) -> list[int]:
    """Return the positions of the `count` pictures that were scored worst, in order of the drive.

    Neighbours look alike, so one picture of a camera is taken of every second at most.

    Args:
        pictures: The bag.
        mious: The score of pictures by their names.
        count: How many.

    Raises:
        DataError: No score is of a picture of this bag.
    """
    scored = [
        (mious[name], index)
        for index, name in enumerate(map(pictures.name_of, range(len(pictures))))
        if name in mious
    ]
    if not scored:
        raise DataError(f"{pictures.bag}: the scores are of other pictures than those of this bag")
    chosen: list[int] = []
    for _, index in sorted(scored):
        if len(chosen) < count and not any(_are_neighbours(pictures, index, i) for i in chosen):
            chosen.append(index)
    return sorted(chosen)


def read_scores(report: Path) -> dict[str, float]:
    """Return the mIoU of every picture by its name, out of a `report.json` of an evaluation.

    Raises:
        DataError: It cannot be read, or is no such report.
    """
    try:
        with report.open("rb") as stream:
            document = json.loads(stream.read(_MAX_REPORT_BYTES))
        return {
            str(frame["name"]): float(frame["miou"])
            for data in document["data"]
            for frame in data["results"][0]["per_frame"]
            if frame["miou"] is not None
        }
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise DataError(f"{report}: is no report of an evaluation: {error!s:.200}") from error


def _are_neighbours(pictures: BagPictures, first: int, second: int) -> bool:
    one, other = pictures.pairs[first][0], pictures.pairs[second][0]
    apart_ns = abs(pictures.times_ns[first] - pictures.times_ns[second])
    return one.topic == other.topic and apart_ns < _NEIGHBOURS_NS


def _pair(sample: Sample, time_ns: int, run: int) -> CapturedPair:
    assert sample.labels is not None
    tags = np.zeros((*sample.labels.shape, 4), np.uint8)
    tags[..., 2] = sample.labels
    line = {
        "name": sample.name,
        "timestamp": time_ns / NS_PER_S,
        "town": UNKNOWN_TOWN,
        "run": run,
    }
    image = np.asarray(cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGRA), np.uint8)
    return CapturedPair(line, image, tags)
