# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np

from unet_seg_ros.evaluation.flicker import FlickerCounts


def picture(right_half: int) -> np.ndarray:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 20:] = right_half
    return pixels


def test_only_pixels_that_are_still_count() -> None:
    """Half of the picture changes, and its classes too, which is as it should be."""
    counts, labels = FlickerCounts(), np.zeros((20, 40), np.uint8)
    counts.update(picture(0), labels, follows=False)
    changed = labels.copy()
    changed[:, 20:] = 1
    changed[:5, :10] = 1
    counts.update(picture(200), changed, follows=True)
    # The blur takes two columns beside the change for changed as well.
    assert counts.still_px == 20 * 18
    assert counts.changed_px == 5 * 10
    assert counts.share() == 50 / 360


def test_what_has_no_class_does_not_flicker() -> None:
    counts, labels = FlickerCounts(), np.zeros((20, 40), np.uint8)
    labels[15:] = 255
    counts.update(picture(0), labels, follows=False)
    counts.update(picture(0), labels + (labels < 255), follows=True)
    assert (counts.still_px, counts.changed_px) == (15 * 40, 15 * 40)


def test_noise_is_no_change() -> None:
    counts, labels = FlickerCounts(), np.zeros((20, 40), np.uint8)
    noisy = picture(100) + np.random.default_rng(0).integers(0, 3, (20, 40, 3)).astype(np.uint8)
    counts.update(picture(100), labels, follows=False)
    counts.update(noisy, labels, follows=True)
    assert counts.still_px == labels.size
    assert counts.share() == 0


def test_pictures_are_compared_with_those_of_the_same_camera() -> None:
    counts, labels = FlickerCounts(), np.zeros((20, 40), np.uint8)
    counts.update(picture(0), labels, follows=False, camera="front")
    counts.update(picture(0), labels + 1, follows=True, camera="back")
    assert math.isnan(counts.share())
    counts.update(picture(0), labels, follows=True, camera="front")
    counts.update(picture(0), labels + 2, follows=True, camera="back")
    assert counts.share() == 0.5
    counts.update(picture(0), labels + 3, follows=False, camera="front")
    counts.update(picture(0), labels + 3, follows=True, camera="back")
    assert counts.share() == 0.5


def test_frames_of_different_drives_are_not_compared() -> None:
    counts, labels = FlickerCounts(), np.zeros((20, 40), np.uint8)
    counts.update(picture(0), labels, follows=False)
    counts.update(picture(0), labels + 1, follows=False)
    assert math.isnan(counts.share())
