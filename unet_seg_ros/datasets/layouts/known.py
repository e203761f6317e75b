# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every layout of picture files that is read."""

from __future__ import annotations

from pathlib import Path

from unet_seg_ros.datasets.layouts import carla, plain, polygons, published, regions, streets
from unet_seg_ros.datasets.layouts.layout import Layout

LAYOUTS = (
    carla.CAPTURE,
    carla.COURSE,
    published.NUCLEI,
    carla.TOWN02,
    published.CAMVID,
    streets.CITYSCAPES,
    streets.KITTI,
    published.VOC,
    polygons.COCO,
    polygons.YOLO,
    plain.PAIRS,
    plain.PALETTE,
    plain.MASKS_BESIDE,
    plain.IMAGES_MASKS,
    regions.LABELME,
)
"""Every layout of picture files, the most particular first."""


def layout_of(folder: Path) -> Layout | None:
    """Return the first layout that a folder has, None where it has none."""
    found = next((layout for layout in LAYOUTS if layout.fits(folder)), None)
    return plain.ANY_MASKS if found is plain.IMAGES_MASKS else found
