# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How data sets lie in folders, and which files of each belong together.

docs/datasets.md shows every layout as a tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets import capture_format
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.labelme import draw_regions
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.formats import LabelFormat
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.files import (
    is_picture,
    natural,
    pictures_below,
    pictures_in,
    read_label_picture,
)

_COURSE_PICTURES = "CameraRGB"
_COURSE_LABELS = ("CameraSeg", "CameraMask")
_ANNOTATIONS = "annot"
_IMAGES_MASKS = ("images", "masks")
_RGB_SEGMENTATION = ("rgb", "segmentation")
_RGB, _IDS, _PALETTE = "_rgb", "_ids.png", "_palette.png"
_LABELME = ".json"
# So many label pictures are looked at to find out what they are.
_SAMPLES = 20


@dataclass(frozen=True)
class Layout:
    """A layout of picture files.

    Attributes:
        name: What users call it.
        fits: Whether a folder is laid out like this.
        open: The data set in such a folder; takes the label set that the user named, None where
            the layout is to tell, and raises DataError where that cannot be.
    """

    name: str
    fits: Callable[[Path], bool]
    open: Callable[[Path, LabelSet | None], LabelledFiles]


def layout_of(folder: Path) -> Layout | None:
    """Return the first layout that a folder has, None where it has none."""
    return next((layout for layout in LAYOUTS if layout.fits(folder)), None)


# --- captures of this project


def _has_capture(folder: Path) -> bool:
    return bool(_folders_with(folder, capture_format.DESCRIPTION_FILE))


def _open_capture(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open a capture, or a folder of captures."""
    captures = _folders_with(folder, capture_format.DESCRIPTION_FILE)
    names = {capture_format.read_label_set_name(capture) for capture in captures}
    if len(names) > 1:
        raise DataError(f"{folder}: its captures have several label sets: {', '.join(names)}")
    tag_set = label_set_choice.fixed(names.pop(), label_set, folder)
    files, faults, towns = [], [], []
    for capture in captures:
        place = _below(capture, folder)
        frames, faulty_lines = capture_format.read_frames(capture)
        faults += faulty_lines + _without_line(capture, {frame.name for frame in frames})
        towns += [frame.town for frame in frames]
        files += [
            LabelledFile(
                picture=capture / capture_format.PICTURES / f"{frame.name}{capture_format.SUFFIX}",
                labels=(capture / capture_format.TAGS / f"{frame.name}{capture_format.SUFFIX}",),
                name=f"{place}/{frame.name}",
                drive=f"{place}/{frame.town}/{frame.run}",
            )
            for frame in frames
        ]
    if not files:
        raise DataError(f"{folder}: has no frames in {capture_format.FRAMES_FILE}")
    if len(set(towns)) > 1:  # two runs in one town show the same streets
        files = [replace(file, drive=town) for file, town in zip(files, towns, strict=True)]
    tags = partial(formats.tags, label_set=tag_set)
    return LabelledFiles(folder.name, tag_set, tags, files, faults=faults)


def _without_line(capture: Path, names: set[str]) -> list[str]:
    """Complain about pictures without a line, apart from those after the last that has one.

    Those are being captured now, or were when the capture was killed.
    """
    newest = max(names, default="")
    pictures = capture / capture_format.PICTURES
    found = sorted(pictures.iterdir()) if pictures.is_dir() else []
    return [
        f"{path}: has no line in {capture_format.FRAMES_FILE}"
        for path in found
        if is_picture(path) and path.stem not in names and path.stem < newest
    ]


# --- layouts of others


def _has_course(folder: Path) -> bool:
    return bool(_folders_with(folder, _COURSE_PICTURES))


def _open_course(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `CameraRGB` with `CameraSeg` or `CameraMask`, in one folder or in dataA to dataE."""
    classes = label_set or LabelSet.load("carla13")
    pairings = []
    for drive in _folders_with(folder, _COURSE_PICTURES):
        masks = [drive / name for name in _COURSE_LABELS if (drive / name).is_dir()]
        if len(masks) != 1:
            raise DataError(
                f"{drive}: has {len(masks)} of the folders {' and '.join(_COURSE_LABELS)} beside "
                f"{_COURSE_PICTURES}; one is expected"
            )
        place = _below(drive, folder)
        pairings.append(_pair(drive / _COURSE_PICTURES, masks[0], _always(place), f"{place}/"))
    tags = partial(formats.tags, label_set=classes)
    return _labelled_files(folder, classes, tags, pairings)


def _always(drive: str) -> Callable[[str], str]:
    return lambda _: drive


def _has_nuclei(folder: Path) -> bool:
    return any(_has_folders(item, *_IMAGES_MASKS) for item in _folders_in(folder))


def _open_nuclei(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `<id>/images/*.png` with `<id>/masks/*.png`, one an object; each is its own drive."""
    files, faults = [], []
    for item in _folders_in(folder):
        pictures, masks = (_listed_below(item / name) for name in _IMAGES_MASKS)
        if len(pictures) == 1:
            files.append(LabelledFile(pictures[0], tuple(masks), item.name, drive=item.name))
        else:
            faults.append(f"{item / 'images'}: has {len(pictures)} pictures; one is expected")
    nuclei = label_set_choice.fixed("nuclei2", label_set, folder)
    return LabelledFiles(folder.name, nuclei, formats.foreground, files, faults=faults)


def _has_town02(folder: Path) -> bool:
    return _has_folders(folder, *_RGB_SEGMENTATION)


def _open_town02(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `rgb/` with `segmentation/` in the reduced palette of the Town02 drives."""
    town02 = label_set_choice.fixed("town02", label_set, folder)
    reduced = partial(formats.reduced_palette, label_set=town02)
    return _labelled_files(folder, town02, reduced, [_pair_folders(folder, *_RGB_SEGMENTATION)])


def _has_camvid(folder: Path) -> bool:
    return bool(_segnet_parts(folder))


def _open_camvid(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `train/` beside `trainannot/` and so on, as SegNet has CamVid; or one of the parts."""
    classes = label_set or LabelSet.load("camvid11")
    # The id after the last class's is that of unlabelled pixels.
    ids = partial(formats.ids, label_set=classes, ignored=(len(classes),))
    parts, pairings, start = {}, [], 0
    for part in _segnet_parts(folder):
        pairing = _pair(part, _annotations(part), partial(_sequence, part.name), f"{part.name}/")
        parts[part.name] = range(start, start + len(pairing.files))
        pairings.append(pairing)
        start += len(pairing.files)
    found = _labelled_files(folder, classes, ids, pairings)
    if _annotations(folder).is_dir():
        return replace(found, name=f"{folder.parent.name}/{folder.name}")
    return replace(found, parts=parts)


def _segnet_parts(folder: Path) -> list[Path]:
    if _annotations(folder).is_dir():
        return [folder]
    return [item for item in _folders_in(folder) if _annotations(item).is_dir()]


def _annotations(part: Path) -> Path:
    return part.with_name(part.name + _ANNOTATIONS)


def _sequence(part: str, key: str) -> str:
    """Return what CamVid's files begin with: 0016E5 for 0016E5_07959."""
    head, underscore, _ = key.partition("_")
    return head if underscore else part


# --- plain folders


def _has_pairs(folder: Path) -> bool:
    return _has_ending(folder, _IDS)


def _open_pairs(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `*_rgb.*` beside `*_ids.png`."""
    classes = label_set_choice.required(label_set, folder)
    ids = partial(formats.ids, label_set=classes)
    return _labelled_files(folder, classes, ids, [_pair_endings(folder, _IDS)])


def _has_palette(folder: Path) -> bool:
    return _folders_in_color(folder) is not None or _has_ending(folder, _PALETTE)


def _open_palette(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open pictures with label pictures in the colours of one of CARLA's label sets."""
    folders = _folders_in_color(folder)
    pairing = _pair_folders(folder, *folders) if folders else _pair_endings(folder, _PALETTE)
    samples = _samples(pairing.label_files, _SAMPLES)
    classes = label_set or label_set_choice.by_palette(samples, folder)
    palette = partial(formats.palette, label_set=classes)
    return _labelled_files(folder, classes, palette, [pairing])


def _folders_in_color(folder: Path) -> tuple[str, str] | None:
    """Return the names of the folders of pictures and of label pictures in colour, if any."""
    for pictures, labels in (_IMAGES_MASKS, _RGB_SEGMENTATION):
        if _has_folders(folder, pictures, labels):
            samples = _samples(_listed_below(folder / labels), 1)
            if any(formats.is_colored(pixels) for pixels in samples):
                return pictures, labels
    return None


def _has_images_masks(folder: Path) -> bool:
    return _has_folders(folder, *_IMAGES_MASKS) and _folders_in_color(folder) is None


def _open_images_masks(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `images/` with `masks/`: ids or tags, or 0 and 255 for a label set of two classes."""
    classes = label_set_choice.required(label_set, folder)
    pairing = _pair_folders(folder, *_IMAGES_MASKS)
    samples = _samples(pairing.label_files, _SAMPLES)
    is_binary = len(classes) == 2 and formats.is_binary(samples)
    tags = partial(formats.tags, label_set=classes)
    return _labelled_files(folder, classes, formats.binary if is_binary else tags, [pairing])


def _has_labelme(folder: Path) -> bool:
    return any(_labelme_file(path).is_file() for path in _listed_below(folder))


def _open_labelme(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open pictures with labelme's files beside them; a picture without one is left out."""
    classes = label_set_choice.required(label_set, folder)
    regions = {path: _labelme_file(path) for path in pictures_below(folder)}
    files = [
        LabelledFile(
            picture=picture,
            labels=(drawn,),
            name=_key(picture, folder),
            drive=_below(picture.parent, folder),
        )
        for picture, drawn in regions.items()
        if drawn.is_file()
    ]
    strays = sorted(set(folder.rglob(f"*{_LABELME}")) - set(regions.values()))
    return LabelledFiles(
        name=folder.name,
        label_set=classes,
        format=partial(formats.ids, label_set=classes),
        files=files,
        faults=[f"{path}: has no picture beside it" for path in strays],
        read_labels=partial(draw_regions, label_set=classes),
    )


def _labelme_file(picture: Path) -> Path:
    return picture.with_suffix(_LABELME)


LAYOUTS = (
    Layout("capture", _has_capture, _open_capture),
    Layout("course", _has_course, _open_course),
    Layout("nuclei", _has_nuclei, _open_nuclei),
    Layout("town02", _has_town02, _open_town02),
    Layout("camvid", _has_camvid, _open_camvid),
    Layout("pairs", _has_pairs, _open_pairs),
    Layout("palette", _has_palette, _open_palette),
    Layout("images-masks", _has_images_masks, _open_images_masks),
    Layout("labelme", _has_labelme, _open_labelme),
)
"""Every layout of picture files, the most particular first."""


# --- pictures and their labels


def _samples(paths: Sequence[Path], count: int) -> list[Uint8Array]:
    """Read up to `count` label pictures from all over the data set, those that can be read."""
    pixels = []
    for path in paths[:: max(len(paths) // count, 1)][:count]:
        try:
            pixels.append(read_label_picture(path))
        except DataError:  # named when that picture is read as part of the data set
            continue
    return pixels


@dataclass(frozen=True)
class _Pairing:
    files: list[LabelledFile]
    faults: list[str]

    @property
    def label_files(self) -> list[Path]:
        return [path for file in self.files for path in file.labels]


def _pair(
    pictures: Path, labels: Path, drive_of: Callable[[str], str], prefix: str = ""
) -> _Pairing:
    """Pair the pictures in and below one folder with those of the same name in another.

    Args:
        pictures: The folder of the pictures.
        labels: The folder of the label pictures.
        drive_of: From the path of a picture in its folder, without suffix, to its drive.
        prefix: What the pictures' names begin with in reports.
    """
    label_of = {_key(path, labels): path for path in _listed_below(labels)}
    files = []
    for picture in pictures_below(pictures):
        key = _key(picture, pictures)
        label_file = label_of.pop(key, labels / f"{key}.png")
        files.append(LabelledFile(picture, (label_file,), f"{prefix}{key}", drive_of(key)))
    return _Pairing(files, [f"{path}: has no picture in {pictures}" for path in label_of.values()])


def _pair_folders(folder: Path, pictures: str, labels: str) -> _Pairing:
    """Pair two folders in which folders, where there are any, are drives."""

    def drive_of(key: str) -> str:
        return key.rpartition("/")[0] or folder.name

    return _pair(folder / pictures, folder / labels, drive_of)


def _pair_endings(folder: Path, ending: str) -> _Pairing:
    """Pair `*_rgb.*` with the files beside them that have another ending."""
    pictures = [path for path in pictures_in(folder) if path.stem.endswith(_RGB)]
    if not pictures:
        raise DataError(f"{folder}: has no pictures called *{_RGB}.png or the like")
    files = [
        LabelledFile(picture, (folder / f"{stem}{ending}",), stem, folder.name)
        for picture in pictures
        for stem in [picture.stem.removesuffix(_RGB)]
    ]
    expected = {file.labels[0] for file in files}
    strays = [path for path in sorted(folder.glob(f"*{ending}")) if path not in expected]
    return _Pairing(files, [f"{path}: has no picture beside it" for path in strays])


def _labelled_files(
    folder: Path, label_set: LabelSet, label_format: LabelFormat, pairings: Sequence[_Pairing]
) -> LabelledFiles:
    return LabelledFiles(
        name=folder.name,
        label_set=label_set,
        format=label_format,
        files=[file for pairing in pairings for file in pairing.files],
        faults=[fault for pairing in pairings for fault in pairing.faults],
    )


def _listed_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if is_picture(path))


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _has_ending(folder: Path, ending: str) -> bool:
    return any(path.name.endswith(ending) for path in folder.iterdir())


def _has_folders(folder: Path, *names: str) -> bool:
    return all((folder / name).is_dir() for name in names)


def _folders_with(folder: Path, name: str) -> list[Path]:
    """Return the folders that contain `name`: this one, else those in it and in them."""
    if (folder / name).exists():
        return [folder]
    children = _folders_in(folder)
    grandchildren = [item for child in children for item in _folders_in(child)]
    return [item for item in (*children, *grandchildren) if (item / name).exists()]


def _folders_in(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:  # knows what is a folder without asking for each
        names = [entry.name for entry in entries if entry.is_dir()]
    return [folder / name for name in sorted(names, key=natural)]


def _below(folder: Path, root: Path) -> str:
    return root.name if folder == root else folder.relative_to(root).as_posix()
