# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Model cards: what a checkpoint saw and how well it does, for people."""

from __future__ import annotations

from unet_seg_ros.model.checkpoint import Checkpoint


def model_card(checkpoint: Checkpoint, command: str) -> str:
    """Return the model card of a checkpoint as Markdown, from what the checkpoint says itself.

    Args:
        checkpoint: The checkpoint, with its metrics.
        command: The command line that makes it.
    """
    config = checkpoint.model.config
    parameters = sum(tensor.numel() for tensor in checkpoint.model.parameters())
    width, height = checkpoint.input_size
    lines = [
        f"# {checkpoint.name}",
        "",
        f"A U-Net with {config.base_filters} filters and {config.levels} levels "
        f"({parameters / 1e6:.1f} million parameters) for the {len(checkpoint.label_set)} classes "
        f"of `{checkpoint.label_set.name}`. Frames are shrunk to fit in {width}x{height}.",
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
        "",
    ]
    for name, figures in checkpoint.metrics.items():
        lines += [
            f"### {name}",
            "",
            f"{figures['frames']} pictures: mIoU {figures['miou']:.3f}, pixel accuracy "
            f"{figures['pixel_accuracy']:.3f}",
            "",
            "| class | IoU |",
            "| --- | --- |",
            *(f"| {label} | {iou:.3f} |" for label, iou in figures["iou"].items()),
            "",
        ]
    return "\n".join(lines)
