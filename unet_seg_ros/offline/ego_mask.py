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
from unet_seg_ros.datasets.drive_pictures import BagCameras, open_drive
from unet_seg_ros.datasets.splits import evenly_spread
from unet_seg_ros.errors import DataError
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


def _pictures(path: Path, at_most: int, image_topics: Sequence[str]) -> Iterator[Uint8Array]:
    """Yield pictures of a drive, `(H, W, 3)` uint8 RGB, evenly spread."""
    drive = open_drive(path, image_topics)
    if isinstance(drive, BagCameras) and len(drive.image_topics) > 1:
        raise DataError(
            f"{path}: has several cameras, each with a mask of its own; name one of "
            f"{', '.join(drive.image_topics)} with --camera"
        )
    count = max(len(drive), at_most)  # of a video that does not say it, the first ones
    yield from drive.pictures(frozenset(evenly_spread(range(count), at_most)))


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
