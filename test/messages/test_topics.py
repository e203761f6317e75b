# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The names of the topics beside a camera."""

from __future__ import annotations

import pytest

from unet_seg_ros.messages.topics import CameraTopics, compressed_topic, is_camera, mask_output


@pytest.mark.parametrize(
    ("image", "labels", "camera_info"),
    [
        (
            "/carla/ego_vehicle/rgb_front/image",
            "/carla/ego_vehicle/rgb_front/segmentation/labels",
            "/carla/ego_vehicle/rgb_front/camera_info",
        ),
        ("/camera/image_raw", "/camera/segmentation/labels", "/camera/camera_info"),
        ("/camera/image_raw/compressed", "/camera/segmentation/labels", "/camera/camera_info"),
        ("front/image", "front/segmentation/labels", "front/camera_info"),
        ("image", "segmentation/labels", "camera_info"),
        ("/image", "/segmentation/labels", "/camera_info"),
    ],
)
def test_outputs_are_beside_the_camera(image: str, labels: str, camera_info: str) -> None:
    camera = CameraTopics(image)
    assert camera.output("labels") == labels
    assert camera.camera_info == camera_info


def test_mask_of_a_group() -> None:
    assert (
        CameraTopics("/front/image").output(mask_output("lane")) == "/front/segmentation/masks/lane"
    )


def test_compressed_is_told_by_the_last_part() -> None:
    assert CameraTopics("/front/image/compressed").compressed
    assert not CameraTopics("/front/image").compressed
    assert not CameraTopics("/compressed_ones/image").compressed


def test_raw_and_compressed_pictures_are_of_one_camera() -> None:
    raw, compressed = CameraTopics("/front/image"), CameraTopics("/front/image/compressed")
    assert raw.raw == compressed.raw == "/front/image"


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("/carla/hero/rgb_front/image", True),
        ("/usb_cam/image_raw/compressed", True),
        ("/carla/hero/semantic_segmentation_front/image", False),
        ("/carla/hero/rgb_front/segmentation/labels/compressed", False),
        ("/carla/hero/instance_segmentation/image", False),
        ("/realsense/depth/image_rect_raw", False),
    ],
)
def test_cameras_are_told_by_their_names(topic: str, expected: bool) -> None:
    assert is_camera(topic) is expected


def test_compressed_pictures_are_beside_the_raw_ones() -> None:
    topic = compressed_topic(CameraTopics("/front/image").output("labels"))
    assert topic == "/front/segmentation/labels/compressed"
    assert CameraTopics(topic).compressed
