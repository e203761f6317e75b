# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag extract`: pictures with ground truth out of a recorded drive, to train on."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from unet_seg_ros.cli.arguments import add_semantic_camera_arguments, parse_count, parse_path
from unet_seg_ros.cli.progress import fault_lines, progress_bar
from unet_seg_ros.files import check_output

if TYPE_CHECKING:
    from unet_seg_ros.datasets.bag_pictures import BagPictures

_DESCRIPTION = """\
Write the pictures of a rosbag2's cameras and the ground truth of its semantic cameras, paired by
equal stamps, as a folder that `unet-seg data check` and `unet-seg train --data` read (layout
capture, docs/datasets.md). Training on all frames needs no extraction: --data takes the bag itself.
"""
_EXAMPLES = """\
examples:
  unet-seg bag extract drive frames
  unet-seg bag extract drive frames --every 20
  unet-seg bag extract tagged_drive frames --label-set carla29

  unet-seg bag evaluate drive_masks --out evaluation          what is worst?
  unet-seg bag extract drive_masks worst --worst 50 --report evaluation/report.json
  unet-seg train --data worst ...

Damaged pictures are left out, listed, and make the exit status 1.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `extract` to the commands of `unet-seg bag`."""
    parser = commands.add_parser(
        "extract",
        help="write pictures and ground truth as a folder to train on",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bag", type=parse_path, help="a rosbag2 folder, its .mcap or .db3 file, or a ROS 1 .bag"
    )
    parser.add_argument("out", type=parse_path, metavar="FOLDER", help="the folder to write")
    add_semantic_camera_arguments(parser)
    parser.add_argument(
        "--every",
        type=parse_count,
        default=1,
        metavar="N",
        help="every Nth picture of each camera (default: all)",
    )
    parser.add_argument(
        "--worst", type=parse_count, metavar="N", help="the N pictures that --report scored worst"
    )
    parser.add_argument(
        "--report",
        type=parse_path,
        metavar="FILE",
        help="the report.json of an evaluation of this bag",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Extract; return 1 where pictures were damaged."""
    from unet_seg_ros.datasets.bag_pictures import open_bag
    from unet_seg_ros.labels.label_set import LabelSet, built_in_label_sets
    from unet_seg_ros.offline.extract import extract

    if (options.worst is None) != (options.report is None):
        raise ValueError("--worst and --report go together")
    check_output(options.out)
    given = LabelSet.load(options.label_set) if options.label_set else None
    pictures = open_bag(options.bag, given, options.camera)
    label_set = options.label_set or pictures.label_set.name
    # A file's own name may be that of one in the box, which has other classes.
    if label_set not in built_in_label_sets():
        label_set = str(Path(label_set).expanduser().resolve())  # which readers find from anywhere
    with progress_bar(pictures.name, "picture") as show:
        extracted = extract(pictures, _indices(pictures, options), options.out, label_set, show)
    if options.json:
        print(json.dumps({"folder": str(options.out), **asdict(extracted)}, indent=2))
    else:
        about = f"{extracted.pictures} pictures with ground truth of {label_set}"
        faults = fault_lines(extracted.faults, "left out")
        print(*pictures.faults, f"{options.out}: {about}", *faults, sep="\n")
    return 1 if extracted.faults else 0


def _indices(pictures: BagPictures, options: argparse.Namespace) -> list[int]:
    from unet_seg_ros.offline.extract import read_scores, worst_pictures

    if options.worst is None:
        counted = Counter[str]()
        indices = []
        for index, (picture, _) in enumerate(pictures.pairs):
            if counted[picture.topic] % options.every == 0:
                indices.append(index)
            counted[picture.topic] += 1
        return indices
    return worst_pictures(pictures, read_scores(options.report), options.worst)
