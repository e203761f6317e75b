# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Copies are told from pictures that only look like each other."""

from __future__ import annotations

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.likeness import fingerprint, near_copies


def scene(seed: int, size: tuple[int, int] = (96, 64)) -> Uint8Array:
    """Return a picture with structure of its own."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def test_copies_scaled_compressed_and_brightened_are_found() -> None:
    one = scene(0)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", one)[1], cv2.IMREAD_COLOR)
    copies = [
        one,
        scene(0, (192, 128)),
        np.asarray(jpeg, np.uint8),
        np.clip(one.astype(np.int16) + 10, 0, 255).astype(np.uint8),
    ]
    others = [fingerprint(scene(seed)) for seed in (1, 0, 2)]
    found = near_copies([fingerprint(copy) for copy in copies], others)
    assert found == [(0, 1), (1, 1), (2, 1), (3, 1)]


def test_unrelated_pictures_are_none() -> None:
    prints = [fingerprint(scene(seed)) for seed in range(200)]
    assert near_copies(prints[:100], prints[100:]) == []


def test_a_mirrored_picture_is_another_one() -> None:
    one = scene(3)
    mirrored = np.ascontiguousarray(one[:, ::-1])
    assert near_copies([fingerprint(mirrored)], [fingerprint(one)]) == []


def test_nothing_is_alike_where_there_is_nothing() -> None:
    assert near_copies([], [fingerprint(scene(0))]) == []
    assert near_copies([fingerprint(scene(0))], []) == []
