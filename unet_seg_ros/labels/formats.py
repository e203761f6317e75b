# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How label maps are stored as pictures: as class ids, as CARLA's tags, in colours, as masks.

A format is called with the pixels of a label picture as `picture_files.read_label_picture` gives
them. All but the first argument are bound with functools.partial, so that formats can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet

MAX_FOREIGN_SHARE = 0.05
"""Of a picture's pixels may have colours that its label set lacks; more, and it is another set."""

# A label set is the one that pictures are drawn in when it lacks next to none of their pixels, and
# every other one many times more and more than stray pixels.
_STRAY_SHARE = 0.001
_CLEAR_SHARE = 0.0001
_CLEAR_RATIO = 10

_VEHICLE_BGR = (255, 0, 0)


class Decoded(NamedTuple):
    """A label map, `(H, W)` uint8, 255 where unknown, and what in it its label set lacks.

    `complaint` is the end of a sentence that begins with the name of the file; empty where there is
    nothing to complain about.
    """

    labels: Uint8Array
    complaint: str = ""


LabelFormat = Callable[[Uint8Array], Decoded]
"""Raises ValueError for pixels that cannot be in that format."""


def ids(pixels: Uint8Array, label_set: LabelSet, ignored: Sequence[int] = ()) -> Decoded:
    """Decode class ids in the only channel; 255 and the ids `ignored` are not labelled."""
    if pixels.ndim != 2:
        raise ValueError(f"class ids need a picture with one channel, not {pixels.shape[2]}")
    return _decode_ids(pixels, label_set, ignored)


def tags(pixels: Uint8Array, label_set: LabelSet) -> Decoded:
    """Decode class ids in the red channel, as CARLA's semantic camera has them, or the only one."""
    return _decode_ids(_red(pixels), label_set, ())


def palette(pixels: Uint8Array, label_set: LabelSet) -> Decoded:
    """Decode the label set's colours; a few pixels of other colours are not labelled."""
    if pixels.ndim != 3:
        raise ValueError("a palette picture needs colours, this one is gray")
    labels, _ = label_set.decode_palette(pixels, "bgra" if pixels.shape[2] == 4 else "bgr")
    return Decoded(labels, _complaint_about_colors(labels, label_set))


def reduced_palette(pixels: Uint8Array, label_set: LabelSet) -> Decoded:
    """Decode the palette of the Town02 drives, whose vehicles are in `Other`.

    They are blue in some of these drives and black, that is other, in the rest.
    """
    labels = palette(pixels, label_set).labels
    is_vehicle = (pixels[..., :3] == _VEHICLE_BGR).all(axis=2)
    labels[is_vehicle] = label_set.class_id("Other")
    return Decoded(labels, _complaint_about_colors(labels, label_set))


def binary(pixels: Uint8Array) -> Decoded:
    """Decode a mask of two classes: 0 is class 0, 255 class 1; in red, or the only channel."""
    values = _red(pixels)
    labels = np.full(values.shape, UNKNOWN_ID, np.uint8)
    labels[values == 0] = 0
    labels[values == 255] = 1
    others = _values(values) - {0, 255}
    return Decoded(labels, f"has values of {_listed(others)} beside 0 and 255" if others else "")


def foreground(pixels: Uint8Array) -> Decoded:
    """Decode the mask of one object: class 1 where it is, 0 elsewhere."""
    channels = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)
    return Decoded((channels > 0).astype(np.uint8))


def is_binary(samples: Iterable[Uint8Array]) -> bool:
    """Tell whether label pictures are masks of 0 and 255, not ids with 255 for unlabelled."""
    seen: set[int] = set().union(*(_values(_red(pixels)) for pixels in samples))
    return UNKNOWN_ID in seen and 1 not in seen


def is_colored(pixels: Uint8Array) -> bool:
    """Tell whether a label picture has colours: not one channel, not red alone, not gray."""
    if pixels.ndim == 2:
        return False
    blue, green, red = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    is_red_alone = not blue.any() and not green.any()
    return not (is_red_alone or ((blue == red).all() and (green == red).all()))


def palette_of(samples: Iterable[Uint8Array], candidates: Sequence[LabelSet]) -> LabelSet:
    """Return the label set in whose colours label pictures are drawn.

    Raises:
        ValueError: None of them has these colours, or several have.
    """
    foreign = np.zeros(len(candidates), np.int64)
    pixel_count = 0
    for pixels in samples:
        if not is_colored(pixels):
            continue
        pixel_count += pixels.shape[0] * pixels.shape[1]
        for position, label_set in enumerate(candidates):
            labels = palette(pixels, label_set).labels
            foreign[position] += np.count_nonzero(labels == UNKNOWN_ID)
    if pixel_count == 0:
        raise ValueError("there are no label pictures in colour")
    best, second = (int(position) for position in np.argsort(foreign)[:2])
    is_clear = foreign[second] > max(_CLEAR_RATIO * foreign[best], _CLEAR_SHARE * pixel_count)
    if is_clear and foreign[best] <= _STRAY_SHARE * pixel_count:
        return candidates[best]
    shares = ", ".join(
        f"{label_set.name} {count / pixel_count:.2%}"
        for label_set, count in zip(candidates, foreign, strict=True)
    )
    raise ValueError(f"their colours do not tell the label set; pixels that each lacks: {shares}")


def _decode_ids(values: Uint8Array, label_set: LabelSet, ignored: Sequence[int]) -> Decoded:
    table = np.full(256, UNKNOWN_ID, np.uint8)
    table[: len(label_set)] = np.arange(len(label_set))
    labels = np.asarray(cv2.LUT(values, table), np.uint8)
    foreign = _values(values) - {*range(len(label_set)), UNKNOWN_ID, *ignored}
    if not foreign:
        return Decoded(labels)
    return Decoded(labels, f"has ids of {_listed(foreign)}, which {label_set.name} does not have")


def _complaint_about_colors(labels: Uint8Array, label_set: LabelSet) -> str:
    share = np.count_nonzero(labels == UNKNOWN_ID) / labels.size
    if share <= MAX_FOREIGN_SHARE:
        return ""
    return f"{share:.0%} of its pixels have colours that {label_set.name} does not have"


def _red(pixels: Uint8Array) -> Uint8Array:
    """Return the red channel, or the only one."""
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 2])


def _values(pixels: Uint8Array) -> set[int]:
    counts = cv2.calcHist([pixels], [0], None, [256], [0, 256])
    return set(np.flatnonzero(counts).tolist())


def _listed(values: set[int]) -> str:
    shown = ", ".join(str(value) for value in sorted(values)[:5])
    return shown if len(values) <= 5 else f"{shown}, ..."
