# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Late and missing masks, by a clock that the test turns."""

from __future__ import annotations

from unet_seg_ros.nodes.segmentation.watchdog import MISSES_IN_A_ROW, SILENCE_S, Watchdog

LIMIT_MS = 100.0
IN_TIME_MS, LATE_MS = 99.0, 101.0


class Time:
    """A clock; `now_s` is what it shows."""

    now_s = 50.0

    def __call__(self) -> float:
        """Return the time it shows."""
        return self.now_s


def test_late_masks_are_counted_and_a_warning_for_their_window() -> None:
    watchdog = Watchdog()
    for latency_ms in (LATE_MS, IN_TIME_MS, LATE_MS):
        watchdog.masks_went_out(latency_ms, LIMIT_MS)
    seen = watchdog.look(LIMIT_MS)
    assert (seen.misses, seen.in_a_row) == (2, 1)
    assert seen.warning == "2 masks took longer than max_latency_ms, 100 ms"
    assert not seen.error
    seen = watchdog.look(LIMIT_MS)
    assert seen.misses == 2
    assert not seen.warning


def test_many_late_masks_in_a_row_are_an_error_until_one_is_in_time() -> None:
    watchdog = Watchdog()
    for _ in range(MISSES_IN_A_ROW - 1):
        watchdog.masks_went_out(LATE_MS, LIMIT_MS)
    assert not watchdog.look(LIMIT_MS).error
    watchdog.masks_went_out(LATE_MS, LIMIT_MS)
    assert watchdog.look(LIMIT_MS).error == (
        f"the last {MISSES_IN_A_ROW} masks took longer than max_latency_ms, 100 ms"
    )
    watchdog.masks_went_out(IN_TIME_MS, LIMIT_MS)
    assert not watchdog.look(LIMIT_MS).error


def test_masks_that_were_late_by_another_limit_are_no_error() -> None:
    for limit_ms in (10 * LIMIT_MS, 0.0):
        watchdog = Watchdog()
        for _ in range(MISSES_IN_A_ROW):
            watchdog.masks_went_out(LATE_MS, LIMIT_MS)
        seen = watchdog.look(limit_ms)
        assert (seen.error, seen.in_a_row) == ("", 0)


def test_without_a_limit_nothing_is_late() -> None:
    watchdog = Watchdog()
    for _ in range(2 * MISSES_IN_A_ROW):
        watchdog.masks_went_out(1e6, 0.0)
    seen = watchdog.look(0.0)
    assert (seen.misses, seen.error, seen.warning) == (0, "", "")


def test_frames_that_come_in_while_none_goes_out_are_an_error() -> None:
    for limit_ms, silence_s in ((LIMIT_MS, MISSES_IN_A_ROW * LIMIT_MS / 1e3), (0.0, SILENCE_S)):
        clock = Time()
        watchdog = Watchdog(clock)
        watchdog.frame_came()
        clock.now_s += silence_s
        watchdog.frame_came()
        assert not watchdog.look(limit_ms).error
        clock.now_s += 0.5
        assert watchdog.look(limit_ms).error == (
            f"frames come in, and for {silence_s + 0.5:.1f} s no mask has gone out"
        )
        watchdog.masks_went_out(IN_TIME_MS, limit_ms)
        assert not watchdog.look(limit_ms).error


def test_frames_that_nobody_wants_are_no_silence() -> None:
    clock = Time()
    watchdog = Watchdog(clock)
    for _ in range(100):
        watchdog.frame_came()
        watchdog.nothing_due()
        clock.now_s += 1.0
    watchdog.frame_came()
    assert not watchdog.look(LIMIT_MS).error


def test_a_pause_of_the_camera_is_no_silence() -> None:
    clock = Time()
    watchdog = Watchdog(clock)
    watchdog.frame_came()  # and is lost
    clock.now_s += 3600.0
    assert not watchdog.look(LIMIT_MS).error
    watchdog.frame_came()
    assert not watchdog.look(LIMIT_MS).error
