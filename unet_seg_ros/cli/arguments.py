# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Command line arguments that several commands have, and their types."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from unet_seg_ros.inference.options import ENGINES, PRECISIONS
from unet_seg_ros.pictures import geometry


def parse_size(text: str) -> geometry.Size:
    """Return the (width, height) that `text` says, for example 800x600."""
    try:
        return geometry.parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse_path(text: str) -> Path:
    """Return the path that `text` says; a shell leaves ~ as it is after = and in quotes."""
    return Path(text).expanduser()


def parse_count(text: str) -> int:
    """Return the whole number from 1 on that `text` says."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def parse_amount(text: str) -> float:
    """Return the number from 0 on that `text` says."""
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return amount


def parse_counts(text: str) -> tuple[int, ...]:
    """Return the whole numbers from 1 on that `text` says, for example 96,64,32."""
    return tuple(parse_count(part) for part in text.split(","))


def parse_port(text: str) -> int:
    """Return the port that `text` says."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a number from 1 to 65535")
    return int(text)


def add_ego_mask_argument(parser: argparse.ArgumentParser, effect: str) -> None:
    """Add --ego-mask for cameras; `effect` says what comes of the own car."""
    parser.add_argument(
        "--ego-mask",
        nargs="+",
        default=(),
        metavar="[CAMERA=]FILE",
        help=f"where the cameras see the own car, {effect}: a PNG that is other than 0 there, or "
        "polygons drawn with labelme (.json)",
    )


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --limit, --ego-mask, --out, --json, and what `add_network_arguments` adds."""
    parser.add_argument(
        "--limit",
        type=parse_count,
        metavar="N",
        help="only N pictures of a data set, evenly spread (default: all)",
    )
    add_ego_mask_argument(parser, "which is not scored")
    add_network_arguments(parser)
    parser.add_argument(
        "--out",
        type=parse_path,
        default=Path("evaluation"),
        metavar="FOLDER",
        help="where the report goes; an earlier one is replaced (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print report.json")


def add_semantic_camera_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --label-set and --camera, for the semantic cameras of a bag."""
    parser.add_argument(
        "--label-set",
        default="",
        metavar="NAME|FILE",
        help="what the semantic cameras show (default: told by their colours)",
    )
    parser.add_argument(
        "--camera",
        nargs="+",
        default=(),
        metavar="TOPIC[:SEMANTIC]",
        help="the cameras, where the bag has several, each with the semantic camera that shows the "
        "same where their names do not tell (default: all whose names tell)",
    )


NETWORK_OPTIONS = ("device", "precision", "engine", "threads")


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --device, --precision, --engine and --threads."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="of the network (default: what the node takes on this machine)",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="torch",
        help="what runs the network: torch, or on CUDA tensorrt by ONNX Runtime, which takes "
        "minutes for each new size of pictures first: for long drives (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=parse_count,
        default=0,
        metavar="N",
        help="of the CPU (default: as many as its cores, its affinity and a container's quota "
        "allow)",
    )
