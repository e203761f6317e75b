# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of the own car at the sizes of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.ego_mask import EgoMask


def bonnet(width: int = 8, height: int = 6, rows: int = 2) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[height - rows :] = 1
    return mask


def test_a_mask_of_the_pictures_size_is_what_was_given() -> None:
    placed = EgoMask(bonnet(), "mask").at((8, 6))
    assert placed.rows == slice(4, 6)
    assert (placed.inside == 255).all()
    assert (placed.outside == 0).all()
    assert placed.outside_rgb.shape == (2, 8, 3)


@pytest.mark.parametrize(("size", "rows"), [((16, 12), slice(8, 12)), ((4, 3), slice(2, 3))])
def test_a_mask_of_the_same_aspect_ratio_is_scaled(size: tuple[int, int], rows: slice) -> None:
    placed = EgoMask(bonnet(), "mask").at(size)
    assert placed.rows == rows
    assert set(np.unique(placed.inside)) == {255}  # nearest neighbour: nothing in between


def test_a_side_may_be_off_by_what_rounding_takes() -> None:
    assert EgoMask(bonnet(1242, 375), "mask").at((621, 188)).rows == slice(187, 188)


def test_a_mask_of_another_aspect_ratio_is_refused_with_both_sizes() -> None:
    with pytest.raises(DataError, match=r"^front\.png: a mask of 8x6 does not fit .* of 8x8; give"):
        EgoMask(bonnet(), "front.png").at((8, 8))


@pytest.mark.parametrize(("value", "what"), [(0, "nothing"), (1, "the whole picture")])
def test_a_mask_of_nothing_or_everything_is_refused(value: int, what: str) -> None:
    with pytest.raises(DataError, match=f"marks {what}"):
        EgoMask(np.full((3, 4), value, np.uint8), "front.png")


def test_the_rows_have_what_is_outside_too() -> None:
    mask = np.zeros((4, 3), np.uint8)
    mask[1, 2] = mask[2, 0] = 7
    placed = EgoMask(mask, "mask").at((3, 4))
    assert placed.rows == slice(1, 3)
    assert placed.inside.tolist() == [[0, 0, 255], [255, 0, 0]]
    assert placed.outside.tolist() == [[255, 255, 0], [0, 255, 255]]


def test_many_sizes_do_not_fill_the_memory() -> None:
    mask = EgoMask(bonnet(), "mask")
    for times in range(1, 50):
        mask.at((8 * times, 6 * times))
    assert len(mask._placed) <= 8
