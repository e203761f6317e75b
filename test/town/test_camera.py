# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from math import pi, radians, tan

import numpy as np
import pytest

from unet_seg_ros.town.camera import NEAR, CameraModel, CameraPose, clip_polygon


def test_a_point_straight_ahead_is_in_the_middle() -> None:
    camera, pose = CameraModel(800, 600, 90.0), CameraPose(1.0, 2.0, 1.5, yaw=pi / 2)
    pixel = camera.project(np.array([1.0, 12.0, 1.5]), pose)
    np.testing.assert_allclose(pixel, (399.5, 299.5), atol=1e-9)


def test_the_field_of_view_reaches_from_edge_to_edge() -> None:
    camera, pose = CameraModel(640, 480, 70.0), CameraPose(0.0, 0.0, 1.0)
    aside = 10.0 * tan(radians(35.0))
    pixels = camera.project(np.array([[10.0, aside, 1.0], [10.0, -aside, 1.0]]), pose)
    # The outer edges of the first and last columns lie half a pixel beyond their middles.
    np.testing.assert_allclose(pixels[:, 0], (-0.5, 639.5), atol=1e-9)


@pytest.mark.parametrize(
    ("attitude", "right", "down"),
    [
        ({"pitch": 0.2}, 0.0, 1.0),  # the view goes up, so the point moves down
        ({"yaw": 0.2}, 1.0, 0.0),  # the view goes left, so the point moves right
    ],
)
def test_turning_the_camera_moves_the_picture_the_other_way(
    attitude: dict[str, float], right: float, down: float
) -> None:
    camera = CameraModel(800, 600, 90.0)
    pixel = camera.project(np.array([10.0, 0.0, 1.0]), CameraPose(0.0, 0.0, 1.0, **attitude))
    moved = camera.focal * tan(0.2)
    np.testing.assert_allclose(pixel, (399.5 + moved * right, 299.5 + moved * down), atol=1e-6)


def test_rolling_lowers_the_right_side() -> None:
    camera, pose = CameraModel(800, 600, 90.0), CameraPose(0.0, 0.0, 1.0, roll=0.3)
    pixel = camera.project(np.array([10.0, -5.0, 1.0]), pose)  # right of the axis
    assert pixel[1] < 299.5  # seen from the tilted camera it has gone up


def test_axes_are_orthonormal_and_right_handed() -> None:
    rotation = CameraPose(0.0, 0.0, 1.0, yaw=2.0, pitch=-0.7, roll=0.4).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_rays_go_through_the_pixels_they_are_for() -> None:
    camera = CameraModel(37, 23, 100.0)
    pose = CameraPose(3.0, -2.0, 1.7, yaw=0.5, pitch=-0.3, roll=0.2)
    pixels = camera.project(pose.position + 7.0 * camera.rays(pose), pose)
    columns, rows = np.meshgrid(np.arange(37), np.arange(23))
    np.testing.assert_allclose(pixels, np.stack([columns, rows], axis=2), atol=1e-9)


def test_points_behind_the_camera_have_no_pixel() -> None:
    camera = CameraModel()
    assert np.isnan(camera.project(np.array([-1.0, 0.0, 1.0]), CameraPose(0.0, 0.0, 1.0))).all()


def test_clipping_keeps_the_part_in_front() -> None:
    square = np.array([[-1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, 3.0], [-1.0, 0.0, 3.0]])
    near = np.array([[0.0, 0.0, 1.0, -NEAR]])
    kept = clip_polygon(square, near)
    assert kept[:, 2].min() == pytest.approx(NEAR)
    assert kept[:, 2].max() == 3.0
    assert len(clip_polygon(square - (0.0, 0.0, 5.0), near)) == 0


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_an_impossible_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="camera size"):
        CameraModel(*size)


def test_an_impossible_field_of_view_is_refused() -> None:
    with pytest.raises(ValueError, match="field of view"):
        CameraModel(fov_deg=180.0)
