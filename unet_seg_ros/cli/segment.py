# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg segment`: label maps, polygons and overlays of pictures, folders and videos."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from unet_seg_ros.cli.arguments import parse_path
from unet_seg_ros.cli.engine import add_engine_arguments, make_segmenter
from unet_seg_ros.cli.progress import fault_lines, progress_bar
from unet_seg_ros.files import check_output
from unet_seg_ros.pictures.figures import VIEWS

LABELS = "labels"
OUTPUTS = (LABELS, "labelme", *VIEWS)

_DESCRIPTION = """\
Segment pictures, folders of pictures with all folders in them, and videos. Each kind of output has
a folder of its own in OUT, with files named like the pictures:

  labels         class ids, a PNG with one channel; of a video, a PNG for every frame
  labelme        polygons for labelme, JSON, beside a copy of the picture; of a video, of all frames
  overlay        the colour mask over the picture, PNG; of a video, an mp4
  color_mask     the label set's colours, PNG; of a video, an mp4
  side_by_side   picture and colour mask, PNG; of a video, an mp4

and OUT/label_set.yaml says what the class ids are. Until everything is there the folder is called
OUT.partial; interrupted with Ctrl-C, nothing is left of it.
"""
_EXAMPLES = """\
examples:
  unet-seg segment pictures masks
  unet-seg segment street.jpg masks --outputs labels side_by_side
  unet-seg segment pictures drafts --outputs labelme && labelme drafts/labelme
  unet-seg segment drive.mp4 masks --checkpoint mine.safetensors --outputs overlay --legend
  unet-seg segment pictures masks --ego-mask bonnet.png

Label maps are read back by naming them: unet-seg data check with pictures in images/ and these in
masks/ (layout images-masks). For recorded ROS drives there is `unet-seg bag segment`. Pictures that
cannot be read are listed, left out, and make the exit status 1; so does a folder that has more
other files than pictures.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "segment",
        help="segment pictures, folders of pictures and videos",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "inputs", nargs="+", type=parse_path, metavar="IN", help="pictures, folders, videos"
    )
    parser.add_argument("out", type=parse_path, metavar="OUT", help="the folder to write")
    add_engine_arguments(parser)
    parser.add_argument(
        "--outputs",
        nargs="+",
        choices=OUTPUTS,
        default=(LABELS, "overlay"),
        help="what to write: %(choices)s (default: labels overlay)",
    )
    parser.add_argument(
        "--legend", action="store_true", help="put a legend of the classes below what is not labels"
    )
    parser.add_argument(
        "--ego-mask",
        type=parse_path,
        metavar="FILE",
        help="where the pictures show the own car, which is unknown then: a PNG that is other than "
        "0 there, or polygons drawn with labelme (.json)",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Segment; return 1 where files cannot be read, or most of a folder was not taken."""
    from unet_seg_ros.datasets.ego_masks import read_ego_mask
    from unet_seg_ros.offline.segment_files import find_inputs, not_taken, segment_files

    inputs = find_inputs(options.inputs)
    ego_mask = read_ego_mask(options.ego_mask) if options.ego_mask else None
    check_output(options.out)
    segmenter = make_segmenter(options)
    name = segmenter.checkpoint.name or options.checkpoint
    with progress_bar(options.out.name, "picture") as show:
        segmented = segment_files(
            inputs, options.out, options.outputs, segmenter, options.legend, show, ego_mask
        )
    passed_over = not_taken(options.inputs)
    sentences = [item.sentence for item in passed_over]
    if options.json:
        outcome = {"folder": str(options.out), "checkpoint": name, **asdict(segmented)}
        print(json.dumps({**outcome, "not_taken": sentences}, indent=2))
    else:
        made = f"{', '.join(options.outputs)} of {segmented.pictures} pictures by {name}"
        faults = fault_lines(segmented.faults, "left out")
        print(f"{options.out}: {made}", *faults, *sentences, sep="\n")
    return 1 if segmented.faults or any(item.are_most for item in passed_over) else 0
