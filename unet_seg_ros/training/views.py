# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network sees of its training pictures: batches of varied crops, made ahead of need.

A crop is cut from the picture as it was read, at a zoom near the one at which the network will see
such a picture (`pictures.geometry`), and only then varied: a fraction of the work of varying whole
pictures.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.training.augmentation import Augmentation, Variation
from unet_seg_ros.training.crops import (
    Cutter,
    TrainingSet,
    picture_size,
    read_pair,
    zoom_range,
)
from unet_seg_ros.training.rare import Rarities, paste_thing
from unet_seg_ros.training.sampler import Draw, StepSampler
from unet_seg_ros.training.twins import TwinViews
from unet_seg_ros.training.weather import NOTHING_KNOWN, Scene

# So many pictures of a set, evenly spread, tell how small its pictures are.
_MEASURED_PICTURES = 5
# Batches that a worker makes ahead, for pictures that take longer to read than others.
_BATCHES_AHEAD = 3
# What all workers together may keep of what they read: many a data set is smaller than this.
_KEPT_BYTES = 1 << 30
# How many times nearer than in its own picture a pasted thing may be.
_CLOSEST = 3.0


class Batch(NamedTuple):
    """What a step learns from.

    Attributes:
        pictures: `(N, 3, H, W)` uint8 RGB, channels last in memory.
        rows: `(N, H, W)` uint8, rows of the loss; 255 where nothing is known.
    """

    pictures: Tensor
    rows: Tensor


class TwinBatch(NamedTuple):
    """A batch with twin crops of pictures without labels, as `twins.TwinViews` returns them.

    Attributes:
        pictures: As those of a `Batch`.
        rows: As those of a `Batch`.
        plain: `(M, 3, h, w)` uint8 RGB, what a teacher sees.
        varied: `(M, 3, H, W)` uint8 RGB, the same for the network that learns.
        known: `(M, H, W)` uint8, what is known of their rows.
    """

    pictures: Tensor
    rows: Tensor
    plain: Tensor
    varied: Tensor
    known: Tensor


def training_loader(
    sets: Sequence[TrainingSet],
    *,
    crops: Sequence[Size],
    input_size: Size,
    batch_px: int,
    seed: int,
    first_step: int,
    steps: int,
    workers: int,
    variation: Variation = "street",
    scene: Scene = NOTHING_KNOWN,
    rarities: Rarities | None = None,
    twins: TwinViews | None = None,
    pins_memory: bool = False,
    rank: int = 0,
    world: int = 1,
) -> DataLoader[Batch | TwinBatch]:
    """Return the batches of `steps` training steps, made ahead by `workers` processes.

    The batch of a step is the same whenever, and by however many workers, it is made: training can
    be resumed at any step.

    Up to a gigabyte of pictures is kept in memory, so that small sets are read once.

    A set whose pictures would have to be enlarged more than `MAX_ZOOM` times sits out the steps
    with too large a crop; a crop that is too large for every set is not used.

    Args:
        sets: What to learn from.
        crops: Sizes (width, height), one of which all pictures of a batch have.
        input_size: (width, height) that frames will be shrunk to fit in at inference.
        batch_px: A batch has as many pictures as fit in so many pixels, at least one.
        seed: 0 or more; another one gives other batches.
        first_step: Number of the first step, from 0.
        steps: How many steps.
        workers: How many processes read ahead; 0 reads in this one, when a batch is asked for.
        variation: What may differ between two pictures of the same.
        scene: What the rows say about sky and ground, for the variation `weather`.
        rarities: What brings rare things forward, where that is wanted.
        twins: Makes crops of pictures without labels, where there are any.
        pins_memory: Whether batches are put where a GPU fetches them faster.
        rank: Number of this process among those that train together, on other pictures each.
        world: How many processes train together.

    Raises:
        ValueError: There are no sets or crops, or a set is too small for every crop.
        DataError: A picture cannot be read: one of those that are measured first, or later one of
            the batch that is asked for.
    """
    usable, shares = _usable_crops(sets, crops, input_size)
    counts = [max(1, batch_px // (width * height)) for width, height in usable]
    batches = _Batches(
        sets=sets,
        crops=usable,
        counts=counts,
        sampler=StepSampler(
            lengths=[len(item.indices) for item in sets],
            shares=shares,
            counts=[world * count for count in counts],
            seed=seed,
        ),
        cut=Cutter(sets, input_size, variation, _KEPT_BYTES // max(1, workers)),
        steps=range(first_step, first_step + steps),
        augmentation=Augmentation(variation, scene),
        rarities=rarities,
        usable=shares > 0,
        twins=twins,
        rank=rank,
    )
    return _Loader(
        batches,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_BATCHES_AHEAD if workers else None,
        worker_init_fn=_ignore_interrupts,
        pin_memory=pins_memory,
        # Else every new loader would change the global random numbers, and with them a training
        # that is resumed.
        generator=torch.Generator(),
    )


@dataclass(frozen=True)
class _Batches(Dataset[Any]):
    """The batch of every step of a range; where a picture cannot be read, the error in its place.

    An error raised in a worker would reach the trainer with a traceback for its message.
    """

    sets: Sequence[TrainingSet]
    crops: Sequence[Size]
    counts: Sequence[int]
    sampler: StepSampler
    cut: Cutter
    steps: range
    augmentation: Augmentation
    rarities: Rarities | None
    usable: npt.NDArray[np.bool_]
    twins: TwinViews | None
    rank: int

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, number: int) -> Batch | TwinBatch | DataError:
        step = self.steps[number]
        crop, draws = self.sampler(step)
        count = self.counts[crop]
        try:
            views = [
                self._varied(draws[place], crop, step, place)
                for place in range(self.rank * count, (self.rank + 1) * count)
            ]
            twins = self.twins(step, self.crops[crop]) if self.twins else None
        except DataError as error:
            return error
        pictures = torch.from_numpy(np.stack([picture for picture, _ in views]))
        rows = torch.from_numpy(np.stack([rows for _, rows in views]))
        batch = Batch(pictures.permute(0, 3, 1, 2), rows)
        return TwinBatch(*batch, *twins) if twins else batch

    def _varied(
        self, draw: Draw, crop: int, step: int, place: int
    ) -> tuple[Uint8Array, Uint8Array]:
        """Return a varied crop of a picture, `(H, W, 3)`, and its rows, `(H, W)`."""
        rng, size = self.sampler.generator(step, place), self.crops[crop]
        if not self.rarities:
            return self.augmentation(*self.cut(draw, size, rng), rng)
        rare_rng = self.sampler.rare_generator(step, place)
        focuses, pastes = rare_rng.random(2) < (self.rarities.focus, self.rarities.paste)
        row = None
        if focuses and (pick := self.rarities.pick(self.usable[crop], rare_rng)):
            draw, row = pick
        view = self.cut(draw, size, rng, row)
        if pastes and (pick := self.rarities.pick_thing(self.usable[crop], rare_rng)):
            # Near people are as rare as far ones are many.
            closer = float(_CLOSEST ** rare_rng.random())
            source = self.cut(pick.draw, size, rare_rng, pick.row, closer)
            view = paste_thing(view, source, pick.row, self.rarities.things, rare_rng)
        return self.augmentation(*view, rng)


class _Loader(DataLoader[Batch | TwinBatch]):
    """Yields batches, and raises the error that stands in the place of one."""

    def __iter__(self) -> Iterator[Batch | TwinBatch]:  # type: ignore[override]
        # Workers have one thread: the cores belong to the training. It is set before they are
        # forked, since setting it ends OpenCV's other threads, and where those were lost in a fork,
        # waits for them for ever.
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        batches = super().__iter__()
        cv2.setNumThreads(threads)
        return _raising(batches)


def _raising(batches: Iterator[Batch | TwinBatch | DataError]) -> Iterator[Batch | TwinBatch]:
    for batch in batches:
        if isinstance(batch, DataError):
            raise batch
        yield batch


def _usable_crops(
    sets: Sequence[TrainingSet], crops: Sequence[Size], input_size: Size
) -> tuple[list[Size], npt.NDArray[np.float64]]:
    """Return the crops that some set is large enough for, and the sets' shares of each."""
    if not sets or not crops:
        raise ValueError("nothing to train on: give at least one data set and one crop size")
    smallest = [_smallest_picture(item) for item in sets]
    zooms = [
        [
            zoom_range(size, crop, input_size, enlarge=item.enlarge)
            for size, item in zip(smallest, sets, strict=True)
        ]
        for crop in crops
    ]
    fits = np.array([[low <= high for low, high in row] for row in zooms])
    for item, (width, height), fitting in zip(sets, smallest, fits.T, strict=True):
        if not fitting.any():
            raise ValueError(
                f"{item.pictures.name}: pictures of {width}x{height} are too small for crops of "
                f"{', '.join(f'{crop[0]}x{crop[1]}' for crop in crops)}; give a smaller crop"
            )
    used = np.flatnonzero(fits.any(axis=1))
    shares = fits[used] * np.array([item.share for item in sets])
    return [crops[number] for number in used], shares / shares.sum(axis=1, keepdims=True)


def _smallest_picture(item: TrainingSet) -> Size:
    """Return the smallest width and the smallest height among some pictures of a set."""
    count = len(item.indices)
    positions = {number * count // _MEASURED_PICTURES for number in range(_MEASURED_PICTURES)}
    sizes = [picture_size(read_pair(item, position)[0]) for position in positions]
    return min(width for width, _ in sizes), min(height for _, height in sizes)


def _ignore_interrupts(_: int) -> None:
    """Leave it to the training when its workers end; Ctrl-C reaches all processes of a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
