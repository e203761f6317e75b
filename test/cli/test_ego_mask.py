# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg ego-mask` on a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_pictures import write_picture
from engines import picture

from unet_seg_ros.cli.main import main
from unet_seg_ros.datasets.ego_masks import read_ego_mask
from unet_seg_ros.pictures.files import read_label_picture

SIZE = (160, 120)


def drive(folder: Path, bonnet_rows: int) -> Path:
    for seed in range(8):
        pixels = picture(*SIZE, seed) // 2 + 110
        pixels[SIZE[1] - bonnet_rows :] = 20
        write_picture(folder / f"{seed}.png", pixels)
    return folder


def test_a_mask_that_commands_take_and_an_overlay_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = drive(tmp_path / "drive", 30), tmp_path / "bonnet.png"
    assert main(["ego-mask", str(folder), "--out", str(out)]) == 0
    overlay = tmp_path / "bonnet_overlay.png"
    share = (read_label_picture(out) > 0).mean()
    told = f"{out}: the own car is {share:.1%} of 8 pictures; look at {overlay}\n"
    assert capsys.readouterr().out == told
    assert read_ego_mask(out).at(SIZE).rows.stop == SIZE[1]
    assert share == pytest.approx(30 / 120, abs=0.01)
    assert read_label_picture(overlay).shape == (SIZE[1], 3 * SIZE[0], 3)
    # What is there is not written over.
    before = out.read_bytes()
    assert main(["ego-mask", str(folder), "--out", str(out)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "options", "reason"),
    [
        (0, [], "drive: nothing in the lower part of the pictures stays where it is"),
        (30, ["--frames", "2"], "drive: has 2 pictures; at least 4 are needed"),
        (30, ["--out", "mask.jpg"], "mask.jpg: a mask must be a PNG; call it mask.png"),
    ],
)
def test_where_there_is_no_mask_nothing_is_written(
    rows: int,
    options: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    drive(tmp_path / "drive", rows)
    assert main(["ego-mask", "drive", *options]) == 1
    assert reason in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["drive"]


def test_a_drive_in_which_nothing_moves_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        write_picture(tmp_path / "drive" / f"{number}.png", np.asarray(picture(*SIZE, 1)))
    assert main(["ego-mask", str(tmp_path / "drive"), "--out", str(tmp_path / "m.png")]) == 1
    assert "hardly moves" in capsys.readouterr().err
