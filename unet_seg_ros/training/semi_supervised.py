# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a recipe says about pictures without labels and about a teacher, made ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from lightning.fabric import Fabric

from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.labels.mapping import LabelRows
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint
from unet_seg_ros.pictures.geometry import network_size
from unet_seg_ros.training.crops import TrainingSet
from unet_seg_ros.training.data import most_enlarged
from unet_seg_ros.training.recipe import Recipe
from unet_seg_ros.training.trainer import Learner
from unet_seg_ros.training.twins import TwinViews
from unet_seg_ros.training.unlabelled import open_unlabelled
from unet_seg_ros.training.weather import scene_of
from unet_seg_ros.weights import find_checkpoint

# An untrained network is sure of what is wrong: its average teaches after so much of a training.
_UNTAUGHT = 0.25


@dataclass(frozen=True)
class SemiSupervision:
    """Pictures that a teacher labels.

    Attributes:
        unlabelled: The pictures without labels; none where the labelled ones are used.
        twins: Makes the crops.
        teacher: A network trained before; None for the moving average of the one that learns.
        admissible: `(R, C)` bool, which classes a pixel of each row may be.
        confidence: How probable a class must be.
        untaught: The share of the steps before the teacher is asked.
        summary: What is learnt from, by name, for model cards.
    """

    unlabelled: Sequence[LabelledPictures]
    twins: TwinViews
    teacher: Checkpoint | None
    admissible: torch.Tensor
    confidence: float
    untaught: float
    summary: dict[str, str]

    def begin(self, learner: Learner, steps: int) -> None:
        """Give a learner, that is to do so many steps, its teacher."""
        first = round(self.untaught * steps)
        learner.learn_from(self.teacher, self.admissible, self.confidence, first)


def load_teacher(recipe: Recipe, label_set: LabelSet) -> Checkpoint | None:
    """Return the teacher of a recipe, None where it names none.

    Raises:
        ValueError: It has other classes, or a number of the recipe is outside its range.
    """
    if not 0 <= recipe.confidence < 1:
        raise ValueError(f"--confidence {recipe.confidence}: give a probability from 0 to below 1")
    if not recipe.unlabelled_share > 0:
        raise ValueError(f"--unlabelled-share {recipe.unlabelled_share}: give a number above 0")
    if not recipe.teacher:
        return None
    teacher = load_checkpoint(find_checkpoint(recipe.teacher))
    if teacher.label_set != label_set:
        raise ValueError(
            f"--teacher {recipe.teacher}: has the classes of {teacher.label_set.name!r}, not of "
            f"{label_set.name!r}; give one with the same"
        )
    return teacher


def semi_supervision(
    recipe: Recipe,
    teacher: Checkpoint | None,
    can_teach: bool,
    label_set: LabelSet,
    sets: Sequence[TrainingSet],
    rows: LabelRows,
    fabric: Fabric,
) -> SemiSupervision | None:
    """Return what a recipe says about pictures without labels; None where it has none.

    With a teacher and without such pictures, the labelled ones are used: the teacher says what
    their labels leave open. `can_teach` says whether the network knows its classes from the start.

    Raises:
        DataError: Pictures without labels cannot be opened.
        BagError: A bag cannot be.
    """
    found = [
        open_unlabelled(spec, label_set, recipe.learning_size, recipe.skip_bad)
        for spec in recipe.unlabelled
    ]
    if not found and not teacher:
        return None
    nothing = np.full(256, UNKNOWN_ID, np.uint8)
    twin_sets = [
        TrainingSet(item, range(len(item)), nothing, float(len(item)), most_enlarged(recipe))
        for item in found
    ]
    twins = TwinViews(
        twin_sets or sets,
        crops=recipe.crops,
        input_size=recipe.learning_size,
        px=recipe.unlabelled_share * recipe.batch_px,
        seed=recipe.seed,
        variation=recipe.variation,
        scene=scene_of(label_set, rows.admissible),
        teacher_size=(
            partial(network_size, input_size=teacher.input_size, enlarge=teacher.enlarge)
            if teacher
            else None
        ),
        rank=fabric.global_rank,
        world=fabric.world_size,
    )
    return SemiSupervision(
        found,
        twins,
        teacher,
        torch.from_numpy(rows.admissible),
        recipe.confidence,
        0.0 if teacher or can_teach else _UNTAUGHT,
        _summary(found, teacher),
    )


def _summary(found: Sequence[LabelledPictures], teacher: Checkpoint | None) -> dict[str, str]:
    by = "the network itself"
    summary = {}
    if teacher:
        by = teacher.name or "a teacher"
        data = "; ".join(f"{name}: {what}" for name, what in teacher.data.items())
        summary["the teacher"] = f"{by} saw {data}"
    if not found:
        return {"what labels leave open": f"labelled by {by}", **summary}
    counts = Counter[str]()
    for item in found:
        counts[item.name] += len(item)
    how = f"labelled by {by} where it was sure"
    pictures = {name: f"{count} pictures without labels, {how}" for name, count in counts.items()}
    return {**pictures, **summary}
