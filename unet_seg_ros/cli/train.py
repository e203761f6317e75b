# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg train`: from pictures with ground truth to a checkpoint with its model card."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from unet_seg_ros.cli.arguments import parse_size
from unet_seg_ros.labels import LabelSet

_EXAMPLES = """\
examples:
  unet-seg train --data carla_town02 --data town --out carla29-small.safetensors
  unet-seg train --data carla_town02 --init carla29-small.safetensors --out better.safetensors
  unet-seg train --data town --town-pictures 500 --steps 1000 --out town.safetensors

Ctrl-C ends the training early; what was learnt until then is scored and saved.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "train",
        help="train a network on pictures with ground truth",
        description="Train a U-Net on pictures with ground truth, hold blocks of consecutive "
        "frames apart, score the network on them, and write the checkpoint and its model card.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="FOLDER|town",
        help="a folder of pictures with ground truth, or the built-in town; may be repeated",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write"
    )
    parser.add_argument(
        "--label-set", default="carla29", help="the network's classes (default: %(default)s)"
    )
    parser.add_argument(
        "--preset",
        default="small",
        help="the network: coursera, small, medium or large (default: %(default)s)",
    )
    parser.add_argument(
        "--input-size",
        type=parse_size,
        default=(400, 300),
        metavar="WxH",
        help="frames are shrunk to fit in this (default: 400x300)",
    )
    parser.add_argument(
        "--steps", type=int, default=4000, help="batches to train on (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-pixels",
        type=int,
        default=160_000,
        help="about how many pixels a batch has (default: %(default)s)",
    )
    parser.add_argument(
        "--town-pictures",
        type=int,
        default=1500,
        help="how many pictures of the town to train on (default: %(default)s)",
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=3e-3,
        help="the highest one of the schedule (default: %(default)s)",
    )
    parser.add_argument(
        "--max-class-weight",
        type=float,
        default=3.0,
        help="how much more a pixel of a rare class may count (default: %(default)s)",
    )
    parser.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="a checkpoint to start from, instead of an untrained network of --preset",
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train as the options say; return the exit status."""
    from unet_seg_ros.model.checkpoint import load_checkpoint
    from unet_seg_ros.training import recipe
    from unet_seg_ros.training.trainer import Schedule

    if options.out.suffix != ".safetensors":
        raise ValueError(f"{options.out}: a checkpoint's name must end in .safetensors")
    checkpoint = recipe.run(
        recipe.Recipe(
            data=options.data,
            label_set=LabelSet.load(options.label_set),
            preset=options.preset,
            input_size=options.input_size,
            schedule=Schedule(options.steps, options.learning_rate),
            batch_pixels=options.batch_pixels,
            town_pictures=options.town_pictures,
            seed=options.seed,
            max_class_weight=options.max_class_weight,
            start=load_checkpoint(options.init) if options.init else None,
            out=options.out,
            command=shlex.join(["unet-seg", *sys.argv[1:]]),
        )
    )
    for name, figures in checkpoint.metrics.items():
        print(
            f"{name}: mIoU {figures['miou']:.3f}, pixel accuracy {figures['pixel_accuracy']:.3f} "
            f"on {figures['frames']} pictures held apart"
        )
    print(f"wrote {options.out} and {options.out.with_suffix('.md')}")
    return 0
