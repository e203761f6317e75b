# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked of the engine and what it answers, by the names of the node's outputs."""

from __future__ import annotations

import numpy as np

from unet_seg_ros.inference.frames import Request, Segmentation
from unet_seg_ros.messages.topics import MASKS, OUTPUTS, mask_output


def test_pictures_have_the_names_of_the_outputs() -> None:
    labels, colors = np.zeros((1, 2), np.uint8), np.zeros((1, 2, 3), np.uint8)
    everything = Segmentation(labels, colors, colors, labels, {"lane": labels})
    names = {name for name, _ in everything.pictures()}
    assert names == {*OUTPUTS, mask_output("lane")} - {MASKS}
    assert [name for name, _ in Segmentation(labels).pictures()] == ["labels"]


def test_request_is_for_what_the_names_say() -> None:
    groups = {"lane": (1,), "sky": (2,)}
    assert Request.of({"labels", "overlay", mask_output("sky")}, groups, 0.5) == Request(
        overlay=True, groups={"sky": (2,)}, overlay_opacity=0.5
    )
    assert Request.of(set(OUTPUTS), groups) == Request(
        color_mask=True, overlay=True, confidence=True
    )
