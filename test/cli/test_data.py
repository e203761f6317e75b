# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import pytest
from drawn_pictures import cut_short, gray, write_picture

from unet_seg_ros.cli.main import main
from unet_seg_ros.labels.label_set import LabelSet


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


def test_what_is_to_be_known_before_training_is_noted(
    camvid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(str(camvid)) == 0
    printed = capsys.readouterr().out
    assert "everything that is labelled is Road: there is nothing to learn" in printed
    assert "12 of the 12 pictures held apart are next to the same as one that is" in printed


def test_a_class_that_another_palette_has_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = gray(0, 32, 24)
    mask[:] = (128, 64, 128)
    mask[12:] = (232, 35, 244)
    mask[0, 0] = (0, 0, 255)  # of carla29
    write_picture(tmp_path / "set" / "images" / "1.png", gray(90, 32, 24))
    write_picture(tmp_path / "set" / "masks" / "1.png", mask)
    assert check(f"{tmp_path}/set,label-set=carla23", "--json") == 0
    [report] = json.loads(capsys.readouterr().out)
    assert report["notes"][0].endswith(
        "has 1 pixels in (255, 0, 0) (Rider in carla29), which carla23 lacks: not labelled"
    )
    assert report["notes"][1].startswith("no picture shows Unlabeled, Building, Fence")


def test_sheets_that_cannot_be_written_are_named_before_anything_is_read(
    camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    assert check(str(camvid), "--sheets", "file/sheets") == 1
    captured = capsys.readouterr()
    reason = f"file/sheets: cannot be written: {tmp_path / 'file'}: Not a directory"
    assert reason in captured.err
    assert captured.out == ""


def test_a_tilde_is_the_home_wherever_a_path_is_given(
    camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    camvid.rename(home / "camvid")
    names = LabelSet.load("camvid11").to_dict()
    (home / "mine.yaml").write_text(json.dumps(names))
    assert check("~/camvid,label-set=~/mine.yaml", "--sheets=~/sheets") == 0
    assert (home / "sheets" / "camvid_contact_sheet.png").is_file()
    assert not list(tmp_path.glob("~*"))


@pytest.mark.parametrize("arguments", [["data"], ["data", "check"]])
def test_help_has_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "--help"])
    assert leaving.value.code == 0
    assert "unet-seg data check camvid" in capsys.readouterr().out


def test_data_sets_of_one_name_have_contact_sheets_of_their_own(
    camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other" / "camvid"
    shutil.copytree(camvid, other)
    assert check(str(camvid), str(other), "--sheets", "sheets", "--json") == 0
    names = [report["contact_sheet"] for report in json.loads(capsys.readouterr().out)]
    assert names == ["sheets/camvid_contact_sheet.png", "sheets/camvid_2_contact_sheet.png"]
    assert all(Path(name).is_file() for name in names)
