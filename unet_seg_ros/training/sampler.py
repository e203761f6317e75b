# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures a training step learns from: a pure function of seed and step.

Nothing is counted along the way, so that any step can be asked for, by any process, in any order:
a training resumes where it stopped, and workers need not agree on anything.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

# After so many pictures the sets' turns repeat: shares are kept to a thousandth.
_TURNS = 1000

# What random numbers are for; each has a stream of its own.
_CROPS, _PICTURES, _VIEWS, _RARE = range(4)


class Draw(NamedTuple):
    """One picture: the number of its set, and its position in it."""

    set_number: int
    position: int


class Step(NamedTuple):
    """What a step learns from: the number of its crop size, and its pictures, of all ranks."""

    crop: int
    draws: list[Draw]


class StepSampler:
    """Deals out the pictures of several sets, by share, step by step.

    Every crop size has its turn once in as many steps as there are sizes, in a random order. Every
    set is gone through in a random order, another one each time; none of its pictures comes again
    before all have come.

    Args:
        lengths: How many pictures each set has; at least 1.
        shares: `(crops, sets)`, how large a share of a step's pictures each set has where the step
            has that crop size; the shares of a crop size sum to 1.
        counts: How many pictures a step has at each crop size.
        seed: The same seed deals the same.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        shares: npt.NDArray[np.float64],
        counts: Sequence[int],
        seed: int,
    ) -> None:
        self._lengths = lengths
        self._counts = np.asarray(counts)
        self._seed = seed
        self._turns = np.stack([_turns(row) for row in shares])
        # How often each set has had its turn before each turn, (crops, _TURNS + 1, sets).
        had = np.cumsum(self._turns[:, :, None] == np.arange(len(lengths)), axis=1)
        self._had = np.pad(had, ((0, 0), (1, 0), (0, 0)))

    def __call__(self, step: int) -> Step:
        """Return what the step (0, 1, ...) learns from."""
        crops = len(self._counts)
        lap, place = divmod(step, crops)
        order = _generator(self._seed, _CROPS, lap).permutation(crops)
        crop = int(order[place])

        visits = np.full(crops, lap)
        visits[order[:place]] += 1
        dealt = visits * self._counts
        drawn = self._drawn(dealt)
        turns = (dealt[crop] + np.arange(self._counts[crop])) % _TURNS
        return Step(crop, [self._draw(int(number), drawn) for number in self._turns[crop, turns]])

    def generator(self, step: int, place: int) -> np.random.Generator:
        """Return the random numbers with which the step's picture at `place` is varied."""
        return _generator(self._seed, _VIEWS, step, place)

    def rare_generator(self, step: int, place: int) -> np.random.Generator:
        """Return the random numbers that decide about rare things in that picture."""
        return _generator(self._seed, _RARE, step, place)

    def _drawn(self, dealt: IntArray) -> IntArray:
        """Return how many pictures each set has given, when each crop size has had `dealt`."""
        laps, places = np.divmod(dealt, _TURNS)
        drawn = laps[:, None] * self._had[:, -1] + self._had[np.arange(len(dealt)), places]
        total: IntArray = drawn.sum(axis=0)
        return total

    def _draw(self, number: int, drawn: IntArray) -> Draw:
        """Return the next picture of a set, and count it in `drawn`."""
        lap, place = divmod(int(drawn[number]), self._lengths[number])
        drawn[number] += 1
        order = _order(self._seed, number, lap, self._lengths[number])
        return Draw(number, int(order[place]))


def _turns(shares: npt.NDArray[np.float64]) -> IntArray:
    """Return `_TURNS` set numbers, of each as many as its share, as evenly mixed as can be."""
    turns = np.empty(_TURNS, np.int64)
    due = np.zeros(len(shares))
    for turn in range(_TURNS):
        due += shares
        turns[turn] = due.argmax()
        due[turns[turn]] -= 1
    return turns


@functools.lru_cache(maxsize=32)
def _order(seed: int, number: int, lap: int, length: int) -> IntArray:
    return _generator(seed, _PICTURES, number, lap).permutation(length)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
