# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluations of small networks, against label maps that the engine gives when asked directly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arrays import ArrayPictures
from engines import picture, small_checkpoint

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.evaluation.evaluation import (
    Counts,
    FrameScore,
    evaluate,
    frames_to_show,
    segment_again,
)
from unet_seg_ros.inference.segmenter import Frame, Segmenter
from unet_seg_ros.labels.label_set import LabelSet

SIZES = ((160, 120), (90, 70), (160, 120))


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    """Return an untrained network of camvid11, that shrinks frames to 80x60."""
    return Segmenter(small_checkpoint(), "cpu", "float32", "off")


def labels_of(segmenter: Segmenter, image: Uint8Array) -> Uint8Array:
    [result] = segmenter([Frame(image, "rgb")])
    return result.labels.copy()


def perfect(segmenter: Segmenter) -> list[Sample]:
    """Return pictures whose truth is what the network says."""
    images = [picture(*size, seed=seed) for seed, size in enumerate(SIZES)]
    return [
        Sample(image, labels_of(segmenter, image), f"frame {number}")
        for number, image in enumerate(images)
    ]


def test_a_network_agrees_with_itself_at_the_pictures_own_size(segmenter: Segmenter) -> None:
    pictures = ArrayPictures(perfect(segmenter), segmenter.label_set)
    evaluation = evaluate([segmenter], pictures, range(3))
    [result] = evaluation.results
    assert evaluation.sizes == {(160, 120): 2, (90, 70): 1}
    assert result.counts.matrix.counts.sum() == 2 * 160 * 120 + 90 * 70
    assert result.counts.matrix.mean_iou() == result.counts.boundary.mean_f() == 1
    assert [frame.miou for frame in result.frames] == [1, 1, 1]
    assert result.counts.calibration.right.sum() == result.counts.calibration.pixels.sum()
    assert result.counts.frames_per_second() > 0


def test_every_network_sees_every_frame_and_is_counted_apart(segmenter: Segmenter) -> None:
    samples = perfect(segmenter)
    wrong = Sample(samples[1].image, (samples[1].labels + 1) % 11, "wrong")
    pictures = ArrayPictures([samples[0], wrong, samples[2]], segmenter.label_set)
    coarser = Segmenter(small_checkpoint(), "cpu", "float32", "off", input_size=(40, 30))
    first, second = evaluate([segmenter, coarser], pictures, range(3)).results
    assert [frame.pixel_accuracy for frame in first.frames] == [1, 0, 1]
    assert first.counts.frames == second.counts.frames == 3
    assert second.counts.matrix.pixel_accuracy() < first.counts.matrix.pixel_accuracy()


def test_other_label_sets_are_compared_in_the_wider_classes(segmenter: Segmenter) -> None:
    image = picture(160, 120)
    carla = LabelSet.load("carla29")
    # Buildings and walls are camvid11's Building; there is no Water in it.
    truth = np.full((120, 160), carla.class_id("Wall"), np.uint8)
    truth[:, :80] = carla.class_id("Building")
    truth[:60] = carla.class_id("Water")
    evaluation = evaluate([segmenter], ArrayPictures([Sample(image, truth, "one")], carla), [0])
    counts = evaluation.results[0].counts
    assert evaluation.label_set.name == "camvid11"
    building = evaluation.label_set.class_id("Building")
    assert counts.matrix.counts.sum() == counts.matrix.counts[building].sum() == 60 * 160
    assert (counts.labelled_px, counts.unlabelled_px) == (60 * 160, 60 * 160)
    assert (
        counts.matrix.counts[building, building]
        == (labels_of(segmenter, image)[60:] == building).sum()
    )


def test_a_picture_that_cannot_be_read_ends_it_or_is_noted(segmenter: Segmenter) -> None:
    samples = [*perfect(segmenter), "7.png: cut short"]
    pictures = ArrayPictures(samples, segmenter.label_set, faults=["8.png: has no picture"])
    with pytest.raises(DataError, match=r"8\.png: has no picture"):
        evaluate([segmenter], pictures, [0, 3])
    pictures.faults = ()
    with pytest.raises(DataError, match=r"7\.png: cut short"):
        evaluate([segmenter], pictures, [0, 3])
    pictures.faults = ["8.png: has no picture"]
    evaluation = evaluate([segmenter], pictures, [0, 3], skip_bad=True)
    assert evaluation.bad == ["8.png: has no picture", "7.png: cut short"]
    assert evaluation.results[0].counts.frames == 1
    with pytest.raises(DataError, match="arrays: there is no picture to evaluate on"):
        evaluate([segmenter], pictures, [3], skip_bad=True)


def test_what_is_shown_is_what_was_counted(segmenter: Segmenter) -> None:
    samples = perfect(segmenter)
    evaluation = evaluate([segmenter], ArrayPictures(samples, segmenter.label_set), [0])
    frame = segment_again([segmenter], samples[0], evaluation)
    np.testing.assert_array_equal(frame.predictions[0], frame.truth)
    assert frame.name == "frame 0"


def test_counts_merge() -> None:
    random = np.random.default_rng(0)
    whole, merged = Counts(2), Counts(2)
    for _ in range(3):
        maps = [random.integers(0, 2, (20, 30)).astype(np.uint8) for _ in range(2)]
        confidence = random.integers(0, 256, (20, 30)).astype(np.uint8)
        whole.update(*maps, confidence, engine_ns=1000)
        part = Counts(2)
        part.update(*maps, confidence, engine_ns=1000)
        merged.merge(part)
    np.testing.assert_array_equal(merged.matrix.counts, whole.matrix.counts)
    np.testing.assert_array_equal(merged.boundary.truth_found, whole.boundary.truth_found)
    np.testing.assert_array_equal(merged.calibration.right, whole.calibration.right)
    assert merged.instances is not None
    assert whole.instances is not None
    assert merged.instances.mean_f1() == whole.instances.mean_f1()
    assert (merged.frames, merged.frames_per_second()) == (3, 1e6)
    assert merged.labelled_px == whole.labelled_px == 3 * 600


@pytest.mark.parametrize(
    ("count", "best", "median", "worst"),
    [
        (0, [], [], []),
        (1, [0], [], []),
        (2, [0], [], [1]),
        (3, [0], [1], [2]),
        (8, [0, 1], [3, 4], [7, 6]),
        (100, [0, 1, 2], [48, 49, 50], [99, 98, 97]),
    ],
)
def test_frames_to_show_are_chosen_by_miou(
    count: int, best: list[int], median: list[int], worst: list[int]
) -> None:
    scores = [FrameScore(index, "", 1 - index / 1000, 0.5) for index in range(count)]
    scores.append(FrameScore(1000, "without labels", math.nan, math.nan))
    shown = frames_to_show(scores[::-1])
    indices = {kind: [frame.index for frame in frames] for kind, frames in shown.items()}
    assert indices == {"best": best, "median": median, "worst": worst}
