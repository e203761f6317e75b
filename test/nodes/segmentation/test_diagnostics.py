# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Levels and messages of the reports."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus

from unet_seg_ros.nodes.segmentation.diagnostics import EngineReport, camera_status, engine_status
from unet_seg_ros.nodes.statistics import CameraStatistics


def texts(status: DiagnosticStatus) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def test_engine_that_failed_is_an_error() -> None:
    report = EngineReport("active", {"device": "cpu"}, ["a", "b"], "the checkpoint in use stays")
    status = engine_status("node", report)
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == "2 batches lost, the last: b"
    assert status.name == "node: engine"
    assert texts(status) == {"state": "active", "device": "cpu"}


def test_checkpoint_that_could_not_be_loaded_is_a_warning() -> None:
    report = EngineReport("active", {}, [], "the checkpoint in use stays: it is damaged")
    status = engine_status("node", report)
    assert status.level == DiagnosticStatus.WARN
    assert status.message == "the checkpoint in use stays: it is damaged"


def test_sound_camera() -> None:
    statistics = CameraStatistics()
    statistics.frame_received()
    statistics.frame_published({"infer": 2.0})
    statistics.frame_dropped("replaced")
    status = camera_status("node", "/front/image", statistics.take_window(), is_active=True)
    assert status.level == DiagnosticStatus.OK
    assert status.name == "node: /front/image"
    values = texts(status)
    assert values["frames_in"] == values["frames_out"] == values["dropped.replaced"] == "1"
    assert values["infer_ms.p50"] == values["infer_ms.max"] == "2.00"


def test_silent_camera_is_a_warning_only_while_active() -> None:
    window = CameraStatistics().take_window()
    active = camera_status("node", "/front/image", window, is_active=True)
    assert active.level == DiagnosticStatus.WARN
    assert active.message == "no frames arrive on /front/image"
    inactive = camera_status("node", "/front/image", window, is_active=False)
    assert inactive.level == DiagnosticStatus.OK


def test_bad_frames_are_a_warning_for_their_window() -> None:
    statistics = CameraStatistics()
    statistics.frame_received()
    statistics.frame_refused("step", "the step is too small")
    status = camera_status("node", "/front/image", statistics.take_window(), is_active=True)
    assert status.level == DiagnosticStatus.WARN
    assert "the step is too small" in status.message
    assert texts(status)["refused.step"] == "1"
    statistics.frame_received()
    status = camera_status("node", "/front/image", statistics.take_window(), is_active=True)
    assert status.level == DiagnosticStatus.OK
    assert texts(status)["last_bad_frame"] == "the step is too small"
