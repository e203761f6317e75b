# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What picture files state is read without their pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from unet_seg_ros.pictures.header import is_cut_jpeg

NOISE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def encoded(suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, NOISE)[1])


@pytest.mark.parametrize("kept", [2, 1000, -4096, -2, -1])
def test_a_jpeg_without_its_end_is_cut(kept: int) -> None:
    assert is_cut_jpeg(memoryview(encoded(".jpg"))[:kept])


@pytest.mark.parametrize("appended", [0, 1, 4095, 4096, 4097, 10_000])
def test_what_is_appended_to_a_whole_jpeg_does_not_matter(appended: int) -> None:
    assert not is_cut_jpeg(memoryview(encoded(".jpg") + bytes(appended)))


def test_other_pictures_are_no_cut_jpegs() -> None:
    assert not is_cut_jpeg(encoded(".png")[:-20])
    assert not is_cut_jpeg(b"")
