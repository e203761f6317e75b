# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag repair`: a whole bag out of one that was cut off or is damaged."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from unet_seg_ros.cli.arguments import parse_path
from unet_seg_ros.units import NS_PER_S

if TYPE_CHECKING:
    from unet_seg_ros.bags.repair import RepairedBag

_DESCRIPTION = """\
Copy all that can still be read of a bag into a new, whole one: of a recording that was cut off, by
a kill, a crash or a power cut, of a file that is damaged in the middle, and of a folder without its
metadata.yaml. The damaged bag is left as it is, so there must be room for another. Works for what
`ros2 bag record` leaves (MCAP), too.

The new bag has its name when it is whole and has been read back. What was lost is said. Where
nothing is missing of a bag, nothing is written.
"""
_EXAMPLES = """\
examples:
  unet-seg bag repair drive.partial                    # makes drive
  unet-seg bag repair rosbag2_2026_01_31-12_00_00      # makes rosbag2_2026_01_31-12_00_00.repaired
  unet-seg bag repair drive_0.mcap                     # makes drive_0.repaired.mcap
  unet-seg bag repair drive_0.mcap whole.mcap --json
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `repair` to the commands of `unet-seg bag`."""
    parser = commands.add_parser(
        "repair",
        help="make a whole bag of one that was cut off or is damaged",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bag", type=parse_path, help="a rosbag2 folder, or one .mcap file")
    parser.add_argument(
        "out",
        type=parse_path,
        nargs="?",
        metavar="OUT",
        help="what to write (default: DRIVE for DRIVE.partial, else NAME.repaired beside the bag)",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Repair and say what was kept and what was lost."""
    from unet_seg_ros.bags.repair import repair

    repaired = repair(args.bag, args.out)
    entry = repaired.entry
    counts = [file.lost_messages for file in repaired.files]
    lost = None if None in counts else sum(filter(None, counts))
    duration_s = (entry.end_ns - entry.start_ns) / NS_PER_S
    if args.json:
        outcome = {
            "path": str(repaired.path),
            "messages": entry.message_count,
            "duration_s": duration_s,
            "topics": {topic.name: topic.message_count for topic in entry.topics},
            "completed_files": repaired.completed,
            "cut_bytes": repaired.lost_bytes,
            "lost_messages": lost,
            "gaps": [
                {"file": file.path.name, **asdict(gap)}
                for file in repaired.files
                for gap in file.gaps
            ],
        }
        print(json.dumps(outcome, indent=2))
        return 0
    for topic in entry.topics:
        print(f"{topic.message_count:8} {topic.name}")
    print(f"{repaired.path}: {entry.message_count} messages, {duration_s:.1f} s")
    print(*_losses(repaired), _outcome(repaired, lost), sep="\n")
    return 0


def _losses(repaired: RepairedBag) -> Iterator[str]:
    """Yield a line about each thing that was lost."""
    for file in repaired.files:
        name = file.path.name
        for gap in file.gaps:
            yield (
                f"{name}: {gap.size} bytes from byte {gap.start} on cannot be read ({gap.reason}): "
                f"nothing between {_time(repaired, gap.after_ns, 'the beginning')} and "
                f"{_time(repaired, gap.before_ns, 'the end')}"
            )
        if file.orphans:
            yield f"{name}: {file.orphans} messages are of topics whose announcement is lost"
        if file.attachments:
            yield f"{name}: {file.attachments} attachments are not copied"


def _time(repaired: RepairedBag, time_ns: int | None, otherwise: str) -> str:
    if time_ns is None:
        return otherwise
    return f"{(time_ns - repaired.entry.start_ns) / NS_PER_S:.3f} s"


def _outcome(repaired: RepairedBag, lost: int | None) -> str:
    if not repaired.completed:
        return "nothing was lost"
    return (
        f"completed {', '.join(repaired.completed)}; lost: {repaired.lost_bytes} bytes, "
        f"{'nobody can tell how many' if lost is None else lost} messages"
    )
