# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts of pictures from CARLA: captures of this project, the course, the Town02 drives."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from unet_seg_ros.datasets import capture_format, encodings
from unet_seg_ros.datasets.capture_format import CapturedFrame
from unet_seg_ros.datasets.encodings import Encoding
from unet_seg_ros.datasets.labelled_files import LabelledFile, LabelledFiles
from unet_seg_ros.datasets.layouts.layout import Layout, lacks
from unet_seg_ros.datasets.layouts.pairing import (
    below,
    has_folders,
    label_files,
    labelled_files,
    pair,
    places,
)
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels import formats, label_set_choice
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.pictures.files import read_label_picture
from unet_seg_ros.pictures.folders import files_in, is_picture

RGB_SEGMENTATION = ("rgb", "segmentation")
_COURSE_PICTURES = "CameraRGB"
_COURSE_LABELS = ("CameraSeg", "CameraMask")


def _is_capture(folder: Path) -> bool:
    return (folder / capture_format.DESCRIPTION_FILE).is_file()


def _has_capture(folder: Path) -> bool:
    return bool(places(folder, _is_capture))


def _open_capture(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open a capture, or a folder of captures."""
    captures = places(folder, _is_capture)
    if not captures:
        raise lacks(folder, "capture", capture_format.DESCRIPTION_FILE)
    names = {capture_format.read_label_set_name(capture) for capture in captures}
    if len(names) > 1:
        raise DataError(f"{folder}: its captures have several label sets: {', '.join(names)}")
    tag_set = label_set_choice.fixed(names.pop(), label_set, folder)
    files, faults, towns = [], [], []
    for capture in captures:
        place = below(capture, folder)
        frames, faulty_lines = capture_format.read_frames(capture)
        faults += faulty_lines + _without_line(capture, {frame.name for frame in frames})
        towns += [frame.town for frame in frames]
        files += [
            LabelledFile(
                picture=capture / capture_format.PICTURES / f"{frame.name}{capture_format.SUFFIX}",
                labels=(capture / capture_format.TAGS / f"{frame.name}{capture_format.SUFFIX}",),
                name="/".join([place, *_scene(frame), frame.name]),
                drive=f"{place}/{frame.town}/{frame.run}",
                camera=frame.camera,
            )
            for frame in frames
        ]
    if not files:
        raise DataError(f"{folder}: has no frames in {capture_format.FRAMES_FILE}")
    if len(set(towns)) > 1:  # two runs in one town show the same streets
        files = [replace(file, drive=town) for file, town in zip(files, towns, strict=True)]
    tags = partial(formats.tags, label_set=tag_set)
    return LabelledFiles(folder.name, tag_set, tags, files, faults=faults, layout="capture")


def _scene(frame: CapturedFrame) -> list[str]:
    """Return where and in which weather a frame was taken, as names of data sets say it."""
    told = f"{frame.town}{frame.weather}"
    return [] if told == capture_format.UNKNOWN_TOWN else [told]


def _without_line(capture: Path, names: set[str]) -> list[str]:
    """Complain about pictures without a line, apart from those after the last that has one.

    Those are being captured now, or were when the capture was killed.
    """
    newest = max(names, default="")
    pictures = capture / capture_format.PICTURES
    found = files_in(pictures) if pictures.is_dir() else []
    return [
        f"{path}: has no line in {capture_format.FRAMES_FILE}"
        for path in sorted(found)
        if is_picture(path) and path.stem not in names and path.stem < newest
    ]


def _is_course(folder: Path) -> bool:
    return (folder / _COURSE_PICTURES).is_dir()


def _has_course(folder: Path) -> bool:
    return bool(places(folder, _is_course))


def _open_course(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `CameraRGB` with `CameraSeg` or `CameraMask`, in one folder or in dataA to dataE."""
    classes = label_set or LabelSet.load("carla13")
    drives = places(folder, _is_course)
    if not drives:
        wanted = f"{_COURSE_PICTURES}/ with {'/ or '.join(_COURSE_LABELS)}/"
        raise lacks(folder, "course", wanted)
    pairings = []
    for drive in drives:
        masks = [drive / name for name in _COURSE_LABELS if (drive / name).is_dir()]
        if len(masks) != 1:
            raise DataError(
                f"{drive}: has {len(masks)} of the folders {' and '.join(_COURSE_LABELS)} beside "
                f"{_COURSE_PICTURES}; one is expected"
            )
        place = below(drive, folder)
        pairings.append(pair(drive / _COURSE_PICTURES, masks[0], [place], otherwise=place))
    encoding = encodings.told_by(
        encodings.pixels_of(label_files(pairings)), encodings.class_ids(classes)
    )
    return labelled_files(folder, "course", classes, encoding, pairings)


def _has_town02(folder: Path) -> bool:
    return has_folders(folder, *RGB_SEGMENTATION)


def _open_town02(folder: Path, label_set: LabelSet | None) -> LabelledFiles:
    """Open `rgb/` with `segmentation/` in the reduced palette of the Town02 drives."""
    town02 = label_set_choice.fixed("town02", label_set, folder)
    if not _has_town02(folder):
        raise lacks(folder, "town02", " with ".join(f"{name}/" for name in RGB_SEGMENTATION))
    reduced = partial(formats.reduced_palette, label_set=town02)
    encoding = Encoding("colours", reduced, read_label_picture, in_color=True)
    pictures, labels = (folder / name for name in RGB_SEGMENTATION)
    pairing = pair(pictures, labels, [], otherwise=folder.name)
    return labelled_files(folder, "town02", town02, encoding, [pairing])


CAPTURE = Layout("capture", _has_capture, _open_capture)
COURSE = Layout("course", _has_course, _open_course)
TOWN02 = Layout("town02", _has_town02, _open_town02)
