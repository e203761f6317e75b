# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a demonstration plans; test/cli/test_demo.py runs some."""

from __future__ import annotations

from pathlib import Path

import pytest

from unet_seg_ros.demo import run as demo


@pytest.mark.parametrize(("seconds", "frames"), [(2.0, 40), (0.01, 1)])
def test_a_drive_has_an_end_however_short_it_is(seconds: float, frames: int) -> None:
    options = demo.Options(
        source=demo.STAND_IN,
        seconds=seconds,
        rate_hz=20.0,
        size=(320, 240),
        checkpoint=Path("unused.safetensors"),
        device="cpu",
        input_size=None,
        output=Path("unused"),
    )
    assert demo._plan(options).frames == frames


@pytest.mark.parametrize(
    ("frames", "size", "ahead"),
    [(400, (800, 600), 400), (12_000, (1920, 1080), 103), (3, (20_000, 20_000), 1)],
)
def test_no_more_is_read_ahead_than_memory_has_room_for(
    frames: int, size: tuple[int, int], ahead: int
) -> None:
    assert demo._Plan(frames, size, truth_set=None).ahead == ahead
