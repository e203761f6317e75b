# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Twin crops: one as it is, for a teacher to label, and one varied, for a network to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.pictures.geometry import Size
from unet_seg_ros.training.augmentation import Augmentation, Variation
from unet_seg_ros.training.crops import Cutter, TrainingSet, Window, resized
from unet_seg_ros.training.sampler import Draw, StepSampler
from unet_seg_ros.training.weather import NOTHING_KNOWN, Scene

# Beside the seed, so that other pictures are drawn than for the labelled crops.
_STREAM = 1
# What a process that reads may keep of what it read.
_KEPT_BYTES = 1 << 28
# A device that has not seen a size before is slow.
_SIZES_PER_OCTAVE = 4


class TwinViews:
    """The twin crops of every step, a function of seed and step alone.

    Args:
        sets: Pictures, with whatever is known of their labels.
        crops: The sizes that crops may have.
        input_size: (width, height) that frames will be shrunk to fit in at inference.
        px: About how many pixels the crops of a step have.
        seed: 0 or more.
        variation: What may differ between the twins, apart from left and right.
        scene: What rows say about sky and ground.
        teacher_size: From the (width, height) of a picture to those at which the teacher sees it at
            inference; None where that is the moving average, which sees crops as the network does.
        rank: Number of this process among those that train together.
        world: How many processes train together.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        *,
        crops: Sequence[Size],
        input_size: Size,
        px: float,
        seed: int,
        variation: Variation,
        scene: Scene = NOTHING_KNOWN,
        teacher_size: Callable[[Size], Size] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._px = px
        self._cut = Cutter(sets, input_size, variation, _KEPT_BYTES)
        self._augmentation = Augmentation(variation, scene, mirrors=False)
        self._teacher_size = teacher_size
        self._most = max(self._count(size) for size in crops)
        self._rank = rank
        shares = np.array([[item.share for item in sets]])
        self._sampler = StepSampler(
            lengths=[len(item.indices) for item in sets],
            shares=shares / shares.sum(),
            counts=[world * self._most],
            seed=np.random.SeedSequence((seed, _STREAM)).generate_state(1)[0].item(),
        )

    def __call__(self, step: int, size: Size) -> tuple[Tensor, Tensor, Tensor]:
        """Return the twins of a step with crops of a size (width, height).

        Returns:
            What the teacher sees, `(N, 3, h, w)` uint8 RGB; what the network sees, `(N, 3, H, W)`;
            and the known rows, `(N, H, W)` uint8, 255 where nothing is known.
        """
        draws = self._sampler(step).draws
        places = range(self._rank * self._most, self._rank * self._most + self._count(size))
        generators = [self._sampler.generator(step, place) for place in places]
        windows = [
            self._window(draws[place], size, rng)
            for place, rng in zip(places, generators, strict=True)
        ]
        large = self._size_for_teacher(windows, size)
        twins = [
            self._twins(window, size, large, rng)
            for window, rng in zip(windows, generators, strict=True)
        ]
        plain, varied, rows = (np.stack(arrays) for arrays in zip(*twins, strict=True))
        return (
            torch.from_numpy(plain).permute(0, 3, 1, 2),
            torch.from_numpy(varied).permute(0, 3, 1, 2),
            torch.from_numpy(rows),
        )

    def _count(self, size: Size) -> int:
        return max(1, round(self._px / (size[0] * size[1])))

    def _window(self, draw: Draw, size: Size, rng: np.random.Generator) -> Window:
        image, rows, picture = self._cut.window(draw, size, rng)
        if rng.random() < 0.5:
            image, rows = image[:, ::-1], rows[:, ::-1]
        # A copy, so that the whole picture need not wait for the other crops.
        return Window(image.copy(), rows.copy(), picture)

    def _size_for_teacher(self, windows: Sequence[Window], size: Size) -> Size:
        """Return the one size at which the teacher sees crops, by what suits half of them."""
        if not self._teacher_size:
            return size
        scales = [
            self._teacher_size(item.picture)[0] / item.picture[0] * item.image.shape[1] / size[0]
            for item in windows
        ]
        octaves = round(_SIZES_PER_OCTAVE * np.log2(np.median(scales))) / _SIZES_PER_OCTAVE
        return max(1, round(size[0] * 2**octaves)), max(1, round(size[1] * 2**octaves))

    def _twins(
        self, window: Window, size: Size, large: Size, rng: np.random.Generator
    ) -> tuple[Uint8Array, Uint8Array, Uint8Array]:
        image, rows, _ = window
        small, rows = resized(image, rows, size)
        plain = small if large == size else resized(image, rows, large)[0]
        varied, rows = self._augmentation(small, rows, rng)
        return plain, varied, rows
