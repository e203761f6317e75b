# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which pictures and label files belong together, and where they are in folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.formats import LabelFormat
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.files import (
    is_picture,
    natural,
    pictures_below,
    pictures_in,
    read_label_picture,
)

RGB = "_rgb"


def samples(paths: Sequence[Path], count: int) -> list[Uint8Array]:
    """Read up to `count` label pictures from all over the data set, those that can be read."""
    pixels = []
    for path in paths[:: max(len(paths) // count, 1)][:count]:
        try:
            pixels.append(read_label_picture(path))
        except DataError:  # named when that picture is read as part of the data set
            continue
    return pixels


@dataclass(frozen=True)
class Pairing:
    """Pictures with the files of their labels, and what is wrong with files without a partner."""

    files: list[LabelledFile]
    faults: list[str]

    @property
    def label_files(self) -> list[Path]:
        """The files with labels of all pictures."""
        return [path for file in self.files for path in file.labels]


def pair(
    pictures: Path,
    labels: Path,
    drive_of: Callable[[str], str],
    prefix: str = "",
    endings: tuple[str, str] = ("", ""),
) -> Pairing:
    """Pair the pictures in and below one folder with those of the same name in another.

    Args:
        pictures: The folder of the pictures.
        labels: The folder of the label pictures.
        drive_of: From the path of a picture in its folder, without suffix, to its drive.
        prefix: What the pictures' names begin with in reports.
        endings: What names of pictures and of label pictures end with before their suffixes; files
            that do not are something else.
    """
    picture_ending, label_ending = endings
    label_of = {
        key_of(path, labels, label_ending): path
        for path in listed_below(labels)
        if path.stem.endswith(label_ending)
    }
    files = []
    for picture in pictures_below(pictures):
        if picture.stem.endswith(picture_ending):
            key = key_of(picture, pictures, picture_ending)
            label_file = label_of.pop(key, labels / f"{key}{label_ending}.png")
            files.append(LabelledFile(picture, (label_file,), f"{prefix}{key}", drive_of(key)))
    return Pairing(files, [f"{path}: has no picture in {pictures}" for path in label_of.values()])


def pair_folders(folder: Path, pictures: str, labels: str) -> Pairing:
    """Pair two folders in which folders, where there are any, are drives."""

    def drive_of(key: str) -> str:
        return key.rpartition("/")[0] or folder.name

    return pair(folder / pictures, folder / labels, drive_of)


def pair_endings(folder: Path, ending: str) -> Pairing:
    """Pair `*_rgb.*` with the files beside them that have another ending."""
    pictures = [path for path in pictures_in(folder) if path.stem.endswith(RGB)]
    if not pictures:
        raise DataError(f"{folder}: has no pictures called *{RGB}.png or the like")
    files = [
        LabelledFile(picture, (folder / f"{stem}{ending}",), stem, folder.name)
        for picture in pictures
        for stem in [picture.stem.removesuffix(RGB)]
    ]
    expected = {file.labels[0] for file in files}
    strays = [path for path in sorted(folder.glob(f"*{ending}")) if path not in expected]
    return Pairing(files, [f"{path}: has no picture beside it" for path in strays])


def labelled_files(
    folder: Path, label_set: LabelSet, label_format: LabelFormat, pairings: Sequence[Pairing]
) -> LabelledFiles:
    """Return the data set in a folder that consists of some pairings, in their order."""
    return LabelledFiles(
        name=folder.name,
        label_set=label_set,
        format=label_format,
        files=[file for pairing in pairings for file in pairing.files],
        faults=[fault for pairing in pairings for fault in pairing.faults],
    )


def listed_below(folder: Path) -> list[Path]:
    """Return the pictures in a folder and the folders in it, in order of their paths."""
    return sorted(path for path in folder.rglob("*") if is_picture(path))


def key_of(path: Path, folder: Path, ending: str = "") -> str:
    """Return what a picture and its labels have in common: the path without ending and suffix."""
    return path.relative_to(folder).with_suffix("").as_posix().removesuffix(ending)


def has_ending(folder: Path, ending: str) -> bool:
    """Tell whether something in a folder has a name that ends like this."""
    return any(path.name.endswith(ending) for path in folder.iterdir())


def has_folders(folder: Path, *names: str) -> bool:
    """Tell whether a folder has all of these folders in it."""
    return all((folder / name).is_dir() for name in names)


def folders_with(folder: Path, name: str) -> list[Path]:
    """Return the folders that contain `name`: this one, else those in it and in them."""
    if (folder / name).exists():
        return [folder]
    children = folders_in(folder)
    grandchildren = [item for child in children for item in folders_in(child)]
    return [item for item in (*children, *grandchildren) if (item / name).exists()]


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, drive2 before drive10."""
    with os.scandir(folder) as entries:  # knows what is a folder without asking for each
        names = [entry.name for entry in entries if entry.is_dir()]
    return [folder / name for name in sorted(names, key=natural)]


def below(folder: Path, root: Path) -> str:
    """Return where a folder is below another; the name of the other where they are the same."""
    return root.name if folder == root else folder.relative_to(root).as_posix()


def always(drive: str) -> Callable[[str], str]:
    """Return what says of every picture that it is from this drive."""
    return lambda _: drive
