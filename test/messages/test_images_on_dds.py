# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our bytes and the middleware's message objects mean the same pictures, both ways, over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from graph import Graph
from sensor_msgs.msg import CompressedImage, Image

from unet_seg_ros.messages.images import (
    Header,
    read_compressed_image,
    read_image,
    write_compressed_image,
    write_image,
)

MAX_PIXELS = 2_000_000
HEADER = Header(stamp_ns=1_234_567_890_123, frame_id="ego_vehicle/rgb_front")
CHANNELS = {"mono8": 1, "rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4}


@pytest.fixture
def graph() -> Iterator[Graph]:
    with Graph() as graph:
        yield graph


def carry(graph: Graph, message_type: type, message: object, *, raw: bool) -> Any:
    """Publish `message` and return what a subscription, raw or not, is given."""
    received = graph.collect(message_type, "picture", raw=raw)
    graph.publisher(message_type, "picture").publish(message)
    graph.spin_until(lambda: received, "the picture")
    return received[0]


def random_pixels(encoding: str, width: int, height: int) -> np.ndarray:
    shape = (height, width, CHANNELS[encoding])
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("encoding", CHANNELS)
def test_written_bytes_arrive_as_an_image_message(graph, encoding):
    pixels = random_pixels(encoding, width=31, height=17)
    message = carry(graph, Image, write_image(HEADER, pixels, encoding), raw=False)
    assert message.header.stamp.sec == 1234
    assert message.header.stamp.nanosec == 567_890_123
    assert message.header.frame_id == HEADER.frame_id
    assert (message.width, message.height, message.encoding) == (31, 17, encoding)
    assert message.step == 31 * CHANNELS[encoding]
    assert message.is_bigendian == 0
    assert bytes(message.data) == pixels.tobytes()


@pytest.mark.parametrize("encoding", CHANNELS)
def test_an_image_message_arrives_as_bytes_that_are_read(graph, encoding):
    pixels = random_pixels(encoding, width=31, height=17)
    message = Image(width=31, height=17, encoding=encoding, step=31 * CHANNELS[encoding])
    fill_header(message)
    message.data = pixels.tobytes()
    image = read_image(carry(graph, Image, message, raw=True), MAX_PIXELS)
    assert image.header == HEADER
    assert (image.pixels == pixels).all()


def test_a_camera_sized_picture_survives_as_bytes_on_both_sides(graph):
    pixels = random_pixels("bgra8", width=1920, height=1080)
    received = carry(graph, Image, write_image(HEADER, pixels, "bgra8"), raw=True)
    image = read_image(received, max_pixels=1920 * 1080)
    assert image.header == HEADER
    assert (image.pixels == pixels).all()


def test_a_compressed_message_arrives_as_bytes_that_are_read(graph):
    pixels = random_pixels("bgr8", width=31, height=17)
    message = CompressedImage(format="bgr8; png compressed bgr8")
    fill_header(message)
    message.data = cv2.imencode(".png", pixels)[1].tobytes()
    image = read_compressed_image(carry(graph, CompressedImage, message, raw=True), MAX_PIXELS)
    assert image.header == HEADER
    assert (image.pixels == pixels).all()


def test_written_compressed_bytes_arrive_as_a_compressed_message(graph):
    png = cv2.imencode(".png", random_pixels("bgr8", width=31, height=17))[1]
    written = write_compressed_image(HEADER, png, "png")
    message = carry(graph, CompressedImage, written, raw=False)
    assert message.header.frame_id == HEADER.frame_id
    assert message.format == "png"
    assert bytes(message.data) == png.tobytes()


def fill_header(message: Image | CompressedImage) -> None:
    message.header.stamp.sec = 1234
    message.header.stamp.nanosec = 567_890_123
    message.header.frame_id = HEADER.frame_id
