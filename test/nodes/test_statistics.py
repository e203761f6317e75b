# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts since the start, times of a window."""

from __future__ import annotations

import pytest

from unet_seg_ros.nodes.statistics import CameraStatistics


def test_counts_add_up_and_windows_begin_anew() -> None:
    statistics = CameraStatistics()
    for time_ms in (1.0, 2.0, 3.0):
        statistics.frame_received()
        statistics.frame_published({"infer": time_ms})
    statistics.frame_received()
    statistics.frame_refused("step", "the step of 3 bytes is too small")
    statistics.frame_received()
    statistics.frame_dropped("replaced")

    window = statistics.take_window()
    assert (window.received, window.published) == (5, 3)
    assert (window.recent_received, window.recent_published, window.recent_refused) == (5, 3, 1)
    assert window.dropped == {"replaced": 1}
    assert window.refused == {"step": 1}
    assert window.last_refusal == "the step of 3 bytes is too small"
    assert window.times["infer"].p50_ms == pytest.approx(2.0)
    assert window.times["infer"].p95_ms == pytest.approx(2.9)
    assert window.times["infer"].p99_ms == pytest.approx(2.98)
    assert window.times["infer"].max_ms == 3.0
    assert window.rate_in == pytest.approx(5 / window.seconds)
    assert window.rate_out == pytest.approx(3 / window.seconds)

    statistics.frame_received()
    window = statistics.take_window()
    assert (window.received, window.published) == (6, 3)
    assert (window.recent_received, window.recent_published, window.recent_refused) == (1, 0, 0)
    assert window.refused == {"step": 1}
    assert window.times == {}


def test_frames_that_the_middleware_lost_came_and_were_dropped() -> None:
    statistics = CameraStatistics()
    statistics.frame_received(missed=2)
    window = statistics.take_window()
    assert window.received == 3
    assert window.dropped == {"missed": 2}
