# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation: `report.json` for programs, `report.html` for people.

The document that both are made of is plain values; `docs/evaluation.md` lists its keys. A figure
that has no value, such as the IoU of nothing, is None.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from unet_seg_ros.datasets.splits import ALL_HELD_APART
from unet_seg_ros.evaluation.boundary import TOLERANCE
from unet_seg_ros.evaluation.breakdown import Intervals, breakdown, intervals, intervals_of
from unet_seg_ros.evaluation.evaluation import THING_ID, Counts, Evaluation, Result
from unet_seg_ros.evaluation.groups import Kind
from unet_seg_ros.evaluation.instances import THRESHOLDS
from unet_seg_ros.evaluation.metrics import Translation, ratio, translation
from unet_seg_ros.evaluation.report_page import ShownFrames, report_page
from unet_seg_ros.evaluation.uncertainty import draw
from unet_seg_ros.files import installed_version, write_whole
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint

FORMAT_VERSION = 1
JSON_NAME = "report.json"
PAGE_NAME = "report.html"
# Above 1 misses weigh more, below 1 false alarms. 0.5 for the road and 2 for vehicles are those of
# the 2018 Lyft Perception Challenge; what may be driven on and what may be hit follow them.
GROUP_BETAS = {"drivable": 0.5, "lane": 0.5, "vehicle": 2.0, "obstacle": 2.0}

_BAD_SHOWN = 20
_DIGITS = 6


@dataclass(frozen=True)
class DataFacts:
    """What was evaluated on.

    Attributes:
        source: The folder, or whatever else it was opened by.
        part: "all", "validation" or "train".
        division: How the part was divided from the rest; "" for all.
        available: How many pictures the part has.
        warnings: What a reader of the figures must know, one sentence each.
    """

    source: str
    part: str
    division: str
    available: int
    warnings: tuple[str, ...] = ()


class NamedTruth(Protocol):
    """What a report says of a data set itself; every `LabelledPictures` can tell it."""

    @property
    def name(self) -> str:
        """What the report calls it."""

    @property
    def label_set(self) -> LabelSet:
        """What the ids of its label maps mean."""


def was_trained_on(checkpoint: Checkpoint, data_name: str) -> bool:
    """Return whether a checkpoint says that it, or the one it began as, learnt from a data set."""
    saw = (f"{name}: {summary}" for name, summary in checkpoint.data.items())
    return any(
        f" {data_name}: " in f" {clause}" and not clause.endswith(ALL_HELD_APART)
        for clauses in saw
        for clause in clauses.split("; ")
    )


def checkpoint_section(name: str, file: Path, segmenter: Segmenter) -> dict[str, Any]:
    """Return the document's part about one checkpoint and the engine that it ran on."""
    checkpoint = segmenter.checkpoint
    on_cuda = segmenter.device.startswith("cuda")
    machine = torch.cuda.get_device_name(segmenter.device) if on_cuda else _threads()
    return {
        "name": name,
        "file": str(file),
        "label_set": checkpoint.label_set.name,
        "classes": len(checkpoint.label_set),
        "parameters": sum(tensor.numel() for tensor in checkpoint.model.parameters()),
        "network": checkpoint.model.config.summary,
        "input_size": list(segmenter.input_size),
        "enlarges": checkpoint.enlarge,
        "device": f"{segmenter.device} ({machine})",
        "precision": segmenter.precision,
        "engine": segmenter.engine,
    }


def data_section(
    pictures: NamedTruth,
    facts: DataFacts,
    evaluation: Evaluation,
    names: Sequence[str],
    drives: Sequence[str] = (),
    by: Sequence[Kind] = (),
) -> dict[str, Any]:
    """Return the document's part about one data set.

    Args:
        pictures: The data set.
        facts: Which part of it.
        evaluation: What was counted.
        names: The names of the checkpoints, in the order of the evaluation's results.
        drives: The drive of every picture of the data set; needed with `by`.
        by: What the frames of a row of the breakdown have in common; none for no breakdown.
    """
    counts = evaluation.results[0].counts
    label_set = evaluation.label_set
    return {
        "name": pictures.name,
        **asdict(facts),
        "warnings": list(facts.warnings),
        "frames": counts.frames,
        "sizes": [
            {"width": width, "height": height, "frames": frames}
            for (width, height), frames in evaluation.sizes.most_common()
        ],
        "bad": {"count": len(evaluation.bad), "first": evaluation.bad[:_BAD_SHOWN]},
        "unlabelled_share": _plain(
            ratio(counts.unlabelled_px, counts.unlabelled_px + counts.labelled_px)
        ),
        "label_set": label_set.name,
        "classes": [{"name": item.name, "color": list(item.color)} for item in label_set.classes],
        "boundary_tolerance": TOLERANCE,
        "notes": _label_notes(pictures.label_set, evaluation, names),
        "results": [
            {"checkpoint": name, **_result(result, label_set)}
            for name, result in zip(names, evaluation.results, strict=True)
        ],
        "difference_interval": _difference_interval(evaluation),
        "by": breakdown(evaluation, drives, by) if by else [],
    }


def document(checkpoints: list[dict[str, Any]], data: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole document."""
    return {
        "format_version": FORMAT_VERSION,
        "made_with": {name: installed_version(name) for name in ("unet_seg_ros", "torch")},
        "checkpoints": checkpoints,
        "data": data,
    }


def to_json(report: dict[str, Any]) -> str:
    """Return the document as it is in `report.json`."""
    return json.dumps(report, indent=1, allow_nan=False)


def write_report(folder: Path, report: dict[str, Any], shown: Sequence[ShownFrames]) -> None:
    """Write `report.json` and `report.html`, each whole or not at all.

    Args:
        folder: Where they go; earlier ones are replaced.
        report: The document.
        shown: The frames to show of every data set.
    """
    page = report_page(report, shown)
    write_whole(folder / JSON_NAME, f"{to_json(report)}\n".encode())
    # Names of files need not be text.
    write_whole(folder / PAGE_NAME, page.encode(errors="backslashreplace"))


def scored_groups(label_set: LabelSet) -> dict[str, tuple[int, ...]]:
    """Return the groups of class ids that have an F-score.

    They are those of the label set, as `vehicle` what CARLA's 13 tags call so, and of two classes
    the one that is not the background.
    """
    groups = dict(label_set.groups)
    tags = LabelSet.load("carla13")
    ids = label_set.table_to(tags)[: len(label_set)]
    if vehicles := (ids == tags.class_id("Vehicle")).nonzero()[0].tolist():
        groups["vehicle"] = tuple(vehicles)
    if len(label_set) == 2:
        groups[label_set.names[THING_ID]] = (THING_ID,)
    return groups


def _result(result: Result, label_set: LabelSet) -> dict[str, Any]:
    counts = result.counts
    matrix = counts.matrix
    return {
        "pixel_accuracy": _plain(matrix.pixel_accuracy()),
        "miou": _plain(matrix.mean_iou()),
        "frequency_weighted_iou": _plain(matrix.frequency_weighted_iou()),
        "boundary_f": _plain(counts.boundary.mean_f()),
        "expected_calibration_error": _plain(counts.calibration.expected_calibration_error()),
        "frames_per_second": _plain(counts.frames_per_second()),
        "flicker": _plain(result.flicker.share()),
        "interval": intervals_of(result.matrices),
        "groups": {
            name: {
                "beta": (beta := GROUP_BETAS.get(name, 1.0)),
                "f_beta": _plain(matrix.f_beta(ids, beta)),
                "precision": _plain(matrix.precision(ids)),
                "recall": _plain(matrix.recall(ids)),
            }
            for name, ids in scored_groups(label_set).items()
        },
        "per_class": _per_class(counts, label_set),
        "instances": _instances(counts),
        "confusion": matrix.counts.tolist(),
        "calibration": [
            {name: _plain(value) for name, value in asdict(bin_).items()}
            for bin_ in counts.calibration.bins()
        ],
        "per_frame": [
            {
                "name": frame.name,
                "miou": _plain(frame.miou),
                "pixel_accuracy": _plain(frame.pixel_accuracy),
            }
            for frame in result.frames
        ],
    }


def _difference_interval(evaluation: Evaluation) -> Intervals | None:
    """Return by how much the second network differs from the first, on the same frames."""
    if len(evaluation.results) < 2 or evaluation.results[0].counts.frames < 2:
        return None
    first, second = (draw(result.matrices) for result in evaluation.results)
    return intervals(second.minus(first))


def _label_notes(truth_set: LabelSet, evaluation: Evaluation, names: Sequence[str]) -> list[str]:
    """Say what was merged and what was left out to compare in one label set."""
    target = evaluation.label_set
    truth = translation(truth_set, target)
    notes = [f"Truth: {_read_as(truth)}."] if truth.read_as else []
    if truth.left_out:
        notes.append(
            f"Truth: not scored, as {target.name} has no such class: {', '.join(truth.left_out)}."
        )
    networks: dict[LabelSet, list[str]] = {}
    for name, result in zip(names, evaluation.results, strict=True):
        networks.setdefault(result.prediction_set, []).append(name)
    for prediction_set, same in networks.items():
        who, own = " and ".join(same), translation(prediction_set, target)
        if own.read_as:
            notes.append(f"{who}: {_read_as(own)}.")
        if any(len(sources) > 1 for sources in own.read_as.values()):
            notes.append(
                f"{who}: confidence remains that of the single class where classes are merged, so "
                "calibration looks less sure than it is."
            )
        if own.left_out:
            notes.append(
                f"{who}: always counted as wrong, as {target.name} has no such class: "
                f"{', '.join(own.left_out)}."
            )
        if own.unreached:
            notes.append(
                f"{who}: never predicted, for want of a class: {', '.join(own.unreached)}."
            )
    return notes


def _read_as(labels: Translation) -> str:
    return "; ".join(
        f"{', '.join(sources)} count{'s' if len(sources) == 1 else ''} as {name}"
        for name, sources in labels.read_as.items()
    )


def _per_class(counts: Counts, label_set: LabelSet) -> dict[str, dict[str, Any]]:
    """Return the figures of the classes that the truth shows, by name."""
    truth_px = counts.matrix.counts.sum(axis=1)
    iou = counts.matrix.per_class_iou()
    boundary_f = counts.boundary.per_class_f()
    return {
        item.name: {
            "iou": _plain(iou[item.id]),
            "boundary_f": _plain(boundary_f[item.id]),
            "truth_share": _plain(truth_px[item.id] / truth_px.sum()),
        }
        for item in label_set.classes
        if truth_px[item.id]
    }


def _instances(counts: Counts) -> dict[str, Any] | None:
    if counts.instances is None:
        return None
    return {
        "truth": counts.instances.truth,
        "predicted": counts.instances.predicted,
        "mean_f1": _plain(counts.instances.mean_f1()),
        "f1": {
            f"{threshold:.2f}": _plain(f1)
            for threshold, f1 in zip(THRESHOLDS, counts.instances.f1(), strict=True)
        },
    }


def _plain(value: float) -> float | int | None:
    """Return a figure for JSON, which has no NaN."""
    if isinstance(value, int):
        return value
    return None if math.isnan(value) else float(f"{value:.{_DIGITS}g}")


def _threads() -> str:
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''}"
