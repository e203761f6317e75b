# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Palettes: how one is chosen, and that people with any colour vision can tell what it shows."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from unet_seg_ros.labels.label_set import (
    LabelSet,
    LabelSetError,
    built_in_label_sets,
    built_in_palettes,
)

CARLA29 = LabelSet.load("carla29")
COLORBLIND = CARLA29.recolored("colorblind")

# What a driver has to tell apart, by classes of carla29; classes of a line may look alike.
KINDS = (
    {"Roads"},
    {"RoadLine"},
    {"SideWalks"},
    {"Car", "Truck", "Bus", "Train"},
    {"Pedestrian", "Rider", "Bicycle", "Motorcycle"},
    {"TrafficLight", "TrafficSign"},
    {"Vegetation", "Terrain", "Ground", "RailTrack", "Rock"},
    {"Sky", "Water"},
    {"Building", "Wall", "Bridge"},
    {"Pole", "Fence", "GuardRail", "Static", "Dynamic", "Other"},
    {"Unlabeled"},
)

# What linear RGB looks like without one kind of cones: Machado, Oliveira and Fernandes (2009), "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6).
VISION = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


@pytest.mark.parametrize("name", built_in_label_sets())
@pytest.mark.parametrize("palette", built_in_palettes())
def test_every_label_set_takes_every_palette_and_keeps_all_but_its_colors(
    name: str, palette: str
) -> None:
    label_set = LabelSet.load(name)
    recolored = label_set.recolored(palette)
    assert recolored.name == label_set.name
    assert recolored.names == label_set.names
    assert recolored.groups == label_set.groups
    assert [item.aliases for item in recolored.classes] == [
        item.aliases for item in label_set.classes
    ]
    assert recolored != label_set


def test_a_label_map_is_drawn_in_the_palette() -> None:
    labels = np.array([[CARLA29.class_id("RoadLine")]], np.uint8)
    np.testing.assert_array_equal(COLORBLIND.colorize(labels), [[(240, 228, 66)]])


@pytest.mark.parametrize("vision", VISION)
def test_what_a_driver_tells_apart_differs_in_any_color_vision(vision: str) -> None:
    assert smallest_difference(COLORBLIND, VISION[vision]) >= 10


def test_the_simulators_own_colors_do_not() -> None:
    """The measure tells: without green cones, CARLA's pedestrians look like trees."""
    assert smallest_difference(CARLA29, VISION["deuteranopia"]) < 3


def smallest_difference(label_set: LabelSet, vision: np.ndarray) -> float:
    """Return the smallest difference between classes of two kinds, in CIEDE2000."""
    assert set().union(*KINDS) == set(label_set.names)
    colors = {item.name: seen(item.color, vision) for item in label_set.classes}
    return min(
        ciede2000(colors[one], colors[other])
        for kind, other_kind in itertools.combinations(KINDS, 2)
        for one, other in itertools.product(kind, other_kind)
    )


def seen(color: tuple[int, int, int], vision: np.ndarray) -> np.ndarray:
    """Return the CIELAB values of an sRGB colour as somebody with this vision sees it."""
    srgb = np.array(color) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(vision @ linear, 0, 1)
    srgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(srgb.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]


def ciede2000(one: np.ndarray, other: np.ndarray) -> float:
    """Return the difference of two CIELAB colours: Sharma, Wu and Dalal (2005), eq. 2 to 22."""
    lightness, a, b = np.array([one, other], float).T
    chroma = np.hypot(a, b).mean() ** 7
    a = a * (1.5 - 0.5 * np.sqrt(chroma / (chroma + 25**7)))
    chromas, hues = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    turn = np.diff(hues)[0] if chromas.all() else 0.0
    turn -= 360 * np.sign(turn) * (abs(turn) > 180)
    hue = (hues[0] + turn / 2) % 360 if chromas.all() else hues.sum()
    level, chroma = lightness.mean(), chromas.mean()
    weight = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    rotation = (
        -2
        * np.sqrt(chroma**7 / (chroma**7 + 25**7))
        * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    )
    by_lightness = np.diff(lightness)[0] / (
        1 + 0.015 * (level - 50) ** 2 / np.sqrt(20 + (level - 50) ** 2)
    )
    by_chroma = np.diff(chromas)[0] / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(chromas.prod()) * np.sin(np.radians(turn / 2))
    by_hue /= 1 + 0.015 * chroma * weight
    terms = by_lightness**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue
    return float(np.sqrt(terms))


# Of the pairs that Sharma, Wu and Dalal publish for testing implementations (table 1).
@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_measure_is_the_published_one(
    one: tuple[float, ...], other: tuple[float, ...], difference: float
) -> None:
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(difference, abs=1e-4)


def test_a_palette_of_ones_own_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("background: [1, 2, 3]\nNUCLEUS: [4, 5, 6]\n")
    recolored = LabelSet.load("nuclei2").recolored(file)
    assert [item.color for item in recolored.classes] == [(1, 2, 3), (4, 5, 6)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("Background: [1, 2, 3]", "mine.yaml: has no colour for Nucleus of label set 'nuclei2'"),
        ("Background: [0, 0, 0]\nNucleus: [0, 0, 0]", "the colour (0, 0, 0) occurs twice"),
        ("Background: [0, 0, 0]\nNucleus: [0, 0, 256]", "three numbers from 0 to 255"),
        ("Background: [0, 0, 0]\nNucleus: [0, 0]", "not one: write a line for each class"),
        ("Background: [0, 0, 0]\nNucleus: red", "not one: write a line for each class"),
        ("- Background", "not one: write a line for each class"),
        ("{", "not a YAML file"),
    ],
)
def test_a_file_that_is_no_palette_is_refused(content: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(LabelSetError) as refusal:
        LabelSet.load("nuclei2").recolored(file)
    assert sentence in str(refusal.value)


def test_an_unknown_palette_is_refused_with_those_there_are() -> None:
    with pytest.raises(LabelSetError, match="no palette 'sepia': give one of colorblind, or"):
        CARLA29.recolored("sepia")
