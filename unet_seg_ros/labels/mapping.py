# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the labels of a data set say about the classes of a network that speaks another language.

A label is often less precise than the network's classes: CamVid's Road may be `Roads` or `RoadLine`
of CARLA. A mapping therefore gives every label the set of classes that it may be. It comes from a
YAML file, from one of the files in `mappings/`, or from the names and aliases of the classes:

    source: camvid11              # label set of the data
    network: carla29              # label set of the network
    labels:                       # every label of the source has an entry
      Sky: Sky
      Road: [Roads, RoadLine]
      Other: {everything_but: [Roads, SideWalks, RoadLine]}
      Reflection: ignore          # says nothing
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.labels.class_lists import NOTHING
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet, LabelSetError

BoolArray = npt.NDArray[np.bool_]

_BUILT_IN = Path(__file__).parent / "mappings"
_IGNORE = "ignore"
_EVERYTHING_BUT = "everything_but"
_BY_NAME = "names"
# What data sets call labels that are to say nothing.
_TO_IGNORE = (
    *NOTHING, "void", "unknown", _IGNORE, "ego vehicle", "rectification border", "out of roi",
)  # fmt: skip


class LabelMappingError(ValueError):
    """A label mapping that cannot be used; the message says which, where and why."""


@dataclass(frozen=True)
class LabelMapping:
    """Which of the network's classes a pixel may be, for every label of a data set.

    Attributes:
        source: The label set of the data.
        network: The label set of the network.
        classes: For every class id of the source the ids of the network's classes that it may be;
            none where the label says nothing.
        origin: Where that is written: a file, or "names" where it follows from the class names.
    """

    source: LabelSet
    network: LabelSet
    classes: tuple[frozenset[int], ...]
    origin: str

    @functools.cached_property
    def table(self) -> BoolArray:
        """Which classes each label id may be, `(256, len(network))` bool.

        Ids that say nothing, 255 among them, may be every class.
        """
        table = np.ones((256, len(self.network)), np.bool_)
        for label, classes in enumerate(self.classes):
            if classes:
                table[label] = np.isin(np.arange(len(self.network)), list(classes))
        table.flags.writeable = False
        return table

    @property
    def ignored(self) -> tuple[str, ...]:
        """The names of the labels that say nothing."""
        return tuple(
            name
            for name, classes in zip(self.source.names, self.classes, strict=True)
            if not classes
        )

    @property
    def lost(self) -> tuple[str, ...]:
        """Those of them that nobody said to ignore: no file, and not their own name."""
        if self.origin != _BY_NAME:
            return ()
        return tuple(name for name in self.ignored if name.lower() not in _TO_IGNORE)


@dataclass(frozen=True)
class LabelRows:
    """The labels of several data sets in one numbering, for pictures of all of them in one batch.

    A row is a set of classes that a pixel may be. Row c, up to the number of classes, is class c
    alone; the sets of several classes follow; all other rows, 255 among them, say nothing. Labels
    that mean the same have the same row, whichever data set they are from.

    Attributes:
        admissible: Which classes each row may be, `(256, classes)` bool; all of them where it says
            nothing.
        tables: For every data set the `(256,)` uint8 table from its label ids to rows.
    """

    admissible: BoolArray
    tables: tuple[Uint8Array, ...]


def mapping_between(source: LabelSet, network: LabelSet, path: str | Path = "") -> LabelMapping:
    """Return the mapping in the file `path`, else the one in the package, else that by name.

    Raises:
        LabelMappingError: as `load_mapping` and `mapping_by_name` do.
    """
    built_in = {file.stem: file for file in _BUILT_IN.glob("*.yaml")}
    file = path or built_in.get(f"{source.name}_to_{network.name}")
    return load_mapping(file, source, network) if file else mapping_by_name(source, network)


def load_mapping(path: str | Path, source: LabelSet, network: LabelSet) -> LabelMapping:
    """Read a mapping file.

    Args:
        path: The YAML file; see the top of this module for what is in it.
        source: The label set of the data.
        network: The label set of the network.

    Raises:
        LabelMappingError: the file cannot be read, is for other label sets, names a label or a
            class that there is not, or leaves a label without an entry or without classes.
    """
    path = Path(path).expanduser()
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_NamesLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise LabelMappingError(f"{path}: cannot be read as a label mapping: {reason}") from error
    try:
        return LabelMapping(source, network, _parse(document, source, network), str(path))
    except LabelMappingError as error:
        raise LabelMappingError(f"{path}: {error}") from error


def mapping_by_name(source: LabelSet, network: LabelSet) -> LabelMapping:
    """Return the mapping that follows from the names of the classes and their aliases.

    A label may be the class of the same name, and every class that is an alias of it or that it is
    an alias of (`LabelSet.table_to`, in both directions).

    Raises:
        LabelMappingError: no class of one set has a name or an alias in the other.
    """
    forward, backward = source.table_to(network), network.table_to(source)
    classes = tuple(
        frozenset(
            {int(forward[label])} - {UNKNOWN_ID}
            | {item.id for item in network.classes if backward[item.id] == label}
        )
        for label in range(len(source))
    )
    if not any(classes):
        raise LabelMappingError(
            f"label sets {source.name!r} and {network.name!r} have no class name in common; write "
            "a mapping file that says which classes each label may be"
        )
    return LabelMapping(source, network, classes, _BY_NAME)


def label_rows(mappings: Sequence[LabelMapping]) -> LabelRows:
    """Number the labels of data sets for the training of one network.

    Args:
        mappings: One for every data set, all to the same network.

    Raises:
        LabelMappingError: the labels mean more than 255 different things together.
    """
    count = len(mappings[0].network)
    everything = frozenset(range(count))
    numbers = {frozenset({class_id}): class_id for class_id in range(count)}
    tables = []
    for mapping in mappings:
        table = np.full(256, UNKNOWN_ID, np.uint8)
        for label, classes in enumerate(mapping.classes):
            if classes and classes != everything:
                row = numbers.setdefault(classes, len(numbers))
                if row >= UNKNOWN_ID:
                    raise LabelMappingError(
                        "the labels of these data sets mean more than 255 different things; train "
                        "on fewer data sets, or on a label set with fewer classes"
                    )
                table[label] = row
        tables.append(table)
    admissible = np.ones((256, count), np.bool_)
    for classes, row in numbers.items():
        admissible[row] = np.isin(np.arange(count), list(classes))
    return LabelRows(admissible, tuple(tables))


class _NamesLoader(yaml.BaseLoader):
    """Reads every scalar as text, so that a class may be called No, and refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                problem = f"{key.value} has two entries"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def _parse(document: object, source: LabelSet, network: LabelSet) -> tuple[frozenset[int], ...]:
    if not isinstance(document, dict) or set(document) != {"source", "network", "labels"}:
        raise LabelMappingError("must have the entries source, network and labels, and no others")
    for role, label_set in (("source", source), ("network", network)):
        if document[role] != label_set.name:
            raise LabelMappingError(
                f"is for other labels: its {role} is not {label_set.name!r}; give the mapping file "
                f"of these, from {source.name!r} to {network.name!r}"
            )
    if not isinstance(document["labels"], dict):
        raise LabelMappingError("labels must have an entry for every label of the source")
    entries: dict[int, frozenset[int]] = {}
    for label, entry in document["labels"].items():
        try:
            label_id = source.class_id(label)
            if label_id in entries:
                raise LabelMappingError("has two entries")
            entries[label_id] = _classes(entry, network)
        except (LabelMappingError, LabelSetError) as error:
            raise LabelMappingError(f"label {label!r}: {error}") from error
    missing = [item.name for item in source.classes if item.id not in entries]
    if missing:
        raise LabelMappingError(
            f"has no entry for {', '.join(missing)}; say which classes that may be, or {_IGNORE}"
        )
    return tuple(entries[item.id] for item in source.classes)


def _classes(entry: object, network: LabelSet) -> frozenset[int]:
    """Return the classes of an entry: a name, a list of names, everything_but one, or ignore."""
    if entry == _IGNORE:
        return frozenset()
    if isinstance(entry, dict) and set(entry) == {_EVERYTHING_BUT}:
        classes = frozenset(range(len(network))) - _named(entry[_EVERYTHING_BUT], network)
    else:
        classes = _named(entry, network)
    if not classes:
        raise LabelMappingError(f"may be no class at all; name one, or write {_IGNORE}")
    return classes


def _named(entry: object, network: LabelSet) -> frozenset[int]:
    names = [entry] if isinstance(entry, str) and entry else entry
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise LabelMappingError(
            f"must be a class, a list of classes, {{{_EVERYTHING_BUT}: ...}} or {_IGNORE}"
        )
    return frozenset(network.class_id(name) for name in names)
