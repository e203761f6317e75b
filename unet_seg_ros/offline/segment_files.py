# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Segments picture files and videos into a folder: label maps, polygons, and views for people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import yaml

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.datasets.labelme_drafts import write_labelme
from unet_seg_ros.datasets.sources import VideoFrames
from unet_seg_ros.errors import DataError
from unet_seg_ros.files import named_when_whole
from unet_seg_ros.inference.frames import Frame
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.offline.pipeline import run_in_stages
from unet_seg_ros.pictures.ego_mask import EgoMask
from unet_seg_ros.pictures.figures import labelled_view, with_legend
from unet_seg_ros.pictures.files import path_for_opencv, read_picture, write_picture
from unet_seg_ros.pictures.folders import (
    KINDS,
    files_below,
    is_picture,
    listed_suffixes,
    pictures_below,
)
from unet_seg_ros.pictures.video import Video, listed_frames

if TYPE_CHECKING:  # torch takes seconds to import
    from unet_seg_ros.inference.segmenter import Segmenter

LABELS, LABELME = "labels", "labelme"
LABEL_SET_FILE = "label_set.yaml"
BATCH = 8
_UNKNOWN_RATE_HZ = 25.0
# Players pass over a few of the frames that a trimmed video lists.
_WHOLE_SHARE = 0.9


@dataclass(frozen=True)
class Input:
    """A file to segment: a picture, or a video of about `frames` frames; `name` is for the masks.

    `rate_hz` is how many frames a second a video has, 0 for a picture.
    """

    path: Path
    name: str
    frames: int = 1
    rate_hz: float = 0.0


@dataclass
class Segmented:
    """How many pictures and frames were segmented, and what was wrong with files that were not."""

    pictures: int = 0
    faults: list[str] = field(default_factory=list)


def find_inputs(paths: Iterable[Path]) -> list[Input]:
    """Return the files to segment: pictures, all pictures below folders, and videos.

    Raises:
        DataError: There is no such file or folder, or two files would have masks of one name.
    """
    inputs: dict[str, Input] = {}
    for path in paths:
        for found in _inputs_at(path):
            other = inputs.setdefault(found.name, found)
            if other is not found:
                raise DataError(
                    f"{other.path} and {found.path} would have masks of the same name; segment "
                    "them one by one"
                )
    videos = {item.name: item for item in inputs.values() if item.rate_hz}
    for item in inputs.values():
        for parent in PurePosixPath(item.name).parents:
            if video := videos.get(str(parent)):
                raise DataError(
                    f"{video.path} would have masks in the folder of those of {item.path}; segment "
                    "them one by one"
                )
    return list(inputs.values())


@dataclass(frozen=True)
class NotTaken:
    """Files of a folder that are no pictures: a sentence, and whether they are most of it."""

    sentence: str
    are_most: bool


def not_taken(paths: Iterable[Path]) -> list[NotTaken]:
    """Return of each folder what was not taken, where there is any.

    What lies beside a picture and has its name is about the picture, and not counted.
    """
    found = []
    for folder in paths:
        files = files_below(folder) if folder.is_dir() else []
        taken = {path.with_suffix("") for path in files if is_picture(path)}
        others = [
            path for path in files if not is_picture(path) and path.with_suffix("") not in taken
        ]
        if others:
            sentence = (
                f"{folder}: {len(others)} of {len(files)} files are no {KINDS} pictures and were "
                f"not taken: {listed_suffixes(others)}"
            )
            found.append(NotTaken(sentence, 2 * len(others) > len(files)))
    return found


def segment_files(
    inputs: Sequence[Input],
    folder: Path,
    outputs: Sequence[str],
    segmenter: Segmenter,
    legend: bool = False,
    after_batch: Callable[[int, int], None] = lambda _done, _total: None,
    ego_mask: EgoMask | None = None,
) -> Segmented:
    """Write masks of pictures and videos, each kind in a folder of its own.

    Args:
        inputs: What to segment.
        folder: What to write; it has a temporary name until it is whole.
        outputs: LABELS, LABELME, and views of `figures.VIEWS`.
        segmenter: The network.
        legend: Whether views have a legend below them.
        after_batch: Called now and then with how many pictures are done, and of about how many.
        ego_mask: Where the pictures show the own car, which has no labels.

    Raises:
        DataError: Not one picture can be read, or the mask does not fit one.
        OSError: The folder exists, or cannot be written.
    """
    segmented = Segmented()
    total = sum(item.frames for item in inputs)
    with (
        named_when_whole(folder) as partial,
        _Writer(partial, outputs, segmenter.label_set, legend) as out,
    ):

        def segment(batch: list[_Picture]) -> None:
            frames = [Frame(picture.image, "rgb", ego_mask) for picture in batch]
            if segmenter.compiled:
                segmenter.warm_up({frame.size for frame in frames}, BATCH)
            for picture, result in zip(batch, segmenter(frames), strict=True):
                picture.labels = result.labels.copy()  # the segmenter needs its own again
            segmented.pictures += len(batch)
            after_batch(segmented.pictures, total)

        run_in_stages(_batches(inputs, segmented.faults), segment, out.write)
        if not segmented.pictures:
            raise DataError(segmented.faults[0])
    return segmented


@dataclass
class _Picture:
    """A picture, or frame `number` of a video, on its way.

    `image` is `(H, W, 3)` uint8 RGB, `labels` its `(H, W)` uint8 label map, once there is one, and
    `time_ns` when a frame is shown, if its video tells.
    """

    source: Input
    number: int
    image: Uint8Array
    labels: Uint8Array | None = None
    time_ns: int | None = None

    @property
    def name(self) -> str:
        """What its files are called, without suffix."""
        name = self.source.name
        return f"{name}/{self.number:06}" if self.source.rate_hz else name


class _Writer:
    """Writes label maps and views; a context manager that completes the videos.

    Args:
        folder: Where to.
        outputs: LABELS, LABELME and views.
        label_set: What the ids mean.
        legend: Whether views have a legend.
    """

    def __init__(
        self, folder: Path, outputs: Sequence[str], label_set: LabelSet, legend: bool
    ) -> None:
        self._folder = folder
        self._outputs = dict.fromkeys(outputs)  # each once
        self._label_set = label_set
        self._legend = legend
        self._videos = ExitStack()
        self._filmed: Input | None = None
        self._open: dict[str, Video] = {}
        folder.mkdir()
        document = yaml.safe_dump(label_set.to_dict(), sort_keys=False)
        (folder / LABEL_SET_FILE).write_text(document, encoding="utf-8")

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._videos.close()

    def write(self, batch: Sequence[_Picture]) -> None:
        """Write everything of some pictures.

        Raises:
            OSError: It cannot be written.
        """
        for picture in batch:
            assert picture.labels is not None
            for output in self._outputs:
                if output == LABELS:
                    _write_mask(self._folder / LABELS / f"{picture.name}.png", picture.labels)
                    continue
                if output == LABELME:
                    self._write_labelme(picture, picture.labels)
                    continue
                view = labelled_view(output, picture.image, picture.labels, self._label_set)
                if self._legend:
                    view = with_legend(view, self._label_set)
                if picture.source.rate_hz:
                    self._video(picture.source, output).write(view, picture.time_ns)
                else:
                    bgr = cv2.cvtColor(view, cv2.COLOR_RGB2BGR)
                    _write_mask(self._folder / output / f"{picture.source.name}.png", bgr)

    def _write_labelme(self, picture: _Picture, labels: Uint8Array) -> None:
        """Write the regions of a picture and, as labelme wants it beside them, the picture."""
        is_frame = bool(picture.source.rate_hz)
        suffix = ".png" if is_frame else picture.source.path.suffix
        beside = self._folder / LABELME / f"{picture.name}{suffix}"
        beside.parent.mkdir(parents=True, exist_ok=True)
        if is_frame:
            write_picture(beside, cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR))
        else:
            shutil.copyfile(picture.source.path, beside)
        write_labelme(beside, labels, self._label_set)

    def _video(self, source: Input, view: str) -> Video:
        """Return the video to add to; those of the video before are complete."""
        if source is not self._filmed:
            self._videos.close()
            self._open.clear()
            self._filmed = source
        if view not in self._open:
            path = self._folder / view / f"{source.name}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[view] = self._videos.enter_context(Video(path, source.rate_hz))
        return self._open[view]


def _inputs_at(path: Path) -> Iterator[Input]:
    if path.is_dir():
        for picture in pictures_below(path):
            yield Input(picture, picture.relative_to(path).with_suffix("").as_posix())
    elif not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    elif is_picture(path):
        yield Input(path, path.stem)
    else:
        yield _video_input(path)


def _video_input(path: Path) -> Input:
    capture = cv2.VideoCapture(path_for_opencv(path))
    try:
        frames = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 1)
        return Input(path, path.stem, frames, capture.get(cv2.CAP_PROP_FPS) or _UNKNOWN_RATE_HZ)
    finally:
        capture.release()


def _batches(inputs: Iterable[Input], faults: list[str]) -> Iterator[list[_Picture]]:
    """Yield the pictures in batches; note what is wrong with those that cannot be read."""
    batch: list[_Picture] = []
    for source in inputs:
        try:
            for picture in _pictures(source):
                batch.append(picture)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        except DataError as error:
            faults.append(str(error))
    if batch:
        yield batch


def _pictures(source: Input) -> Iterator[_Picture]:
    if not source.rate_hz:
        yield _Picture(source, 0, read_picture(source.path))
        return
    count = 0
    for number, sample in enumerate(VideoFrames(source.path)):
        yield _Picture(source, number, sample.image, time_ns=sample.time_ns)
        count += 1
    listed = listed_frames(source.path)
    if count < _WHOLE_SHARE * listed:
        raise DataError(
            f"{source.path}: only {count} of its {listed} frames can be read: cut short or damaged"
        )


def _write_mask(path: Path, pixels: cv2.typing.MatLike) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, pixels)
