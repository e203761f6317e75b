# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Saved worst frames, read back as the data set that they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.datasets.splits import split
from unet_seg_ros.evaluation.worst_frames import WorstFrames
from unet_seg_ros.labels.label_set import LabelSet

SECOND = 1_000_000_000
RNG = np.random.default_rng(1)
IMAGE = RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)
TRUTH = RNG.integers(0, 29, (6, 8)).astype(np.uint8)
TRUTH[0, 0] = 255


def offer(worst: WorstFrames, stamp_ns: int, miou: float) -> None:
    if worst.wants(stamp_ns, miou):
        # Each frame with a picture of its own.
        worst.add(stamp_ns, miou, IMAGE + np.uint8(stamp_ns // SECOND), TRUTH)


def save(folder: Path, *frames: tuple[int, float], limit: int = 3) -> int:
    worst = WorstFrames(folder, limit, "carla29")
    for second, miou in frames:
        offer(worst, second * SECOND, miou)
    return worst.close()


def test_it_is_a_data_set_of_the_worst(tmp_path):
    folder = tmp_path / "worst"
    assert save(folder, (5, 0.5), (6, 0.1), (7, 0.9), (8, 0.2), (9, 0.3)) == 3
    pictures = open_dataset(str(folder))
    assert pictures.label_set == LabelSet.load("carla29")
    assert not pictures.faults
    assert [sample.name for sample in pictures] == [
        "worst/6.000000000",
        "worst/8.000000000",
        "worst/9.000000000",
    ]
    assert (pictures[0].image == IMAGE + np.uint8(6)).all()
    assert (pictures[0].labels == TRUTH).all()


def test_nothing_but_whole_folders_has_the_name(tmp_path):
    worst = WorstFrames(tmp_path / "worst", 2, "carla29")
    offer(worst, SECOND, 0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["worst.partial"]
    worst.close()
    assert [path.name for path in tmp_path.iterdir()] == ["worst"]


def test_replaced_frames_leave_no_files(tmp_path):
    save(tmp_path / "worst", *[(second, 1 - second / 100) for second in range(50)])
    files = list((tmp_path / "worst").rglob("*.png"))
    assert len(files) == 2 * 3


def test_without_frames_there_is_no_folder(tmp_path):
    assert save(tmp_path / "worst") == 0
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_touched(tmp_path):
    save(tmp_path / "worst", (1, 0.5))
    with pytest.raises(FileExistsError, match="worst exists already; move it away"):
        WorstFrames(tmp_path / "worst", 3, "carla29")


def test_what_a_killed_process_left_is_replaced(tmp_path):
    offer(WorstFrames(tmp_path / "worst", 3, "carla29"), SECOND, 0.1)
    save(tmp_path / "worst", (7, 0.9))
    assert [sample.name for sample in open_dataset(str(tmp_path / "worst"))] == [
        "worst/7.000000000"
    ]


def test_frames_of_other_places_are_held_apart(tmp_path):
    """Ten frames of five places: too few for blocks of one drive, but not for whole runs."""
    frames = [(20 * place + second, 0.5) for place in range(5) for second in range(2)]
    save(tmp_path / "worst", *frames, limit=10)
    divided = split(open_dataset(str(tmp_path / "worst")))
    assert (len(divided.train), len(divided.validation)) == (8, 2)


def test_a_label_set_of_the_users_own_is_found(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("name: mine\nclasses: [{id: 0, name: road, color: [1, 2, 3]}]\n")
    worst = WorstFrames(tmp_path / "worst", 3, str(mine))
    worst.add(SECOND, 0.5, IMAGE, np.zeros((6, 8), np.uint8))
    worst.close()
    assert open_dataset(str(tmp_path / "worst")).label_set.names == ("road",)


def test_a_full_disk_is_said(tmp_path):
    worst = WorstFrames(tmp_path / "worst", 3, "carla29")
    (tmp_path / "worst.partial").mkdir()
    (tmp_path / "worst.partial" / "rgb").mkdir()
    (tmp_path / "worst.partial" / "rgb" / "1.000000000.png").mkdir()
    with pytest.raises(OSError, match=r"1\.000000000\.png: cannot be written"):
        offer(worst, SECOND, 0.5)
