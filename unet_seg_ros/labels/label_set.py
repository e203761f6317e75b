# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Label sets: what the class ids of a label map mean and which colours draw them.

A label map is a `(H, W)` uint8 array of class ids; 255 (`UNKNOWN_ID`) marks pixels whose class is
not known. A label set gives every id a name, a colour and the groups it belongs to.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import yaml

from unet_seg_ros.arrays import Uint8Array

ColorOrder = Literal["rgb", "bgr", "rgba", "bgra"]

UNKNOWN_ID = 255
MAX_CLASSES = 255

TO_RGB: dict[ColorOrder, int | None] = {
    "rgb": None,
    "bgr": cv2.COLOR_BGR2RGB,
    "rgba": cv2.COLOR_RGBA2RGB,
    "bgra": cv2.COLOR_BGRA2RGB,
}
"""OpenCV's conversion to RGB; None where there is nothing to convert."""
_TO_BGRA: dict[ColorOrder, int | None] = {
    "rgb": cv2.COLOR_RGB2BGRA,
    "bgr": cv2.COLOR_BGR2BGRA,
    "rgba": cv2.COLOR_RGBA2BGRA,
    "bgra": None,
}


class LabelSetError(ValueError):
    """A label set that cannot be used; the message says where and why."""


@dataclass(frozen=True)
class LabelClass:
    """One class: its id in label maps, its name, its colour (RGB) and the groups it belongs to.

    `aliases` are names of classes in other label sets that mean this class here: `Vehicle` of the
    13-tag set has the aliases `Car`, `Truck`, ... of the 29-tag set. Classes with other aliases are
    equal: a checkpoint has those that were known when it was trained.
    """

    id: int
    name: str
    color: tuple[int, int, int]
    groups: tuple[str, ...] = ()
    aliases: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class LabelSet:
    """The classes that a label map may hold, with ids 0 to N-1 in order.

    Raises:
        LabelSetError: ids are not 0 to N-1, a name or a colour occurs twice, or a colour is not
            three numbers of 0 to 255.
    """

    name: str
    classes: tuple[LabelClass, ...]

    def __post_init__(self) -> None:
        where = f"label set {self.name!r}"
        if not 1 <= len(self.classes) <= MAX_CLASSES:
            raise LabelSetError(
                f"{where}: has {len(self.classes)} classes; 1 to {MAX_CLASSES} are possible"
            )
        for position, item in enumerate(self.classes):
            if item.id != position:
                raise LabelSetError(
                    f"{where}: class {item.name!r} has id {item.id}; ids must be 0, 1, 2, ... in "
                    f"order, so it must be {position}"
                )
            if len(item.color) != 3 or not all(0 <= part <= 255 for part in item.color):
                raise LabelSetError(
                    f"{where}: class {item.name!r} has colour {list(item.color)}; give red, green "
                    "and blue as three numbers from 0 to 255"
                )
        _refuse_repeats(where, "name", (item.name for item in self.classes))
        _refuse_repeats(where, "colour", (item.color for item in self.classes))

    @classmethod
    def load(cls, name_or_path: str | Path) -> LabelSet:
        """Load a label set that comes with the package by its name, or any other by its path.

        Raises:
            LabelSetError: no such label set, or its YAML file is not one.
        """
        document = _load_yaml("label set", name_or_path, built_in_label_sets())
        try:
            return cls.from_dict(document)
        except LabelSetError as error:
            raise LabelSetError(f"{name_or_path}: {error}") from error

    @classmethod
    def from_dict(cls, document: object) -> LabelSet:
        """Build a label set from what `to_dict` returned or a YAML file holds.

        Raises:
            LabelSetError: a part is missing or of the wrong type.
        """
        try:
            if not isinstance(document, Mapping):
                raise TypeError("not a mapping with 'name' and 'classes'")
            classes = tuple(_class_from_dict(item) for item in document["classes"])
            name = str(document["name"])
        except (KeyError, TypeError, ValueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise LabelSetError(f"not a label set: {reason}") from error
        return cls(name, classes)

    def with_aliases_of_today(self) -> LabelSet:
        """Return the equal label set that comes with the package; without one, this."""
        known = LabelSet.load(self.name) if self.name in built_in_label_sets() else self
        return known if known == self else self

    def to_dict(self) -> dict[str, Any]:
        """Return the label set as plain values, ready for JSON or YAML."""
        return {
            "name": self.name,
            "classes": [
                {
                    "id": item.id,
                    "name": item.name,
                    "color": list(item.color),
                    "groups": list(item.groups),
                    "aliases": list(item.aliases),
                }
                for item in self.classes
            ],
        }

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The class names in the order of their ids."""
        return tuple(item.name for item in self.classes)

    def __reduce__(self) -> tuple[type[LabelSet], tuple[str, tuple[LabelClass, ...]]]:
        # Without the cached tables, of which one has 16 MiB.
        return LabelSet, (self.name, self.classes)

    @functools.cached_property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """The class ids of every group."""
        names = dict.fromkeys(group for item in self.classes for group in item.groups)
        return {
            name: tuple(item.id for item in self.classes if name in item.groups) for name in names
        }

    @functools.cached_property
    def color_table(self) -> Uint8Array:
        """The colour of every possible id, `(256, 3)` uint8 RGB; black where no class has it."""
        table = np.zeros((256, 3), np.uint8)
        table[: len(self)] = [item.color for item in self.classes]
        table.flags.writeable = False
        return table

    def class_id(self, name: str) -> int:
        """Return the id of the class called `name` (capital letters or not).

        Raises:
            LabelSetError: no class has that name.
        """
        for item in self.classes:
            if item.name.lower() == name.lower():
                return item.id
        raise LabelSetError(
            f"label set {self.name!r} has no class {name!r}; it has {', '.join(self.names)}"
        )

    def colorize(self, labels: Uint8Array) -> Uint8Array:
        """Return the colour mask of a `(H, W)` label map: `(H, W, 3)` uint8 RGB."""
        # A third of the time of np.take on the same table.
        return cv2.applyColorMap(labels, self.color_table.reshape(256, 1, 3)).astype(
            np.uint8, copy=False
        )

    def recolored(self, palette: str | Path) -> LabelSet:
        """Return the same classes in the colours of a palette.

        Args:
            palette: The name of a palette that comes with the package, such as `colorblind`, or the
                path of a YAML file like it: the colour of each class by its name (capital letters
                or not).

        Raises:
            LabelSetError: no such palette, or it has no colour for a class of this set.
        """
        colors = load_palette(palette)
        if missing := [name for name in self.names if name.lower() not in colors]:
            raise LabelSetError(
                f"palette {palette}: has no colour for {', '.join(missing)} of label set "
                f"{self.name!r}"
            )
        recolored = (replace(item, color=colors[item.name.lower()]) for item in self.classes)
        return LabelSet(self.name, tuple(recolored))

    def decode_palette(self, pixels: Uint8Array, color_order: ColorOrder) -> tuple[Uint8Array, int]:
        """Return the label map of a picture drawn in this set's colours, exactly.

        Args:
            pixels: `(H, W, 3)` or `(H, W, 4)` uint8, as many channels as `color_order` says; an
                alpha channel is ignored.
            color_order: The order of the channels.

        Returns:
            The label map, `(H, W)` uint8 with 255 where the colour is not of this set, and how
            many pixels that are.
        """
        conversion = _TO_BGRA[color_order]
        bgra = pixels if conversion is None else cv2.cvtColor(pixels, conversion)
        packed = np.ascontiguousarray(bgra).view("<u4")[..., 0]
        labels = np.take(self._id_of_color, packed & 0xFFFFFF)
        return labels, int(np.count_nonzero(labels == UNKNOWN_ID))

    def decode_tags(self, pixels: Uint8Array, color_order: ColorOrder) -> tuple[Uint8Array, int]:
        """Return the label map of a raw semantic picture, whose red channel holds the class id.

        Args and return value are those of `decode_palette`.
        """
        labels = pixels[..., color_order.index("r")].copy()
        labels[labels >= len(self)] = UNKNOWN_ID
        return labels, int(np.count_nonzero(labels == UNKNOWN_ID))

    def table_to(self, target: LabelSet) -> Uint8Array:
        """Return a `(256,)` uint8 table from ids of this set to ids of `target`, by class name.

        A class goes to the class of the same name (capital letters or not), else to the one that
        lists its name among its aliases, else to 255: `table[labels]` is the label map in the
        target's language.
        """
        ids = {alias.lower(): item.id for item in target.classes for alias in item.aliases}
        ids.update({item.name.lower(): item.id for item in target.classes})
        table = np.full(256, UNKNOWN_ID, np.uint8)
        table[: len(self)] = [ids.get(name.lower(), UNKNOWN_ID) for name in self.names]
        return table

    @functools.cached_property
    def _id_of_color(self) -> Uint8Array:
        """The class id of every 24-bit colour 0xRRGGBB, `(2**24,)` uint8.

        16 MiB, but a picture touches only a few cache lines of it, which makes one `take` faster
        than any search among the colours.
        """
        table = np.full(1 << 24, UNKNOWN_ID, np.uint8)
        for item in self.classes:
            red, green, blue = item.color
            table[red << 16 | green << 8 | blue] = item.id
        return table


def group_table(ids: Iterable[int]) -> Uint8Array:
    """Return the `(256,)` uint8 table that turns a label map into a mask: 255 for `ids`, else 0."""
    table = np.zeros(256, np.uint8)
    table[list(ids)] = 255
    return table


@functools.cache
def built_in_label_sets() -> tuple[str, ...]:
    """Return the names of the label sets that come with the package."""
    return _yaml_files("label_sets")


@functools.cache
def built_in_palettes() -> tuple[str, ...]:
    """Return the names of the palettes that come with the package."""
    return _yaml_files("palettes")


def load_palette(name_or_path: str | Path) -> dict[str, tuple[int, int, int]]:
    """Return a palette's colour of each class, by its name in small letters.

    Raises:
        LabelSetError: no such palette, or its file is not one.
    """
    document = _load_yaml("palette", name_or_path, built_in_palettes())
    try:
        if not isinstance(document, Mapping):
            raise TypeError
        return {str(name).lower(): _color(color) for name, color in document.items()}
    except (TypeError, ValueError) as error:
        raise LabelSetError(
            f"palette {name_or_path}: not one: write a line for each class, like Car: [0, 114, 178]"
        ) from error


def _yaml_files(folder: str) -> tuple[str, ...]:
    entries = (importlib.resources.files(__package__) / folder).iterdir()
    names = (entry.name for entry in entries if entry.name.endswith(".yaml"))
    return tuple(sorted(name.removesuffix(".yaml") for name in names))


def _load_yaml(kind: str, name_or_path: str | Path, built_in: tuple[str, ...]) -> object:
    """Return what a `kind` of file holds, "label set" or "palette", by its name or its path."""
    folder = importlib.resources.files(__package__) / f"{kind.replace(' ', '_')}s"
    is_built_in = str(name_or_path) in built_in
    source = folder / f"{name_or_path}.yaml" if is_built_in else Path(name_or_path).expanduser()
    try:
        return yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LabelSetError(
            f"no {kind} {str(name_or_path)!r}: give one of {', '.join(built_in)}, or the path of a "
            "YAML file"
        ) from error
    except yaml.YAMLError as error:
        raise LabelSetError(f"{kind} {name_or_path}: not a YAML file: {error}") from error


def _color(parts: Any) -> tuple[int, int, int]:
    if not isinstance(parts, (list, tuple)) or len(parts) != 3:
        raise ValueError(f"{parts!r:.40} is no colour: write [red, green, blue]")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _class_from_dict(item: Mapping[str, Any]) -> LabelClass:
    return LabelClass(
        id=int(item["id"]),
        name=str(item["name"]),
        color=_color(item["color"]),
        groups=tuple(str(group) for group in item.get("groups", ())),
        aliases=tuple(str(alias) for alias in item.get("aliases", ())),
    )


def _refuse_repeats(where: str, what: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise LabelSetError(f"{where}: the {what} {value} occurs twice")
        seen.add(value)
