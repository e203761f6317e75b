# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Model cards: what a checkpoint saw and how well it does, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unet_seg_ros.model.checkpoint import Checkpoint

# Classes below this IoU are named as what the network is bad at.
_WEAK_IOU = 0.5


def model_card(checkpoint: Checkpoint, command: str) -> str:
    """Return the model card of a checkpoint as Markdown, from what the checkpoint says itself.

    Args:
        checkpoint: The checkpoint, with its metrics.
        command: The command line that makes it.
    """
    parameters = sum(tensor.numel() for tensor in checkpoint.model.parameters())
    width, height = checkpoint.input_size
    how = "shrunk or enlarged" if checkpoint.enlarge else "shrunk"
    lines = [
        f"# {checkpoint.name}",
        "",
        f"{checkpoint.model.config.summary} "
        f"({parameters / 1e6:.1f} million parameters) for the {len(checkpoint.label_set)} classes "
        f"of `{checkpoint.label_set.name}`. Frames are {how} to fit in {width}x{height}.",
        "",
        "## What it was trained on",
        "",
        *(f"* {name}: {summary}" for name, summary in checkpoint.data.items()),
        "",
        "Made by:",
        "",
        f"    {command}",
        "",
        "## How well it does",
        "",
        "On the pictures that were held apart, at their own size. mIoU is the mean over classes",
        "present; where the data knows fewer classes than the network, the network's are merged.",
        "Of the checkpoints on the way, the best on some of these pictures was kept.",
        "",
    ]
    for name, figures in checkpoint.metrics.items():
        lines += [f"### {name}", "", *_figures(figures), ""]
    return "\n".join(lines)


def _figures(figures: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{figures['frames']} pictures: mIoU {figures['miou']:.3f}, pixel accuracy "
        f"{figures['pixel_accuracy']:.3f}"
    )
    yield ""
    yield "| class | IoU |"
    yield "| --- | --- |"
    for label, iou in figures["iou"].items():
        yield f"| {label} | {iou:.3f} |"
    weak = [label for label, iou in figures["iou"].items() if iou < _WEAK_IOU]
    if weak:
        yield ""
        yield f"Bad at: {', '.join(weak)} (IoU below {_WEAK_IOU})."
