# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from drawn_pictures import cut_short, gray, write_picture

from unet_seg_ros.cli.main import main


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    """Return sixty pictures of one drive in SegNet's layout: road below, nothing known above."""
    for number in range(60):
        write_picture(tmp_path / "camvid" / "train" / f"{number}.png", gray(90, 32, 24))
        mask = gray(3, 32, 24)[..., 0]
        mask[:6] = 11
        write_picture(tmp_path / "camvid" / "trainannot" / f"{number}.png", mask)
    return tmp_path / "camvid"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(*arguments: str) -> int:
    return main(["data", "check", *arguments])


def test_a_sound_data_set_is_described(
    camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(str(camvid), "--sheets", "sheets") == 0
    printed = capsys.readouterr().out
    for words in (
        "layout         camvid",
        "label set      camvid11",
        "pictures       60",
        "sizes          32x24 (60)",
        "parts          train (60)",
        "split          38 pictures to train on, 12 held apart: one in 5 blocks of 12",
        "  3 Road           75.00%  ######################",
        "not labelled   25.00%",
        "faults         none",
    ):
        assert words in printed
    sheet = cv2.imread(str(tmp_path / "sheets" / "camvid_contact_sheet.png"))
    assert sheet.shape[0] > 6 * 24


def test_every_fault_of_every_data_set_is_named(
    camvid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_short(camvid / "train" / "7.png")
    (camvid / "trainannot" / "8.png").unlink()
    (camvid / "train" / "9.png").unlink()
    assert check("no_such", str(camvid)) == 1
    printed = capsys.readouterr().out
    for words in (
        "no_such: no such folder or file",
        "faults         3",
        "trainannot/9.png: has no picture in",
        "train/7.png: not a picture",
        "trainannot/8.png: is missing",
    ):
        assert words in printed


def test_json_has_all_figures(camvid: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(camvid), f"{camvid},split=parts", "--json") == 0
    report, undivided = json.loads(capsys.readouterr().out)
    assert report["sizes"] == {"32x24": 60}
    assert report["drives"] == {"train": 60}
    assert report["split"]["train"] + report["split"]["validation"] == 50
    assert report["classes"][3] == {"id": 3, "name": "Road", "pixels": 60 * 576, "share": 0.75}
    assert report["unlabelled_pixels"] == 60 * 192
    assert report["faults"] == []
    assert undivided["split"]["train"] is None
    assert "needs train and val" in undivided["split"]["summary"]


def test_a_wrong_setting_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        check("camvid,layout=segnet")
    assert leaving.value.code == 2
    assert "layout=segnet: give one of auto, capture" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["data"], ["data", "check"]])
def test_help_has_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "--help"])
    assert leaving.value.code == 0
    assert "unet-seg data check camvid" in capsys.readouterr().out
