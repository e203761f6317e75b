# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from unet_seg_ros.town.mesh import MeshBuilder
from unet_seg_ros.town.tags import Tag

Point = tuple[float, float, float]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((0.0, 0.0, 0.0), (0.0, 3.0, 1.0)),
        ((1.0, 0.0, 5.0), (1.0, 0.0, 1.0)),
        ((0.0, 2.0, 0.0), (1.0, -3.0, 0.0)),
    ],
)
def test_a_tube_is_seen_from_outside(start: Point, end: Point) -> None:
    build = MeshBuilder()
    build.tube(start, end, (0.2, 0.1), (128, 128, 128), Tag.POLE)
    mesh = build.build()
    sides = mesh.vertices.reshape(-1, 4, 3).mean(axis=1) - np.add(start, end) / 2
    assert (np.einsum("ij,ij->i", sides, mesh.normals) > 0.1).all()
