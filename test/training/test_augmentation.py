# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID
from unet_seg_ros.training.augmentation import Augmentation, Haze, Variation

SEEDS = range(60)


def scene() -> tuple[Uint8Array, Uint8Array]:
    """Return a dark picture with a bright corner, and a label map that tells them apart."""
    labels = np.full((48, 64), 3, np.uint8)
    labels[:16, :20] = 7
    labels[40:, 60:] = UNKNOWN_ID
    image = np.where(labels[..., None] == 7, 190, 60).astype(np.uint8)
    return np.broadcast_to(image, (*labels.shape, 3)).copy(), labels


def mirrorings(labels: Uint8Array) -> list[Uint8Array]:
    return [labels, labels[:, ::-1], labels[::-1], labels[::-1, ::-1]]


def which_mirroring(varied: Uint8Array, labels: Uint8Array) -> int:
    return [np.array_equal(varied, other) for other in mirrorings(labels)].index(True)


@pytest.mark.parametrize("variation", get_args(Variation))
def test_labels_are_mirrored_with_their_picture_and_nothing_else_happens_to_them(
    variation: Variation,
) -> None:
    augmentation = Augmentation(variation)
    image, labels = scene()
    for seed in SEEDS:
        varied, varied_labels = augmentation(image, labels, np.random.default_rng(seed))
        which_mirroring(varied_labels, labels)
        assert varied.shape == image.shape
        assert varied.dtype == varied_labels.dtype == np.uint8
        bright, dark = varied[varied_labels == 7].mean(), varied[varied_labels == 3].mean()
        # By night what is lit is bright.
        assert bright > dark + 10 or variation == "weather"


@pytest.mark.parametrize(
    ("variation", "possible"),
    [
        ("street", {0, 1}),
        ("weather", {0, 1}),
        ("light", {0, 1}),
        ("microscope", {0, 1, 2, 3}),
        ("slide", {0, 1, 2, 3}),
    ],
)
def test_only_what_has_no_upside_is_turned_upside_down(
    variation: Variation, possible: set[int]
) -> None:
    augmentation = Augmentation(variation)
    image, labels = scene()
    results = (augmentation(image, labels, np.random.default_rng(seed))[1] for seed in SEEDS)
    assert {which_mirroring(result, labels) for result in results} == possible


@pytest.mark.parametrize("variation", ["microscope", "slide"])
def test_squares_without_an_upside_are_turned_as_well(variation: Variation) -> None:
    image, labels = (array[:, 16:] for array in scene())
    augmentation = Augmentation(variation)
    results = [augmentation(image, labels, np.random.default_rng(seed))[1] for seed in SEEDS]
    possible = [*mirrorings(labels), *mirrorings(labels.T)]
    found = {
        number
        for result in results
        for number, other in enumerate(possible)
        if np.array_equal(result, other)
    }
    assert found == set(range(8))


def test_slide_leaves_every_pixel_as_it_is() -> None:
    image, labels = scene()
    augmentation = Augmentation("slide")
    for seed in SEEDS:
        varied, _ = augmentation(image, labels, np.random.default_rng(seed))
        assert any(np.array_equal(varied, other) for other in mirrorings(image))


def test_light_leaves_every_pixel_as_it_is() -> None:
    augmentation = Augmentation("light")
    image, labels = scene()
    for seed in SEEDS:
        varied, _ = augmentation(image, labels, np.random.default_rng(seed))
        assert np.array_equal(varied, image) or np.array_equal(varied, image[:, ::-1])


@pytest.mark.parametrize("variation", ["street", "weather"])
def test_what_becomes_of_a_picture_depends_on_its_random_numbers_alone(
    variation: Variation,
) -> None:
    image, labels = scene()
    augmentation = Augmentation(variation)
    forward = [augmentation(image, labels, np.random.default_rng(seed))[0] for seed in SEEDS]
    other = Augmentation(variation)
    backward = [other(image, labels, np.random.default_rng(seed))[0] for seed in reversed(SEEDS)]
    np.testing.assert_array_equal(forward, backward[::-1])
    assert len({picture.tobytes() for picture in forward}) > len(SEEDS) / 2


def test_the_given_picture_is_not_changed() -> None:
    image, labels = scene()
    augmentation = Augmentation("street")
    for seed in SEEDS:
        augmentation(image, labels, np.random.default_rng(seed))
    np.testing.assert_array_equal(image, scene()[0])
    np.testing.assert_array_equal(labels, scene()[1])


def test_haze_hides_what_is_far_more_than_what_is_near() -> None:
    black = np.zeros((100, 30, 3), np.uint8)
    rows = Haze(p=1.0)(image=black)["image"].mean(axis=(1, 2))
    assert (np.diff(rows) <= 0).all()
    assert rows[0] > rows[-1] + 20


def test_the_library_does_not_ask_the_network_for_its_newest_version() -> None:
    code = (
        "import unet_seg_ros.training.augmentation, albumentations.check_version as check; "
        "raise SystemExit(check.opener is not None)"
    )
    environment = {
        name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
