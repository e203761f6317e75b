# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with files of regions drawn by hand."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.labelme import draw_regions
from unet_seg_ros.datasets.layouts.layout import Layout
from unet_seg_ros.datasets.layouts.pairing import below, key_of, listed_below
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.files import pictures_below

_LABELME = ".json"


def _has_labelme(folder: Path) -> bool:
    return any(_labelme_file(path).is_file() for path in listed_below(folder))


def _open_labelme(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open pictures with labelme's files beside them; a picture without one is left out."""
    classes = label_set_choice.required(label_set, folder)
    regions = {path: _labelme_file(path) for path in pictures_below(folder)}
    files = [
        LabelledFile(
            picture=picture,
            labels=(drawn,),
            name=key_of(picture, folder),
            drive=below(picture.parent, folder),
        )
        for picture, drawn in regions.items()
        if drawn.is_file()
    ]
    strays = sorted(set(folder.rglob(f"*{_LABELME}")) - set(regions.values()))
    return LabelledFiles(
        name=folder.name,
        label_set=classes,
        format=partial(formats.ids, label_set=classes),
        files=files,
        faults=[f"{path}: has no picture beside it" for path in strays],
        read_labels=partial(draw_regions, label_set=classes),
    )


def _labelme_file(picture: Path) -> Path:
    return picture.with_suffix(_LABELME)


LABELME = Layout("labelme", _has_labelme, _open_labelme)
