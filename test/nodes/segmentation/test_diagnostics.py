# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Levels and messages of the reports."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus

from unet_seg_ros.nodes.segmentation.diagnostics import EngineReport, camera_status, engine_status
from unet_seg_ros.nodes.segmentation.watchdog import Punctuality
from unet_seg_ros.nodes.statistics import CameraStatistics, Window

PUNCTUAL = Punctuality(0, 0, "", "")


def status_of(
    window: Window, punctuality: Punctuality = PUNCTUAL, is_active: bool = True
) -> DiagnosticStatus:
    return camera_status("node", "/front/image", window, punctuality, is_active)


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


def test_node_that_left_active_by_itself_is_an_error() -> None:
    report = EngineReport("inactive", {}, [], "", "the worker died of ValueError: no")
    status = engine_status("node", report)
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == "the worker died of ValueError: no"


def test_masks_that_come_late_or_not_at_all() -> None:
    statistics = CameraStatistics()
    statistics.frame_received()
    window = statistics.take_window()
    late = status_of(window, Punctuality(5, 1, "", "2 masks were late"))
    assert late.level == DiagnosticStatus.WARN
    assert late.message == "2 masks were late"
    assert texts(late)["deadline_misses"] == "5"
    assert texts(late)["deadline_misses_in_a_row"] == "1"
    silent = status_of(window, Punctuality(5, 1, "no mask has gone out", "2 masks were late"))
    assert silent.level == DiagnosticStatus.ERROR
    assert silent.message == "no mask has gone out"
    inactive = status_of(window, Punctuality(5, 1, "no mask", ""), is_active=False)
    assert inactive.level == DiagnosticStatus.OK


def test_sound_camera() -> None:
    statistics = CameraStatistics()
    for _ in range(3):
        statistics.frame_received()
    statistics.frame_published({"infer": 2.0})
    statistics.frame_dropped("replaced")
    status = status_of(statistics.take_window())
    assert status.level == DiagnosticStatus.OK
    assert status.name == "node: /front/image"
    values = texts(status)
    assert values["frames_in"] == "3"
    assert values["frames_out"] == values["dropped.replaced"] == "1"
    assert values["frames_in_work"] == "1"
    assert values["infer_ms.p50"] == values["infer_ms.max"] == "2.00"


def test_silent_camera_is_a_warning_only_while_active() -> None:
    window = CameraStatistics().take_window()
    active = status_of(window)
    assert active.level == DiagnosticStatus.WARN
    assert active.message == "no frames arrive on /front/image"
    inactive = status_of(window, is_active=False)
    assert inactive.level == DiagnosticStatus.OK


def test_bad_frames_are_a_warning_for_their_window() -> None:
    statistics = CameraStatistics()
    statistics.frame_received()
    statistics.frame_refused("step", "the step is too small")
    status = status_of(statistics.take_window())
    assert status.level == DiagnosticStatus.WARN
    assert "the step is too small" in status.message
    assert texts(status)["refused.step"] == "1"
    statistics.frame_received()
    status = status_of(statistics.take_window())
    assert status.level == DiagnosticStatus.OK
    assert texts(status)["last_bad_frame"] == "the step is too small"
