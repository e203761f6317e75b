# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bag_files import SIZE, drive, write_ros1, write_rosbag2
from drawn_pictures import cut_short

from unet_seg_ros.datasets.samples import LabelledPictures
from unet_seg_ros.errors import DataError
from unet_seg_ros.labels.label_set import UNKNOWN_ID, LabelSet
from unet_seg_ros.pictures.geometry import Size, network_size
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


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8)


def write_labelme(folder: Path, picture: str) -> None:
    shape = {"label": "Car", "points": [[1, 1], [30, 1], [30, 30]]}
    document = {"imageHeight": 40, "imageWidth": 60, "shapes": [shape]}
    (folder / picture).with_suffix(".json").write_text(json.dumps(document))


def write_coco(folder: Path, picture: str) -> None:
    document = {"images": [{"id": 1, "file_name": picture}], "annotations": [], "categories": []}
    (folder / "_annotations.coco.json").write_text(json.dumps(document))


def write_yolo(folder: Path, picture: str) -> None:
    (folder / "data.yaml").write_text("names: [Car]")
    (folder / "labels").mkdir()
    text = folder / "labels" / Path(picture).with_suffix(".txt").name
    text.write_text("0 0.1 0.1 0.5 0.1 0.5 0.5")


def write_voc(folder: Path, picture: str) -> None:
    for name in ("SegmentationClass", "SegmentationObject"):
        (folder / name).mkdir()
        mask = np.tile(np.repeat(np.uint8([3, 5]), 30), (40, 1))
        cv2.imwrite(str((folder / name / Path(picture).name).with_suffix(".png")), mask)


@pytest.mark.parametrize(
    ("where", "label"),
    [("", write_labelme), ("", write_coco), ("images", write_yolo), ("JPEGImages", write_voc)],
)
def test_of_a_folder_that_is_labelled_in_part_all_pictures_are_taken(
    tmp_path: Path, where: str, label: Callable[[Path, str], None]
) -> None:
    (tmp_path / where).mkdir(exist_ok=True)
    for number in range(5):
        cv2.imwrite(str(tmp_path / where / f"{number}.jpg"), noise(number))
    label(tmp_path, f"{where}/3.jpg".lstrip("/"))
    pictures = opened(tmp_path)
    names = {pictures.name_of(number) for number in range(len(pictures))}
    assert names == {f"{tmp_path.name} {number}.jpg" for number in range(5)}


def test_label_pictures_in_no_layout_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = np.tile(np.repeat(np.uint8([1, 7, 14]), 20), (40, 1))
    drawn = {"ids": ids, "tags": np.dstack([0 * ids, 0 * ids, ids]), "colours": CARLA.colorize(ids)}
    for place in ("rgb", *drawn):
        (tmp_path / place).mkdir()
    for name, mask in drawn.items():
        cv2.imwrite(str(tmp_path / name / "0.png"), mask)
    cv2.imwrite(str(tmp_path / "rgb" / "0.png"), noise(0))
    # A photograph of few levels of gray.
    cv2.imwrite(str(tmp_path / "rgb" / "dark.png"), noise(1)[..., 0] // 16)
    pictures = opened(tmp_path)
    assert [pictures.name_of(k).split()[-1] for k in range(2)] == ["0.png", "dark.png"]
    assert len(pictures) == 2
    assert "2 of 5 files are learnt from; 3 look like label pictures" in capsys.readouterr().err
    with pytest.raises(DataError, match="has no pictures"):
        opened(tmp_path / "ids")


def test_files_that_cannot_be_read_are_named_or_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), noise(number))
    for number in (1, 2):
        cut_short(tmp_path / f"{number}.png")
    both = r"/1.png: not a picture .*/2.png: not a picture"
    with pytest.raises(DataError, match=rf"2 of 4 files cannot be read.*--skip-bad: .*{both}"):
        opened(tmp_path)
    capsys.readouterr()
    pictures = open_unlabelled(str(tmp_path), CARLA, (40, 30), skip_bad=True)
    assert [pictures.name_of(k).split()[-1] for k in range(2)] == ["0.png", "3.png"]
    assert "2 of 4 files are learnt from; 0 look" in capsys.readouterr().err


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
    plain, varied, known = twin_views(tmp_path, teacher_size=lambda _: (384, 256))(0, (32, 24))
    assert plain.shape[:2] == (5, 3)
    assert plain.shape[3] > 64
    assert varied.shape == (5, 3, 24, 32)
    assert known.shape == (5, 24, 32)
    assert (known == UNKNOWN_ID).all()
    # All of a picture is one gray, so what is not varied is flat.
    assert float(plain.float().std(dim=(1, 2, 3)).max()) < 2
    assert float(varied.float().std(dim=(1, 2, 3)).max()) > 2


@pytest.mark.parametrize(
    ("picture", "teacher", "enlarge", "seen"),
    [
        ((60, 40), (240, 160), True, (128, 96)),
        ((60, 40), (240, 160), False, (32, 24)),
        ((60, 40), (30, 20), False, (16, 12)),
        # Which the network sees at half of its size.
        ((192, 128), (192, 128), False, (64, 48)),
    ],
)
def test_a_teacher_sees_crops_as_large_as_at_inference(
    tmp_path: Path, picture: Size, teacher: Size, enlarge: bool, seen: Size
) -> None:
    for number in range(3):
        image = cv2.resize(noise(number), picture)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    twins = TwinViews(
        [TrainingSet(opened(tmp_path), range(3), np.full(256, UNKNOWN_ID, np.uint8))],
        crops=[(32, 24)],
        input_size=(96, 64),
        px=5 * 32 * 24,
        seed=3,
        variation="light",
        teacher_size=partial(network_size, input_size=teacher, enlarge=enlarge),
    )
    plain, varied, _ = twins(0, (32, 24))
    assert plain.shape == (5, 3, *seen[::-1])
    assert varied.shape == (5, 3, 24, 32)


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
