# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The own car in drawn drives with and without one, and in real pictures where they are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from unet_seg_ros.arrays import Uint8Array
from unet_seg_ros.pictures.files import read_picture
from unet_seg_ros.pictures.folders import pictures_in
from unet_seg_ros.pictures.own_car import NoOwnCar, find_own_car

WIDTH, HEIGHT = 320, 240
DATA = Path(__file__).parents[3] / "shared" / "data"
VEHICLE = 10


def street(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Uint8Array:
    """Return a picture with edges at other places for every seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (15, 20, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def bonnet(left: int = 0, right: int = WIDTH) -> Uint8Array:
    """Return where a bonnet with a bent rim is, `(HEIGHT, WIDTH)` bool."""
    columns = np.arange(WIDTH)
    rim = 180 + 15 * ((columns - WIDTH / 2) / (WIDTH / 2)) ** 2
    rim[(columns < left) | (columns >= right)] = HEIGHT
    return np.arange(HEIGHT)[:, None] >= rim


def drive(mask: Uint8Array | None, frames: int = 12) -> Iterator[Uint8Array]:
    """Yield pictures; the bonnet is dark, and darker in every second one."""
    for seed in range(frames):
        picture = street(seed)
        if mask is not None:
            picture[mask] = 10 if seed % 2 else 40
            picture[~mask] = picture[~mask] // 2 + 110
        yield picture


def iou(found: Uint8Array, truth: Uint8Array) -> float:
    return float(((found > 0) & truth).sum() / ((found > 0) | truth).sum())


def test_a_bonnet_is_found_to_a_pixel_or_two() -> None:
    found = find_own_car(drive(bonnet()))
    assert found.shape == (HEIGHT, WIDTH)
    assert set(np.unique(found)) == {0, 255}
    assert iou(found, bonnet()) > 0.96


def test_a_bonnet_may_end_before_the_sides() -> None:
    truth = bonnet(60, 250)
    found = find_own_car(drive(truth))
    assert not found[:, :50].any()
    assert not found[:, 260:].any()
    assert iou(found, truth) > 0.85


def test_a_larger_picture_is_found_at_its_own_size() -> None:
    truth = cv2.resize(bonnet().astype(np.uint8), (3 * WIDTH, 3 * HEIGHT)).astype(bool)
    large = (cv2.resize(picture, (3 * WIDTH, 3 * HEIGHT)) for picture in drive(bonnet()))
    found = find_own_car(np.asarray(picture, np.uint8) for picture in large)
    assert found.shape == truth.shape
    assert iou(found, truth) > 0.95


def test_a_drive_without_a_bonnet_says_so() -> None:
    with pytest.raises(NoOwnCar, match="pictures stays where it is"):
        find_own_car(drive(None))


def test_a_horizon_is_no_bonnet() -> None:
    sky = np.arange(HEIGHT)[:, None].repeat(WIDTH, 1) < 80
    with pytest.raises(NoOwnCar, match="nothing in the lower part"):
        find_own_car(np.where(sky[..., None], np.uint8(230), picture) for picture in drive(None))


def test_a_car_that_stands_says_so() -> None:
    [picture] = drive(bonnet(), 1)
    with pytest.raises(NoOwnCar, match="hardly moves"):
        find_own_car([picture] * 8)


@pytest.mark.parametrize("value", [0, 255])
def test_pictures_without_any_edge_say_so(value: int) -> None:
    with pytest.raises(NoOwnCar, match="hardly moves"):
        find_own_car([np.full((HEIGHT, WIDTH, 3), value, np.uint8)] * 8)


def test_few_pictures_are_too_few() -> None:
    with pytest.raises(NoOwnCar, match="has 3 pictures; at least 4"):
        find_own_car(drive(bonnet(), 3))


def test_pictures_of_two_sizes_are_of_two_cameras() -> None:
    with pytest.raises(NoOwnCar, match="of 320x240 and 160x120"):
        find_own_car([street(1), street(2, 160, 120)])


def test_the_bonnet_of_the_course_is_found() -> None:
    folder = DATA / "lyft_course"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    paths = pictures_in(folder / "CameraRGB")
    found = find_own_car(map(read_picture, paths))
    tags = cv2.imread(str(folder / "CameraSeg" / paths[0].name))[..., 2]
    _, parts = cv2.connectedComponents((tags == VEHICLE).astype(np.uint8))
    own = np.isin(parts, np.unique(parts[-1][parts[-1] > 0]))
    assert iou(found, own) > 0.98


@pytest.mark.parametrize("folder", ["carla_drive_weathers", "carla_town02/rgb"])
def test_cameras_that_do_not_see_their_car_have_none(folder: str) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"needs {DATA / folder}")
    paths = pictures_in(DATA / folder)
    with pytest.raises(NoOwnCar, match="nothing in the lower part"):
        find_own_car(map(read_picture, paths[:: len(paths) // 40]))
