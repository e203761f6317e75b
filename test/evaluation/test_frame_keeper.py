# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scored frames and camera pictures in whatever order they come, and what is left of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.evaluation.frame_keeper import FrameKeeper
from unet_seg_ros.evaluation.live_report import ScoredCamera
from unet_seg_ros.evaluation.scorer import LABELS, TRUTH, Scorer
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.messages.images import Header, Image, write_image
from unet_seg_ros.messages.semantic import TAGS, look_up, semantic_table

CARLA29, CARLA13 = LabelSet.load("carla29"), LabelSet.load("carla13")
SECOND = 1_000_000_000
TRUTH_IDS = np.full((6, 8), CARLA29.class_id("Roads"), np.uint8)
UNKNOWN = np.full((6, 8), 255, np.uint8)
MAX_PIXELS = 1000


class Bench:
    """A scorer and a keeper, as the node has them."""

    def __init__(self, folder: Path, worst: int = 3) -> None:
        self.folder = folder
        self.scorer = Scorer(CARLA29, TAGS, 20, MAX_PIXELS)
        camera = ScoredCamera("/camera/image", "/truth/image", CARLA29)
        self.keeper = FrameKeeper(folder, camera, worst, "carla29", max_waiting=3)
        self.use(CARLA29)

    def use(self, prediction_set: LabelSet) -> None:
        """Read label maps in this label set."""
        self.keeper.use(prediction_set, self.scorer.use(prediction_set))

    def score(self, second: int, truth: np.ndarray = TRUTH_IDS, has_time: bool = True) -> None:
        """Score the frame of a second."""
        header = Header(second * SECOND, "camera")
        tags = look_up(semantic_table(TAGS, CARLA29), truth)
        self.scorer.add(TRUTH, write_image(header, tags, "bgra8"))
        self.scorer.add(LABELS, write_image(header, TRUTH_IDS, "mono8"))
        self.keeper.add_frame(self.scorer.score_pair(), has_time)

    def picture(self, second: int, width: int = 8) -> None:
        """Take the camera's picture of a second."""
        header = Header(second * SECOND, "camera")
        self.keeper.add_image(Image(header, np.zeros((6, width, 3), np.uint8), "rgb"))

    def write(self, *warnings: str) -> list[str]:
        """Write what was kept."""
        return self.keeper.write("mine", self.scorer.score(), warnings)

    @property
    def data(self) -> dict:
        """The part of the report about the drive."""
        [data] = json.loads((self.folder / "report.json").read_text())["data"]
        return data

    @property
    def shown(self) -> int:
        """How many frames the page shows."""
        return (self.folder / "report.html").read_text().count('<div class="frame">')


def test_pictures_may_come_before_and_after_their_scores(tmp_path):
    bench = Bench(tmp_path)
    bench.picture(1)
    bench.score(1)
    bench.score(2)
    bench.picture(2)
    bench.write()
    assert bench.shown == 2
    assert len(open_dataset(str(tmp_path / "worst_frames"))) == 2


def test_frames_without_a_picture_are_counted_all_the_same(tmp_path):
    bench = Bench(tmp_path)
    for second in range(5):
        bench.score(second)
    bench.picture(0)  # given up: three wait at most
    bench.picture(9)
    sentences = bench.write("look out")
    assert bench.data["frames"] == 5
    assert bench.data["warnings"] == ["look out"]
    assert bench.shown == 0
    assert sentences[0] == "no frames were saved: none has both a score and a picture"
    assert not (tmp_path / "worst_frames").exists()


def test_a_frame_without_labels_is_neither_best_nor_worst(tmp_path):
    bench = Bench(tmp_path)
    bench.score(1, UNKNOWN)
    bench.picture(1)
    bench.write()
    assert bench.data["unlabelled_share"] == 1
    assert bench.shown == 0


def test_without_time_boundaries_are_left_out(tmp_path):
    bench = Bench(tmp_path, worst=0)
    half = TRUTH_IDS.copy()
    half[:, 4:] = CARLA29.class_id("Car")
    bench.score(1, half, has_time=False)
    bench.write()
    [result] = bench.data["results"]
    assert result["pixel_accuracy"] == 0.5
    assert result["boundary_f"] is None
    assert (
        "Boundary F is that of 0 frames; for the others there was no time." in bench.data["notes"]
    )
    bench.score(2, half)
    bench.write()
    [result] = bench.data["results"]
    assert result["pixel_accuracy"] == 0.5
    assert result["boundary_f"] == 0


def test_another_label_set_begins_another_report(tmp_path):
    bench = Bench(tmp_path)
    bench.score(1)
    bench.picture(1)
    bench.use(CARLA13)
    bench.score(2)
    bench.write()
    assert bench.data["label_set"] == "carla13"
    assert bench.data["frames"] == 1
    assert bench.shown == 0


def test_a_picture_of_another_size_is_refused(tmp_path):
    bench = Bench(tmp_path)
    bench.score(1)
    with pytest.raises(ValueError, match=r"\(6, 9\) rows and columns, its label map \(6, 8\)"):
        bench.picture(1, width=9)


def test_a_later_report_takes_the_place_of_an_earlier_one(tmp_path):
    for frames in (1, 2):
        bench = Bench(tmp_path, worst=0)
        for second in range(frames):
            bench.score(second)
        bench.write()
    assert bench.data["frames"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
