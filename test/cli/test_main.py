# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_pictures import ids, row, write_picture
from written_bags import write_drive

from unet_seg_ros import __version__
from unet_seg_ros.cli.main import main


@pytest.mark.parametrize("command", ["demo", "ego-mask", "train", "evaluate", "export"])
def test_every_command_explains_itself_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([command, "--help"])
    assert leaving.value.code == 0
    assert f"unet-seg {command}" in capsys.readouterr().out.partition("examples:")[2]


def test_the_command_knows_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert (leaving.value.code, capsys.readouterr().out) == (0, f"unet-seg {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["demo", "--input", "/nowhere"], "/nowhere: no such folder or file"),
        (["demo", "--checkpoint", "carla99"], "there is no 'carla99' in the box"),
        (["demo", "--checkpoint", "/no.safetensors"], "there is no checkpoint at /no.safetensors"),
        (["demo", "--rate", "0"], "--seconds and --rate must be above 0"),
        (["train", "--out", "run"], "nothing to learn from: give --data"),
        (["train", "--data", "/nowhere", "--out", "run"], "/nowhere: no such folder"),
        (["train", "--data", "town", "--out", "run", "--preset", "tiny"], "called 'tiny'; choose"),
        (["train", "--data", "town", "--out", "run", "--label-set", "carla99"], "carla99"),
        (["train", "--data", "town", "--out", "run", "--init", "other"], "no 'other' in the box"),
        (
            ["train", "--data", "town", "--out", "run", "--widen", "2"],
            "the one to start from, --init",
        ),
        (["train", "--resume", "/nowhere"], "/nowhere/run.json"),
        (["train", "--resume", "run", "--epochs", "9"], "--epochs: a training that is resumed"),
    ],
)
def test_a_wrong_argument_gets_one_sentence_and_status_1(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_the_demo_does_not_overwrite_what_is_not_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    assert main(["demo", "--output", str(tmp_path)]) == 1
    assert "is not the output of a demonstration" in capsys.readouterr().err


def test_a_closed_pipe_is_no_failure(tmp_path: Path) -> None:
    """As of `unet-seg ... | head`, where head has had enough."""
    write_drive(tmp_path / "drive")
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "bag", "repair", "--json"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [*command, str(tmp_path / "drive")],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "ipe" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["bag", "segment", "drive"],
        ["bag", "extract", "drive"],
        ["bag", "video", "drive"],
        ["segment", "picture.png"],
    ],
)
def test_output_that_cannot_be_written_is_said_before_the_work(
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_drive(tmp_path / "drive")
    cv2.imwrite("picture.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "file").write_text("no folder")
    assert main([*command, "file/out.mp4"]) == 1
    error = capsys.readouterr().err
    assert "file/out.mp4: cannot be written: " in error
    assert "Not a directory" in error


def write_strange(folder: Path) -> Path:
    """Return a data set with a picture whose name is no UTF-8, as archives from Windows have."""
    for side, pixels in (("images", row(2)), ("masks", ids(1, 2))):
        made = write_picture(folder / side / "street.png", pixels)
        made.rename(folder / side / os.fsdecode(b"stra\xdfe.png"))
    return folder


def run_as_people_do(*arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", *arguments]
    here = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(here), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=folder, capture_output=True, env=environment, check=False)


def test_a_name_that_is_no_utf_8_is_printed_escaped(tmp_path: Path) -> None:
    write_strange(tmp_path / "set")
    (tmp_path / "set" / "masks" / os.fsdecode(b"stra\xdfe.png")).write_bytes(b"no picture")
    done = run_as_people_do("data", "check", "set,label-set=carla29", folder=tmp_path)
    assert done.returncode == 1
    assert rb"masks/stra\udcdfe.png: not a picture" in done.stdout


def test_pictures_with_names_that_are_no_utf_8_are_segmented(tmp_path: Path) -> None:
    write_strange(tmp_path / "set")
    done = run_as_people_do("segment", "set/images", "out", "--outputs", "labels", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert os.listdir(os.fsencode(tmp_path / "out" / "labels")) == [b"stra\xdfe.png"]


def test_a_video_with_such_a_name_is_named_and_left_out(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"stra\xdfe.mp4")).write_bytes(b"")
    done = run_as_people_do("segment", os.fsdecode(b"stra\xdfe.mp4"), "out", folder=tmp_path)
    assert done.returncode == 1
    assert rb"unet-seg: stra\udcdfe.mp4: has a name that is no UTF-8" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    write_picture(tmp_path / "set" / "images" / "1.png", row(2))
    write_picture(tmp_path / "set" / "masks" / "1.png", ids(1, 2))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "unet_seg_ros.cli.main", "data", "check"]
    done = subprocess.run(
        [*command, "set,label-set=carla29"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0
    assert b"roken" not in done.stderr
