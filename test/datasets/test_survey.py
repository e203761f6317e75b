# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
from drawn_pictures import cut_short, gray, ids, write_picture

from unet_seg_ros.datasets.contact_sheet import contact_sheet, positions_for_sheet
from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.samples import LabelledPictures, Sample
from unet_seg_ros.datasets.survey import survey
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.overlay import OPACITY

CARLA29 = LabelSet.load("carla29")


def write_set(folder: Path, *places: str) -> LabelledPictures:
    for place in places:
        write_picture(folder / "images" / f"{place}.png", gray(9, width=4, height=2))
        mask = np.vstack([ids(1, 1, 1, 1), ids(24, 24, 11, UNKNOWN_ID)])
        write_picture(folder / "masks" / f"{place}.png", mask)
    return open_dataset(str(folder), label_set="carla29")


def test_a_survey_counts_what_can_be_read_and_names_what_cannot(tmp_path: Path) -> None:
    pictures = write_set(tmp_path, "1", "2", "3", "4")
    cut_short(tmp_path / "images" / "2.png")
    (tmp_path / "masks" / "3.png").unlink()
    found = survey(pictures, keep=[1, 3])
    assert found.readable == (0, 3)
    assert len(found.faults) == 2
    assert "images/2.png" in found.faults[0]
    assert "masks/3.png" in found.faults[1]
    assert found.sizes == {(4, 2): 2}
    assert found.pixels[[1, 24, 11, UNKNOWN_ID]].tolist() == [8, 4, 2, 2]
    assert found.pixels.sum() == 16
    assert [sample.name for sample in found.kept] == ["4"]


def test_a_sheet_shows_every_drive(tmp_path: Path) -> None:
    places = [f"long/{number}" for number in range(20)] + ["short/1"]
    pictures = write_set(tmp_path, *places)
    chosen = positions_for_sheet(pictures, count=4)
    assert len(chosen) <= 4
    assert {pictures.drives[position] for position in chosen} == {"long", "short"}


def test_a_sheet_shows_picture_overlay_stripes_and_legend() -> None:
    image = np.full((288, 384, 3), 100, np.uint8)
    labels = np.full((288, 384), CARLA29.class_id("Roads"), np.uint8)
    labels[:, 200:] = UNKNOWN_ID
    small = Sample(image[:96, :96], labels[:96, :96], "a name that is long " * 10)
    samples = [Sample(image, labels, "large"), small, small]
    sheet = contact_sheet("title", samples, CARLA29, [1, 24])
    road, line, sidewalk = (CARLA29.classes[number].color for number in (1, 24, 2))
    assert shows(sheet, (100, 100, 100))
    assert shows(sheet, over_gray(road))
    assert shows(sheet, over_gray((110, 110, 110)))  # a stripe
    assert shows(sheet, road)
    assert shows(sheet, line)
    assert not shows(sheet, sidewalk)


def over_gray(color: tuple[int, ...]) -> tuple[int, ...]:
    """Return what a colour of the mask looks like over a picture of 100, 100, 100."""
    return tuple(round((1 - OPACITY) * 100 + OPACITY * part) for part in color)


def shows(sheet: np.ndarray, color: tuple[int, ...]) -> bool:
    return bool((sheet == color).all(axis=2).any())
