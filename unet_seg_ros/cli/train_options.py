# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The options of `unet-seg train` that say what is learnt, how and where; those of recipes, too."""

from __future__ import annotations

import argparse

from unet_seg_ros.cli.arguments import (
    parse_amount,
    parse_count,
    parse_counts,
    parse_size,
)
from unet_seg_ros.cli.data_spec import parse_data_spec


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them, in groups."""
    _add_data(parser.add_argument_group("what to learn from"))
    _add_unlabelled(parser.add_argument_group("pictures without labels"))
    _add_network(parser.add_argument_group("network"))
    _add_optimization(parser.add_argument_group("how to learn"))
    _add_validation(parser.add_argument_group("validation"))
    _add_hardware(parser.add_argument_group("where to run"))


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        action="append",
        type=parse_data_spec,
        metavar="SPEC",
        help="a folder of pictures with ground truth, a rosbag2 file, or the built-in town, with "
        "what is to be known of it: FOLDER[,layout=L][,label-set=S][,split=RULE][,mapping=FILE]"
        "[,share=N][,enlarge=N]; may be repeated (docs/datasets.md)",
    )
    group.add_argument(
        "--skip-bad",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="count pictures that cannot be read and go on without them",
    )
    group.add_argument(
        "--crop",
        action="append",
        type=parse_size,
        metavar="WxH",
        help="size of the crops to learn from; may be repeated: every batch has one of them "
        "(default: 320x192)",
    )
    group.add_argument(
        "--variation",
        choices=("street", "weather", "microscope", "slide", "light"),
        default="street",
        help="how crops are varied: light and some weather; night, rain, fog and low sun as well; "
        "light and which way is up; which way is up alone; or left and right only "
        "(default: %(default)s)",
    )
    for name, help_ in (
        ("rare", "share of the crops that are cut around something rare, such as 0.5"),
        ("paste", "share of the crops into which a person, sign, light or pole of another picture "
         "is pasted, such as 0.3"),
    ):  # fmt: skip
        group.add_argument(
            f"--{name}", type=parse_amount, default=0.0, help=f"{help_} (default: 0)"
        )


def _add_unlabelled(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--unlabelled",
        action="append",
        metavar="FOLDER|VIDEO|BAG",
        help="pictures to learn from without labels: what the moving average of the network, or "
        "--teacher, is sure of in a crop is learnt from the same crop varied; may be repeated",
    )
    group.add_argument(
        "--unlabelled-share",
        type=parse_amount,
        default=0.5,
        metavar="N",
        help="crops without labels in a batch, for each labelled one (default: %(default)s)",
    )
    group.add_argument(
        "--teacher",
        default="",
        metavar="CHECKPOINT",
        help="a trained network, by path or by its name in the box, that labels them; without "
        "--unlabelled, it labels what the labels of --data leave open",
    )
    group.add_argument(
        "--confidence",
        type=parse_amount,
        default=0.9,
        metavar="P",
        help="how sure it must be of a pixel (default: %(default)s)",
    )


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--label-set",
        default="",
        help="the network's classes (default: those of --init, else carla29)",
    )
    group.add_argument(
        "--preset",
        default="small",
        help="a plain network: coursera, small, medium or large (default: %(default)s)",
    )
    group.add_argument(
        "--encoder",
        default="",
        metavar="NAME",
        help="instead, a network over a pretrained encoder: efficientnet-lite0 to -lite4, "
        "or timm:NAME of those who have timm",
    )
    group.add_argument(
        "--encoder-weights",
        default="",
        metavar="WEIGHTS",
        help="what the encoder starts from: imagenet (the default; lite0 to lite2), a .safetensors "
        "or .pth file with the published names, or none",
    )
    group.add_argument(
        "--decoder",
        type=parse_counts,
        default=(),
        metavar="N,N,...",
        help="filters of the decoder's blocks over the encoder, the deepest first: five end at the "
        "size of the picture, four at half of it, three at a quarter (default: those of --init, "
        "else 64,48,32,24)",
    )
    group.add_argument(
        "--freeze-norm",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="leave means and variances of the encoder's batch normalisation as they are",
    )
    group.add_argument(
        "--input-size",
        type=parse_size,
        metavar="WxH",
        help="frames are shrunk to fit in this (default: that of --init, else 400x300)",
    )
    group.add_argument(
        "--enlarge",
        action=argparse.BooleanOptionalAction,
        help="enlarge smaller frames to fit in it as well: more detail in the pictures of small "
        "cameras, which then cost as much as large ones (default: as --init does, else not)",
    )
    group.add_argument(
        "--learn-at",
        type=parse_size,
        metavar="WxH",
        help="see pictures while learning as large as for this input size: a larger one teaches "
        "more detail (default: that of --input-size)",
    )
    group.add_argument(
        "--init",
        default="",
        metavar="CHECKPOINT",
        help="a checkpoint to start from, by path or by its name in the box, instead of an "
        "untrained network of --preset",
    )
    group.add_argument(
        "--widen",
        type=parse_count,
        default=1,
        metavar="N",
        help="start from a network with N times as many filters that computes what the one of "
        "--init does; 2 makes medium of small (default: %(default)s)",
    )


def _add_optimization(group: argparse._ArgumentGroup) -> None:
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--epochs",
        type=parse_count,
        default=40,
        help="how often as many crops are seen as there are pictures (default: %(default)s)",
    )
    length.add_argument("--steps", type=parse_count, help="how many batches, instead of --epochs")
    group.add_argument(
        "--batch-px",
        type=parse_count,
        default=160_000,
        help="about how many pixels a batch has, on each device (default: %(default)s)",
    )
    for name, default, help_ in (
        ("learning-rate", 3e-3, "the highest one"),
        ("warm-up", 0.1, "share of the steps over which the learning rate rises"),
        ("weight-decay", 1e-3, "of AdamW"),
        ("average-decay", 0.998, "of the moving average of the weights that is kept"),
        ("clip-norm", 5.0, "largest norm of a gradient"),
        ("encoder-rate", 0.1, "learning rate of an encoder in proportion; 1 for an untrained one"),
        ("dice", 0.0, "weight of the Dice loss beside the cross-entropy"),
        ("lovasz", 0.0, "weight of the Lovász-softmax loss beside the cross-entropy"),
        ("thin", 1.0, "how many times as much a pixel of parts narrower than 5 pixels counts"),
        ("max-class-weight", 3.0, "how much more a pixel of a rare class counts at most"),
    ):
        group.add_argument(
            f"--{name}", type=parse_amount, default=default, help=f"{help_} (default: %(default)s)"
        )
    group.add_argument(
        "--decline",
        choices=("cosine", "poly"),
        default="cosine",
        help="how the learning rate falls: one cycle, or poly (default: %(default)s)",
    )
    group.add_argument(
        "--blend",
        type=parse_amount,
        default=1.0,
        metavar="SHARE",
        help="how much of what was learnt the weights have at the end; the rest is as --init has "
        "it (default: %(default)s)",
    )
    group.add_argument(
        "--fit-biases",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="at the end fit the biases of the classes to pictures that were learnt from",
    )
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")


def _add_validation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--validate-every",
        type=parse_count,
        default=500,
        metavar="STEPS",
        help="steps between two validations (default: %(default)s)",
    )
    group.add_argument(
        "--validation-pictures",
        type=parse_count,
        default=100,
        metavar="N",
        help="pictures of each data set that a validation looks at; the last one looks at all "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--patience",
        type=int,
        default=0,
        metavar="N",
        help="stop after N validations without a better mIoU (default: go on)",
    )


def _add_hardware(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--accelerator", default="auto", help="cpu, cuda or auto (default)")
    group.add_argument("--devices", type=parse_count, default=1, help="a node (default: 1)")
    group.add_argument("--nodes", type=parse_count, default=1, help="machines (default: 1)")
    group.add_argument("--strategy", default="auto", help="as Lightning has them, such as ddp")
    group.add_argument(
        "--precision",
        choices=("auto", "bf16-mixed", "32-true"),
        default="auto",
        help="as Lightning calls them; auto is bf16-mixed where there is hardware for it, else "
        "32-true",
    )
    group.add_argument(
        "--compile", choices=("auto", "on", "off"), default="auto", help="auto: on CUDA only"
    )
    group.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes that read pictures, per device; 0 reads between the steps "
        "(default: %(default)s)",
    )
