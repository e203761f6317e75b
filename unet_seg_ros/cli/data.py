# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg data check`: what is in a data set, and what is wrong with it."""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_seg_ros.cli.arguments import parse_path
from unet_seg_ros.cli.data_spec import METAVAR, DataSpec, parse_data_spec
from unet_seg_ros.files import require_writable
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

if TYPE_CHECKING:
    from unet_seg_ros.datasets.samples import LabelledPictures
    from unet_seg_ros.datasets.splits import Split
    from unet_seg_ros.datasets.survey import Survey

_EXAMPLES = """\
DATA is a folder, a rosbag2 folder or file, or town:SEED:COUNT. The layout is found out; what it
does not tell is said with layout=, label-set= and split=. docs/datasets.md shows every layout.

examples:
  unet-seg data check camvid
  unet-seg data check my_drives,layout=images-masks,label-set=carla29,split=blocks
  unet-seg data check captures/Town03 captures/Town05 --sheets sheets
  unet-seg data check camvid --json > camvid.json

The exit status is 1 when anything is wrong with a data set.
"""

_BAR_WIDTH = 30


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `data` and its commands to `unet-seg`."""
    parser = commands.add_parser(
        "data",
        help="look at data sets before training on them",
        description="Look at data sets before training on them.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = subcommands.add_parser(
        "check",
        help="count pictures, sizes and classes, list every fault, draw a contact sheet",
        description="Read every picture of a data set: count pictures, sizes, drives and classes, "
        "say how it would be divided for training, list every fault by file, and draw a contact "
        "sheet of pictures with their labels.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "data", nargs="+", type=parse_data_spec, metavar=METAVAR, help="the data sets"
    )
    check.add_argument(
        "--sheets",
        type=parse_path,
        metavar="FOLDER",
        help="where the contact sheets go, NAME_contact_sheet.png, of a second data set of that "
        "name NAME_2_contact_sheet.png (default: here)",
    )
    check.add_argument("--json", action="store_true", help="print JSON instead of tables")
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the data sets; return 1 where there are faults."""
    sheets = options.sheets or Path(".")
    try:
        require_writable(sheets)
    except OSError:
        if options.sheets:
            raise
        sheets = None  # looking at data needs no folder to write into
    reports: list[dict[str, Any]] = []
    for spec in options.data:
        written = [report.get("contact_sheet") for report in reports]
        reports.append(_check(spec, sheets, written))
        if not options.json:
            print(_as_text(reports[-1]), end="\n\n")
    if options.json:
        print(json.dumps(reports, indent=2))
    return 1 if any(report["faults"] for report in reports) else 0


def _check(spec: DataSpec, sheets: Path | None, written: Collection[str | None]) -> dict[str, Any]:
    """Return what `--json` prints about a data set.

    Args:
        spec: The data set.
        sheets: The folder of the contact sheets, None for none.
        written: Those of other data sets, which may have the same name.
    """
    from unet_seg_ros.datasets.contact_sheet import positions_for_sheet
    from unet_seg_ros.datasets.survey import notes_about, survey

    try:
        pictures = spec.open()
    except ValueError as error:
        return {"data": spec.path, "faults": [str(error)]}
    found = survey(pictures, keep=positions_for_sheet(pictures))
    divided, summary = _split(pictures, spec.split)
    return {
        "data": spec.path,
        "name": pictures.name,
        "layout": pictures.layout,
        "label_set": pictures.label_set.name,
        "pictures": len(pictures),
        "sizes": {f"{width}x{height}": count for (width, height), count in found.sizes.items()},
        "drives": dict(Counter(pictures.drives)),
        "parts": {name: len(positions) for name, positions in pictures.parts.items()},
        "split": {
            "train": len(divided.train) if divided else None,
            "validation": len(divided.validation) if divided else None,
            "summary": summary,
        },
        "classes": _classes(pictures.label_set, found),
        "unlabelled_pixels": int(found.pixels[UNKNOWN_ID]),
        "contact_sheet": (
            _write_contact_sheet(pictures, found, sheets, written) if sheets else None
        ),
        "notes": notes_about(pictures, found, divided),
        "faults": [*pictures.faults, *found.faults],
    }


def _split(pictures: LabelledPictures, rule: str) -> tuple[Split | None, str]:
    """Return how a data set would be divided, and that in words."""
    from unet_seg_ros.datasets.splits import split

    try:
        divided = split(pictures, rule)
    except ValueError as error:  # no fault: pictures to be measured on need no division
        return None, f"none: {error}"
    return divided, divided.summary


def _classes(label_set: LabelSet, found: Survey) -> list[dict[str, Any]]:
    total = max(int(found.pixels.sum()), 1)
    return [
        {"id": item.id, "name": item.name, "pixels": pixels, "share": pixels / total}
        for item, pixels in zip(label_set.classes, found.pixels.tolist(), strict=False)
    ]


def _write_contact_sheet(
    pictures: LabelledPictures, found: Survey, folder: Path, written: Collection[str | None]
) -> str | None:
    import cv2

    from unet_seg_ros.datasets.contact_sheet import contact_sheet
    from unet_seg_ros.pictures.files import write_picture

    if not found.kept:
        return None
    class_ids = [item.id for item in pictures.label_set.classes if found.pixels[item.id]]
    title = f"{pictures.name}: {len(pictures):,} pictures, {pictures.label_set.name}"
    sheet = contact_sheet(title, found.kept, pictures.label_set, class_ids)
    name = pictures.name.replace("/", "_")
    names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
    paths = (folder / f"{name}_contact_sheet.png" for name in names)
    path = next(path for path in paths if str(path) not in written)
    write_picture(path, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return str(path)


def _as_text(report: dict[str, Any]) -> str:
    if "name" not in report:
        return f"{report['data']}\n{_faults(report['faults'])}"
    rows = {
        "layout": report["layout"],
        "label set": report["label_set"],
        "pictures": f"{report['pictures']:,}",
        "sizes": _counted(report["sizes"]),
        "drives": f"{len(report['drives'])}: {_counted(report['drives'])}",
        "parts": _counted(report["parts"]) or "none",
        "split": report["split"]["summary"],
        "contact sheet": report["contact_sheet"] or "none",
    }
    lines = [report["data"], *(f"  {name:<14} {value}" for name, value in rows.items())]
    return "\n".join([*lines, *_histogram(report), *_notes(report), _faults(report["faults"])])


def _histogram(report: dict[str, Any]) -> list[str]:
    known = sum(item["pixels"] for item in report["classes"])
    total = max(known + report["unlabelled_pixels"], 1)
    rows = [(f"{item['id']:>3} {item['name']}", item["share"]) for item in report["classes"]]
    rows.append(("    not labelled", report["unlabelled_pixels"] / total))
    width = max(len(name) for name, _ in rows)
    return [
        "  share of the pixels",
        *(
            f"  {name:<{width}} {share:8.2%}  {'#' * round(share * _BAR_WIDTH)}".rstrip()
            for name, share in rows
        ),
    ]


def _notes(report: dict[str, Any]) -> list[str]:
    notes = report["notes"]
    return [f"  notes          {len(notes)}", *(f"    {note}" for note in notes)] if notes else []


def _faults(faults: list[str]) -> str:
    return "\n".join([f"  faults         {len(faults) or 'none'}", *(f"    {f}" for f in faults)])


def _counted(counts: dict[str, int]) -> str:
    """Return the most frequent items with their counts, in words."""
    shown = ", ".join(f"{name} ({count:,})" for name, count in Counter(counts).most_common(8))
    return shown if len(counts) <= 8 else f"{shown} and {len(counts) - 8} more"
