# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg evaluate`: how good a checkpoint is on pictures with ground truth, in a report."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_seg_ros.cli.arguments import add_evaluation_arguments
from unet_seg_ros.cli.data_spec import METAVAR, parse_data_spec
from unet_seg_ros.evaluation.groups import KINDS

if TYPE_CHECKING:
    from unet_seg_ros.datasets.ego_masks import EgoMasks
    from unet_seg_ros.datasets.samples import LabelledPictures
    from unet_seg_ros.datasets.spec import DataSpec
    from unet_seg_ros.evaluation.report import DataFacts
    from unet_seg_ros.evaluation.report_page import ShownFrames
    from unet_seg_ros.inference.segmenter import Segmenter

_EXAMPLES = """\
examples:
  unet-seg evaluate --checkpoint carla29-small --data captures/town05
  unet-seg evaluate --checkpoint mine.safetensors --data captures --part validation
  unet-seg evaluate --checkpoint mine.safetensors --against carla29-small --data captures
  unet-seg evaluate --checkpoint camvid11 --data camvid --part validation --json
  unet-seg evaluate --checkpoint carla29-small --data captures --by weather --by town
  unet-seg evaluate --checkpoint carla29-small --data lyft_course --ego-mask bonnet.png

Writes report.json and report.html into the output folder; the page opens in any browser. Pictures
are scored at their own size. What each figure means is in docs/evaluation.md.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command to `unet-seg`."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a checkpoint on pictures with ground truth",
        description="Segment pictures with ground truth, count what agrees, and write a report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--checkpoint",
        required=True,
        metavar="NAME|FILE",
        help="a checkpoint in the box by name, or a .safetensors file",
    )
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        type=parse_data_spec,
        metavar=METAVAR,
        help="pictures with ground truth, as for `unet-seg train`; may be repeated "
        "(docs/datasets.md)",
    )
    parser.add_argument(
        "--against", metavar="NAME|FILE", help="another checkpoint, to be put side by side"
    )
    parser.add_argument(
        "--part",
        choices=("all", "validation", "train"),
        default="all",
        help="which pictures, as `unet-seg train` divides them (default: %(default)s)",
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="count files that cannot be used, and go on"
    )
    parser.add_argument(
        "--by",
        action="append",
        choices=KINDS,
        default=[],
        help="also the figures of each weather, town or drive, as the pictures' names and folders "
        "tell them; repeated, of every pair",
    )
    add_evaluation_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate as the options say; return the exit status."""
    from unet_seg_ros.datasets.ego_masks import EgoMasks
    from unet_seg_ros.evaluation import report
    from unet_seg_ros.files import require_writable
    from unet_seg_ros.inference.segmenter import Segmenter
    from unet_seg_ros.weights import find_checkpoint

    ego_masks = EgoMasks.read(options.ego_mask)
    if options.out.is_file():
        raise ValueError(f"{options.out}: is a file; --out needs a folder")
    # Now, because minutes later would be a bad moment to learn that it cannot be written.
    require_writable(options.out)
    wanted = [options.checkpoint, options.against] if options.against else [options.checkpoint]
    files = [find_checkpoint(name) for name in wanted]
    segmenters = [
        Segmenter.from_checkpoint(
            file,
            options.device,
            options.precision,
            compile="off",
            threads=options.threads,
            engine=options.engine,
        )
        for file in files
    ]
    names = _names(files, segmenters)
    sections, shown = [], []
    for spec in options.data:
        section, frames = _evaluate(spec, segmenters, names, options, ego_masks)
        sections.append(section)
        shown.append(frames)
    checkpoints = [
        report.checkpoint_section(*item) for item in zip(names, files, segmenters, strict=True)
    ]
    document = report.document(checkpoints, sections)
    report.write_report(options.out, document, shown)
    print(report.to_json(document) if options.json else for_people(document, options.out))
    return 0


def _evaluate(
    spec: DataSpec,
    segmenters: list[Segmenter],
    names: list[str],
    options: argparse.Namespace,
    ego_masks: EgoMasks,
) -> tuple[dict[str, Any], ShownFrames]:
    """Return the report's part about one data set, and the frames to show of it."""
    from unet_seg_ros.datasets.own_car import without_own_car
    from unet_seg_ros.evaluation import evaluation, report, report_page
    from unet_seg_ros.progress import make_bar

    pictures = without_own_car(spec.open(), ego_masks)
    indices, facts = _choose(pictures, spec, segmenters, names, options)
    measured = evaluation.evaluate(
        segmenters,
        pictures,
        make_bar(indices, desc=pictures.name, unit="picture"),
        skip_bad=options.skip_bad,
    )
    shown = report_page.show_frames(segmenters, pictures, measured, names)
    section = report.data_section(pictures, facts, measured, names, pictures.drives, options.by)
    return section, shown


def _choose(
    pictures: LabelledPictures,
    spec: DataSpec,
    segmenters: list[Segmenter],
    names: list[str],
    options: argparse.Namespace,
) -> tuple[list[int], DataFacts]:
    """Return the positions to evaluate on, and what the report says about them."""
    from unet_seg_ros.datasets.splits import evenly_spread, split
    from unet_seg_ros.evaluation.report import DataFacts, was_trained_on

    if options.part == "all":
        positions, division = range(len(pictures)), ""
    else:
        divided = split(pictures, spec.split)
        positions, division = getattr(divided, options.part), divided.summary
    warnings = [
        f"{name} was trained on pictures of {pictures.name}, which may be among these; "
        "--part validation takes those that were held apart"
        for name, segmenter in zip(names, segmenters, strict=True)
        if options.part != "validation" and was_trained_on(segmenter.checkpoint, pictures.name)
    ]
    if not positions:
        raise ValueError(f"{pictures.name}: there are no pictures in the part {options.part!r}")
    if spec.mapping:
        warnings.append(
            f"{spec.mapping} is for training and not used here: classes are compared by name"
        )
    facts = DataFacts(spec.path, options.part, division, len(positions), tuple(warnings))
    return evenly_spread(positions, options.limit), facts


def _names(files: list[Path], segmenters: list[Segmenter]) -> list[str]:
    """Return a name for every checkpoint, all different where there are two files."""
    names = [
        segmenter.checkpoint.name or file.stem
        for file, segmenter in zip(files, segmenters, strict=True)
    ]
    if len(set(names)) == len(names):
        return names
    if len(set(files)) < len(files):
        return [str(file) for file in files]
    # Where tables have no room for all of it, its beginning tells them apart.
    folder = os.path.commonpath([file.resolve() for file in files])
    return [str(file.resolve().relative_to(folder)) for file in files]


def for_people(report: dict[str, Any], out: Path) -> str:
    """Return the figures of a report as a table, and where it is."""
    from unet_seg_ros.evaluation.figure_table import figure_rows

    lines = []
    for data in report["data"]:
        part = "" if data["part"] == "all" else f" of the {data['part']} part"
        lines.append(f"{data['name']}: {data['frames']} of {data['available']} pictures{part}")
        lines += [f"  warning: {warning}" for warning in data["warnings"]]
        if data["bad"]["count"]:
            lines.append(f"  {data['bad']['count']} files cannot be used and are left out")
        lines += [f"  {note}" for note in data["notes"]]
        if len(report["checkpoints"]) > 1:
            names = "  ".join(f"{item['name'][:20]:>20}" for item in report["checkpoints"])
            lines.append(f"  {'':26}{names}")
        for row in figure_rows(data["results"]):
            values = "  ".join(f"{_number(value, row.digits):>20}" for value in row.values)
            lines.append(f"  {row.title:26}{values}")
        lines += _sureness(data) + _by_group(data, report["checkpoints"])
    lines += [str(out / name) for name in ("report.html", "report.json")]
    return "\n".join(lines)


def _sureness(data: dict[str, Any]) -> list[str]:
    """Return between what mIoU and pixel accuracy lie, and the difference where there are two."""
    told = [(result["checkpoint"], result["interval"]) for result in data["results"]]
    told.append(("difference", data["difference_interval"]))
    return [
        f"  {who}: mIoU {_range(ends['miou'])}, pixel accuracy {_range(ends['pixel_accuracy'])} in "
        "95 % of the draws of as many frames"
        for who, ends in told
        if ends
    ]


def _by_group(data: dict[str, Any], checkpoints: list[dict[str, Any]]) -> list[str]:
    from unet_seg_ros.evaluation.breakdown import breakdown_rows

    rows = breakdown_rows(data, [item["name"] for item in checkpoints])
    if not rows:
        return []
    title = f"by {' and '.join(data['by'][0]['group'])}"
    lines = [f"  {title:26}{'checkpoint':20}{'frames':>8}  {'pixel accuracy':22}mIoU"]
    for row in rows:
        figures = "".join(
            f"{_number(row[key], 3)} {_range(row['interval'] and row['interval'][key]):16} "
            for key in ("pixel_accuracy", "miou")
        )
        lines.append(f"  {row['group']:26}{row['checkpoint'][:19]:20}{row['frames']:>8}  {figures}")
    return [line.rstrip() for line in lines]


def _range(ends: list[float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
