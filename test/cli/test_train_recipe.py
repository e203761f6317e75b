# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`unet-seg train --recipe` with a tiny network and pictures that teach it nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from unet_seg_ros.cli.main import main
from unet_seg_ros.model.checkpoint import load_checkpoint
from unet_seg_ros.training import run as training

RECIPE = """\
data:
  squares: "{data}/squares,label-set=nuclei2,split=random"
options:
  label-set: nuclei2
  input-size: 32x32
  crop: 32x32
  batch-px: 2048
  validate-every: 2
stages:
  - {steps: 4}
  - {steps: 4, fit-biases: true}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with ten pictures and a recipe."""
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / "squares" / name).mkdir(parents=True)
    for number in range(10):
        mask = np.zeros((32, 32), np.uint8)
        mask[number : number + 12, 4:20] = 1
        image = random.integers(0, 90, (32, 32, 3)) + 120 * mask[..., None]
        cv2.imwrite(str(tmp_path / "squares" / "images" / f"{number}.png"), image)
        cv2.imwrite(str(tmp_path / "squares" / "masks" / f"{number}.png"), mask)
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path


def train(files: Path, out: str, *arguments: str) -> int:
    recipe = ["--recipe", str(files / "tiny.yaml"), "--data-root", str(files)]
    where = ["--out", str(files / out), "--workers", "0", "--accelerator", "cpu"]
    return main(["train", *recipe, *where, *arguments])


def test_an_interrupted_recipe_goes_on_where_it_stopped(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(files, "straight") == 0

    learn, steps = training.Learner.learn, []

    def learn_and_interrupt(learner: training.Learner, *batch: torch.Tensor) -> torch.Tensor:
        loss = learn(learner, *batch)
        steps.append(learner.step)
        if len(steps) in (3, 7):
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(training.Learner, "learn", learn_and_interrupt)
    capsys.readouterr()
    assert train(files, "stopped") == 130
    assert "stopped after step 3; go on with: the same command" in capsys.readouterr().out
    assert train(files, "stopped") == 130
    assert train(files, "stopped") == 0
    # No step was done twice: four of each stage.
    assert steps == [1, 2, 3, 4, 1, 2, 3, 4]
    assert train(files, "stopped") == 0
    assert "is trained already" in capsys.readouterr().out
    one, other = (
        load_file(files / out / "tiny" / "best.safetensors") for out in ("straight", "stopped")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)

    run = json.loads((files / "stopped" / "tiny" / "run.json").read_text())
    assert run["recipe"]["start"] == str(files / "stopped" / "tiny_1" / "best.safetensors")
    checkpoint = load_checkpoint(files / "stopped" / "tiny" / "best.safetensors")
    assert checkpoint.name == "tiny"
    assert "fitted on pictures learnt from" in checkpoint.data["biases"]


def test_a_stage_that_was_killed_early_begins_anew(files: Path) -> None:
    (files / "out" / "tiny_1").mkdir(parents=True)
    (files / "out" / "tiny_1" / "run.json").write_text("{}")
    assert train(files, "out") == 0


def test_a_stage_that_was_another_when_it_was_trained_is_not_taken_for_this_one(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(files, "out") == 0
    recipe = (files / "tiny.yaml").read_text()
    (files / "tiny.yaml").write_text(recipe + "  - {steps: 4, validate-every: 4, blend: 0.5}\n")
    assert train(files, "out") == 1
    assert "out/tiny: was trained otherwise than" in capsys.readouterr().err
    (files / "out" / "tiny").rename(files / "out" / "tiny_2")
    assert train(files, "out") == 0
    blended = load_checkpoint(files / "out" / "tiny" / "best.safetensors").data["weights"]
    assert blended == "blended: 0.5 of what was learnt, the rest as before that"


@pytest.mark.parametrize(
    ("is_stopped", "entry", "today"),
    [
        (False, "split=random", "split=random,share=2"),
        (False, "{data}/squares", "{data}/moved/others"),
        (True, "split=random", "split=random,without=3"),
    ],
)
def test_nor_is_one_that_learnt_from_other_data(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_stopped: bool,
    entry: str,
    today: str,
) -> None:
    shutil.copytree(files / "squares", files / "moved" / "others")
    learn = training.Learner.learn

    def learn_and_interrupt(learner: training.Learner, *batch: torch.Tensor) -> torch.Tensor:
        os.kill(os.getpid(), signal.SIGINT)
        return learn(learner, *batch)

    if is_stopped:  # before the first validation
        monkeypatch.setattr(training.Learner, "learn", learn_and_interrupt)
    assert train(files, "out") == (130 if is_stopped else 0)
    (files / "tiny.yaml").write_text(RECIPE.replace(entry, today))
    assert train(files, "out") == 1
    assert "out/tiny_1: was trained otherwise than" in capsys.readouterr().err


def test_nor_is_one_that_learnt_from_what_is_left_out_now(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(files / "squares", files / "others")
    more = '  others: "{data}/others,label-set=nuclei2,split=train"\n'
    more += 'unlabelled:\n  drive: "{data}/squares/images"\noptions:'
    (files / "tiny.yaml").write_text(RECIPE.replace("options:", more, 1))
    assert train(files, "out") == 0
    for name in ("others", "drive"):
        assert train(files, "out", "--without", name) == 1
        assert "out/tiny_1: was trained otherwise than" in capsys.readouterr().err
    assert train(files, "out") == 0


def test_data_that_has_moved_is_the_same(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(files, "out") == 0
    (files / "elsewhere").mkdir()
    (files / "squares").rename(files / "elsewhere" / "squares")
    assert train(files, "out", "--data-root", str(files / "elsewhere")) == 0
    assert "is trained already" in capsys.readouterr().out


def test_a_stage_of_before_frames_could_be_enlarged_is_taken_as_it_is(files: Path) -> None:
    recipe = (files / "tiny.yaml").read_text()
    (files / "tiny.yaml").write_text(recipe.replace("  input-size: 32x32\n", ""))
    assert train(files, "out") == 0
    for described in (files / "out").glob("*/run.json"):
        run = json.loads(described.read_text())
        assert run["recipe"].pop("enlarge") is False
        assert run["recipe"]["input_size"] == [400, 300]
        assert run["recipe"]["data"][0]["enlarge"] is None
        run["recipe"]["data"][0]["enlarge"] = 1.0  # which was the default
        described.write_text(json.dumps(run))
    assert train(files, "out") == 0


def test_a_stage_may_take_back_what_all_have(files: Path) -> None:
    recipe = (files / "tiny.yaml").read_text()
    recipe = recipe.replace("options:\n", "options:\n  enlarge: true\n  fit-biases: true\n")
    taken_back = "{steps: 4, enlarge: false, fit-biases: false}"
    (files / "tiny.yaml").write_text(f"{recipe}  - {taken_back}\n")
    assert train(files, "out") == 0
    recipes = [
        json.loads((files / "out" / stage / "run.json").read_text())["recipe"]
        for stage in ("tiny_1", "tiny_2", "tiny")
    ]
    assert [recipe["enlarge"] for recipe in recipes] == [True, True, False]
    assert [recipe["fit_biases"] for recipe in recipes] == [True, True, False]


def test_options_of_the_recipe_are_refused_on_the_command_line(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(files, "out", "--steps", "7") == 1
    assert "--steps: with --recipe the file says what to learn" in capsys.readouterr().err
    assert train(files, "out", "--devices", "2") == 1
    assert "run on one device" in capsys.readouterr().err


def test_a_stage_that_cannot_be_taken_is_told_before_anything_is_learnt(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "tiny.yaml").write_text(RECIPE + "  - {steps: many}\n")
    assert train(files, "out") == 1
    said = capsys.readouterr().err
    assert "argument --steps: 'many' is not a whole number" in said
    assert "stage 3 has an option that cannot be taken" in said
    assert not (files / "out").exists()
