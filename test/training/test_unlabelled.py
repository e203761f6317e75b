# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bag_files import SIZE, drive, write_ros1, write_rosbag2

from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.video import Video
from unet_seg_ros.training import unlabelled
from unet_seg_ros.training.crops import TrainingSet
from unet_seg_ros.training.twins import TwinViews
from unet_seg_ros.training.unlabelled import open_unlabelled

CARLA = LabelSet.load("carla29")


def opened(path: Path) -> LabelledPictures:
    return open_unlabelled(str(path), CARLA, (40, 30))


def grays(pictures: LabelledPictures) -> list[int]:
    return [round(float(pictures[number].image.mean())) for number in range(len(pictures))]


def write_video(path: Path, frames: int) -> None:
    with Video(path, 20.0) as video:
        for number in range(frames):
            video.write(np.full((64, 96, 3), 2 * number, np.uint8))


def test_folders_within_a_folder_are_read(tmp_path: Path) -> None:
    for number, place in enumerate(("a/1.png", "a/2.png", "b/1.jpg")):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / place), np.full((8, 8, 3), 50 * number, np.uint8))
    pictures = opened(tmp_path)
    assert grays(pictures) == [0, 50, 100]
    labels = pictures[0].labels
    assert labels is not None
    assert (labels == UNKNOWN_ID).all()


def test_a_video_is_kept_small_and_evenly_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "drive.mp4", 100)
    monkeypatch.setattr(unlabelled, "MOST_PICTURES", 30)
    pictures = opened(tmp_path / "drive.mp4")
    assert grays(pictures) == pytest.approx(list(range(0, 200, 8)), abs=4)
    # As large as a crop can be seen: 1.6 times 40x30, at most.
    assert pictures[0].image.shape == (43, 64, 3)


@pytest.mark.parametrize("kind", ["rosbag2", "ros1"])
def test_the_cameras_of_a_bag_are_read(tmp_path: Path, kind: str) -> None:
    write = write_rosbag2 if kind == "rosbag2" else write_ros1
    pictures = opened(write(tmp_path / ("bag" if kind == "rosbag2" else "drive.bag"), drive(4)))
    # Front and rear; no semantic and no depth pictures.
    assert len(pictures) == 8
    assert pictures[0].image.shape[1] <= SIZE[0]


def test_of_a_folder_with_labels_the_pictures_are_taken(tmp_path: Path) -> None:
    for name, gray in (("images", 50), ("masks", 1)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), np.full((8, 8), gray, np.uint8))
    assert grays(opened(tmp_path)) == [50]
    assert grays(opened(tmp_path / "images")) == [50]


@pytest.mark.parametrize("name", ["nowhere", "empty", "text.mp4"])
def test_what_has_no_pictures_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match=name):
        opened(tmp_path / name)


def twin_views(tmp_path: Path, **changes: object) -> TwinViews:
    if not (tmp_path / "drive.mp4").exists():
        write_video(tmp_path / "drive.mp4", 20)
    nothing = np.full(256, UNKNOWN_ID, np.uint8)
    options = {
        "crops": [(32, 24), (16, 16)],
        "input_size": (96, 64),
        "px": 5 * 32 * 24,
        "seed": 3,
        "variation": "weather",
        **changes,
    }
    pictures = open_unlabelled(str(tmp_path / "drive.mp4"), CARLA, (96, 64))
    return TwinViews([TrainingSet(pictures, range(20), nothing)], **options)  # type: ignore[arg-type]


def test_twins_are_of_one_place_and_one_is_varied(tmp_path: Path) -> None:
    plain, varied, known = twin_views(tmp_path, teacher_scale=2.0)(0, (32, 24))
    assert plain.shape == (5, 3, 48, 64)
    assert varied.shape == (5, 3, 24, 32)
    assert known.shape == (5, 24, 32)
    assert (known == UNKNOWN_ID).all()
    # All of a picture is one gray, so what is not varied is flat.
    assert float(plain.float().std(dim=(1, 2, 3)).max()) < 2
    assert float(varied.float().std(dim=(1, 2, 3)).max()) > 2


def test_twins_follow_from_seed_and_step(tmp_path: Path) -> None:
    one, other = twin_views(tmp_path), twin_views(tmp_path)
    one(0, (32, 24))
    torch.testing.assert_close(one(7, (16, 16)), other(7, (16, 16)), rtol=0, atol=0)
    assert not torch.equal(one(8, (32, 24))[1], one(7, (32, 24))[1])


def test_ranks_have_other_twins(tmp_path: Path) -> None:
    plain = [twin_views(tmp_path, rank=rank, world=2)(0, (32, 24))[0] for rank in (0, 1)]
    grays = [set(item.float().mean(dim=(1, 2, 3)).round().tolist()) for item in plain]
    assert not grays[0] & grays[1]


def test_without_variation_light_twins_are_equal(tmp_path: Path) -> None:
    plain, varied, _ = twin_views(tmp_path, variation="light")(0, (32, 24))
    assert torch.equal(plain, varied)
