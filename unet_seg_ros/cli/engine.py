# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arguments that say which network runs on what, for the commands that segment offline."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from unet_seg_ros.cli.arguments import add_network_arguments
from unet_seg_ros.inference.options import UPSAMPLE
from unet_seg_ros.weights import AUTO, LARGE, SMALL

if TYPE_CHECKING:
    from unet_seg_ros.inference.segmenter import Segmenter

CHECKPOINT_HELP = (
    f"a checkpoint in the box by name, or a .safetensors file (default: {AUTO}, which is {LARGE} "
    f"where the network runs on CUDA and {SMALL} elsewhere)"
)


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --checkpoint, --compile, --upsample, and what `add_network_arguments` adds."""
    parser.add_argument(
        "--checkpoint",
        default=AUTO,
        metavar="NAME|FILE",
        help=CHECKPOINT_HELP,
    )
    add_network_arguments(parser)
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the network first, which takes up to a minute on the CPU and makes "
        "every frame after it faster: for long drives",
    )
    parser.add_argument(
        "--upsample",
        choices=UPSAMPLE,
        default="labels",
        help="what is enlarged to the pictures' size: labels (fast) or logits (smoother edges) "
        "(default: %(default)s)",
    )


def make_segmenter(options: argparse.Namespace) -> Segmenter:
    """Load the network as the options say.

    Raises:
        ValueError: There is no such checkpoint, or the machine cannot run it so.
    """
    from unet_seg_ros.inference.segmenter import Segmenter, choose_checkpoint

    return Segmenter.from_checkpoint(
        choose_checkpoint(options.checkpoint, options.device),
        options.device,
        options.precision,
        compile="on" if options.compile else "off",
        upsample=options.upsample,
        threads=options.threads,
        engine=options.engine,
    )
