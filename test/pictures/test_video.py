# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from unet_seg_ros.pictures.video import Video


def test_frames_come_back_in_order_and_in_their_colours(tmp_path: Path) -> None:
    colors = ((200, 40, 40), (40, 200, 40), (40, 40, 200))
    with Video(tmp_path / "a.mp4", 5.0) as video:
        for color in colors:
            video.write(np.full((48, 64, 3), color, np.uint8))
    capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(5)
    for color in colors:
        frame = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
        assert np.abs(frame.mean(axis=(0, 1)) - color).max() < 12
    assert not capture.read()[0]


def test_sizes_are_made_even_and_equal(tmp_path: Path) -> None:
    with Video(tmp_path / "a.mp4", 5.0) as video:
        for shape in ((49, 65, 3), (30, 40, 3)):
            video.write(np.zeros(shape, np.uint8))
    capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert [capture.read()[1].shape for _ in range(2)] == [(48, 64, 3)] * 2


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no folder" / "a.mp4"
    with pytest.raises(OSError, match="no folder"), Video(path, 5.0) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))


@pytest.mark.parametrize("rate_hz", [1000.0, 25.0])
def test_frames_last_as_long_as_they_did(tmp_path: Path, rate_hz: float) -> None:
    """The rate is what a container says of a video whose rate is not constant."""
    times_ms = [0, 33, 34, 500, 2000, 2100]
    with Video(tmp_path / "a.mp4", rate_hz) as video:
        for time_ms in times_ms:
            video.write(np.zeros((48, 64, 3), np.uint8), time_ms * 1_000_000)
    assert frame_times_ms(tmp_path / "a.mp4") == pytest.approx(times_ms, abs=0.1)


def test_times_that_do_not_rise_cost_no_frame(tmp_path: Path) -> None:
    with Video(tmp_path / "a.mp4", 10.0) as video:
        for time_ns in (0, 0, None, 50_000_000):
            video.write(np.zeros((48, 64, 3), np.uint8), time_ns)
    times_ms = frame_times_ms(tmp_path / "a.mp4")
    assert len(times_ms) == 4
    assert times_ms == sorted(set(times_ms))


def frame_times_ms(path: Path) -> list[float]:
    capture = cv2.VideoCapture(str(path))
    times_ms = []
    while capture.read()[0]:
        times_ms.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    return times_ms
