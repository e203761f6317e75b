# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page `report.html`: one file with everything in it, that needs no network and no script."""

from __future__ import annotations

import base64
import functools
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import jinja2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.evaluation.breakdown import breakdown_rows
from unet_seg_ros.evaluation.evaluation import (
    Evaluation,
    SegmentedFrame,
    frames_to_show,
    segment_again,
)
from unet_seg_ros.evaluation.figure_table import FigureRow, figure_rows
from unet_seg_ros.inference.segmenter import Segmenter
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.figures import UNKNOWN_COLOR, WRONG_COLOR, error_picture, striped_mask

# Wider pictures are shrunk to this, which bounds the page: some 50 kB each.
MAX_PICTURE_PX = 480
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class PagePicture:
    """A picture in the page: its title, all of it as a data URI, its size in pixels."""

    title: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class ShownFrame:
    """A frame in the page: its mIoU of every checkpoint, its pictures, the classes in them."""

    name: str
    mious: tuple[float, ...]
    pictures: tuple[PagePicture, ...]
    class_ids: frozenset[int]


# What is shown of one data set, by kind: best, median, worst.
ShownFrames = Mapping[str, Sequence[ShownFrame]]


def show_frames(
    segmenters: Sequence[Segmenter],
    pictures: LabelledPictures,
    evaluation: Evaluation,
    names: Sequence[str],
) -> ShownFrames:
    """Draw the best, median and worst frames of an evaluation.

    Args:
        segmenters: The networks, of which the first says what is best and worst.
        pictures: The data set.
        evaluation: What came out.
        names: What to call the networks.
    """
    mious = [{frame.index: frame.miou for frame in result.frames} for result in evaluation.results]
    return {
        kind: [
            show_frame(
                segment_again(segmenters, pictures[frame.index], evaluation),
                evaluation.label_set,
                names,
                [scores[frame.index] for scores in mious],
            )
            for frame in frames
        ]
        for kind, frames in frames_to_show(evaluation.results[0].frames).items()
    }


def show_frame(
    frame: SegmentedFrame, label_set: LabelSet, names: Sequence[str], mious: Sequence[float]
) -> ShownFrame:
    """Draw a frame: camera, ground truth, and the prediction and errors of every network.

    Args:
        frame: The camera's picture and the label maps.
        label_set: What their ids mean.
        names: What to call the networks.
        mious: What each of them reached on this frame.
    """
    truth = _mask("ground truth", frame.truth, label_set)
    pictures = [_photo("camera", frame.image)]
    for name, prediction in zip(names, frame.predictions, strict=True):
        of = f" of {name}" if len(names) > 1 else ""
        errors = error_picture(frame.image, prediction, frame.truth)
        pictures += [_mask(f"prediction{of}", prediction, label_set), _photo(f"errors{of}", errors)]
    # One network makes a row of four pictures, two make two rows of three.
    pictures.insert(1 if len(names) == 1 else 3, truth)
    class_ids = np.unique(np.stack([frame.truth, *frame.predictions])).tolist()
    return ShownFrame(frame.name, tuple(mious), tuple(pictures), frozenset(class_ids))


def report_page(report: dict[str, Any], shown: Sequence[ShownFrames]) -> str:
    """Return the page.

    Args:
        report: The document of `evaluation.report`.
        shown: The frames to show of every data set, in its order.
    """
    names = [checkpoint["name"] for checkpoint in report["checkpoints"]]
    return _template().render(
        report=report,
        names=names,
        sections=[
            {
                "data": data,
                "shown": frames,
                "legend": _legend(data, frames),
                "figures": figure_rows(data["results"]),
                "classes": _class_rows(data),
                "by": breakdown_rows(data, names),
                "confusions": [_confusion(data, result) for result in data["results"]],
            }
            for data, frames in zip(report["data"], shown, strict=True)
        ],
        wrong_color=WRONG_COLOR,
        unknown_color=UNKNOWN_COLOR,
    )


def _class_rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    per_class = [result["per_class"] for result in data["results"]]
    return [
        {
            "name": item["name"],
            "color": item["color"],
            "share": per_class[0][item["name"]]["truth_share"],
            "iou": FigureRow("", "", [figures[item["name"]]["iou"] for figures in per_class], 3),
            "boundary": [figures[item["name"]]["boundary_f"] for figures in per_class],
        }
        for item in data["classes"]
        if item["name"] in per_class[0]
    ]


def _confusion(data: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows of what the truth shows and the columns of what was predicted or shows."""
    counts = np.array(result["confusion"], np.int64)
    rows = np.flatnonzero(counts.sum(axis=1))
    columns = np.flatnonzero(counts.sum(axis=0))
    columns = np.union1d(columns, rows)
    names = [item["name"] for item in data["classes"]] + ["nothing"]
    shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
    return {
        "columns": [names[column] for column in columns],
        "rows": [
            {
                "name": names[row],
                "cells": [
                    {"share": float(values[column]), "is_hit": column == row, "to": names[column]}
                    for column in columns
                ],
            }
            for row, values in zip(rows, shares, strict=True)
        ],
    }


def _legend(data: Mapping[str, Any], shown: ShownFrames) -> list[Mapping[str, Any]]:
    """Return the classes in the pictures, and as the last one, without colour, no class."""
    ids = frozenset().union(*(frame.class_ids for frames in shown.values() for frame in frames))
    classes = [item for id_, item in enumerate(data["classes"]) if id_ in ids]
    return classes + [{"name": "no class", "color": None}] * (UNKNOWN_ID in ids)


def _mask(title: str, labels: Uint8Array, label_set: LabelSet) -> PagePicture:
    return _picture(title, striped_mask(labels, label_set), ".png", "image/png")


def _photo(title: str, image: Uint8Array) -> PagePicture:
    return _picture(title, image, ".jpg", "image/jpeg", cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY)


def _picture(title: str, rgb: Uint8Array, suffix: str, mime: str, *quality: int) -> PagePicture:
    height, width = rgb.shape[:2]
    scale = min(1.0, MAX_PICTURE_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    encoded = cv2.imencode(suffix, cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality)[1]
    data = base64.b64encode(encoded.tobytes()).decode("ascii")
    return PagePicture(title, f"data:{mime};base64,{data}", *size)


def _figure(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _difference(value: float | None, digits: int) -> str:
    if value is None:
        return ""
    return f"{value:+.{digits}f}" if round(value, digits) else "0"


def _percent(share: float) -> str:
    """Return a share in percent, with two digits that count."""
    percent = share * 100
    if 0 < percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _whole_percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}".removesuffix("%")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        figure=_figure,
        percent=_percent,
        whole_percent=_whole_percent,
        difference=_difference,
    )
    source = importlib.resources.files(__package__) / "report_page.html"
    return environment.from_string(source.read_text(encoding="utf-8"))
