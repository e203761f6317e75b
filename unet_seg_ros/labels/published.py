# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Palettes in which label pictures of streets are published, and which one some pictures are in."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from unet_seg_ros.labels.label_set import LabelSet

Color = tuple[int, int, int]
"""Red, green, blue."""

# What CARLA 0.8's own Python client drew otherwise than later versions.
_OF_CARLA_0_8: dict[str, Color] = {"Other": (72, 0, 90), "Vehicle": (0, 0, 255)}
CARLA = ("carla13", "carla23", "carla29", "carla13 of CARLA 0.8")
_LABEL_SETS = ("carla13", "carla23", "carla29", "cityscapes34", "camvid11", "town02")


@dataclass(frozen=True)
class Palette:
    """A published palette: its name, classes drawn in its colours, and the label set of them."""

    name: str
    drawn: LabelSet
    label_set: LabelSet


@functools.cache
def palettes() -> tuple[Palette, ...]:
    """Return every palette that is told from the others by its colours."""
    own = [Palette(name, *[LabelSet.load(name)] * 2) for name in _LABEL_SETS]
    carla13 = own[0].label_set
    of_0_8 = (
        replace(item, color=_OF_CARLA_0_8.get(item.name, item.color)) for item in carla13.classes
    )
    return (*own, Palette("carla13 of CARLA 0.8", LabelSet("carla13", tuple(of_0_8)), carla13))


def drawings_of(label_set: LabelSet) -> list[LabelSet]:
    """Return a label set in each of the palettes that it is published in, its own one first."""
    others = [item.drawn for item in palettes() if item.label_set == label_set]
    return [label_set, *(drawn for drawn in others if drawn != label_set)]


def meaning(color: Color) -> str:
    """Return what a colour means in published palettes, as part of a sentence; else nothing."""
    known = _meanings().get(color)
    return f" ({known})" if known else ""


def palette_of(colors: Iterable[dict[Color, int]], among: Sequence[str] = ()) -> Palette:
    """Return the palette in which pictures are drawn: the only one that has all their colours.

    Args:
        colors: For every picture its colours that are not stray, with how many pixels have them.
            No more pictures are looked at than it takes.
        among: Names of the palettes that are possible; none for all.

    Raises:
        ValueError: None has them all, or several have.
    """
    possible = [palette for palette in palettes() if not among or palette.name in among]
    lacking: dict[str, set[Color]] = {palette.name: set() for palette in possible}
    seen: dict[Color, int] = {}
    for of_picture in colors:
        for color, count in of_picture.items():
            seen[color] = seen.get(color, 0) + count
        for palette in possible:
            own = {item.color for item in palette.drawn.classes}
            lacking[palette.name] |= of_picture.keys() - own
        left = [palette for palette in possible if not lacking[palette.name]]
        if len(left) == 1:
            return left[0]
    if not seen:
        raise ValueError("there are no label pictures in colour")
    raise ValueError(_undecided(lacking, seen))


def _undecided(lacking: dict[str, set[Color]], seen: dict[Color, int]) -> str:
    total = sum(seen.values())
    all_have = [name for name, colors in lacking.items() if not colors]
    if all_have:
        return f"their colours do not tell the label set: {' and '.join(all_have)} have them all"
    shares = {
        name: sum(seen[color] for color in colors) / total for name, colors in lacking.items()
    }
    nearest = sorted(shares, key=lambda name: shares[name])[:3]
    described = ", ".join(f"{name} {shares[name]:.2%}" for name in nearest)
    rarest = max(lacking[nearest[0]], key=lambda color: seen[color])
    return (
        f"their colours do not tell the label set; pixels that each lacks: {described}; "
        f"{nearest[0]} has no {rarest}{meaning(rarest)}"
    )


@functools.cache
def _meanings() -> dict[Color, str]:
    known: dict[Color, str] = {}
    for palette in palettes():
        for item in palette.drawn.classes:
            known.setdefault(item.color, f"{item.name} in {palette.name}")
    return known
