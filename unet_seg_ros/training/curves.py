# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draws how a training went: loss, learning rate and validation scores over the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The loss of single batches jumps about; so many rows around a step are averaged.
_SMOOTHED_ROWS = 15


def draw_curves(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write a PNG of the figures in `run_folder.read_metrics`."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_loss(left, rows)
    _draw_scores(right, rows)
    figure.savefig(path, dpi=110, format="png")


def _draw_loss(axes: Axes, rows: Sequence[Mapping[str, float]]) -> None:
    steps, losses = _series(rows, "loss")
    axes.plot(steps, losses, color="tab:blue", alpha=0.25)
    axes.plot(steps, _smoothed(losses), color="tab:blue", label="loss")
    axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
    rate = axes.twinx()
    rate.plot(*_series(rows, "learning_rate"), color="tab:gray", ls=":", label="learning rate")
    rate.set(ylabel="learning rate", ylim=(0, None))
    axes.legend(handles=[*axes.get_lines()[1:], *rate.get_lines()], loc="upper right")


def _draw_scores(axes: Axes, rows: Sequence[Mapping[str, float]]) -> None:
    axes.plot(*_series(rows, "validation_miou"), "o-", ms=3, label="mIoU")
    axes.plot(*_series(rows, "validation_pixel_accuracy"), "o-", ms=3, label="pixel accuracy")
    axes.set(xlabel="step", ylabel="on pictures held apart", ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")


def _series(rows: Sequence[Mapping[str, float]], name: str) -> tuple[list[float], list[float]]:
    found = [row for row in rows if name in row]
    return [row["step"] for row in found], [row[name] for row in found]


def _smoothed(values: Sequence[float]) -> np.ndarray:
    """Return the mean of the values around each; at the ends of those that there are."""
    window = np.ones(min(_SMOOTHED_ROWS, max(1, len(values))))
    sums = np.convolve(values, window, mode="same")
    mean: np.ndarray = sums / np.convolve(np.ones(len(values)), window, mode="same")
    return mean
