# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compressed pictures, read as image_transport's plugin `compressed` reads them.

The plugin itself is C++ and only in a ROS installation. `subscriber` takes its steps: decode
unchanged, take the encoding from the format, turn BGR into it.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.compressed import write_compressed_mask
from unet_seg_ros.messages.images import Header, read_compressed_image
from unet_seg_ros.town.camera import CameraModel
from unet_seg_ros.town.drive import Drive
from unet_seg_ros.town.town import Town

HEADER = Header(12_000_000_034, "ego_vehicle/rgb_front")


@pytest.fixture
def labels() -> np.ndarray:
    """Return a label map with all class ids, and 255."""
    labels = np.repeat(np.arange(32, dtype=np.uint8), 20)[None].repeat(480, axis=0)
    labels[-100:] = 255
    return np.ascontiguousarray(labels)


def subscriber(message: bytes) -> tuple[str, np.ndarray]:
    """Return the encoding and the pixels of the raw picture that the plugin makes of a message."""
    sensor_msgs = pytest.importorskip("sensor_msgs.msg")
    from rclpy.serialization import deserialize_message

    compressed = deserialize_message(message, sensor_msgs.CompressedImage)
    pixels = cv2.imdecode(np.frombuffer(compressed.data, np.uint8), cv2.IMREAD_UNCHANGED)
    encoding, semicolon, rest = compressed.format.partition(";")
    assert semicolon
    if encoding == "rgb8" and "compressed bgr" in rest:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return encoding, pixels


def test_label_maps_come_back_as_they_were(labels: np.ndarray) -> None:
    encoding, pixels = subscriber(write_compressed_mask(HEADER, labels))
    assert encoding == "mono8"
    assert pixels.shape == labels.shape
    assert (pixels == labels).all()


@pytest.mark.skipif(not hasattr(cv2, "IMWRITE_PNG_FILTER"), reason="OpenCV is older than 4.11")
def test_label_maps_are_smaller_than_other_settings_make_them(loop_town: Town) -> None:
    labels = np.ascontiguousarray(Drive(loop_town, camera=CameraModel(320, 240)).frame(0)[1])
    message = write_compressed_mask(HEADER, labels)
    assert len(message) < 0.8 * len(cv2.imencode(".png", labels)[1])


def test_colours_come_back_in_their_order(labels: np.ndarray) -> None:
    mask = LabelSet.load("carla29").colorize(labels)
    encoding, pixels = subscriber(write_compressed_mask(HEADER, mask))
    assert encoding == "rgb8"
    assert np.abs(pixels.astype(int) - mask).mean() < 3
    assert np.abs(pixels[..., ::-1].astype(int) - mask).mean() > 20


def test_they_are_read_here_and_small(labels: np.ndarray) -> None:
    for pixels in (labels, LabelSet.load("carla29").colorize(labels)):
        message = write_compressed_mask(HEADER, pixels)
        image = read_compressed_image(message, pixels.size)
        assert image.header == HEADER
        assert image.pixels.shape[:2] == labels.shape
        assert len(message) < pixels.nbytes / 10
