# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.samples import Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.training import views
from unet_seg_ros.training.crops import MAX_ZOOM, TrainingSet, random_window, resized, zoom_range
from unet_seg_ros.training.rare import Counted, rarities
from unet_seg_ros.training.views import Batch, training_loader

CARLA = LabelSet.load("carla29")
TOWN02 = LabelSet.load("town02")
IDENTITY = np.arange(256, dtype=np.uint8)
# Batches of three crops; all pictures of `large` come in seven steps.
OPTIONS: dict[str, Any] = {
    "crops": [(64, 48)],
    "input_size": (100, 80),
    "batch_px": 3 * 64 * 48,
    "seed": 0,
    "first_step": 0,
    "steps": 7,
    "workers": 0,
}


class Files:
    """Pictures in a folder, each of one colour, whose label map has that colour's number."""

    label_set = TOWN02
    drives: Sequence[str] = ()
    parts: Mapping[str, Sequence[int]] = {}
    faults: Sequence[str] = ()

    def __init__(self, folder: Path, size: Size, numbers: Sequence[int]) -> None:
        self.name = folder.name
        self.paths = [folder / f"{number}.png" for number in numbers]
        folder.mkdir()
        for path, number in zip(self.paths, numbers, strict=True):
            cv2.imwrite(str(path), np.full(size[::-1], number, np.uint8))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        path = self.paths[index]
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise DataError(f"{path}: not a picture that OpenCV can read")
        labels = np.asarray(grey, np.uint8)
        return Sample(np.repeat(labels[..., None], 3, axis=2), labels, path.name)


@pytest.fixture
def large(tmp_path: Path) -> TrainingSet:
    return TrainingSet(Files(tmp_path / "large", (200, 160), range(20)), range(20), IDENTITY)


@pytest.fixture
def small(tmp_path: Path) -> TrainingSet:
    return TrainingSet(Files(tmp_path / "small", (40, 32), range(100, 105)), range(5), IDENTITY)


def batches(sets: Sequence[TrainingSet], **changes: Any) -> list[Batch]:
    """Return the batches for `OPTIONS`, apart from `changes`."""
    return list(training_loader(sets, **(OPTIONS | changes)))


def numbers_in(batch: Batch) -> list[int]:
    """Return the numbers of the pictures in a batch, in order."""
    return [int(rows.unique()) for rows in batch.rows]


def assert_same(ours: Sequence[Batch], theirs: Sequence[Batch]) -> None:
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_batch_has_as_many_crops_as_fit(large: TrainingSet) -> None:
    (batch,) = batches([large], batch_px=4 * 64 * 48 - 1, steps=1)
    assert batch.pictures.shape == (3, 3, 48, 64)
    assert batch.rows.shape == (3, 48, 64)
    assert batch.pictures.dtype == batch.rows.dtype == torch.uint8
    assert batch.pictures.is_contiguous(memory_format=torch.channels_last)
    assert len(batches([large], batch_px=1, steps=1)[0].rows) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_what_is_learnt_from(large: TrainingSet, workers: int) -> None:
    assert_same(batches([large], workers=workers), batches([large]))


def test_training_can_go_on_at_any_step(large: TrainingSet, small: TrainingSet) -> None:
    options = {"crops": [(64, 48), (32, 32)], "batch_px": 10_000}
    whole = batches([large, small], steps=9, **options)
    assert_same(batches([large, small], first_step=5, steps=4, workers=1, **options), whole[5:])


def test_another_seed_gives_other_batches(large: TrainingSet) -> None:
    assert not torch.equal(batches([large])[0].rows, batches([large], seed=1)[0].rows)


def test_pictures_vary_unless_the_variation_is_light(large: TrainingSet) -> None:
    def has_plain_pictures(batch: Batch) -> bool:
        return torch.equal(batch.pictures, batch.rows[:, None].expand(-1, 3, -1, -1))

    assert all(map(has_plain_pictures, batches([large], variation="light")))
    assert not any(map(has_plain_pictures, batches([large], variation="street")))


def test_a_pass_has_every_picture_once(large: TrainingSet) -> None:
    found = [number for batch in batches([large], steps=14) for number in numbers_in(batch)]
    assert sorted(found[:20]) == sorted(found[20:40]) == list(range(20))


def test_only_the_given_indices_are_used(large: TrainingSet) -> None:
    part = TrainingSet(large.pictures, [3, 5], IDENTITY)
    assert {number for batch in batches([part]) for number in numbers_in(batch)} == {3, 5}


def test_ranks_have_different_pictures(large: TrainingSet) -> None:
    ranks = [batches([large], steps=3, rank=rank, world=2) for rank in (0, 1)]
    found = [number for rank in ranks for batch in rank for number in numbers_in(batch)]
    assert len(set(found)) == len(found) == 18


def test_sets_have_their_shares(large: TrainingSet, tmp_path: Path) -> None:
    pictures = Files(tmp_path / "other", (200, 160), range(50, 60))
    other = TrainingSet(pictures, range(10), IDENTITY, share=3.0)
    found = [number for batch in batches([large, other], steps=40) for number in numbers_in(batch)]
    assert sum(number >= 50 for number in found) == pytest.approx(90, abs=1)


def test_small_pictures_sit_out_large_crops(large: TrainingSet, small: TrainingSet) -> None:
    for batch in batches([large, small], crops=[(64, 48), (80, 64)], batch_px=20_000, steps=10):
        has_small = any(number >= 100 for number in numbers_in(batch))
        assert has_small == (batch.rows.shape[2] == 64)


def test_rare_things_come_more_often_and_are_in_the_crop(tmp_path: Path) -> None:
    """One picture in ten has a small square; it is in half of the crops and pasted into others."""
    person = CARLA.class_id("Pedestrian")

    class Squares(Files):
        label_set = CARLA

        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            assert sample.labels is not None
            labels = np.full_like(sample.labels, 1)
            if index % 10 == 0:
                labels[90:98, 150:158] = person
            return Sample(sample.image, labels, sample.name)

    pictures = Squares(tmp_path / "squares", (200, 160), range(100))
    item = TrainingSet(pictures, range(100), IDENTITY)
    pixels = np.stack([np.bincount(pictures[n].labels.ravel(), minlength=256) for n in range(100)])  # type: ignore[union-attr]

    def crops_with_one(focus: float, paste: float) -> int:
        found = rarities([Counted(pixels, 1.0)], CARLA, focus=focus, paste=paste)
        return sum(
            int((rows == person).any())
            for batch in batches([item], steps=40, rarities=found)
            for rows in batch.rows
        )

    assert crops_with_one(0, 0) < 10
    assert crops_with_one(0.5, 0) == pytest.approx(60, abs=20)
    assert crops_with_one(1.0, 0) > 100
    assert crops_with_one(0, 1.0) == 120
    found = rarities([Counted(pixels, 1.0)], CARLA, focus=0, paste=1.0)
    heights = [
        np.count_nonzero((rows == person).any(dim=1))
        for batch in batches([item], steps=40, rarities=found)
        for rows in batch.rows
    ]
    # As it is seen at inference, at half its size, it is 4 pixels high.
    assert min(heights) <= 4
    assert 4 * MAX_ZOOM + 1 < max(heights) <= 4 * MAX_ZOOM * 3 + 1
    found = rarities([Counted(pixels, 1.0)], CARLA, focus=0.5, paste=0.5)
    whole = batches([item], steps=9, rarities=found)
    assert_same(batches([item], first_step=5, steps=4, workers=1, rarities=found), whole[5:])


def test_a_crop_too_large_for_every_set_is_not_used(large: TrainingSet) -> None:
    sizes = {batch.rows.shape[1:] for batch in batches([large], crops=[(64, 48), (500, 300)])}
    assert sizes == {(48, 64)}


def test_a_set_too_small_for_every_crop_is_refused(large: TrainingSet, small: TrainingSet) -> None:
    with pytest.raises(ValueError, match="small: pictures of 40x32 are too small for crops of 80"):
        batches([large, small], crops=[(80, 64)])


@pytest.mark.parametrize("picture", [(40, 32), (100, 80), (160, 80), (480, 360), (2048, 1024)])
def test_pictures_are_seen_at_zooms_around_that_of_inference(picture: Size) -> None:
    crop, input_size = (40, 30), (400, 300)
    low, high = zoom_range(picture, crop, input_size)
    inference = min(1, 400 / picture[0], 300 / picture[1])
    assert low <= inference < high <= MAX_ZOOM
    assert picture[0] * low >= crop[0]
    assert picture[1] * low >= crop[1]


def test_a_picture_too_small_for_its_crop_is_told() -> None:
    low, high = zoom_range((160, 80), (224, 144), (400, 300))
    assert low > high


def test_a_small_picture_may_stand_for_one_of_a_larger_camera() -> None:
    low, high = zoom_range((160, 80), (160, 80), (400, 300), enlarge=8)
    assert (low, high) == (1, 400 / 160 * MAX_ZOOM)
    assert zoom_range((800, 600), (160, 80), (400, 300), enlarge=8)[1] == 0.5 * MAX_ZOOM


@pytest.mark.parametrize("zoom", [0.41, 0.77, 1.0, 1.3, 1.6])
def test_labels_line_up_with_their_picture(zoom: float) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 2, (16, 20), dtype=np.uint8)
    labels = coarse.repeat(15, axis=0).repeat(15, axis=1)
    image = np.repeat(255 * labels[..., None], 3, axis=2)
    for _ in range(20):
        window = random_window(labels.shape, (64, 48), zoom, rng)
        view, view_labels = resized(image[window], labels[window], (64, 48))
        assert view.shape == (48, 64, 3)
        # All but some pixels at corners; shifted by half a pixel, a tenth would differ.
        assert (view_labels == (view[..., 0] > 127)).mean() > 0.99


@pytest.mark.parametrize("zoom", [0.41, 0.77, 1.6])
def test_no_ids_are_invented(zoom: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 7, 200, UNKNOWN_ID], np.uint8), (130, 170))
    image = np.zeros((130, 170, 3), np.uint8)
    window = random_window(labels.shape, (64, 48), zoom, rng)
    _, view_labels = resized(image[window], labels[window], (64, 48))
    assert set(np.unique(view_labels)) == {0, 7, 200, UNKNOWN_ID}


def test_labels_become_rows(large: TrainingSet) -> None:
    table: Uint8Array = np.where(IDENTITY < 200, IDENTITY + 30, UNKNOWN_ID).astype(np.uint8)
    raised = TrainingSet(large.pictures, large.indices, table)
    (plain,), (moved,) = batches([large], steps=1), batches([raised], steps=1)
    torch.testing.assert_close(moved.rows, plain.rows + 30)
    assert torch.equal(moved.pictures, plain.pictures)


def test_what_fits_in_memory_is_read_once(
    large: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = training_loader([large], **OPTIONS)
    monkeypatch.setattr(views, "_KEPT_BYTES", 10 * 200 * 160 * 4)
    half_kept = training_loader([large], **OPTIONS)
    before = list(kept), list(half_kept)
    for path in large.pictures.paths:  # type: ignore[attr-defined]
        path.unlink()
    assert_same(list(kept), before[0])
    assert_same(before[1], before[0])
    with pytest.raises(DataError):
        list(half_kept)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_cannot_be_read_is_named(large: TrainingSet, workers: int) -> None:
    broken = large.pictures.paths[13]  # type: ignore[attr-defined]
    broken.write_bytes(b"not a picture")
    with pytest.raises(DataError) as raised:
        batches([large], workers=workers)
    assert str(raised.value) == f"{broken}: not a picture that OpenCV can read"


def test_workers_are_not_stopped_by_threads_that_opencv_has_in_the_training(
    large: TrainingSet,
) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (0, 0), 3)  # starts them
    assert_same(batches([large], workers=1), batches([large]))
    assert cv2.getNumThreads() == 4
    cv2.setNumThreads(threads)


def test_reading_leaves_the_random_numbers_of_the_training_alone(large: TrainingSet) -> None:
    before = torch.get_rng_state()
    batches([large], workers=1, steps=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_training_set_is_checked(large: TrainingSet) -> None:
    pictures = large.pictures
    with pytest.raises(ValueError, match="no pictures"):
        TrainingSet(pictures, [], IDENTITY)
    with pytest.raises(ValueError, match="share must be above 0"):
        TrainingSet(pictures, [0], IDENTITY, share=0.0)
    with pytest.raises(ValueError, match="255 for id 255"):
        TrainingSet(pictures, [0], np.zeros(256, np.uint8))
    with pytest.raises(ValueError, match="at least one data set"):
        batches([])
