# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A data set made of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet


@dataclass
class ArrayPictures:
    """Samples in memory as `LabelledPictures`; a text is why one of them cannot be read."""

    samples: Sequence[Sample | str]
    label_set: LabelSet
    name: str = "arrays"
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()
    layout: str = "arrays"

    @property
    def drives(self) -> Sequence[str]:
        """All pictures are of one drive."""
        return [self.name] * len(self)

    def __len__(self) -> int:
        return len(self.samples)

    def name_of(self, index: int) -> str:
        """Return the name of a sample."""
        sample = self.samples[index]
        return sample if isinstance(sample, str) else sample.name

    def __getitem__(self, index: int) -> Sample:
        sample = self.samples[index]
        if isinstance(sample, str):
            raise DataError(sample)
        return sample
