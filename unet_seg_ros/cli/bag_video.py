# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag video`: a segmented drive as an mp4."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict

from unet_seg_ros.cli.arguments import parse_path
from unet_seg_ros.cli.progress import fault_lines, progress_bar
from unet_seg_ros.files import check_output
from unet_seg_ros.pictures.figures import VIEWS

_EXAMPLES = """\
examples:
  unet-seg bag segment drive drive_masks
  unet-seg bag video drive_masks drive.mp4
  unet-seg bag video drive_masks drive.mp4 --view side_by_side --legend
  unet-seg bag video surround front.mp4 --camera /carla/hero/rgb_front/image --rate 10

Damaged pictures are left out, listed, and make the exit status 1.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `video` to the commands of `unet-seg bag`."""
    parser = commands.add_parser(
        "video",
        help="write a segmented drive as an mp4",
        description="Write the pictures of a camera with their label maps as an mp4. The bag must "
        "have label maps and their legend, as the segmentation node or `unet-seg bag segment` "
        "makes them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bag", type=parse_path, help="the bag")
    parser.add_argument("out", type=parse_path, metavar="OUT.mp4", help="the video to write")
    parser.add_argument(
        "--view",
        choices=VIEWS,
        default=VIEWS[0],
        help="the colour mask over the picture, alone, or beside it (default: %(default)s)",
    )
    parser.add_argument(
        "--camera",
        "--topic",
        dest="topic",
        default="",
        metavar="TOPIC",
        help="the camera, where several have label maps",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=0.0,
        metavar="HZ",
        help="frames per second (default: as driven)",
    )
    parser.add_argument(
        "--legend", action="store_true", help="put a legend of the classes below the pictures"
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the video; return 1 where pictures were damaged."""
    from unet_seg_ros.offline.bag_video import write_video

    if options.out.suffix != ".mp4":
        raise ValueError(f"{options.out}: the name of the video must end in .mp4")
    if not 0 <= options.rate < math.inf:
        raise ValueError("--rate must be above 0")
    check_output(options.out)
    with progress_bar(options.bag.name, "frame") as show:
        filmed = write_video(
            options.bag,
            options.out,
            options.view,
            topic=options.topic,
            rate_hz=options.rate,
            legend=options.legend,
            after_frame=show,
        )
    if options.json:
        print(json.dumps({"video": str(options.out), **asdict(filmed)}, indent=2))
    else:
        about = f"{filmed.frames} frames of {filmed.camera}, {filmed.rate_hz:.1f} per second"
        print(f"{options.out}: {about}", *fault_lines(filmed.faults, "left out"), sep="\n")
    return 1 if filmed.faults else 0
