# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Notices whether a training that is resumed still has the data that it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.labels.mapping import LabelRows
from unet_seg_ros.training.data import DataSet
from unet_seg_ros.training.run_folder import RunFolderError
from unet_seg_ros.weights import find_checkpoint


def digests(
    data_sets: Sequence[DataSet],
    rows: LabelRows,
    unlabelled: Sequence[LabelledPictures],
    checkpoints: Sequence[str],
) -> list[list[str]]:
    """Return name and SHA-256 of each data set of a training, in the order of its recipe.

    What is digested: the names of the pictures, how they are divided, how many pixels each of them
    has of each label, and which classes each label may be; colours are not looked at. Of
    checkpoints, which are names or paths or "" for none, it is the file.
    """
    found = []
    for item, table in zip(data_sets, rows.tables, strict=True):
        names = [
            [item.pictures.name_of(position) for position in positions]
            for positions in (item.split.train, item.split.validation)
        ]
        counts, classes = item.by_picture.tobytes(), rows.admissible[table].tobytes()
        found.append([item.pictures.name, _digest(names, counts, classes)])
    for pictures in unlabelled:
        names = [[pictures.name_of(position) for position in range(len(pictures))]]
        found.append([pictures.name, _digest(names)])
    for name in filter(None, checkpoints):
        weights = find_checkpoint(name).read_bytes()
        found.append([name, hashlib.sha256(weights).hexdigest()])
    return found


def refuse_other_data(
    folder: Path, before: Sequence[Sequence[str]], now: Sequence[Sequence[str]]
) -> None:
    """Raise RunFolderError where the training in a folder began with other data than there is now.

    Args:
        folder: The run folder.
        before: What `digests` returned when it began; empty where nothing was noted.
        now: What it returns.
    """
    changed = [name for (name, digest), (_, old) in zip(now, before, strict=False) if digest != old]
    if changed:
        raise RunFolderError(
            f"{changed[0]}: is not what it was when the training in {folder} began: other pictures "
            "or labels, divided or mapped otherwise, or another checkpoint; bring back what was "
            "there, or begin a new training with --out"
        )


def _digest(names: list[list[str]], *more: bytes) -> str:
    digest = hashlib.sha256(json.dumps(names).encode())
    for data in more:
        digest.update(data)
    return digest.hexdigest()
