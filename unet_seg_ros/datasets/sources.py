# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where pictures come from: folders, videos, data sets with ground truth, the built-in town."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from unet_seg_ros.datasets.samples import DataError, Sample
from unet_seg_ros.labels import UNKNOWN_ID, LabelSet, Uint8Array

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
TOWN = "town"

LabelDecoder = Callable[[Uint8Array], Uint8Array]
"""From a label picture as cv2.imread gives it, `(H, W)` or `(H, W, 3|4)` BGR, to a label map."""


class Source(Protocol):
    """Samples in order. It can be iterated again and then begins at the first."""

    @property
    def label_set(self) -> LabelSet | None:
        """What the ids of the label maps mean; None where there is no ground truth."""

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples; raises DataError for one that cannot be read."""


def open_source(
    spec: str,
    *,
    label_set: str = "",
    size: tuple[int, int] = (800, 600),
    fov_deg: float = 90.0,
    fps: float = 20.0,
) -> Source:
    """Open a source of pictures.

    `spec` is one of

    * `town` or `town:SEED`: an endless drive through the built-in town, with ground truth;
    * a folder with `rgb/` and `segmentation/`: real CARLA in the reduced palette `town02`;
    * a folder with `*_rgb.*` beside `*_ids.png` or `*_palette.png`: ground truth in `label_set`;
    * a folder beside which another has its name and `annot` (`train`, `trainannot`): CamVid in
      SegNet's layout;
    * any other folder with PNG, JPEG or BMP pictures, in natural order of their names;
    * a video file.

    Args:
        spec: See above.
        label_set: Name or path of the label set, where the source does not tell.
        size: (width, height) of the town's camera.
        fov_deg: Horizontal field of view of the town's camera.
        fps: Frames per second at which the town's camera drives.

    Raises:
        DataError: There is no such source.
        LabelSetError: There is no such label set.
    """
    if spec == TOWN or spec.startswith(f"{TOWN}:"):
        return TownDrive(_read_seed(spec), size, fov_deg, fps)
    path = Path(spec).expanduser()
    if path.is_dir():
        return _open_folder(path, label_set)
    if path.is_file():
        return Video(path)
    raise DataError(f"{spec}: no such folder or file; give one, or {TOWN}, or {TOWN}:SEED")


@dataclass(frozen=True)
class GroundTruth:
    """A label file for every picture, what its ids mean, and how they are read from it."""

    files: Sequence[Path]
    label_set: LabelSet
    decode: LabelDecoder

    def read(self, index: int, size: tuple[int, int]) -> Uint8Array:
        """Return the label map of a picture that is `size` (width, height) pixels large.

        Raises:
            DataError: The file cannot be read, or has another size than the picture.
        """
        path = self.files[index]
        pixels = _read_picture(path, cv2.IMREAD_UNCHANGED)
        height, width = pixels.shape[:2]
        if (width, height) != size:
            raise DataError(f"{path}: has {width}x{height} pixels, its picture {size[0]}x{size[1]}")
        try:
            return self.decode(pixels)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error


class PictureFolder:
    """Picture files, and where there is ground truth a label file for each.

    Raises:
        DataError: A picture has no label file.
    """

    def __init__(self, pictures: Sequence[Path], ground_truth: GroundTruth | None = None) -> None:
        for path in ground_truth.files if ground_truth else ():
            if not path.is_file():
                raise DataError(f"{path}: is missing, though its picture is there")
        self._pictures = pictures
        self._ground_truth = ground_truth

    @property
    def label_set(self) -> LabelSet | None:
        """What the ids of the label maps mean; None where there is no ground truth."""
        return self._ground_truth.label_set if self._ground_truth else None

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Sample]:
        for index, picture in enumerate(self._pictures):
            image = _bgr_to_rgb(_read_picture(picture, cv2.IMREAD_COLOR))
            size = (image.shape[1], image.shape[0])
            labels = self._ground_truth.read(index, size) if self._ground_truth else None
            yield Sample(image, labels, picture.stem)


class Video:
    """The frames of a video file, as far as they can be decoded.

    Raises:
        DataError: From iteration, when OpenCV cannot read the first frame.
    """

    label_set: LabelSet | None = None

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Sample]:
        capture = cv2.VideoCapture(str(self._path))
        try:
            index = 0
            while (read := capture.read())[0]:
                yield Sample(_bgr_to_rgb(read[1]), None, f"{self._path.stem}_{index:06}")
                index += 1
            if index == 0:
                raise DataError(f"{self._path}: not a video that OpenCV can read")
        finally:
            capture.release()


class TownDrive:
    """An endless drive through the built-in town."""

    def __init__(self, seed: int, size: tuple[int, int], fov_deg: float, fps: float) -> None:
        from unet_seg_ros.standin.camera import CameraModel
        from unet_seg_ros.standin.drive import Drive
        from unet_seg_ros.standin.town import Town

        width, height = size
        try:
            camera = CameraModel(width=width, height=height, fov_deg=fov_deg)
            self._drive = Drive(Town(seed), camera=camera, fps=fps)
        except ValueError as error:
            raise DataError(f"{TOWN}:{seed}: {error}") from error
        self.label_set = LabelSet.load("carla29")

    def __iter__(self) -> Iterator[Sample]:
        for index, (image, labels) in enumerate(self._drive):
            yield Sample(image, labels, f"{TOWN}_{index:06}")


def _read_seed(spec: str) -> int:
    seed = spec.removeprefix(TOWN).removeprefix(":") or "0"
    if not seed.isdecimal():
        raise DataError(f"{spec}: the town's seed must be a number from 0 on")
    return int(seed)


def _open_folder(folder: Path, label_set: str) -> Source:
    if (folder / "rgb").is_dir() and (folder / "segmentation").is_dir():
        pictures = _pictures_in(folder / "rgb")
        reduced = LabelSet.load("town02")
        files = [folder / "segmentation" / picture.name for picture in pictures]
        return PictureFolder(
            pictures, GroundTruth(files, reduced, partial(_decode_reduced, reduced))
        )
    annotations = folder.with_name(f"{folder.name}annot")
    if annotations.is_dir():
        pictures = _pictures_in(folder)
        camvid = LabelSet.load("camvid11")
        files = [annotations / f"{picture.stem}.png" for picture in pictures]
        return PictureFolder(pictures, GroundTruth(files, camvid, partial(_decode_ids, camvid)))
    pictures = _pictures_in(folder)
    colors = [picture for picture in pictures if picture.stem.endswith("_rgb")]
    return _open_pairs(folder, colors, label_set) if colors else PictureFolder(pictures)


def _open_pairs(folder: Path, pictures: Sequence[Path], label_set: str) -> Source:
    if not label_set:
        raise DataError(
            f"{folder}: nothing tells what its labels mean; give a label set, for example carla29"
        )
    labels = LabelSet.load(label_set)
    is_ids = _beside(pictures[0], "_ids.png").is_file()
    ending, decode = ("_ids.png", _decode_ids) if is_ids else ("_palette.png", _decode_palette)
    files = [_beside(picture, ending) for picture in pictures]
    return PictureFolder(pictures, GroundTruth(files, labels, partial(decode, labels)))


def _beside(picture: Path, ending: str) -> Path:
    return picture.with_name(picture.stem.removesuffix("_rgb") + ending)


def _decode_ids(label_set: LabelSet, pixels: Uint8Array) -> Uint8Array:
    if pixels.ndim != 2:
        raise ValueError(f"class ids need a picture with one channel, not {pixels.shape[2]}")
    return np.where(pixels < len(label_set), pixels, UNKNOWN_ID).astype(np.uint8)


def _decode_palette(label_set: LabelSet, pixels: Uint8Array) -> Uint8Array:
    if pixels.ndim != 3:
        raise ValueError("a palette picture needs colours, this one is gray")
    return label_set.decode_palette(pixels, "bgra" if pixels.shape[2] == 4 else "bgr")[0]


def _decode_reduced(label_set: LabelSet, pixels: Uint8Array) -> Uint8Array:
    labels = _decode_palette(label_set, pixels)
    # Vehicles are blue in some of these drives and black, that is other, in the rest.
    labels[labels == UNKNOWN_ID] = label_set.class_id("Other")
    return labels


def _pictures_in(folder: Path) -> list[Path]:
    pictures = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        raise DataError(f"{folder}: has no PNG, JPEG or BMP pictures")
    return sorted(pictures, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort frame_2 before frame_10: digits by their value, everything else as text."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", path.name)
    ]


def _read_picture(path: Path, flags: int) -> Uint8Array:
    pixels = cv2.imread(str(path), flags)
    if pixels is None:
        raise DataError(f"{path}: not a picture that OpenCV can read")
    if pixels.dtype != np.uint8:
        raise DataError(f"{path}: has {pixels.dtype} pixels; 8 bits a channel are expected")
    return np.asarray(pixels, np.uint8)


def _bgr_to_rgb(pixels: np.ndarray) -> Uint8Array:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
