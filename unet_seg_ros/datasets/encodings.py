# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""In which way label pictures hold their classes: decided by all of them, not by a few.

Every way that there is, and that the user did not exclude, is held against one picture after the
other until a single one is left that contradicts none; mostly the first picture that is not empty
tells. What a later picture contradicts is a fault of that picture when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats, label_set_choice, published
from unet_seg_ros.labels.formats import LabelFormat
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.files import read_label_ids, read_label_picture, read_label_pixels

_READ_AT_ONCE = 64


@dataclass(frozen=True)
class LabelPixels:
    """A label picture in both ways in which its file may be read.

    Attributes:
        colors: `(H, W)` uint8, or `(H, W, 3|4)` uint8 BGR(A).
        ids: The same, apart from a picture with a palette or few bits: its ids, `(H, W)` uint8.
    """

    colors: Uint8Array
    ids: Uint8Array


@dataclass(frozen=True)
class Encoding:
    """A way to store labels.

    Attributes:
        name: What people call it.
        format: How pixels become a label map.
        read: How pixels come out of a file.
        in_color: Whether classes are told by colours.
        note: What is unusual about it, for people; empty where nothing is.
    """

    name: str
    format: LabelFormat
    read: Callable[[Path], Uint8Array] = read_label_ids
    in_color: bool = False
    note: str = ""


def class_ids(label_set: LabelSet, ignored: Sequence[int] = ()) -> list[Encoding]:
    """Return every way to store class ids; `ignored` are ids of what is not labelled."""
    red = partial(formats.tags, label_set=label_set, ignored=tuple(ignored))
    ways = [Encoding("class ids", red)]
    if len(label_set) == 2:
        ways.append(Encoding("0 and 255", formats.binary))
    for channel, name in enumerate(formats.CHANNELS[:2]):
        other = partial(
            formats.tags_in, label_set=label_set, channel=channel, ignored=tuple(ignored)
        )
        note = f"class ids are in {name}, where red is usual"
        ways.append(Encoding(f"class ids in {name}", other, note=note))
    return ways


def colors(label_set: LabelSet) -> list[Encoding]:
    """Return every way to store a label set in colours: its own, and others it is published in."""
    return [
        Encoding(
            "colours",
            partial(formats.palette, label_set=drawn),
            read_label_picture,
            in_color=True,
            note="" if drawn == label_set else "colours are those of CARLA 0.8",
        )
        for drawn in published.drawings_of(label_set)
    ]


def told_by(pictures: Iterable[LabelPixels], ways: Sequence[Encoding]) -> Encoding:
    """Return the way in which label pictures are stored.

    Args:
        pictures: The label pictures; no more are read than it takes.
        ways: The ways that are possible. Of several that fit it is the one that explains most
            pictures, then the one that they look like, then the first.
    """
    fits = [0] * len(ways)
    tells = [0] * len(ways)
    looks = [0] * len(ways)
    for count, picture in enumerate(pictures, 1):
        is_colored = formats.is_colored(picture.colors)
        for position, way in enumerate(ways):
            is_possible, is_telling = _test(way, picture)
            fits[position] += is_possible
            tells[position] += is_telling
            looks[position] += way.in_color == is_colored
        left = [position for position in range(len(ways)) if fits[position] == count]
        if len(left) == 1 and tells[left[0]]:
            return ways[left[0]]
    ranks = zip(fits, tells, looks, strict=True)
    # max takes the first of several.
    return ways[max(enumerate(ranks), key=lambda item: item[1])[0]]


def found_out(
    pictures: Callable[[], Iterable[LabelPixels]],
    label_set: LabelSet | None,
    where: Path,
    among: Sequence[str] = (),
) -> tuple[LabelSet, Encoding]:
    """Return the label set of label pictures and how they are stored, whichever way that is.

    Args:
        pictures: Begins to read them.
        label_set: What the user named; None where their colours are to tell.
        where: What errors name.
        among: Which published palettes they may be in, where no label set is named; none for all.

    Raises:
        DataError: No label set is named, and nothing, or not enough, tells which one it is.
    """
    if label_set is not None:
        return label_set, told_by(pictures(), [*class_ids(label_set), *colors(label_set)])
    shown = next((item.colors for item in pictures() if item.colors.any()), None)
    if shown is None or not formats.is_colored(shown):
        label_set_choice.required(label_set, where)
    return published_colors(pictures(), where, among)


def published_colors(
    pictures: Iterable[LabelPixels], where: Path, among: Sequence[str] = ()
) -> tuple[LabelSet, Encoding]:
    """Return the label set of label pictures in a published palette, and how they are stored.

    Raises:
        DataError: That cannot be told from their colours.
    """
    try:
        seen = (
            formats.foreign_classes(item.colors, _nothing_known(item.colors))
            for item in pictures
            if formats.is_colored(item.colors)
        )
        palette = published.palette_of(seen, among)
    except ValueError as error:
        raise DataError(f"{where}: {error}; say which one it is, with label-set=") from error
    position = published.drawings_of(palette.label_set).index(palette.drawn)
    return palette.label_set, colors(palette.label_set)[position]


def pixels_of(paths: Sequence[Path]) -> Iterable[LabelPixels]:
    """Read label pictures, some at once; those that cannot be read are passed over."""
    # The first one alone, which is mostly all that it takes.
    starts = [0, *range(1, len(paths), _READ_AT_ONCE)]
    with ThreadPoolExecutor() as readers:
        for start, end in zip(starts, [*starts[1:], len(paths)], strict=True):
            for picture in readers.map(_pixels, paths[start:end]):
                if picture is not None:
                    yield picture


def _nothing_known(pixels: Uint8Array) -> Uint8Array:
    return np.full(pixels.shape[:2], UNKNOWN_ID, np.uint8)


def _pixels(path: Path) -> LabelPixels | None:
    try:
        return LabelPixels(*read_label_pixels(path))
    except DataError:  # named when that picture is read as part of the data set
        return None


def _test(way: Encoding, picture: LabelPixels) -> tuple[bool, bool]:
    """Return whether a picture may be stored in a way, and whether it tells so: not if empty."""
    pixels = picture.colors if way.in_color else picture.ids
    try:
        labels, complaint, _ = way.format(pixels)
    except ValueError:
        return False, False
    is_telling = bool(((labels != 0) & (labels != UNKNOWN_ID)).any())
    return not complaint, is_telling and not complaint
