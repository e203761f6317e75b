# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a user says about a data set in one argument: where it is, and how to take it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from unet_seg_ros.datasets.readers import AUTO, LAYOUT_NAMES, open_dataset
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.datasets.selection import select
from unet_seg_ros.datasets.splits import RULES

# Beyond this nothing is left to see in a picture.
_MAX_ENLARGED = 8


@dataclass(frozen=True)
class DataSpec:
    """A data set as a user names it.

    Attributes:
        path: What `readers.open_dataset` opens.
        layout: Its layout, one of `readers.LAYOUT_NAMES`.
        label_set: Name or path of its label set, empty where the data set tells.
        split: How it is divided, one of `splits.RULES`.
        mapping: File that says which classes its labels may be, empty to go by their names.
        share: How often it is learnt from, compared with the others.
        enlarge: How many times as large as it is at most a picture is learnt from: more than 1
            for small pictures that stand for those of a larger camera. None for as many times as
            the network enlarges them, if it does.
        cameras: Of a bag, which cameras, joined by `+`, each as `bags.cameras.pair_cameras` takes
            it; empty for all.
        only: Which of its pictures, by texts in their names (`selection.select`); empty for all.
        without: Which of those are left away.

    Raises:
        ValueError: One of these is not possible.
    """

    path: str
    layout: str = AUTO
    label_set: str = ""
    split: str = AUTO
    mapping: str = ""
    share: float = 1.0
    enlarge: float | None = None
    only: str = ""
    without: str = ""
    cameras: str = ""

    @property
    def camera_topics(self) -> list[str]:
        """The cameras one by one."""
        return self.cameras.split("+") if self.cameras else []

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("a data set needs a folder, or town")
        for key, value, choices in (
            ("layout", self.layout, LAYOUT_NAMES),
            ("split", self.split, RULES),
        ):
            if value not in choices:
                raise ValueError(f"{key}={value}: give one of {', '.join(choices)}")
        if not (self.share > 0 and math.isfinite(self.share)):
            raise ValueError(f"share={self.share}: must be a number above 0")
        if self.enlarge is not None and not 1 <= self.enlarge <= _MAX_ENLARGED:
            raise ValueError(f"enlarge={self.enlarge}: must be a number from 1 to {_MAX_ENLARGED}")

    def open(self) -> LabelledPictures:
        """Open the data set, or the chosen part of it.

        Raises:
            DataError, LabelSetError: As `readers.open_dataset` and `selection.select` do.
        """
        pictures = open_dataset(
            self.path, layout=self.layout, label_set=self.label_set, cameras=self.camera_topics
        )
        return select(pictures, self.only, self.without)

    @classmethod
    def parse(cls, text: str) -> DataSpec:
        """Read `PATH[,KEY=VALUE]...`; a path may have commas, though not KEY=VALUE after one.

        Raises:
            ValueError: A key or a value is not possible.
        """
        path, settings = text, {}
        keys = [field.name.replace("_", "-") for field in fields(cls) if field.name != "path"]
        while "=" in (setting := path.rpartition(",")[2]) and setting != path:
            key, _, value = setting.partition("=")
            if key not in keys or key in settings:
                raise ValueError(
                    f"{setting}: give each of {', '.join(f'{key}=' for key in keys)} at most once"
                )
            settings[key] = value
            path = path.rpartition(",")[0]
        share = _number("share", settings.pop("share", "1"))
        factor = settings.pop("enlarge", None)
        enlarge = None if factor is None else _number("enlarge", factor)
        texts = {key.replace("-", "_"): value for key, value in settings.items()}
        return cls(path, share=share, enlarge=enlarge, **texts)


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{key}={text}: must be a number") from None
