# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting places: newest wins, oldest camera first, and an end."""

from __future__ import annotations

from unet_seg_ros.nodes.segmentation.background import run_in_background
from unet_seg_ros.nodes.slots import NewestFrames


def test_newer_frame_takes_the_place_of_the_waiting_one() -> None:
    frames: NewestFrames[int] = NewestFrames()
    assert frames.put("front", 1) is None
    assert frames.put("front", 2) == 1
    assert frames.put("rear", 3) is None
    assert frames.take(limit=8) == {"front": 2, "rear": 3}
    assert frames.put("front", 4) is None


def test_camera_that_waits_longest_comes_first() -> None:
    frames: NewestFrames[int] = NewestFrames()
    for camera in ("a", "b", "c", "a"):
        frames.put(camera, 0)
    assert list(frames.take(limit=2)) == ["a", "b"]
    frames.put("a", 1)
    assert list(frames.take(limit=2)) == ["c", "a"]


def test_take_waits_for_a_frame() -> None:
    frames: NewestFrames[int] = NewestFrames()
    taken = run_in_background(lambda: frames.take(limit=1), "taker")
    assert not taken.done()
    frames.put("front", 7)
    assert taken.result(timeout=60) == {"front": 7}


def test_close_ends_a_waiting_take_and_gives_back_what_was_left() -> None:
    frames: NewestFrames[int] = NewestFrames()
    taken = run_in_background(lambda: frames.take(limit=1), "taker")
    assert frames.close() == {}
    assert taken.result(timeout=60) == {}

    frames = NewestFrames()
    frames.put("front", 1)
    assert frames.close() == {"front": 1}
    assert frames.take(limit=1) == {}


def test_wake_ends_one_take_without_frames() -> None:
    frames: NewestFrames[int] = NewestFrames()
    taken = run_in_background(lambda: frames.take(limit=1), "taker")
    frames.wake()
    assert taken.result(timeout=60) == {}
    assert not frames.is_closed
    taken = run_in_background(lambda: frames.take(limit=1), "taker")
    frames.put("front", 7)
    assert taken.result(timeout=60) == {"front": 7}
