# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rare things come more often: crops that are cut around them, and things pasted between pictures.

A class is drawn with the probability of DAFormer (Hoyer, Dai, Van Gool 2022,
https://arxiv.org/abs/2111.14887), `softmax((1 - frequency) / T)`, and then a picture that shows it.
All of it follows from the counts of pixels and from the random numbers given, so that a step learns
from the same whenever it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.training.sampler import Draw

FloatArray = npt.NDArray[np.float64]
CountArray = npt.NDArray[np.int64]

# Of DAFormer: a class that is a hundredth more frequent is drawn 2.7 times less often.
_TEMPERATURE = 0.01
# With fewer pixels than this nothing can be recognised.
_MIN_PIXELS = 20
# A class that fewer pictures show is drawn less often, or these would be learnt by heart.
_MANY_PICTURES = 20
# Things are cut out only where so much of the picture is labelled: else what is around them may be
# part of them. Half a person would be learnt; a signal without its pole hangs in many a street, and
# one with what is drawn of its pole stands in others.
_KNOWN_SHARE = 0.9
_WHOLE_ALONE = ("TrafficLight", "TrafficSign")
_THINGS = (
    "Pole", "TrafficLight", "TrafficSign", "Pedestrian", "Rider", "Motorcycle", "Bicycle",
)  # fmt: skip
# They come along with each other, so together they are drawn as often as people are.
_RIDDEN = ("Rider", "Motorcycle", "Bicycle")
# Rare or not, nobody looks for these.
_NOTHING = ("Unlabeled", "Other")


class Counted(NamedTuple):
    """What is known of a set of pictures.

    Attributes:
        pixels: `(N, 256)`, how many pixels of each row every picture has.
        share: How often its pictures come, in proportion to the other sets'.
    """

    pixels: CountArray
    share: float


class Pick(NamedTuple):
    """A picture, and the row that the crop is to show."""

    draw: Draw
    row: int


class RarePicker:
    """Draws classes, rare ones more often, and pictures that show them.

    Args:
        sets: The sets, in the order in which their numbers count.
        rows: The rows to draw from: of single classes.
        known: Rows of which so much must be in a picture that `_KNOWN_SHARE` is reached; empty for
            no such condition.
        anywhere: Rows that are drawn without that condition.
        together: Rows that are drawn as often as a single one.
    """

    def __init__(
        self,
        sets: Sequence[Counted],
        rows: Sequence[int],
        known: Sequence[int] = (),
        anywhere: Sequence[int] = (),
        together: Sequence[int] = (),
    ) -> None:
        self._rows = np.asarray(rows, np.int64)
        self._shares = np.array([item.share for item in sets])
        self._positions = [
            [_showing(item.pixels, row, () if row in anywhere else known) for row in rows]
            for item in sets
        ]
        counts = np.array([[len(found) for found in by_row] for by_row in self._positions])
        self._counts = counts.reshape(len(sets), len(rows))
        frequencies = _frequencies(sets)[self._rows]
        weights = np.exp(-frequencies / _TEMPERATURE)
        weights *= np.minimum(self._counts.sum(axis=0) / _MANY_PICTURES, 1)
        shown_together = np.isin(self._rows, together) & (weights > 0)
        weights[shown_together] /= shown_together.sum()
        self._weights = weights

    def rows_of(self) -> list[int]:
        """Return the rows that some picture shows."""
        return [int(row) for row in self._rows[self._weights > 0]]

    def __call__(self, usable: npt.NDArray[np.bool_], rng: np.random.Generator) -> Pick | None:
        """Return a pick from the sets that are usable, `(S,)` bool; None where there is none."""
        counts = self._counts * usable[:, None]
        weights = self._weights * counts.any(axis=0)
        if not weights.any():
            return None
        number = int(rng.choice(len(weights), p=weights / weights.sum()))
        shares = self._shares * (counts[:, number] > 0)
        set_number = int(rng.choice(len(shares), p=shares / shares.sum()))
        positions = self._positions[set_number][number]
        return Pick(Draw(set_number, int(rng.choice(positions))), int(self._rows[number]))


@dataclass(frozen=True)
class Rarities:
    """How rare things are brought forward.

    Attributes:
        focus: Share of the crops that are cut around something rare.
        paste: Share of the crops into which something rare is pasted.
        pick: Draws what to cut a crop around.
        pick_thing: Draws what to cut out.
        things: Rows of what is cut out.
    """

    focus: float
    paste: float
    pick: RarePicker
    pick_thing: RarePicker
    things: Sequence[int]


def rarities(
    sets: Sequence[Counted], label_set: LabelSet, *, focus: float, paste: float
) -> Rarities | None:
    """Return what brings rare things forward; None where that is not asked for.

    Raises:
        ValueError: A share is not between 0 and 1, or things are to be pasted and no picture that
            is labelled all over shows any.
    """
    for name, share in (("rare", focus), ("paste", paste)):
        if not 0 <= share <= 1:
            raise ValueError(f"--{name} {share}: give the share of the crops, from 0 to 1")
    if not focus and not paste:
        return None
    carla = LabelSet.load("carla29")
    names = label_set.table_to(carla)[: len(label_set)]
    classes = np.arange(len(label_set))

    def called(wanted: Sequence[str]) -> npt.NDArray[np.bool_]:
        return np.isin(names, [carla.class_id(name) for name in wanted])

    things = classes[called(_THINGS)].tolist()
    pick_thing = RarePicker(
        sets,
        things,
        known=classes.tolist(),
        anywhere=classes[called(_WHOLE_ALONE)].tolist(),
        together=classes[called(_RIDDEN)].tolist(),
    )
    if paste and not pick_thing.rows_of():
        raise ValueError(
            f"--paste {paste}: no picture that is labelled all over shows people, riders or poles, "
            "and none signs or lights; leave --paste away"
        )
    meaningful = classes[~called(_NOTHING)].tolist()
    return Rarities(focus, paste, RarePicker(sets, meaningful), pick_thing, things)


def focus_point(rows: Uint8Array, row: int, rng: np.random.Generator) -> tuple[int, int] | None:
    """Return (x, y) of one of the pixels, `(H, W)`, that are of a row; None where there is none."""
    found = np.flatnonzero(rows == row)
    if not len(found):
        return None
    y, x = divmod(int(rng.choice(found)), rows.shape[1])
    return x, y


def paste_thing(
    onto: tuple[Uint8Array, Uint8Array],
    source: tuple[Uint8Array, Uint8Array],
    row: int,
    things: Sequence[int],
    rng: np.random.Generator,
) -> tuple[Uint8Array, Uint8Array]:
    """Return a picture and its rows with a thing out of another in it.

    It keeps its size and its height in the picture, and is moved sideways, unless a side of the
    picture cuts it off: half a person stands at a side. What touches it comes along: a light with
    its pole, a rider with the bicycle.

    Args:
        onto: `(H, W, 3)` uint8 and `(H, W)` uint8 rows; they are not changed.
        source: Others of the same size.
        row: What to look for; where it is not there, `onto` is returned as it is.
        things: Rows that come along.
        rng: What all random numbers come from.
    """
    image, rows = source
    point = focus_point(rows, row, rng)
    if point is None:
        return onto
    is_thing = np.isin(rows, things).astype(np.uint8)
    parts = cv2.connectedComponents(is_thing, connectivity=8)[1]
    mask = (parts == parts[point[1], point[0]]).astype(np.uint8)
    move = _sideways(mask, rng)
    if rng.random() < 0.5:
        image, rows, mask = image[:, ::-1], rows[:, ::-1], mask[:, ::-1]
        move = -move
    image, rows, mask = (_moved(pixels, move) for pixels in (image, rows, mask))
    # The edge is half of each.
    share = cv2.blur(mask.astype(np.float32), (3, 3))[..., None] * mask[..., None]
    mixed = onto[0] + share * (image.astype(np.float32) - onto[0])
    return mixed.astype(np.uint8), np.where(mask > 0, rows, onto[1])


def _sideways(mask: Uint8Array, rng: np.random.Generator) -> int:
    """Return by how many columns a thing is moved, so that it stays in the picture.

    One that may go on beyond a side stays there.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    if columns[0] == 0 or columns[-1] == mask.shape[1] - 1:
        return 0
    return int(rng.integers(-columns[0], mask.shape[1] - columns[-1]))


def _moved(pixels: Uint8Array, columns: int) -> Uint8Array:
    """Return pixels moved to the right; what leaves comes in again on the other side."""
    return np.roll(pixels, columns, axis=1)


def _showing(pixels: CountArray, row: int, known: Sequence[int]) -> npt.NDArray[np.intp]:
    """Return the positions of the pictures that show a row well enough."""
    shows = pixels[:, row] >= _MIN_PIXELS
    if len(known):
        shows &= pixels[:, known].sum(axis=1) >= _KNOWN_SHARE * pixels.sum(axis=1)
    return np.flatnonzero(shows)


def _frequencies(sets: Sequence[Counted]) -> FloatArray:
    """Return each row's share of the known pixels, `(256,)`, where sets come by their shares."""
    total = np.zeros(256)
    for item in sets:
        pixels = item.pixels.sum(axis=0).astype(np.float64)
        pixels[UNKNOWN_ID] = 0
        total += item.share * pixels / max(pixels.sum(), 1)
    return np.asarray(total / max(total.sum(), 1e-9))
