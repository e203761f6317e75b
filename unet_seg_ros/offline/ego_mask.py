# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Proposes a mask of the own car from a recorded drive: a folder of pictures, a video, a bag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.bags.cameras import choose_cameras, read_picture
from unet_seg_ros.bags.paths import is_bag
from unet_seg_ros.bags.reader import BagReader
from unet_seg_ros.datasets.layouts.known import layout_of
from unet_seg_ros.datasets.sources import VideoFrames
from unet_seg_ros.datasets.splits import evenly_spread
from unet_seg_ros.errors import DataError
from unet_seg_ros.pictures import files
from unet_seg_ros.pictures.folders import pictures_in
from unet_seg_ros.pictures.own_car import NoOwnCar, find_own_car

_COLOR = (255, 70, 40)
_SHOWN = 3
_SHOWN_WIDTH_PX = 480


class Proposal(NamedTuple):
    """A mask and what it was found in.

    Attributes:
        mask: `(H, W)` uint8, 255 on the own car and 0 elsewhere.
        overlay: Pictures of the drive with the mask over them, side by side, `(h, w, 3)` uint8 RGB.
        frames: How many pictures were looked at.
    """

    mask: Uint8Array
    overlay: Uint8Array
    frames: int


def propose(drive: Path, at_most: int, image_topics: Sequence[str] = ()) -> Proposal:
    """Find the own car in at most so many pictures of a drive, evenly spread.

    Args:
        drive: A folder of pictures or a data set, a video, or a bag.
        at_most: How many pictures to look at.
        image_topics: The camera of a bag that has several.

    Raises:
        DataError: It cannot be read, or the own car cannot be told in it.
        BagError: A bag cannot be read, or does not say which camera to take.
    """
    shown: list[Uint8Array] = []
    frames = 0

    def seen() -> Iterator[Uint8Array]:
        nonlocal frames
        for picture in _pictures(drive, at_most, image_topics):
            frames += 1
            shown.append(_small(picture))
            yield picture

    try:
        mask = find_own_car(seen())
    except NoOwnCar as error:
        raise NoOwnCar(f"{drive}: {error}") from error
    chosen = [shown[index] for index in evenly_spread(range(frames), _SHOWN)]
    return Proposal(mask, _overlay(chosen, mask), frames)


def _pictures(drive: Path, at_most: int, image_topics: Sequence[str]) -> Iterator[Uint8Array]:
    """Yield pictures of a drive, `(H, W, 3)` uint8 RGB."""
    if not drive.exists():
        raise DataError(f"{drive}: no such folder or file; give pictures, a video or a bag")
    if is_bag(drive):
        yield from _pictures_of_bag(drive, at_most, image_topics)
    elif image_topics:
        raise DataError(f"{drive}: is no bag and has no topics")
    elif drive.is_dir():
        paths = _picture_files(drive)
        for index in evenly_spread(range(len(paths)), at_most):
            yield files.read_picture(paths[index])
    else:
        yield from _pictures_of_video(drive, at_most)


def _picture_files(folder: Path) -> list[Path]:
    layout = layout_of(folder)
    if layout is None:
        return pictures_in(folder)
    return [file.picture for file in layout.open(folder, None).files]


def _pictures_of_video(path: Path, at_most: int) -> Iterator[Uint8Array]:
    capture = cv2.VideoCapture(str(path))
    count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), at_most)
    capture.release()
    wanted = evenly_spread(range(count), at_most)
    for number, sample in enumerate(VideoFrames(path)):
        if number in wanted:
            yield sample.image
        if number >= wanted[-1]:
            return


def _pictures_of_bag(path: Path, at_most: int, image_topics: Sequence[str]) -> Iterator[Uint8Array]:
    with BagReader(path) as reader:
        cameras = [camera.image for camera in choose_cameras(reader.topics, image_topics)]
        if len(cameras) > 1:
            raise DataError(
                f"{path}: has several cameras, each with a mask of its own; name one of "
                f"{', '.join(cameras)} with --camera"
            )
        [topic] = cameras
        wanted = frozenset(evenly_spread(range(reader.counts[topic]), at_most))
        for number, message in enumerate(reader.messages([topic])):
            if number in wanted:
                yield read_picture(reader.topics[topic], message.data).rgb()


def _small(picture: Uint8Array) -> Uint8Array:
    height, width = picture.shape[:2]
    if width <= _SHOWN_WIDTH_PX:
        return picture
    size = (_SHOWN_WIDTH_PX, max(1, round(height * _SHOWN_WIDTH_PX / width)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _overlay(pictures: Sequence[Uint8Array], mask: Uint8Array) -> Uint8Array:
    height, width = pictures[0].shape[:2]
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    outlines, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    views = []
    for picture in pictures:
        view = picture.copy()
        view[small > 0] = (view[small > 0] * 0.6 + np.array(_COLOR) * 0.4).astype(np.uint8)
        views.append(cv2.drawContours(view, outlines, -1, _COLOR, 1))
    return np.asarray(np.hstack(views), np.uint8)
