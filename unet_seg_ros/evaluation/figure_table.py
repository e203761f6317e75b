# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table of a data set's figures, as the page and the terminal show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unet_seg_ros.evaluation.boundary import TOLERANCE

# (key, title, what it is, digits, whether more is better; None where it depends on the machine)
_FIGURES = (
    ("miou", "mIoU", "mean IoU over the classes that the truth shows", 3, True),
    ("pixel_accuracy", "pixel accuracy", "share of pixels that are right", 3, True),
    ("frequency_weighted_iou", "frequency-weighted IoU", "by pixels of each class", 3, True),
    ("boundary_f", "boundary F", f"outlines within {TOLERANCE:.2%} of the diagonal", 3, True),
    (
        "expected_calibration_error",
        "calibration error (ECE)",
        "how far confidence is from accuracy; 0 is best",
        3,
        False,
    ),
    ("frames_per_second", "frames per second", "the engine alone, one frame at a time", 1, None),
)


@dataclass(frozen=True)
class FigureRow:
    """A row of a table of figures: a value for each checkpoint, and how the second compares."""

    title: str
    note: str
    values: Sequence[float | None]
    digits: int
    more_is_better: bool | None = True

    @property
    def difference(self) -> float | None:
        """Second minus first; None where there is only one or one has no value."""
        first, second = self.values[0], self.values[-1]
        return None if len(self.values) < 2 or first is None or second is None else second - first

    @property
    def verdict(self) -> str:
        """Whether the second is `better` or `worse`; "" where neither can be said."""
        difference = self.difference
        if difference is None or self.more_is_better is None or not round(difference, self.digits):
            return ""
        return "better" if (difference > 0) == self.more_is_better else "worse"


def figure_rows(results: Sequence[Mapping[str, Any]]) -> list[FigureRow]:
    """Return the table of a data set's figures, from its `results` in the document."""
    rows = [
        FigureRow(title, note, [result[key] for result in results], digits, more_is_better)
        for key, title, note, digits, more_is_better in _FIGURES
    ]
    groups = results[0]["groups"]
    group_rows = [
        FigureRow(
            f"{name} F{group['beta']:g}",
            _beta_note(group["beta"]),
            [result["groups"][name]["f_beta"] for result in results],
            3,
        )
        for name, group in groups.items()
    ]
    if results[0]["instances"]:
        note = "connected components, mean over IoU 0.50 to 0.95"
        values = [result["instances"]["mean_f1"] for result in results]
        group_rows.append(FigureRow("instances F1", note, values, 3))
    note = "share of the pixels whose class changes where the picture does not"
    group_rows.append(
        FigureRow("flicker", note, [result["flicker"] for result in results], 4, False)
    )
    return rows[:-1] + [row for row in group_rows if set(row.values) != {None}] + rows[-1:]


def _beta_note(beta: float) -> str:
    if beta == 1:
        return "misses and false alarms weigh the same"
    return "misses weigh more" if beta > 1 else "false alarms weigh more"
