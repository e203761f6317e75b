# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a data set once from end to end: what is in it, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from unet_seg_ros.datasets.samples import LabelledPictures, Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.geometry import Size


@dataclass(frozen=True)
class Survey:
    """What reading the pictures of a data set gave.

    Attributes:
        readable: Positions of the pictures that can be read.
        faults: For every other picture a sentence that names the file.
        sizes: How many pictures have each (width, height).
        by_picture: How many pixels of every picture have each id, `(N, 256)`; 255 = not labelled;
            all zero for those that cannot be read.
        kept: The samples that were to be kept, apart from those with faults.
    """

    readable: tuple[int, ...]
    faults: tuple[str, ...]
    sizes: Mapping[Size, int]
    by_picture: npt.NDArray[np.int64]
    kept: Sequence[Sample]

    @property
    def pixels(self) -> npt.NDArray[np.int64]:
        """How many pixels have each id, `(256,)`."""
        total: npt.NDArray[np.int64] = self.by_picture.sum(axis=0)
        return total


def survey(pictures: LabelledPictures, keep: Collection[int] = ()) -> Survey:
    """Read every picture, with a progress bar, and keep the samples at some positions."""
    readable, faults, kept = [], [], []
    sizes: Counter[Size] = Counter()
    by_picture = np.zeros((len(pictures), 256), np.int64)
    positions = range(len(pictures))
    for position in tqdm(positions, f"reading {pictures.name}", unit="picture", disable=None):
        try:
            sample = pictures[position]
        except DataError as error:
            faults.append(str(error))
            continue
        assert sample.labels is not None
        readable.append(position)
        if position in keep:
            kept.append(sample)
        sizes[sample.image.shape[1], sample.image.shape[0]] += 1
        by_picture[position] = np.bincount(sample.labels.ravel(), minlength=256)
    return Survey(tuple(readable), tuple(faults), sizes, by_picture, kept)
