# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a user says about a data set in one argument: where it is, and how to take it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from unet_seg_ros.datasets.readers import AUTO, LAYOUT_NAMES
from unet_seg_ros.datasets.splits import RULES


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

    Raises:
        ValueError: One of these is not possible.
    """

    path: str
    layout: str = AUTO
    label_set: str = ""
    split: str = AUTO
    mapping: str = ""
    share: float = 1.0

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
        share = settings.pop("share", "1")
        try:
            number = float(share)
        except ValueError:
            raise ValueError(f"share={share}: must be a number above 0") from None
        return cls(
            path, share=number, **{key.replace("-", "_"): value for key, value in settings.items()}
        )
