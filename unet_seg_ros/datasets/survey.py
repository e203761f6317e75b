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

from unet_seg_ros.datasets.likeness import Fingerprint, fingerprint, near_copies
from unet_seg_ros.datasets.samples import LabelledPictures, Sample
from unet_seg_ros.datasets.splits import Split
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.geometry import Size

_NOTES_SHOWN = 10
_COPIES_SHOWN = 3


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
        notes: What was passed over in pictures that can be read, a sentence for each.
        fingerprints: Of each readable picture, in the order of `readable`.
    """

    readable: tuple[int, ...]
    faults: tuple[str, ...]
    sizes: Mapping[Size, int]
    by_picture: npt.NDArray[np.int64]
    kept: Sequence[Sample]
    notes: tuple[str, ...] = ()
    fingerprints: Sequence[Fingerprint] = ()

    @property
    def pixels(self) -> npt.NDArray[np.int64]:
        """How many pixels have each id, `(256,)`."""
        total: npt.NDArray[np.int64] = self.by_picture.sum(axis=0)
        return total


def survey(pictures: LabelledPictures, keep: Collection[int] = ()) -> Survey:
    """Read every picture, with a progress bar, and keep the samples at some positions."""
    readable, faults, kept, notes, fingerprints = [], [], [], [], []
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
        if sample.note:
            notes.append(sample.note)
        fingerprints.append(fingerprint(sample.image))
        sizes[sample.image.shape[1], sample.image.shape[0]] += 1
        by_picture[position] = np.bincount(sample.labels.ravel(), minlength=256)
    return Survey(
        tuple(readable), tuple(faults), sizes, by_picture, kept, tuple(notes), fingerprints
    )


def notes_about(pictures: LabelledPictures, found: Survey, divided: Split | None) -> list[str]:
    """Return what people should know of a data set before they train on it.

    Args:
        pictures: The data set.
        found: What reading it gave.
        divided: How it would be divided, None where it cannot be.
    """
    notes = [*pictures.notes, *found.notes[:_NOTES_SHOWN]]
    if len(found.notes) > _NOTES_SHOWN:
        notes.append(f"{len(found.notes) - _NOTES_SHOWN} more pictures with such labels")
    return [*notes, *_about_classes(pictures, found), *_about_copies(pictures, found, divided)]


def _about_classes(pictures: LabelledPictures, found: Survey) -> list[str]:
    names = pictures.label_set.names
    shown = [name for name, count in zip(names, found.pixels, strict=False) if count]
    if not found.readable:
        return []
    if len(shown) <= 1:
        only = f"everything that is labelled is {shown[0]}" if shown else "nothing is labelled"
        return [f"{only}: there is nothing to learn; look whether the labels are read rightly"]
    lacking = [name for name in names if name not in shown]
    return [f"no picture shows {', '.join(lacking)}"] if lacking else []


def _about_copies(pictures: LabelledPictures, found: Survey, divided: Split | None) -> list[str]:
    """Say which pictures that are held apart look like one that would be trained on."""
    if divided is None:
        return []
    print_of = dict(zip(found.readable, found.fingerprints, strict=True))
    held, learnt = (
        [position for position in side if position in print_of]
        for side in (divided.validation, divided.train)
    )
    copies = near_copies([print_of[k] for k in held], [print_of[k] for k in learnt])
    if not copies:
        return []
    named = ", ".join(
        f"{pictures.name_of(held[one])} and {pictures.name_of(learnt[other])}"
        for one, other in copies[:_COPIES_SHOWN]
    )
    return [
        f"{len(copies)} of the {len(held)} pictures held apart are next to the same as one that is "
        f"trained on, and measure next to nothing: {named}{', ...' * (len(copies) > _COPIES_SHOWN)}"
    ]
