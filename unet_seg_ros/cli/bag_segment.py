# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag segment`: masks for every picture of a recorded drive, in a new bag."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_seg_ros.cli.arguments import add_ego_mask_argument, parse_path
from unet_seg_ros.cli.engine import add_engine_arguments, make_segmenter
from unet_seg_ros.cli.progress import fault_lines, progress_bar
from unet_seg_ros.files import check_output
from unet_seg_ros.messages.topics import LABELS, OUTPUTS

if TYPE_CHECKING:
    from unet_seg_ros.bags.writer import BagError
    from unet_seg_ros.offline.segment_bag import BagOutcome, MaskSettings

_DESCRIPTION = """\
Copy a recorded drive and add masks beside its cameras: for every picture of every camera, none
dropped, with its header and at its time. Everything else is copied as it is. The new bag is a
rosbag2 folder (MCAP), whatever the old one is; rosbag2 folders and files (MCAP, SQLite) and ROS 1
bags are read.

Cameras are all image topics, raw or compressed, but masks, semantic and depth cameras. Until it is
whole the new bag is called OUT.partial. Interrupted with Ctrl-C, nothing is left of it; of a
process that is killed OUT.partial is left, to be removed before the next attempt.
"""
_EXAMPLES = """\
examples:
  unet-seg bag segment drive drive_masks
  unet-seg bag segment drive.bag drive_masks --checkpoint mine.safetensors --outputs labels overlay
  unet-seg bag segment drive small --compress-labels
  unet-seg bag segment drive again --checkpoint mine.safetensors --replace
  unet-seg bag segment drive front --camera /front/image_raw
  unet-seg bag segment drives/* masks --ray auto
  unet-seg bag segment drive drive_masks --ego-mask rgb_front=front.png rgb_rear=rear.json

With several bags, OUT is the folder that gets a bag for each, of the same name.

Pictures that are damaged are copied and listed, get no masks, and make the exit status 1.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `segment` to the commands of `unet-seg bag`."""
    parser = commands.add_parser(
        "segment",
        help="add masks for every picture of a recorded drive",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bags", nargs="+", type=parse_path, metavar="IN", help="the bags to segment"
    )
    parser.add_argument("out", type=parse_path, metavar="OUT", help="the bag to write")
    add_engine_arguments(parser)
    parser.add_argument(
        "--camera",
        "--topics",
        dest="topics",
        nargs="+",
        default=(),
        metavar="TOPIC",
        help="the cameras (default: all)",
    )
    parser.add_argument(
        "--outputs",
        nargs="+",
        choices=OUTPUTS,
        default=(LABELS,),
        help="the masks to write: %(choices)s (default: labels); a legend is always there",
    )
    parser.add_argument(
        "--compress-labels",
        action="store_true",
        help="write label maps as PNG, without loss, on .../labels/compressed",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="leave out the masks that the bag has already beside these cameras",
    )
    add_ego_mask_argument(parser, "which is unknown then")
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="spread the bags over a Ray cluster: HOST:PORT, auto, or local for this machine",
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Segment; return 1 where pictures were damaged, or one of several bags could not be done."""
    from unet_seg_ros.datasets.ego_masks import EgoMasks
    from unet_seg_ros.offline.segment_bag import BagOutcome, MaskSettings

    settings = MaskSettings(
        image_topics=options.topics,
        outputs=options.outputs,
        compress_labels=options.compress_labels,
        replace=options.replace,
        ego_masks=EgoMasks.read(options.ego_mask),
    )
    targets = _targets(options.bags, options.out)
    segment = _segment_here if options.ray is None else _segment_on_cluster
    results = dict(segment(targets, settings, options))
    outcomes = {target: results[source] for source, target in targets.items()}
    if len(outcomes) == 1:
        [outcome] = outcomes.values()
        if isinstance(outcome, ValueError):
            raise outcome
    print(_as_json(outcomes) if options.json else _as_text(outcomes))
    is_whole = all(isinstance(item, BagOutcome) and not item.faults for item in outcomes.values())
    return 0 if is_whole else 1


def _targets(bags: list[Path], out: Path) -> dict[Path, Path]:
    """Return what to write for every bag.

    Raises:
        ValueError: Two bags have one name.
    """
    if len(bags) == 1:
        return {bags[0]: out}
    targets = {bag: out / (bag.stem if bag.is_file() else bag.name) for bag in bags}
    if len(set(targets.values())) < len(bags):
        raise ValueError("two of the bags have the same name; segment them one by one")
    return targets


def _segment_here(
    targets: Mapping[Path, Path], settings: MaskSettings, options: argparse.Namespace
) -> Iterator[tuple[Path, BagOutcome | BagError]]:
    """Yield what came of each bag."""
    from unet_seg_ros.bags.writer import BagError
    from unet_seg_ros.offline.segment_bag import segment_bag

    if len(targets) == 1:
        check_output(*targets.values())
    segmenter = make_segmenter(options)
    for source, target in targets.items():
        try:
            with progress_bar(source.name, "picture") as show:
                outcome: BagOutcome | BagError = segment_bag(
                    source, target, segmenter, settings, show
                )
        except BagError as error:
            outcome = error
        yield source, outcome


def _segment_on_cluster(
    targets: Mapping[Path, Path], settings: MaskSettings, options: argparse.Namespace
) -> Iterator[tuple[Path, BagOutcome | BagError]]:
    """Yield what came of each bag."""
    from unet_seg_ros.offline.cluster import segment_on_cluster
    from unet_seg_ros.progress import make_bar
    from unet_seg_ros.weights import AUTO, find_checkpoint

    if options.checkpoint != AUTO:  # which goes by the device of each worker
        options.checkpoint = str(find_checkpoint(options.checkpoint).resolve())
    absolute = {source.resolve(): target.resolve() for source, target in targets.items()}
    names = dict(zip(absolute, targets, strict=True))
    done = segment_on_cluster(
        absolute, partial(make_segmenter, options), settings, options.ray, options.device
    )
    for source, outcome in make_bar(done, total=len(targets), unit="bag"):
        yield names[source], outcome


def _as_json(outcomes: Mapping[Path, BagOutcome | BagError]) -> str:
    return json.dumps([_document(*item) for item in outcomes.items()], indent=2)


def _document(target: Path, outcome: BagOutcome | BagError) -> dict[str, Any]:
    if isinstance(outcome, ValueError):
        return {"bag": str(target), "error": str(outcome)}
    return {
        "bag": str(target),
        "checkpoint": outcome.checkpoint,
        "pictures": outcome.frames,
        "copied_messages": outcome.copied,
        "damaged": outcome.faults,
        "notes": outcome.notes,
    }


def _as_text(outcomes: Mapping[Path, BagOutcome | BagError]) -> str:
    lines = []
    for target, outcome in outcomes.items():
        if isinstance(outcome, ValueError):
            lines.append(f"{target}: not made: {outcome}")
            continue
        lines += [f"{count:8} pictures of {topic}" for topic, count in outcome.frames.items()]
        lines.append(
            f"{target}: {sum(outcome.frames.values())} pictures segmented by "
            f"{outcome.checkpoint or 'a network without a name'}, "
            f"{outcome.copied} messages copied"
        )
        lines += [f"  note: {note}" for note in outcome.notes]
        lines += fault_lines(outcome.faults, "without masks")
    return "\n".join(lines)
