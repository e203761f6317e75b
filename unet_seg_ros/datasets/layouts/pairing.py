# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures and label files belong together, and where they are in folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unet_seg_ros.datasets.encodings import Encoding
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.layouts.layout import SHOWN
from unet_seg_ros.datasets.parts import part_and_drive
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.folders import (
    files_below,
    folders_in,
    is_picture,
    listed_suffixes,
    pictures_below,
)


@dataclass(frozen=True)
class Pairing:
    """Pictures with the files of their labels, and what is to be said about other files.

    Attributes:
        files: The pictures.
        faults: What is wrong with files without a partner.
        notes: What was left alone.
    """

    files: list[LabelledFile]
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def label_files(self) -> list[Path]:
        """The files with labels of all pictures."""
        return [path for file in self.files for path in file.labels]


def label_files(pairings: Iterable[Pairing]) -> list[Path]:
    """Return the files with labels of all pairings."""
    return [path for pairing in pairings for path in pairing.label_files]


def pair(
    pictures: Path,
    labels: Path,
    place: Sequence[str],
    *,
    otherwise: str,
    endings: tuple[str, str] = ("", ""),
    drive_of: Callable[[str], str] | None = None,
) -> Pairing:
    """Pair the pictures in and below one folder with those of the same name in another.

    Where two files have one name, with other suffixes, nothing tells which is meant: they are
    left out.

    Args:
        pictures: The folder of the pictures.
        labels: The folder of the label pictures.
        place: The folders above that tell part and drive; names in reports begin with them.
        otherwise: What the drive is called where no folder tells.
        endings: What names of pictures and of label pictures end with before their suffixes; files
            that do not are something else.
        drive_of: From the path of a picture in its folder, without suffix, to its drive, where
            folders do not tell.

    Raises:
        DataError: There are no pictures, or none of them has a label picture.
    """
    picture_ending, label_ending = endings
    pictures_of = by_key(pictures_below(pictures), pictures, picture_ending)
    labels_of = by_key(listed_below(labels), labels, label_ending)
    pairs, faults = matched(pictures_of, labels_of, labels, label_ending, f"in {pictures}")
    files = []
    for key, picture, label_file in pairs:
        part, drive = part_and_drive([*place, *key.split("/")[:-1]], otherwise)
        name = "/".join([*place, key])
        drive = drive_of(key) if drive_of else drive
        files.append(LabelledFile(picture, (label_file,), name, drive, part))
    if files and not pictures_of.keys() & labels_of.keys():
        raise DataError(
            f"{labels}: has no label picture for any of the {len(files)} pictures in {pictures}: "
            f"looked for {files[0].labels[0].name} and the like, found "
            f"{listed_suffixes(files_below(labels)) or 'nothing'}; {SHOWN}"
        )
    return Pairing(files, faults, [*left_alone(pictures), *left_alone(labels)])


def best_ending(pictures: Path, labels: Path, endings: Sequence[str]) -> str:
    """Return what label pictures' names end with: what gives most pictures their labels."""
    keys = {key_of(path, pictures) for path in listed_below(pictures)}
    # max takes the first of several.
    masks = listed_below(labels)
    return max(endings, key=lambda ending: len(keys & by_key(masks, labels, ending).keys()))


def labelled_files(
    folder: Path,
    layout: str,
    label_set: LabelSet,
    encoding: Encoding,
    pairings: Sequence[Pairing],
) -> LabelledFiles:
    """Return the data set in a folder that consists of some pairings, in their order."""
    files = [file for pairing in pairings for file in pairing.files]
    notes = [note for pairing in pairings for note in pairing.notes]
    return LabelledFiles(
        name=folder.name,
        label_set=label_set,
        format=encoding.format,
        files=files,
        parts=parts_of(files),
        faults=[fault for pairing in pairings for fault in pairing.faults],
        read_labels=encoding.read,
        layout=layout,
        notes=[encoding.note, *notes] if encoding.note else notes,
    )


def parts_of(files: Sequence[LabelledFile]) -> Mapping[str, Sequence[int]]:
    """Return the positions of each part's pictures."""
    parts: dict[str, list[int]] = {}
    for position, file in enumerate(files):
        if file.part:
            parts.setdefault(file.part, []).append(position)
    return parts


def left_alone(folder: Path) -> list[str]:
    """Say which files below a folder are no pictures, if any."""
    others = [path for path in files_below(folder) if not is_picture(path)]
    if not others:
        return []
    return [
        f"{folder}: {len(others)} files are no pictures and left alone: {listed_suffixes(others)}"
    ]


def listed_below(folder: Path) -> list[Path]:
    """Return the pictures in a folder and the folders in it, in natural order."""
    return [path for path in files_below(folder) if is_picture(path)]


def key_of(path: Path, folder: Path, ending: str = "") -> str:
    """Return what a picture and its labels have in common: the path without ending and suffix."""
    return path.relative_to(folder).with_suffix("").as_posix().removesuffix(ending)


def has_folders(folder: Path, *names: str) -> bool:
    """Tell whether a folder has all of these folders in it."""
    return all((folder / name).is_dir() for name in names)


def places(folder: Path, has: Callable[[Path], bool]) -> list[Path]:
    """Return the folders of which `has` is true: this one, else those in it, else those in them."""
    if has(folder):
        return [folder]
    children = folders_in(folder)
    grandchildren = [item for child in children if not has(child) for item in folders_in(child)]
    return [item for item in (*children, *grandchildren) if has(item)]


def below(folder: Path, root: Path) -> str:
    """Return where a folder is below another; the name of the other where they are the same."""
    return root.name if folder == root else folder.relative_to(root).as_posix()


def by_key(paths: Iterable[Path], folder: Path, ending: str = "") -> dict[str, list[Path]]:
    """Return the files below a folder by their keys, of which each should have one."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        if path.stem.endswith(ending):
            found.setdefault(key_of(path, folder, ending), []).append(path)
    return found


def matched(
    pictures_of: Mapping[str, Sequence[Path]],
    labels_of: Mapping[str, Sequence[Path]],
    labels: Path,
    label_ending: str,
    where: str,
) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """Return key, picture and label picture of each pair, and faults.

    Faults are label pictures without a picture, and what nothing tells apart: several pictures or
    label pictures of one key. A label picture that is not there is named where it should be.

    Args:
        pictures_of: The pictures by their keys.
        labels_of: The label pictures by theirs.
        labels: The folder of the label pictures.
        label_ending: What their names have behind the key.
        where: Where pictures are looked for, in words.

    Raises:
        DataError: There are only pictures or label pictures that nothing tells apart.
    """
    pairs = []
    for key, pictures in pictures_of.items():
        found = labels_of.get(key, [labels / f"{key}{label_ending}.png"])
        if len(pictures) == len(found) == 1:
            pairs.append((key, pictures[0], found[0]))
    several = [
        *more_than_one(labels_of, "labels of one picture"),
        *more_than_one(pictures_of, "pictures of one name"),
    ]
    if several and not pairs:
        raise DataError(several[0])
    strays = [
        f"{path}: has no picture {where}"
        for key, paths in labels_of.items()
        if key not in pictures_of
        for path in paths
    ]
    return pairs, [*several, *strays]


def more_than_one(files: Mapping[str, Sequence[Path]], what: str) -> list[str]:
    """Return a fault for each key that has several files, which are `what`."""
    return [
        f"{' and '.join(map(str, paths))}: are {what}; leave one of them there"
        for paths in files.values()
        if len(paths) > 1
    ]
