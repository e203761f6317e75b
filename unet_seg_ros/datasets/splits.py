# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a data set is divided into pictures to learn from and pictures to be measured on.

Neighbouring frames of a drive look alike: a network that saw one of them is measured on the other
as on a picture that it learnt by heart. So drives are held apart, or long blocks of one drive.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unet_seg_ros.datasets.parts import TEST_PARTS, TRAIN_PARTS, VALIDATION_PARTS
from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.datasets.selection import Selection
from unet_seg_ros.errors import DataError

BLOCK = 125
EVERY = 5
MARGIN = 10

# Multiples of it fall into all parts of 0 to 1 alike, whatever period something else has.
_GOLDEN = (5**0.5 - 1) / 2

# What the summary of a division ends with, where nothing is learnt from.
ALL_HELD_APART = "all held apart"

# Whole drives seldom make a fifth exactly.
_TOLERANCE = 1.1
_RANDOM_SEED = 0


@dataclass(frozen=True)
class Split:
    """Positions in a data set: to train on, and to validate on; positions in neither are unused.

    `summary` says in a clause how it was divided, for model cards and reports.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    summary: str


def split(pictures: LabelledPictures, rule: str = "auto") -> Split:
    """Divide a data set.

    Args:
        pictures: The data set; nothing is read.
        rule: One of RULES; whichever it is, a test part is for neither:

            * `parts`: as published; `train` trains, `val` validates;
            * `drives`: about a fifth of the pictures validates, whole drives; where every picture
              is a drive of its own, a tenth, chosen by name, so that adding pictures moves none;
            * `blocks`: every fifth block of 125 consecutive pictures validates; ten pictures on
              either side of it are unused; blocks are shorter where there are fewer pictures;
            * `train`: everything trains, nothing validates;
            * `validate`: everything validates;
            * `random`: a random fifth of the pictures, whose neighbours are trained on;
            * `auto`: `parts` where there are any, else `drives` where there are several, else
              `blocks`.

    Raises:
        DataError: The rule leaves nothing to train on or to validate on.
    """
    if rule not in RULES:
        raise DataError(f"there is no split {rule!r}; give one of {', '.join(RULES)}")
    test = frozenset(_part(pictures, TEST_PARTS))
    if not test:
        return _divided(pictures, rule)
    others = [position for position in range(len(pictures)) if position not in test]
    divided = _divided(Selection(pictures, pictures.name, others), rule)
    return Split(
        tuple(others[position] for position in divided.train),
        tuple(others[position] for position in divided.validation),
        f"{divided.summary}; {len(test)} of the test part unused",
    )


def _divided(pictures: LabelledPictures, rule: str) -> Split:
    """Divide a data set that has no test part."""
    return _RULES[_best_rule(pictures) if rule == "auto" else rule](pictures)


def evenly_spread(positions: Sequence[int], at_most: int | None) -> list[int]:
    """Return `at_most` of the positions, evenly spread; all where there are fewer, or for None.

    One of each of so many parts, and not the same one of each: where cameras take turns, every so
    many-th picture may be one camera's.
    """
    if at_most is None or at_most >= len(positions):
        return list(positions)
    borders = [k * len(positions) // at_most for k in range(at_most + 1)]
    return [
        positions[start + int(k * _GOLDEN % 1 * (end - start))]
        for k, (start, end) in enumerate(pairwise(borders))
    ]


def block_split(count: int, block: int = BLOCK, every: int = EVERY, margin: int = MARGIN) -> Split:
    """Hold whole blocks of consecutive frames apart, since neighbours in a drive look alike.

    Args:
        count: How many frames the drive has, in the order they were recorded.
        block: Frames in a block.
        every: Every so-many-th block validates, the first one being block `every - 1`.
        margin: Frames beside a validation block that are used for nothing.
    """

    def validates(position: int) -> bool:
        return position >= 0 and position // block % every == every - 1

    train = tuple(
        position
        for position in range(count)
        if not any(validates(position + offset) for offset in (-margin, 0, margin))
    )
    validation = tuple(position for position in range(count) if validates(position))
    return _split(
        train,
        validation,
        f"one in {every} blocks of {block} consecutive pictures, {margin} on either side unused",
    )


def _best_rule(pictures: LabelledPictures) -> str:
    if _part(pictures, TRAIN_PARTS) and _part(pictures, VALIDATION_PARTS):
        return "parts"
    return "drives" if len(set(pictures.drives)) > 1 else "blocks"


def _split_parts(pictures: LabelledPictures) -> Split:
    train, validation = _part(pictures, TRAIN_PARTS), _part(pictures, VALIDATION_PARTS)
    if not train or not validation:
        has = f"the parts {', '.join(pictures.parts)}" if pictures.parts else "no parts"
        raise DataError(
            f"{pictures.name}: has {has}; to be divided by parts it needs {TRAIN_PARTS[0]} and "
            f"{VALIDATION_PARTS[0]}"
        )
    drives = pictures.drives
    shared = {drives[position] for position in train} & {drives[item] for item in validation}
    though = f", which share the drive {_listed(shared)}" if shared else ""
    return _split(train, validation, f"its published parts{though}")


def _split_drives(pictures: LabelledPictures) -> Split:
    drives = pictures.drives
    counts = Counter(drives)
    if len(counts) < 2:
        raise DataError(
            f"{pictures.name}: has one drive; give another one as well, or divide it by blocks"
        )
    if len(counts) == len(drives):
        held = {drive for drive in counts if _hash(drive) % 10 == 0}
        how = "one in ten, chosen by name"
    else:
        held = _a_fifth(counts)
        how = f"whole drives: {_listed(held)}"
    validation = [position for position, drive in enumerate(drives) if drive in held]
    train = [position for position, drive in enumerate(drives) if drive not in held]
    return _checked(pictures, _split(train, validation, how))


def _a_fifth(counts: Counter[str]) -> set[str]:
    """Choose drives that have about a fifth of the pictures, the largest that fit first."""
    limit = _TOLERANCE * sum(counts.values()) / EVERY
    held: set[str] = set()
    free = limit
    # Equally large ones in an order that neither time nor weather decides.
    for drive in sorted(counts, key=lambda drive: (-counts[drive], _hash(drive))):
        if counts[drive] <= free:
            held.add(drive)
            free -= counts[drive]
    return held or {min(counts, key=lambda drive: (counts[drive], _hash(drive)))}


def _split_blocks(pictures: LabelledPictures) -> Split:
    block = min(BLOCK, len(pictures) // EVERY)
    if block < MARGIN:
        raise DataError(
            f"{pictures.name}: has {len(pictures)} pictures of one drive, too few to hold a block "
            f"with a margin of {MARGIN} apart; give {EVERY * MARGIN} or more"
        )
    return block_split(len(pictures), block)


def _split_random(pictures: LabelledPictures) -> Split:
    order = np.random.default_rng(_RANDOM_SEED).permutation(len(pictures)).tolist()
    count = len(pictures) // EVERY
    how = f"one in {EVERY} at random, though neighbours in a drive look alike"
    return _checked(pictures, _split(sorted(order[count:]), sorted(order[:count]), how))


def _train_on_all(pictures: LabelledPictures) -> Split:
    return Split(tuple(range(len(pictures))), (), f"{len(pictures)} pictures, all to train on")


def _validate_on_all(pictures: LabelledPictures) -> Split:
    return Split((), tuple(range(len(pictures))), f"{len(pictures)} pictures, {ALL_HELD_APART}")


_RULES: dict[str, Callable[[LabelledPictures], Split]] = {
    "parts": _split_parts,
    "drives": _split_drives,
    "blocks": _split_blocks,
    "train": _train_on_all,
    "validate": _validate_on_all,
    "random": _split_random,
}
RULES = ("auto", *_RULES)


def _part(pictures: LabelledPictures, names: Sequence[str]) -> Sequence[int]:
    """Return the positions of a part's pictures, whichever of its names its folders have."""
    return sorted(position for name in names for position in pictures.parts.get(name, ()))


def _split(train: Sequence[int], validation: Sequence[int], how: str) -> Split:
    summary = f"{len(train)} pictures to train on, {len(validation)} held apart: {how}"
    return Split(tuple(train), tuple(validation), summary)


def _checked(pictures: LabelledPictures, divided: Split) -> Split:
    if divided.train and divided.validation:
        return divided
    raise DataError(f"{pictures.name}: has {len(pictures)} pictures, too few to hold some apart")


def _hash(name: str) -> int:
    """Return a number that is the same in every process and on every machine."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big")


def _listed(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
