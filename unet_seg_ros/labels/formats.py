# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How label maps are stored as pictures: as class ids, as CARLA's tags, in colours, as masks.

A format is called with the pixels of a label picture as `pictures.files.read_label_picture` gives
them. All but the first argument are bound with functools.partial, so that formats can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels import published
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.labels.published import Color

MAX_FOREIGN_SHARE = 0.05
"""Of a picture's pixels may have colours that its label set lacks; more, and it is another set."""

# A colour that more of a picture's pixels have is a class and not stray.
_KNOWN_SHARE = 0.0001
_STRANGE_SHARE = 0.001
# Label pictures are flat: more neighbours than this are equal. Of streets 95 to 100 % are, and of
# photographs, dark slides among them, at most 78 % were.
_FLAT_SHARE = 0.9
_MOST_SHOWN = 40

CHANNELS = ("blue", "green", "red")
_RED = "red"
_VEHICLE_BGR = (255, 0, 0)


class Decoded(NamedTuple):
    """A label map, `(H, W)` uint8, 255 where unknown, and what in it its label set lacks.

    Both texts end a sentence that begins with the name of the file, and are empty where there is
    nothing to say: `complaint` of a file that is no use, `note` of what is passed over in it.
    """

    labels: Uint8Array
    complaint: str = ""
    note: str = ""


LabelFormat = Callable[[Uint8Array], Decoded]
"""Raises ValueError for pixels that cannot be in that format."""


def ids(pixels: Uint8Array, label_set: LabelSet, ignored: Sequence[int] = ()) -> Decoded:
    """Decode class ids in the only channel; 255 and the ids `ignored` are not labelled."""
    if pixels.ndim != 2:
        raise ValueError(f"class ids need a picture with one channel, not {pixels.shape[2]}")
    return _decode_ids(pixels, label_set, ignored)


def tags(pixels: Uint8Array, label_set: LabelSet, ignored: Sequence[int] = ()) -> Decoded:
    """Decode class ids in the red channel, as CARLA's semantic camera has them, or the only one.

    Whatever green and blue have is no class: CARLA's instance camera numbers things there. Red
    without anything, and something in green or blue, is complained about.
    """
    values, complaint = _red(pixels)
    decoded = _decode_ids(values, label_set, ignored)
    return decoded._replace(complaint=complaint or decoded.complaint)


def tags_in(
    pixels: Uint8Array, label_set: LabelSet, channel: int, ignored: Sequence[int] = ()
) -> Decoded:
    """Decode class ids in blue or green (0 or 1), as red and blue in wrong order leave them."""
    if pixels.ndim != 3:
        raise ValueError(f"has no {CHANNELS[channel]} channel")
    values = np.ascontiguousarray(pixels[..., channel])
    decoded = _decode_ids(values, label_set, ignored)
    others = set(_channels_with_values(pixels)) - {CHANNELS[channel]}
    if others:
        return decoded._replace(complaint=f"has something in {' and '.join(sorted(others))}, too")
    return decoded


def palette(pixels: Uint8Array, label_set: LabelSet) -> Decoded:
    """Decode the label set's colours; a few pixels of other colours are not labelled."""
    pixels = _in_color(pixels)
    labels, foreign = label_set.decode_palette(pixels, "bgra" if pixels.shape[2] == 4 else "bgr")
    return _of_colors(pixels, labels, label_set) if foreign else Decoded(labels)


def reduced_palette(pixels: Uint8Array, label_set: LabelSet) -> Decoded:
    """Decode the palette of the Town02 drives, whose vehicles are in `Other`.

    They are blue in some of these drives and black, that is other, in the rest.
    """
    pixels = _in_color(pixels)
    labels = palette(pixels, label_set).labels
    is_vehicle = (pixels[..., :3] == _VEHICLE_BGR).all(axis=2)
    labels[is_vehicle] = label_set.class_id("Other")
    return _of_colors(pixels, labels, label_set)


def binary(pixels: Uint8Array) -> Decoded:
    """Decode a mask of two classes: 0 is class 0, 255 class 1; in red, or the only channel."""
    values, complaint = _red(pixels)
    labels = np.full(values.shape, UNKNOWN_ID, np.uint8)
    labels[values == 0] = 0
    labels[values == 255] = 1
    if others := _values(values) - {0, 255}:
        complaint = f"has values of {_listed(others)} beside 0 and 255"
    return Decoded(labels, complaint)


def foreground(pixels: Uint8Array) -> Decoded:
    """Decode the mask of one object: class 1 where it is, 0 elsewhere."""
    channels = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)
    return Decoded((channels > 0).astype(np.uint8))


def foreign_classes(pixels: Uint8Array, labels: Uint8Array) -> dict[Color, int]:
    """Return how many pixels have each colour that is no class of a label set and no stray one.

    Every colour counts by itself, so that no class is lost among others. A colour of some published
    palette counts from fewer pixels on than one that might come from scaling or compression.

    Args:
        pixels: `(H, W, 3|4)` uint8 BGR(A).
        labels: What the label set makes of them, `(H, W)` uint8, 255 where it lacks the colour.
    """
    blue, green, red = (pixels[..., channel][labels == UNKNOWN_ID] for channel in range(3))
    packed = red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue
    found: dict[Color, int] = {}
    for value, count in _counted(packed):
        color = (value >> 16, value >> 8 & 0xFF, value & 0xFF)
        share = _KNOWN_SHARE if published.meaning(color) else _STRANGE_SHARE
        if count > share * labels.size:
            found[color] = count
    return found


def is_colored(pixels: Uint8Array) -> bool:
    """Tell whether a label picture has colours: not one channel, not red alone, not gray."""
    if pixels.ndim == 2:
        return False
    blue, green, red = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    is_red_alone = not blue.any() and not green.any()
    return not (is_red_alone or ((blue == red).all() and (green == red).all()))


def looks_like_labels(pixels: Uint8Array) -> bool:
    """Tell a label picture, `(H, W, 3)` uint8, from a photograph: it is flat and in few colours.

    What has one colour alone may be either, and is no label picture.
    """
    packed = pixels @ np.array([1, 1 << 8, 1 << 16], np.uint32)
    is_flat = np.count_nonzero(packed[:, 1:] == packed[:, :-1]) > _FLAT_SHARE * packed.size
    return bool(is_flat) and 1 < len(np.unique(packed)) <= _MOST_SHOWN


def _decode_ids(values: Uint8Array, label_set: LabelSet, ignored: Sequence[int]) -> Decoded:
    table = np.full(256, UNKNOWN_ID, np.uint8)
    table[: len(label_set)] = np.arange(len(label_set))
    labels = np.asarray(cv2.LUT(values, table), np.uint8)
    foreign = _values(values) - {*range(len(label_set)), UNKNOWN_ID, *ignored}
    if not foreign:
        return Decoded(labels)
    return Decoded(labels, f"has ids of {_listed(foreign)}, which {label_set.name} does not have")


def _counted(values: npt.NDArray[np.uint32]) -> list[tuple[int, int]]:
    """Return each value with how often it is there."""
    found, counts = np.unique(values, return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))


def _of_colors(pixels: Uint8Array, labels: Uint8Array, label_set: LabelSet) -> Decoded:
    """Return labels with what is to be said about colours that the label set lacks."""
    note = "; ".join(
        f"has {count:,} pixels in {color}{published.meaning(color)}, which {label_set.name} lacks: "
        "not labelled"
        for color, count in foreign_classes(pixels, labels).items()
    )
    share = np.count_nonzero(labels == UNKNOWN_ID) / labels.size
    if share <= MAX_FOREIGN_SHARE:
        return Decoded(labels, note=note)
    complaint = f"{share:.0%} of its pixels have colours that {label_set.name} does not have"
    if pixels[..., CHANNELS.index(_RED)].any() and not tags(pixels, label_set).complaint:
        complaint += "; its red has class ids, which layout=images-masks reads"
    return Decoded(labels, complaint, note)


def _in_color(pixels: Uint8Array) -> Uint8Array:
    """Return pixels with several channels: one is as small as a black picture can be stored."""
    if pixels.ndim > 2:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)


def _red(pixels: Uint8Array) -> tuple[Uint8Array, str]:
    """Return the red channel, or the only one, and a complaint where the labels are in another."""
    if pixels.ndim == 2:
        return pixels, ""
    red = np.ascontiguousarray(pixels[..., CHANNELS.index(_RED)])
    there = [] if red.any() else _channels_with_values(pixels)
    complaint = (
        f"has something in {' and '.join(there)} and nothing in red, where class ids should be; if "
        "these are colours, layout=palette reads them"
    )
    return red, complaint if there else ""


def _channels_with_values(pixels: Uint8Array) -> list[str]:
    return [name for channel, name in enumerate(CHANNELS) if pixels[..., channel].any()]


def _values(pixels: Uint8Array) -> set[int]:
    counts = cv2.calcHist([pixels], [0], None, [256], [0, 256])
    return set(np.flatnonzero(counts).tolist())


def _listed(values: set[int]) -> str:
    shown = ", ".join(str(value) for value in sorted(values)[:5])
    return shown if len(values) <= 5 else f"{shown}, ..."
