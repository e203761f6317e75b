# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Palettes are told from each other class by class."""

from __future__ import annotations

import pytest

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.labels.published import CARLA, Color, Palette, drawings_of, palette_of, palettes

ROAD: Color = (128, 64, 128)
SIDEWALK: Color = (244, 35, 232)
ROAD_LINE: Color = (157, 234, 50)
NAMES = [palette.name for palette in palettes()]


def colors_of(palette: Palette) -> dict[Color, int]:
    return {item.color: 100 for item in palette.drawn.classes}


@pytest.mark.parametrize("palette", palettes(), ids=NAMES)
def test_every_palette_is_told_from_all_others(palette: Palette) -> None:
    assert palette_of([colors_of(palette)]) == palette


def test_the_palette_of_carla_0_8_means_the_same_13_classes() -> None:
    found = palette_of([{ROAD: 900, ROAD_LINE: 9}, {(0, 0, 255): 10, (72, 0, 90): 1, ROAD: 9}])
    assert found.name == "carla13 of CARLA 0.8"
    assert found.label_set == LabelSet.load("carla13")
    assert len(drawings_of(found.label_set)) == 2


def test_one_rare_class_decides_whatever_all_others_are() -> None:
    common = {ROAD: 10_000_000, SIDEWALK: 10_000_000, ROAD_LINE: 1000}
    rider, bridge = {(255, 0, 0): 30}, {(145, 170, 100): 30}
    assert palette_of([common, rider]).name == "carla29"
    assert palette_of([common, bridge]).name == "carla23"


def test_no_more_pictures_are_looked_at_than_it_takes() -> None:
    pictures = iter([{ROAD: 5, (145, 170, 100): 5}, {ROAD: 5}])
    assert palette_of(pictures).name == "carla23"
    assert next(pictures) == {ROAD: 5}


def test_cityscapes_is_possible_unless_only_carla_is() -> None:
    shared = {ROAD: 5, (152, 251, 152): 5}
    with pytest.raises(ValueError, match="carla29 and cityscapes34 have them all"):
        palette_of([shared])
    assert palette_of([shared], CARLA).name == "carla29"


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        ([{ROAD: 5, SIDEWALK: 5}], "carla13 and carla23 and carla29 and cityscapes34 and carla13"),
        ([{ROAD: 99, (1, 2, 3): 1}], r"carla13 1\.00%, .*; carla13 has no \(1, 2, 3\)"),
        ([], "no label pictures in colour"),
        (
            [{ROAD: 80, (145, 170, 100): 10, (255, 0, 0): 10}],
            r"carla23 10\.00%.* has no \((255, 0, 0|145, 170, 100)\) \((Rider|Terrain) in carla2",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_with_figures(
    pictures: list[dict[Color, int]], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        palette_of(pictures)
