# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from written_bags import write_drive

from unet_seg_ros.cli.main import main


@pytest.mark.parametrize("command", ["demo", "ego-mask", "train", "evaluate", "export"])
def test_every_command_explains_itself_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([command, "--help"])
    assert leaving.value.code == 0
    assert f"unet-seg {command}" in capsys.readouterr().out.partition("examples:")[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["demo", "--input", "/nowhere"], "/nowhere: no such folder or file"),
        (["demo", "--checkpoint", "carla99"], "there is no checkpoint at"),
        (["demo", "--checkpoint", "/no.safetensors"], "there is no checkpoint at /no.safetensors"),
        (["demo", "--rate", "0"], "--seconds and --rate must be above 0"),
        (["train", "--out", "run"], "nothing to learn from: give --data"),
        (["train", "--data", "/nowhere", "--out", "run"], "/nowhere: no such folder"),
        (["train", "--data", "town", "--out", "run", "--preset", "tiny"], "called 'tiny'; choose"),
        (["train", "--data", "town", "--out", "run", "--label-set", "carla99"], "carla99"),
        (["train", "--data", "town", "--out", "run", "--init", "other"], "no checkpoint at"),
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
