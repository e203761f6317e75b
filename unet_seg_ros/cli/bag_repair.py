# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag repair`: complete a bag whose recording was cut off."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

_NS_PER_S = 1_000_000_000
_DESCRIPTION = """\
Complete a bag whose recording was cut off, by a kill, a crash or a power cut: everything up to the
last whole chunk is kept, the index and metadata.yaml are written. A folder DRIVE.partial is DRIVE
afterwards. Works for what `ros2 bag record` leaves (MCAP), too. Files are completed where they are;
nothing of a bag is changed unless all of it can be repaired.
"""
_EXAMPLES = """\
examples:
  unet-seg bag repair drive.partial
  unet-seg bag repair rosbag2_2026_01_31-12_00_00      # of ros2 bag record
  unet-seg bag repair drive_0.mcap --json
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `repair` to the commands of `unet-seg bag`."""
    parser = commands.add_parser(
        "repair",
        help="complete a bag whose recording was cut off",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bag", type=Path, help="a rosbag2 folder, or one .mcap file")
    parser.add_argument(
        "--force",
        action="store_true",
        help="cut off also where far more is lost than an interrupted recording leaves",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Repair and say what was kept and what was lost."""
    from unet_seg_ros.bags.repair import repair

    repaired = repair(args.bag, may_cut_much=args.force)
    entry = repaired.entry
    duration_s = (entry.end_ns - entry.start_ns) / _NS_PER_S
    if args.json:
        outcome = {
            "path": str(repaired.path),
            "messages": entry.message_count,
            "duration_s": duration_s,
            "topics": {topic.name: topic.message_count for topic in entry.topics},
            "completed_files": list(repaired.completed),
            "cut_bytes": repaired.cut_bytes,
        }
        print(json.dumps(outcome, indent=2))
        return 0
    for topic in entry.topics:
        print(f"{topic.message_count:8} {topic.name}")
    print(f"{repaired.path}: {entry.message_count} messages, {duration_s:.1f} s")
    if repaired.completed:
        print(
            f"completed {', '.join(repaired.completed)}; {repaired.cut_bytes} bytes after the last "
            "whole chunk were cut off"
        )
    else:
        print("nothing was cut off")
    return 0
