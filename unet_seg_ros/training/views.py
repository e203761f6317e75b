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
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID
from unet_seg_ros.pictures.geometry import Size, enlarge_labels, shrink
from unet_seg_ros.training.augmentation import Augmentation, Variation
from unet_seg_ros.training.rare import Rarities, focus_point, paste_thing
from unet_seg_ros.training.sampler import Draw, StepSampler
from unet_seg_ros.training.weather import NOTHING_KNOWN, Scene

# How much larger or smaller than at inference a picture may be seen.
MAX_ZOOM = 1.6
# So many pictures of a set, evenly spread, tell how small its pictures are.
_MEASURED_PICTURES = 5
# Batches that a worker makes ahead, for pictures that take longer to read than others.
_BATCHES_AHEAD = 3
# What all workers together may keep of what they read: many a data set is smaller than this.
_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class TrainingSet:
    """Pictures to learn from.

    Attributes:
        pictures: Where they are.
        indices: Which of them.
        row_table: `(256,)` uint8, the row of the loss for every label id; 255, nothing known,
            stays 255.
        share: How often its pictures come, in proportion to the shares of the other sets.
        enlarge: How many times as large as they are they may be seen, before `MAX_ZOOM`.

    Raises:
        ValueError: There is nothing to learn from, or a number is outside its range.
    """

    pictures: LabelledPictures
    indices: Sequence[int]
    row_table: Uint8Array
    share: float = 1.0
    enlarge: float = 1.0

    def __post_init__(self) -> None:
        name = self.pictures.name
        if not self.indices:
            raise ValueError(f"{name}: has no pictures to learn from")
        if not self.share > 0:
            raise ValueError(f"{name}: its share must be above 0, not {self.share}")
        if self.row_table.shape != (256,) or self.row_table[UNKNOWN_ID] != UNKNOWN_ID:
            raise ValueError(f"{name}: its row table must have 256 rows, and 255 for id 255")


class Batch(NamedTuple):
    """What a step learns from.

    Attributes:
        pictures: `(N, 3, H, W)` uint8 RGB, channels last in memory.
        rows: `(N, H, W)` uint8, rows of the loss; 255 where nothing is known.
    """

    pictures: Tensor
    rows: Tensor


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
    rank: int = 0,
    world: int = 1,
) -> DataLoader[Batch]:
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
        input_size=input_size,
        sampler=StepSampler(
            lengths=[len(item.indices) for item in sets],
            shares=shares,
            counts=[world * count for count in counts],
            seed=seed,
        ),
        read=_Reader(sets, _KEPT_BYTES // max(1, workers)),
        steps=range(first_step, first_step + steps),
        augmentation=Augmentation(variation, scene),
        rarities=rarities,
        usable=shares > 0,
        zoom_spread=1.0 if variation == "light" else MAX_ZOOM,
        rank=rank,
    )
    return _Loader(
        batches,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_BATCHES_AHEAD if workers else None,
        worker_init_fn=_ignore_interrupts,
        pin_memory=torch.cuda.is_available(),
        # Else every new loader would change the global random numbers, and with them a training
        # that is resumed.
        generator=torch.Generator(),
    )


def zoom_range(
    picture: Size,
    crop: Size,
    input_size: Size,
    spread: float = MAX_ZOOM,
    enlarge: float = 1.0,
) -> tuple[float, float]:
    """Return the smallest and the largest zoom at which a crop is cut from a picture.

    They are the zoom at which inference shrinks the picture to fit in `input_size`, divided and
    multiplied by `spread`; but the smallest is never so small that the picture does not fill the
    crop. Where it is above the largest, the picture is too small. Sizes are (width, height).

    A picture that stands for one of a camera `enlarge` times as large may also be seen as that one
    will be.
    """
    fitting = min(input_size[0] / picture[0], input_size[1] / picture[1])
    filling = max(crop[0] / picture[0], crop[1] / picture[1])
    return max(filling, min(1.0, fitting) / spread), min(enlarge, fitting) * spread


def random_view(
    image: Uint8Array,
    labels: Uint8Array,
    size: Size,
    zoom: float,
    rng: np.random.Generator,
    around: tuple[int, int] | None = None,
) -> tuple[Uint8Array, Uint8Array]:
    """Return a crop from anywhere in a picture, and from the same place of its label map.

    Args:
        image: `(H, W, 3)` uint8.
        labels: `(H, W)` uint8.
        size: (width, height) of the crop.
        zoom: How many pixels of the crop one of the picture becomes; the picture fills the crop.
        rng: Tells where.
        around: (x, y) of a pixel that must be in the crop.
    """
    height, width = labels.shape
    window_width = min(round(size[0] / zoom), width)
    window_height = min(round(size[1] / zoom), height)
    x, y = around or (None, None)
    left = _start(width, window_width, x, rng)
    top = _start(height, window_height, y, rng)
    window = np.s_[top : top + window_height, left : left + window_width]
    view = shrink(image[window], size) if zoom <= 1 else _enlarge(image[window], size)
    return view, enlarge_labels(labels[window], size)


def _start(length: int, window: int, inside: int | None, rng: np.random.Generator) -> int:
    """Return where a window begins, anywhere, or anywhere where `inside` is in it."""
    if inside is None:
        return int(rng.integers(length - window + 1))
    return int(rng.integers(max(0, inside - window + 1), min(inside, length - window) + 1))


class _Reader:
    """Reads pictures and their label maps, and keeps them as long as there is room."""

    def __init__(self, sets: Sequence[TrainingSet], room_bytes: int) -> None:
        self._sets = sets
        self._room_bytes = room_bytes
        self._kept: dict[Draw, tuple[Uint8Array, Uint8Array]] = {}

    def __call__(self, draw: Draw) -> tuple[Uint8Array, Uint8Array]:
        if draw in self._kept:
            return self._kept[draw]
        image, labels = _read(self._sets[draw.set_number], draw.position)
        size_bytes = image.nbytes + labels.nbytes
        if size_bytes <= self._room_bytes:
            self._room_bytes -= size_bytes
            self._kept[draw] = image, labels
        return image, labels


@dataclass(frozen=True)
class _Batches(Dataset[Any]):
    """The batch of every step of a range; where a picture cannot be read, the error in its place.

    An error raised in a worker would reach the trainer with a traceback for its message.
    """

    sets: Sequence[TrainingSet]
    crops: Sequence[Size]
    counts: Sequence[int]
    input_size: Size
    sampler: StepSampler
    read: _Reader
    steps: range
    augmentation: Augmentation
    rarities: Rarities | None
    usable: npt.NDArray[np.bool_]
    zoom_spread: float
    rank: int

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, number: int) -> Batch | DataError:
        step = self.steps[number]
        crop, draws = self.sampler(step)
        count = self.counts[crop]
        try:
            views = [
                self._varied(draws[place], crop, step, place)
                for place in range(self.rank * count, (self.rank + 1) * count)
            ]
        except DataError as error:
            return error
        pictures = torch.from_numpy(np.stack([picture for picture, _ in views]))
        rows = torch.from_numpy(np.stack([rows for _, rows in views]))
        return Batch(pictures.permute(0, 3, 1, 2), rows)

    def _varied(
        self, draw: Draw, crop: int, step: int, place: int
    ) -> tuple[Uint8Array, Uint8Array]:
        """Return a varied crop of a picture, `(H, W, 3)`, and its rows, `(H, W)`."""
        rng = self.sampler.generator(step, place)
        if not self.rarities:
            return self.augmentation(*self._view(draw, crop, rng), rng)
        rare_rng = self.sampler.rare_generator(step, place)
        focuses, pastes = rare_rng.random(2) < (self.rarities.focus, self.rarities.paste)
        row = None
        if focuses and (pick := self.rarities.pick(self.usable[crop], rare_rng)):
            draw, row = pick
        view = self._view(draw, crop, rng, row)
        if pastes and (pick := self.rarities.pick_thing(self.usable[crop], rare_rng)):
            source = self._view(pick.draw, crop, rare_rng, pick.row)
            view = paste_thing(view, source, pick.row, self.rarities.things, rare_rng)
        return self.augmentation(*view, rng)

    def _view(
        self, draw: Draw, crop: int, rng: np.random.Generator, row: int | None = None
    ) -> tuple[Uint8Array, Uint8Array]:
        """Return a crop of a picture, `(H, W, 3)`, and its rows, `(H, W)`.

        Where a row is given, the crop shows a pixel of it.
        """
        image, labels = self.read(draw)
        item, size = self.sets[draw.set_number], self.crops[crop]
        low, high = zoom_range(_size(image), size, self.input_size, self.zoom_spread, item.enlarge)
        # As often twice as large as half as large; a picture that is too small fills the crop.
        zoom = low * max(high / low, 1.0) ** rng.random()
        rows = cv2.LUT(labels, item.row_table).astype(np.uint8, copy=False)
        around = None if row is None else focus_point(rows, row, rng)
        return random_view(image, rows, size, zoom, rng, around)


class _Loader(DataLoader[Batch]):
    """Yields batches, and raises the error that stands in the place of one."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        # Workers have one thread: the cores belong to the training. It is set before they are
        # forked, since setting it ends OpenCV's other threads, and where those were lost in a fork,
        # waits for them for ever.
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        batches = super().__iter__()
        cv2.setNumThreads(threads)
        return _raising(batches)


def _raising(batches: Iterator[Batch | DataError]) -> Iterator[Batch]:
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
    sizes = [_size(_read(item, position)[0]) for position in positions]
    return min(width for width, _ in sizes), min(height for _, height in sizes)


def _read(item: TrainingSet, position: int) -> tuple[Uint8Array, Uint8Array]:
    sample = item.pictures[item.indices[position]]
    if sample.labels is None:
        raise DataError(f"{sample.name}: has no label map to learn from")
    return sample.image, sample.labels


def _size(image: Uint8Array) -> Size:
    return image.shape[1], image.shape[0]


def _enlarge(image: Uint8Array, size: Size) -> Uint8Array:
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _ignore_interrupts(_: int) -> None:
    """Leave it to the training when its workers end; Ctrl-C reaches all processes of a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
