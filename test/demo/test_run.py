# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a demonstration plans; test/cli/test_demo.py runs some."""

from __future__ import annotations

from pathlib import Path

import pytest

from unet_seg_ros.demo import run as demo


@pytest.mark.parametrize(
    ("seconds", "length", "frames"), [(2.0, None, 40), (0.01, None, 1), (2.0, 30, 30)]
)
def test_a_drive_has_an_end_however_short_it_is(
    seconds: float, length: int | None, frames: int
) -> None:
    assert demo._frames(seconds, 20.0, demo._Source((320, 240), None, length)) == frames


def test_only_the_output_of_a_demonstration_is_replaced(tmp_path: Path) -> None:
    """An evaluation has a report.json as well, and perhaps pictures to learn from."""
    demo._refuse_foreign_output(tmp_path / "new")
    (tmp_path / "report.json").touch()
    with pytest.raises(FileExistsError, match="is not the output of a demonstration"):
        demo._refuse_foreign_output(tmp_path)
    for name in ("summary.png", "overlay.mp4"):
        (tmp_path / name).touch()
    demo._refuse_foreign_output(tmp_path)


@pytest.mark.parametrize(
    ("frames", "size", "ahead"),
    [(400, (800, 600), 400), (12_000, (1920, 1080), 103), (3, (20_000, 20_000), 1)],
)
def test_no_more_is_read_ahead_than_memory_has_room_for(
    frames: int, size: tuple[int, int], ahead: int
) -> None:
    plan = demo._Plan(demo._Source(size, None), frames, rate_hz=20.0, input_size=(512, 384))
    assert plan.ahead == ahead
