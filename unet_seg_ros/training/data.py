# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The data sets of a training: opened, divided, and mapped to the network's classes."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from unet_seg_ros.datasets.samples import Derived, LabelledPictures, Sample
from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.datasets.splits import Split, evenly_spread, split
from unet_seg_ros.datasets.survey import Survey, notes_about, survey
from unet_seg_ros.datasets.town import is_town
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.labels.mapping import LabelRows, label_rows, mapping_between
from unet_seg_ros.pictures.geometry import Size, enlarge_labels, network_size, shrink
from unet_seg_ros.progress import make_bar
from unet_seg_ros.training.crops import TrainingSet
from unet_seg_ros.training.loss import SegmentationLoss, balancing_weights
from unet_seg_ros.training.rare import Counted, Rarities, rarities
from unet_seg_ros.training.recipe import Recipe

# Data sets count by their shares, not by their sizes.
_MANY_PIXELS = 1e9


@dataclass(frozen=True)
class DataSet:
    """A data set and how it is divided.

    `by_picture`, `(N, 256)`, is how many pixels of every picture each label id has.
    """

    spec: DataSpec
    pictures: LabelledPictures
    split: Split
    by_picture: npt.NDArray[np.int64]

    @property
    def learnt_pixels(self) -> npt.NDArray[np.int64]:
        """How many pixels of what is learnt from each label id has, `(256,)`."""
        total: npt.NDArray[np.int64] = self.by_picture[list(self.split.train)].sum(axis=0)
        return total

    def validation(self, at_most: int | None = None) -> list[int]:
        """Return the positions held apart, or `at_most` of them, evenly spread."""
        return evenly_spread(self.split.validation, at_most)


class Drawn(Derived):
    """Views of the town, which take long to draw: all drawn at once, and kept.

    Those to learn from are kept at the size at which the network sees them.
    """

    def __init__(self, views: LabelledPictures, divided: Split, input_size: Size) -> None:
        super().__init__(views)
        to_learn = frozenset(divided.train)
        self._samples = []
        for index in make_bar(range(len(views)), desc=f"drawing {self.name}", unit="picture"):
            sample = views[index]
            self._samples.append(_shrunk(sample, input_size) if index in to_learn else sample)

    def __len__(self) -> int:
        return len(self._samples)

    def name_of(self, index: int) -> str:
        """Return the name of a view."""
        return self._samples[index].name

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]


def _shrunk(sample: Sample, input_size: Size) -> Sample:
    assert sample.labels is not None
    size = network_size((sample.image.shape[1], sample.image.shape[0]), input_size)
    return Sample(shrink(sample.image, size), enlarge_labels(sample.labels, size), sample.name)


def open_data_sets(recipe: Recipe) -> list[DataSet]:
    """Open the data sets of a recipe, read each once from end to end, and divide it.

    Raises:
        DataError: One cannot be opened or divided, has faults and `skip_bad` is false, or nothing
            is left to train or to validate on.
    """
    data_sets = [_open(spec, recipe) for spec in recipe.data]
    names = [item.pictures.name for item in data_sets]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"several data sets are called {repeated[0]}; give their folders other names"
        )
    if not any(item.split.train for item in data_sets):
        raise DataError("there is nothing to train on: every data set has split=validate")
    if not any(item.split.validation for item in data_sets):
        raise DataError("there is nothing to validate on: every data set has split=train")
    return data_sets


def rows_of(data_sets: Sequence[DataSet], network: LabelSet) -> LabelRows:
    """Return what the labels of the data sets say about the network's classes.

    Labels in their pictures that say nothing, though nobody said so, are noted.

    Raises:
        LabelMappingError: One has no class in common with the network, or its mapping is wrong.
    """
    mappings = []
    for item in data_sets:
        mapping = mapping_between(item.pictures.label_set, network, item.spec.mapping)
        shown: npt.NDArray[np.int64] = item.by_picture.sum(axis=0)
        if lost := [name for name in mapping.lost if shown[mapping.source.class_id(name)]]:
            print(
                f"{item.pictures.name}: says nothing of the network's classes: {', '.join(lost)}; "
                "name them in a mapping= file (docs/label_mapping.md)",
                file=sys.stderr,
            )
        mappings.append(mapping)
    return label_rows(mappings)


def refuse_one_class(
    recipe: Recipe, data_sets: Sequence[DataSet], rows: LabelRows, network: LabelSet
) -> None:
    """Refuse labels that leave nothing to be told apart.

    Raises:
        DataError: Every label that is learnt from means the same, and nothing else is learnt from.
    """
    if recipe.teacher or recipe.unlabelled:
        return  # which may know of other classes
    shown = {
        row
        for item, table in zip(data_sets, rows.tables, strict=True)
        for row in table[item.learnt_pixels > 0].tolist()
    } - {UNKNOWN_ID}
    if len(shown) == 1:
        classes = np.flatnonzero(rows.admissible[shown.pop()])
        raise DataError(
            "there is nothing to learn: every label in the pictures to train on that says "
            f"something is {' or '.join(network.names[number] for number in classes)}; look "
            "whether the labels are read rightly, and say which classes the others may be in a "
            "mapping= file (docs/label_mapping.md)"
        )


def training_sets(
    recipe: Recipe, data_sets: Sequence[DataSet], rows: LabelRows
) -> list[TrainingSet]:
    """Return what is to be learnt from."""
    return [
        TrainingSet(
            item.pictures,
            item.split.train,
            table,
            item.spec.share,
            item.spec.enlarge or most_enlarged(recipe),
        )
        for item, table in zip(data_sets, rows.tables, strict=True)
        if item.split.train
    ]


def most_enlarged(recipe: Recipe) -> float:
    """Return how many times as large as they are pictures are learnt from, where no set says."""
    return math.inf if recipe.enlarge else 1.0


def rare_things(
    recipe: Recipe, data_sets: Sequence[DataSet], rows: LabelRows, network: LabelSet
) -> Rarities | None:
    """Return what brings rare things forward, as the recipe asks for; None where it does not.

    Raises:
        ValueError: It asks for what the data does not have.
    """
    counted = []
    for item, table in zip(data_sets, rows.tables, strict=True):
        if item.split.train:
            pixels = item.by_picture[list(item.split.train)]
            by_row = np.zeros_like(pixels)
            for label, row in enumerate(table):
                by_row[:, row] += pixels[:, label]
            counted.append(Counted(by_row, item.spec.share))
    return rarities(counted, network, focus=recipe.rare, paste=recipe.paste)


def segmentation_loss(
    recipe: Recipe, data_sets: Sequence[DataSet], rows: LabelRows
) -> SegmentationLoss:
    """Return the loss that a recipe asks for, with weights from how often each label is learnt."""
    pixels = np.zeros(256)
    for item, table in zip(data_sets, rows.tables, strict=True):
        known = item.learnt_pixels * (table != UNKNOWN_ID)
        shares = np.bincount(table, known / max(known.sum(), 1), minlength=256)
        pixels += _MANY_PIXELS * item.spec.share * shares
    return SegmentationLoss(
        torch.from_numpy(rows.admissible),
        balancing_weights(torch.from_numpy(pixels), recipe.max_class_weight),
        dice=recipe.dice,
        lovasz=recipe.lovasz,
        thin=recipe.thin,
    )


def _open(spec: DataSpec, recipe: Recipe) -> DataSet:
    pictures = spec.open()
    divided = split(pictures, spec.split)
    if is_town(spec.path):
        pictures = Drawn(pictures, divided, recipe.learning_size)
    found = survey(pictures)
    for note in notes_about(pictures, found, divided):
        print(f"{pictures.name}: {note}", file=sys.stderr)
    faults = [*pictures.faults, *found.faults]
    if faults and not recipe.skip_bad:
        raise DataError(
            f"{faults[0]} (faults in {pictures.name}: {len(faults)}; list them with: unet-seg data "
            f"check {spec.path}; go on without these pictures with --skip-bad)"
        )
    if found.faults:
        divided = _without_faulty(divided, found)
    return DataSet(spec, pictures, divided, found.by_picture)


def _without_faulty(divided: Split, found: Survey) -> Split:
    readable = frozenset(found.readable)
    return Split(
        train=tuple(position for position in divided.train if position in readable),
        validation=tuple(position for position in divided.validation if position in readable),
        summary=f"{divided.summary}; of these {len(found.faults)} cannot be read and are left out",
    )
