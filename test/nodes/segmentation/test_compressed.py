# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The compressed pictures of the segmentation node, beside the raw ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from graph import Graph
from segmentation_graph import FRONT, LABELS, Start, message, picture, pixels_of
from sensor_msgs.msg import CompressedImage, Image

from unet_seg_ros.nodes.segmentation import forms

PLACE = "/front/segmentation"
RAW = ("labels", "color_mask", "overlay")


def decoded(compressed: CompressedImage) -> np.ndarray:
    """Return the pixels as their file has them: gray, or RGB."""
    pixels = cv2.imdecode(np.frombuffer(compressed.data, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def test_they_show_what_the_raw_ones_show(graph: Graph, start: Start) -> None:
    node = start()
    raw = {name: graph.collect(Image, f"{PLACE}/{name}") for name in RAW}
    small = {name: graph.collect(CompressedImage, f"{PLACE}/{name}/compressed") for name in RAW}
    for name in RAW:
        graph.listened(node, f"{PLACE}/{name}")
        graph.listened(node, f"{PLACE}/{name}/compressed")
    graph.publisher(Image, FRONT).publish(message(picture()))
    graph.spin_until(lambda: all((*raw.values(), *small.values())), "every picture")
    for name in RAW:
        [one], [other] = raw[name], small[name]
        assert other.header == one.header
        assert other.format.startswith(f"{one.encoding}; ")
        difference = np.abs(decoded(other).astype(int) - pixels_of(one))
        assert difference.mean() <= (0 if name == "labels" else 30)  # noise is hard on JPEG


def test_nobody_has_to_listen_to_the_raw_ones(graph: Graph, start: Start) -> None:
    node = start(outputs=["labels"])
    masks = graph.collect(CompressedImage, f"{LABELS}/compressed")
    graph.listened(node, f"{LABELS}/compressed")
    graph.publisher(Image, FRONT).publish(message(picture()))
    graph.spin_until(lambda: masks, "a label map")
    offered = {publisher.topic_name for publisher in node.publishers}
    assert f"{PLACE}/overlay/compressed" not in offered


def test_nothing_is_compressed_that_nobody_listens_to(
    graph: Graph, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    compress = forms.write_compressed_mask

    def counted(header, pixels):
        written.append(pixels.ndim)
        return compress(header, pixels)

    monkeypatch.setattr(forms, "write_compressed_mask", counted)
    node = start()
    labels = graph.collect(Image, LABELS)
    graph.listened(node, LABELS)
    camera = graph.publisher(Image, FRONT)
    camera.publish(message(picture()))
    graph.spin_until(lambda: labels, "a label map")
    assert not written
    masks = graph.collect(CompressedImage, f"{LABELS}/compressed")
    graph.listened(node, f"{LABELS}/compressed")
    camera.publish(message(picture()))
    graph.spin_until(lambda: masks, "a compressed label map")
    assert written == [2]
