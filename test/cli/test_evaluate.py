# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg evaluate` on a small data set in CamVid's layout."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from drawn_pictures import write_picture
from engines import picture, small_checkpoint

from unet_seg_ros.cli.main import main
from unet_seg_ros.model.checkpoint import save_checkpoint

TRAIN, VALIDATION = 7, 4


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder called `streets` with `train` and `val`, and their `annot` beside them."""
    folder = tmp_path / "streets"
    for part, count in (("train", TRAIN), ("val", VALIDATION)):
        for name in (part, f"{part}annot"):
            (folder / name).mkdir(parents=True)
        for number in range(count):
            name = f"0001_{number:05}.png"
            labels = np.random.default_rng(number).integers(0, 12, (6, 8)).astype(np.uint8)
            enlarged = cv2.resize(labels, (120, 90), interpolation=cv2.INTER_NEAREST)
            cv2.imwrite(str(folder / part / name), picture(120, 90, number))
            cv2.imwrite(str(folder / f"{part}annot" / name), enlarged)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a checkpoint called `mine` that was trained on `streets`."""
    path = tmp_path / "mine.safetensors"
    trained = small_checkpoint()
    trained.name, trained.data = "mine", {"streets": "7 pictures to train on, 4 held apart"}
    save_checkpoint(path, trained)
    return path


def evaluate(checkpoint: Path, data: Path, *options: str) -> dict[str, Any]:
    """Run the command; return what is in `report.json`."""
    out = data.parent / "report"
    arguments = ["--checkpoint", str(checkpoint), "--data", str(data), "--out", str(out)]
    assert main(["evaluate", *arguments, "--device", "cpu", *options]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def test_it_says_how_good_and_writes_the_report(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluate(checkpoint, data)
    printed = capsys.readouterr().out
    [section] = report["data"]
    assert (section["name"], section["label_set"]) == ("streets", "camvid11")
    assert section["frames"] == section["available"] == TRAIN + VALIDATION
    assert f"{section['results'][0]['miou']:.3f}" in printed
    assert str(data.parent / "report" / "report.html") in printed
    assert (data.parent / "report" / "report.html").is_file()


def test_json_is_the_report(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluate(checkpoint, data, "--json")
    assert json.loads(capsys.readouterr().out) == report


@pytest.mark.parametrize(
    ("part", "frames", "warns"),
    [("all", TRAIN + VALIDATION, True), ("train", TRAIN, True), ("validation", VALIDATION, False)],
)
def test_a_part_is_what_training_makes_of_it(
    checkpoint: Path,
    data: Path,
    part: str,
    frames: int,
    warns: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    [section] = evaluate(checkpoint, data, "--part", part)["data"]
    assert section["frames"] == frames
    assert any("mine was trained on pictures of streets" in w for w in section["warnings"]) == warns
    assert ("--part validation" in capsys.readouterr().out) == warns


def test_a_limit_spreads_evenly(checkpoint: Path, data: Path) -> None:
    [section] = evaluate(checkpoint, data, "--part", "validation", "--limit", "2")["data"]
    names = [frame["name"] for frame in section["results"][0]["per_frame"]]
    assert (section["frames"], section["available"]) == (2, VALIDATION)
    first, second = (int(name[-5:]) for name in names)
    assert first < VALIDATION // 2 <= second < VALIDATION


def test_nothing_is_scored_on_the_own_car(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((45, 60), np.uint8)  # half the pictures' size
    mask[-10:] = 1
    path = write_picture(data.parent / "bonnet.png", mask)
    for labels in data.glob("*annot/*.png"):
        pixels = cv2.imread(str(labels), cv2.IMREAD_UNCHANGED)
        pixels[-20:] = 11  # CamVid's unlabelled
        write_picture(labels.parents[2] / "other" / labels.parent.name / labels.name, pixels)
    shutil.copytree(data / "train", data.parent / "other" / "train")
    shutil.copytree(data / "val", data.parent / "other" / "val")
    [masked] = evaluate(checkpoint, data, "--ego-mask", str(path))["data"]
    [unlabelled] = evaluate(checkpoint, data.parent / "other")["data"]
    for key in ("miou", "boundary_f", "confusion", "expected_calibration_error"):
        assert masked["results"][0][key] == unlabelled["results"][0][key], key
    capsys.readouterr()
    common = ["--checkpoint", str(checkpoint), "--data", str(data)]
    assert main(["evaluate", *common, "--ego-mask", f"front={path}"]) == 1
    assert "only a bag tells which picture is which camera's" in capsys.readouterr().err


def test_two_checkpoints_side_by_side(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluate(checkpoint, data, "--against", str(checkpoint), "--precision", "float32")
    # Both are called `mine`.
    assert [item["name"] for item in report["checkpoints"]] == [str(checkpoint)] * 2
    first, second = report["data"][0]["results"]
    assert first["confusion"] == second["confusion"]
    assert f"{first['miou']:.3f}  {second['miou']:>20.3f}" in capsys.readouterr().out


def test_figures_of_each_drive_and_how_sure_they_are(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in [*data.glob("*/0001_00000.png"), *data.glob("*/0001_00001.png")]:
        path.rename(path.with_name(path.name.replace("0001", "0002", 1)))
    other = checkpoint.with_name("other.safetensors")
    changed = small_checkpoint()
    torch.nn.init.normal_(changed.model.head.weight)
    save_checkpoint(other, changed)
    by = ("--by", "drive", "--by", "weather")
    report = evaluate(checkpoint, data, "--against", str(other), *by)
    [section] = report["data"]
    assert {tuple(item["group"].values()): item["frames"] for item in section["by"]} == {
        ("0001", "unknown"): TRAIN + VALIDATION - 4,
        ("0002", "unknown"): 4,
    }
    for number, result in enumerate(section["results"]):
        low, high = result["interval"]["pixel_accuracy"]
        assert low < result["pixel_accuracy"] < high
        # All pictures have the same size, and so the same weight.
        parts = [(item["frames"], item["results"][number]) for item in section["by"]]
        total = sum(frames * part["pixel_accuracy"] for frames, part in parts)
        assert total / section["frames"] == pytest.approx(result["pixel_accuracy"], abs=1e-3)
    low, high = section["difference_interval"]["pixel_accuracy"]
    first, second = (result["pixel_accuracy"] for result in section["results"])
    assert low <= second - first <= high
    assert "by drive and weather" in capsys.readouterr().out


def test_several_data_sets_are_scored_apart(checkpoint: Path, data: Path) -> None:
    other = data.rename(data.with_name("town"))
    report = evaluate(checkpoint, other, "--data", f"{other},split=random", "--part", "validation")
    assert [section["frames"] for section in report["data"]] == [VALIDATION, 2]


def test_bad_files_end_it_or_are_counted(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = data / "val" / "0001_00001.png"
    bad.write_bytes(bad.read_bytes()[:60])
    arguments = ["--checkpoint", str(checkpoint), "--data", str(data), "--out", str(data / "out")]
    assert main(["evaluate", *arguments]) == 1
    assert str(bad) in capsys.readouterr().err
    assert not list((data / "out").iterdir())
    [section] = evaluate(checkpoint, data, "--skip-bad")["data"]
    assert section["bad"]["count"] == 1
    assert str(bad) in section["bad"]["first"][0]
    assert section["frames"] == TRAIN + VALIDATION - 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--checkpoint", "carla99"], "there is no 'carla99' in the box"),
        (["--device", "cuda:99"], "device is cuda:99, but there"),
        (["--data", "/nowhere"], "/nowhere: no such folder"),
        (["--out", __file__], "is a file; --out needs a folder"),
    ],
)
def test_a_wrong_argument_gets_one_sentence_and_status_1(
    options: list[str],
    sentence: str,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--checkpoint", str(checkpoint), "--data", "town:0:1", "--out", str(tmp_path)]
    assert main(["evaluate", *arguments, *options]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_a_mapping_for_training_is_not_used_silently(checkpoint: Path, data: Path) -> None:
    [section] = evaluate(checkpoint, Path(f"{data},mapping=mine.yaml"))["data"]
    assert "mine.yaml is for training and not used here" in section["warnings"][-1]


def test_ctrl_c_leaves_an_earlier_report_as_it_was(tmp_path: Path) -> None:
    earlier = tmp_path / "report.json"
    earlier.write_text("earlier")
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "evaluate"]
    arguments = ["--checkpoint", "carla29-small", "--data", "town", "--out", str(tmp_path)]
    with subprocess.Popen(
        [*command, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        seen = b""
        while not re.search(rb"[1-9]\d*/1000", seen):
            seen += (read := process.stderr.read(1))
            assert read, seen
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, rest
    assert b"unet-seg: interrupted" in rest
    assert earlier.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [earlier]


def test_checkpoints_of_one_name_are_told_apart_by_their_folders(
    checkpoint: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = checkpoint.parent / "b" / checkpoint.name
    other.parent.mkdir()
    shutil.copyfile(checkpoint, other)
    report = evaluate(checkpoint, data, "--against", str(other), "--limit", "1")
    names = [item["name"] for item in report["checkpoints"]]
    assert names == [checkpoint.name, f"b/{checkpoint.name}"]
    assert f"{names[0][:20]:>20}  {names[1][:20]:>20}" in capsys.readouterr().out
