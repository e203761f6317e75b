# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures without labels to learn from: a folder, a video, a recorded drive."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.drive_pictures import PictureFiles, open_drive
from unet_seg_ros.datasets.samples import LabelledPictures, Sample
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.formats import looks_like_labels
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures import files, folders
from unet_seg_ros.pictures.geometry import Size, shrink
from unet_seg_ros.progress import make_bar
from unet_seg_ros.training.crops import MAX_ZOOM, picture_size

# Of a video or a bag at most so many pictures are kept, evenly spread: neighbours look alike.
MOST_PICTURES = 1000
_JPEG_QUALITY = 95
_FAULTS_SHOWN = 10


class Unlabelled:
    """Pictures as a data set (`LabelledPictures`) whose labels say nothing.

    Args:
        name: What reports and model cards call it.
        label_set: That of the network.
        pictures: Files, or pictures as JPEG.
    """

    drives: Sequence[str] = ()
    parts: Mapping[str, Sequence[int]] = {}
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()
    layout = "unlabelled"

    def __init__(self, name: str, label_set: LabelSet, pictures: Sequence[Path | bytes]) -> None:
        self.name = name
        self.label_set = label_set
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def name_of(self, index: int) -> str:
        """Return the name of a picture."""
        picture = self._pictures[index]
        return f"{self.name} {picture.name if isinstance(picture, Path) else index}"

    def __getitem__(self, index: int) -> Sample:
        picture = self._pictures[index]
        image = files.read_picture(picture) if isinstance(picture, Path) else _decoded(picture)
        return Sample(image, np.full(image.shape[:2], UNKNOWN_ID, np.uint8), self.name_of(index))


def open_unlabelled(
    spec: str, label_set: LabelSet, input_size: Size, skip_bad: bool = False
) -> LabelledPictures:
    """Open a folder with pictures, also in folders of it, a video, or a bag with pictures.

    Of a data set all pictures are taken, labelled or not, and the labels are not looked at.
    Everything is read once from end to end; of videos and bags up to `MOST_PICTURES` pictures are
    kept in memory, no larger than they can be seen.

    Args:
        spec: The path.
        label_set: The network's label set.
        input_size: (width, height) that frames will be shrunk to fit in at inference.
        skip_bad: Whether files that cannot be read are counted and left out.

    Raises:
        DataError: There is nothing that can be read, or a file cannot be and `skip_bad` is false.
        BagError: It is a bag that cannot be read, or has no camera.
    """
    path = Path(spec).expanduser().resolve()
    try:
        drive = open_drive(path, pictures_of=folders.pictures_below, without_labels=True)
    except DataError as error:
        raise DataError(f"--unlabelled {spec}: {error}") from error
    if isinstance(drive, PictureFiles):
        return Unlabelled(path.name, label_set, _usable(drive.paths, path.name, spec, skip_bad))
    shown = make_bar(drive.pictures(), desc=f"reading {path.name}", unit="picture")
    kept = _spread(_shrunk(image, input_size) for image in shown)
    if not kept:
        raise DataError(f"--unlabelled {spec}: has no pictures")
    return Unlabelled(path.name, label_set, kept)


def _usable(paths: Sequence[Path], name: str, spec: str, skip_bad: bool) -> list[Path]:
    """Return the files that can be read and do not look like label pictures."""
    usable, faults = [], []
    for path in make_bar(paths, desc=f"reading {name}", unit="picture"):
        try:
            if not looks_like_labels(files.read_picture(path)):
                usable.append(path)
        except DataError as error:
            faults.append(str(error))
    if faults and not skip_bad:
        shown = "; ".join(faults[:_FAULTS_SHOWN]) + "; ..." * (len(faults) > _FAULTS_SHOWN)
        raise DataError(
            f"--unlabelled {spec}: {len(faults)} of {len(paths)} files cannot be read; remove "
            f"them, or go on without them with --skip-bad: {shown}"
        )
    labels = len(paths) - len(usable) - len(faults)
    if labels or faults:
        print(
            f"{name}: {len(usable)} of {len(paths)} files are learnt from; {labels} look like "
            f"label pictures and {len(faults)} cannot be read",
            file=sys.stderr,
        )
    if not usable:
        raise DataError(f"--unlabelled {spec}: has no pictures")
    return usable


def _spread(pictures: Iterable[bytes]) -> list[bytes]:
    """Return at most `MOST_PICTURES`, evenly spread over a sequence whose length is not known."""
    kept: list[bytes] = []
    every = 1
    for number, picture in enumerate(pictures):
        if number % every:
            continue
        kept.append(picture)
        if len(kept) > MOST_PICTURES:
            kept, every = kept[::2], 2 * every
    return kept


def _shrunk(image: Uint8Array, input_size: Size) -> bytes:
    """Return a picture as JPEG, at the largest size at which it is learnt from."""
    width, height = picture_size(image)
    zoom = min(1.0, MAX_ZOOM * min(input_size[0] / width, input_size[1] / height))
    if zoom < 1:
        image = shrink(image, (round(width * zoom), round(height * zoom)))
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])


def _decoded(picture: bytes) -> Uint8Array:
    bgr = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR))
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
