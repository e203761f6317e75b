# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag`: work on recorded drives, without a ROS installation."""

from __future__ import annotations

import argparse

from unet_seg_ros.cli import bag_evaluate, bag_extract, bag_repair, bag_segment, bag_video

_EXAMPLES = """\
A bag is a rosbag2 folder, one of its files (.mcap, .db3), or a ROS 1 .bag.

examples:
  unet-seg bag segment drive drive_masks
  unet-seg bag video drive_masks drive.mp4
  unet-seg bag evaluate drive_masks
  unet-seg bag extract drive frames --worst 50 --report evaluation/report.json
  unet-seg bag repair drive.partial
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `bag` and its commands to `unet-seg`."""
    parser = commands.add_parser(
        "bag",
        help="segment, score, extract, show and repair recorded drives",
        description="Work on recorded drives, without a ROS installation.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (bag_segment, bag_evaluate, bag_extract, bag_video, bag_repair):
        command.add_parser(subcommands)
