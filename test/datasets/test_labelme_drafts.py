# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Label maps to labelme's files and back, by the package's own reader."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.labelme import draw_regions
from unet_seg_ros.datasets.labelme_drafts import polygons_of, write_labelme
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

CARLA = LabelSet.load("carla29")
ROADS, POLE, SKY, CAR = 1, 6, 11, 14


def scene() -> Uint8Array:
    """Return a label map with slanted borders, a region in a hole of a region, and thin things."""
    labels = np.full((120, 160), SKY, np.uint8)
    cv2.fillPoly(labels, [np.array([[0, 80], [70, 50], [159, 85], [159, 119], [0, 119]])], ROADS)
    cv2.circle(labels, (80, 90), 22, CAR, -1)
    cv2.circle(labels, (80, 90), 10, ROADS, -1)
    cv2.circle(labels, (80, 90), 4, CAR, -1)
    cv2.line(labels, (20, 10), (20, 90), POLE, 1)
    labels[:, 150:] = UNKNOWN_ID
    return labels


def drawn_again(labels: Uint8Array, folder: Path) -> Uint8Array:
    write_labelme(folder / "1.png", labels, CARLA)
    return draw_regions(folder / "1.json", CARLA)


def test_what_is_written_is_nearly_what_is_read(tmp_path: Path) -> None:
    labels = scene()
    again = drawn_again(labels, tmp_path)
    assert np.mean(again == labels) > 0.99
    # What differs lies at borders, within a pixel.
    around = np.ones((3, 3), np.uint8)
    is_inside = cv2.erode(labels, around) == cv2.dilate(labels, around)
    assert (again == labels)[is_inside].all()
    assert np.array_equal(again == POLE, labels == POLE)


def test_regions_come_before_those_that_lie_in_them() -> None:
    classes = [polygon.class_id for polygon in polygons_of(scene()) if polygon.class_id != POLE]
    assert classes == [SKY, ROADS, CAR, ROADS, CAR]


def test_specks_are_covered_by_what_is_around_them(tmp_path: Path) -> None:
    labels = np.full((60, 80), ROADS, np.uint8)
    labels[10:14, 10:14] = CAR
    labels[30:35, 30:35] = CAR
    again = drawn_again(labels, tmp_path)
    assert (again[10:14, 10:14] == ROADS).all()
    assert (again[30:35, 30:35] == CAR).all()


def test_a_file_has_what_labelme_asks_for(tmp_path: Path) -> None:
    drawn_again(scene(), tmp_path)
    document = json.loads((tmp_path / "1.json").read_text())
    shapes = document.pop("shapes")
    assert document == {
        "version": "5.5.0",
        "flags": {},
        "imagePath": "1.png",
        "imageData": None,
        "imageHeight": 120,
        "imageWidth": 160,
    }
    for shape in shapes:
        assert set(shape) == {"label", "points", "group_id", "shape_type", "flags"}
        assert (shape["shape_type"], shape["group_id"], shape["flags"]) == ("polygon", None, {})
        assert len(shape["points"]) >= 3


def test_a_map_without_labels_has_no_shapes(tmp_path: Path) -> None:
    nothing = np.full((6, 8), UNKNOWN_ID, np.uint8)
    assert np.array_equal(drawn_again(nothing, tmp_path), nothing)
