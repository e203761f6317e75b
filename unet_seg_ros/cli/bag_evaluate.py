# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg bag evaluate`: how good the label maps in a recorded drive are."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from unet_seg_ros.cli import evaluate
from unet_seg_ros.cli.arguments import (
    NETWORK_OPTIONS,
    add_evaluation_arguments,
    add_semantic_camera_arguments,
    parse_path,
)
from unet_seg_ros.cli.data_spec import DataSpec
from unet_seg_ros.progress import make_bar

if TYPE_CHECKING:
    from unet_seg_ros.arrays import Uint8Array
    from unet_seg_ros.datasets.bag_pictures import BagPictures
    from unet_seg_ros.evaluation.recorded import LabelMaps
    from unet_seg_ros.labels.label_set import LabelSet

_DESCRIPTION = """\
Score the label maps in a rosbag2 against the semantic cameras in it, picture by picture of equal
stamp, and write the report of `unet-seg evaluate`. With --checkpoint the pictures are segmented now
and recorded label maps are not looked at: `unet-seg evaluate --data BAG --skip-bad`.
"""
_EXAMPLES = """\
examples:
  unet-seg bag evaluate drive_masks
  unet-seg bag evaluate drive --checkpoint carla29-small
  unet-seg bag evaluate tagged_drive_masks --label-set carla29 --out score --json
  unet-seg bag evaluate drive_masks --ego-mask rgb_front=bonnet.png

Writes report.json and report.html into the output folder. What each figure means is in
docs/evaluation.md.
"""
_NOT_MEASURED = (
    "Label maps were scored as they were recorded, without the network's confidence and time; "
    "--checkpoint measures both."
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `evaluate` to the commands of `unet-seg bag`."""
    parser = commands.add_parser(
        "evaluate",
        help="score the label maps in a recorded drive against its semantic cameras",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bag", type=parse_path, help="a rosbag2 folder, its .mcap or .db3 file, or a ROS 1 .bag"
    )
    parser.add_argument(
        "--checkpoint", metavar="NAME|FILE", help="segment with this one (default: recorded masks)"
    )
    add_semantic_camera_arguments(parser)
    add_evaluation_arguments(parser)
    parser.set_defaults(run=partial(run, parser.get_default))


def run(default: Callable[[str], object], options: argparse.Namespace) -> int:
    """Evaluate as the options say, whose defaults are known; return the exit status."""
    if options.checkpoint:
        return evaluate.run(_as_evaluate(options))
    given = [f"--{name}" for name in NETWORK_OPTIONS if getattr(options, name) != default(name)]
    if given:
        raise ValueError(
            f"{', '.join(given)}: for a network, and recorded label maps are scored without one; "
            "name one with --checkpoint, or leave this out"
        )
    return _evaluate_recorded(options)


def _as_evaluate(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options of `unet-seg evaluate` that say the same."""
    cameras = "+".join(options.camera)
    spec = DataSpec(str(options.bag), layout="bag", label_set=options.label_set, cameras=cameras)
    own = {"data": [spec], "against": None, "part": "all", "skip_bad": True, "by": []}
    return argparse.Namespace(**{**vars(options), **own})


def _evaluate_recorded(options: argparse.Namespace) -> int:
    from unet_seg_ros.datasets.bag_pictures import open_bag
    from unet_seg_ros.datasets.ego_masks import EgoMasks
    from unet_seg_ros.datasets.own_car import without_own_car
    from unet_seg_ros.datasets.splits import evenly_spread
    from unet_seg_ros.evaluation import recorded, report
    from unet_seg_ros.labels.label_set import LabelSet

    path = options.bag.resolve()
    options.out.mkdir(parents=True, exist_ok=True)
    label_set = LabelSet.load(options.label_set) if options.label_set else None
    pictures = open_bag(path, label_set, options.camera)
    network = _recorded_network(pictures)
    scored = without_own_car(pictures, EgoMasks.read(options.ego_mask))
    indices = evenly_spread(range(len(pictures)), options.limit)
    bar = make_bar(indices, desc=pictures.name, unit="picture")
    measured = recorded.evaluate_recorded(network.label_maps, network.label_set, scored, bar)
    shown = recorded.show_recorded_frames(network.label_maps, scored, measured)
    facts = report.DataFacts(str(options.bag), "all", "", len(indices), tuple(pictures.faults))
    section = report.data_section(pictures, facts, measured, [network.name])
    section["notes"].append(_NOT_MEASURED)
    about = recorded.recorded_section(network.name, network.label_set)
    document = report.document([about], [section])
    report.write_report(options.out, document, [shown])
    print(report.to_json(document) if options.json else evaluate.for_people(document, options.out))
    return 0


class _Recorded(NamedTuple):
    """The network whose label maps are in a bag: its name, its classes, and what it said."""

    name: str
    label_set: LabelSet
    label_maps: LabelMaps


def _recorded_network(pictures: BagPictures) -> _Recorded:
    """Find the label maps of the pictures of a bag.

    Raises:
        BagError: There are none, or those of several cameras are not of one network.
    """
    from unet_seg_ros.bags.drive import read_legend
    from unet_seg_ros.bags.pairing import Place, pair
    from unet_seg_ros.bags.reader import BagReader
    from unet_seg_ros.bags.writer import BagError
    from unet_seg_ros.datasets.bag_pictures import index_images, read_image_at
    from unet_seg_ros.messages.topics import CameraTopics

    cameras = {picture.topic: CameraTopics(picture.topic) for picture, _ in pictures.pairs}
    with BagReader(pictures.bag) as reader:
        legends = {read_legend(reader, camera) for camera in cameras.values()}
        filled = reader.filled_topics
    topics = {image: camera.labels_among(filled) for image, camera in cameras.items()}
    if len(legends) > 1:
        names = ", ".join(sorted(name for _, name in legends))
        raise BagError(f"{pictures.bag}: its cameras have label maps of several networks: {names}")
    [(label_set, name)] = legends
    recorded = {topic for topic in topics.values() if topic}
    if not recorded:
        raise BagError(f"{pictures.bag}: has no label maps; make them with unet-seg bag segment")
    places = index_images(pictures.bag, {*recorded, *cameras})
    label_map_of: dict[Place, Place] = {}
    for image, labels in topics.items():
        if labels:
            label_map_of.update(pair(places[image], places[labels], at_once=True).pairs)

    def label_maps(index: int) -> Uint8Array | None:
        picture, _ = pictures.pairs[index]
        place = label_map_of.get(picture)
        return read_image_at(pictures.bag, place).gray() if place else None

    return _Recorded(name or "recorded", label_set, label_maps)
