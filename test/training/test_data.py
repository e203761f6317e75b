# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is learnt from data sets: how much each class counts, and what their labels leave out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from drawn_pictures import gray, write_picture

from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.class_lists import label_set_of
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.training.data import (
    DataSet,
    open_data_sets,
    refuse_one_class,
    rows_of,
    segmentation_loss,
)
from unet_seg_ros.training.recipe import Recipe
from unet_seg_ros.training.trainer import Optimization

CARLA = LabelSet.load("carla29")
ROADS, PERSON = CARLA.class_id("Roads"), CARLA.class_id("Pedestrian")


def write_set(folder: Path, *masks: Sequence[int]) -> Path:
    """Write pictures of one row whose masks have these ids."""
    for number, ids in enumerate(masks):
        write_picture(folder / "images" / f"{number}.png", gray(90, len(ids), 1))
        write_picture(folder / "masks" / f"{number}.png", np.array([ids], np.uint8))
    return folder


def recipe(*specs: str) -> Recipe:
    return Recipe(
        [DataSpec.parse(spec) for spec in specs], Optimization(steps=1), max_class_weight=10
    )


def weight_of_people(*specs: str) -> float:
    """Return how much more than the road people count."""
    asked = recipe(*specs)
    data_sets = open_data_sets(asked)
    loss = segmentation_loss(asked, data_sets, rows_of(data_sets, CARLA))
    # A pixel of each, of which one is right and the other may be anything.
    rows = torch.tensor([[[ROADS, PERSON]]])
    logits = torch.zeros(1, len(CARLA), 1, 2)
    logits[0, PERSON, 0, 1] = 99
    return math.log(len(CARLA)) / float(loss(logits, rows)) - 1


def test_only_what_is_learnt_from_says_how_rare_a_class_is(tmp_path: Path) -> None:
    learnt = [[ROADS] * 90 + [PERSON] * 10]
    held = {"road": [[ROADS] * 100], "people": [[PERSON] * 100]}
    weights = []
    for name, masks in held.items():
        seen = write_set(tmp_path / "seen", *learnt)
        other = write_set(tmp_path / name, *masks)
        parts = tmp_path / f"parts_{name}"
        write_set(parts / "train", *learnt)
        for part in ("val", "test"):
            write_set(parts / part, *masks)
        in_sets = (
            f"{seen},label-set=carla29,split=train",
            f"{other},label-set=carla29,split=validate",
        )
        weights += [weight_of_people(*in_sets), weight_of_people(f"{parts},label-set=carla29")]
    # One over the square root of the frequency.
    assert weights == pytest.approx([3.0] * 4)


def opened(
    tmp_path: Path, labels: LabelSet, *ids: int, **spec: str
) -> tuple[Recipe, list[DataSet]]:
    """Return a data set, `street`, whose pictures all show these classes."""
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(labels.to_dict()))
    folder = write_set(tmp_path / "street", ids, ids)
    held = f"{write_set(tmp_path / 'held', [ROADS, PERSON])},label-set=carla29,split=validate"
    keys = "".join(f",{key}={value}" for key, value in spec.items())
    asked = recipe(f"{folder},label-set={tmp_path / 'labels.yaml'},split=train{keys}", held)
    return asked, open_data_sets(asked)


NAMES = ("background", "road", "pedestrian", "dog", "Void", "cat", "person", "Traffic light")


def test_labels_that_say_nothing_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = label_set_of("mine", [(name, None) for name in NAMES])
    # No picture shows a cat.
    _, data_sets = opened(tmp_path, labels, 0, 1, 2, 3, 4, 6, 7)
    capsys.readouterr()
    rows = rows_of(data_sets, CARLA)
    said = capsys.readouterr().err
    assert said == (
        "street: says nothing of the network's classes: dog; name them in a mapping= file "
        "(docs/label_mapping.md)\n"
    )
    assert rows.tables[0][[6, 7]].tolist() == [PERSON, CARLA.class_id("TrafficLight")]


def test_labels_that_a_file_says_to_ignore_are_not_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = label_set_of("mine", [("road", None), ("person", None), ("dog", None)])
    mapping = {"road": "Roads", "person": "Pedestrian", "dog": "ignore"}
    document = {"source": "mine", "network": "carla29", "labels": mapping}
    (tmp_path / "mapping.yaml").write_text(yaml.safe_dump(document))
    _, data_sets = opened(tmp_path, labels, 0, 1, 2, mapping=str(tmp_path / "mapping.yaml"))
    capsys.readouterr()
    rows_of(data_sets, CARLA)
    assert not capsys.readouterr().err


def test_labels_that_all_mean_the_same_are_refused(tmp_path: Path) -> None:
    labels = label_set_of("mine", [("road", None), ("dog", None)])
    asked, data_sets = opened(tmp_path, labels, 0, 1)
    rows = rows_of(data_sets, CARLA)
    with pytest.raises(DataError, match=r"nothing to learn: .* is Roads; .*mapping="):
        refuse_one_class(asked, data_sets, rows, CARLA)
    # What a teacher says of the rest is learnt as well.
    taught = dataclasses.replace(asked, teacher="carla29-small")
    refuse_one_class(taught, data_sets, rows, CARLA)
