# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The own car, taken out of everything that the engine on the processor gives."""

from __future__ import annotations

import numpy as np
import pytest
from engines import EVERYTHING, in_order, only, picture, small_checkpoint

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError
from unet_seg_ros.inference.segmenter import Frame, Request, Segmentation, Segmenter
from unet_seg_ros.labels.label_set import ColorOrder
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.figures import overlay

WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(small_checkpoint(), "cpu", "float32", "off")


def own_car() -> Uint8Array:
    """Return a mask, 255 in a bow that does not reach the lower edge everywhere."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[90:110, 20:140] = 255
    mask[80:90, 60:100] = 255
    return mask


def arrays(result: Segmentation) -> dict[str, Uint8Array]:
    return {name: pixels.copy() for name, pixels in result.pictures()}


@pytest.mark.parametrize("color_order", ["rgb", "bgr", "bgra", "rgba"])
def test_inside_all_is_unknown_and_outside_all_is_as_without(
    segmenter: Segmenter, color_order: ColorOrder
) -> None:
    image = picture(WIDTH, HEIGHT, seed=4)
    pixels, inside = in_order(image, color_order), own_car() > 0
    whole = arrays(only(segmenter([Frame(pixels, color_order)], EVERYTHING)))
    mask = EgoMask(own_car(), "mask")
    masked = arrays(only(segmenter([Frame(pixels, color_order, mask)], EVERYTHING)))
    assert masked.keys() == whole.keys()
    assert "masks/odd" in masked
    for name in masked.keys() - {"overlay"}:
        assert (masked[name][inside] == (255 if name == "labels" else 0)).all()
        assert np.array_equal(masked[name][~inside], whole[name][~inside])
        assert whole[name][inside].any() or name == "masks/none"
    color_mask = segmenter.label_set.colorize(masked["labels"])
    assert np.array_equal(masked["color_mask"], color_mask)
    assert np.array_equal(masked["overlay"], overlay(image, color_mask, masked["labels"]))
    assert not np.array_equal(masked["overlay"], whole["overlay"])


def test_a_mask_at_the_pictures_edges_is_no_other_case(segmenter: Segmenter) -> None:
    image = picture(WIDTH, HEIGHT, seed=5)
    for rows in (slice(0, 1), slice(HEIGHT - 1, HEIGHT), slice(0, HEIGHT - 1)):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[rows] = 1
        frame = Frame(image, "rgb", EgoMask(mask, "mask"))
        result = only(segmenter([frame], Request(overlay=True)))
        assert ((result.labels == 255) == (mask > 0)).all()
        colors = segmenter.label_set.colorize(result.labels)
        assert np.array_equal(result.overlay, overlay(image, colors, result.labels))


def test_every_frame_of_a_batch_has_its_own_mask_or_none(segmenter: Segmenter) -> None:
    image = picture(WIDTH, HEIGHT, seed=6)
    upper = np.zeros((60, 80), np.uint8)  # half as large
    upper[:10] = 1
    masks = (None, EgoMask(own_car(), "lower"), EgoMask(upper, "upper"))
    results = segmenter([Frame(image, "rgb", mask) for mask in masks])
    unknown = [int((result.labels == 255).sum()) for result in results]
    assert unknown == [0, int((own_car() > 0).sum()), 20 * WIDTH]
    # Buffers are used again: what was masked is no longer.
    assert not (only(segmenter([Frame(image, "rgb")])).labels == 255).any()


def test_a_mask_that_does_not_fit_is_refused(segmenter: Segmenter) -> None:
    frame = Frame(picture(WIDTH, WIDTH), "rgb", EgoMask(own_car(), "front.png"))
    with pytest.raises(DataError, match=r"front\.png: a mask of 160x120 does not fit"):
        segmenter([frame])
