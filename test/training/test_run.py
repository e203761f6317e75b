# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whole trainings of a tiny network, as a library and as a process that is interrupted."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from unet_seg_ros.datasets.spec import DataSpec
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import load_checkpoint, save_checkpoint
from unet_seg_ros.model.encoder_unet import EncoderUNet
from unet_seg_ros.model.pretrained import NORMALIZATION
from unet_seg_ros.training import run as training
from unet_seg_ros.training.first_network import completed
from unet_seg_ros.training.loss import SegmentationLoss
from unet_seg_ros.training.recipe import Hardware, Recipe
from unet_seg_ros.training.run_folder import METRICS_FILE, RunFolderError, read_metrics
from unet_seg_ros.training.trainer import Optimization
from unet_seg_ros.weights import find_checkpoint

ROOT = Path(__file__).parents[2]
CPU = Hardware(accelerator="cpu", workers=0)
SIZE = (64, 48)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: for networks this small, more only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 60 pictures, bright discs on dark ground, with masks."""
    folder = tmp_path_factory.mktemp("discs")
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for number in range(60):
        mask = np.zeros(SIZE[::-1], np.uint8)
        cv2.circle(mask, tuple(map(int, random.integers(10, 40, 2))), 9, 1, cv2.FILLED)
        image = np.where(mask[..., None] > 0, [90, 180, 230], [40, 60, 50])
        image = np.clip(image + random.normal(0, 8, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{number:03}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{number:03}.png"), mask)
    return folder


def recipe(pictures: Path, steps: int = 8, **changes: object) -> Recipe:
    values = Recipe(
        data=(DataSpec(str(pictures), label_set="nuclei2", split="blocks"),),
        optimization=Optimization(steps=steps),
        label_set="nuclei2",
        crops=((48, 32),),
        batch_px=4 * 48 * 32,
        validate_every=4,
        variation="light",
    )
    return dataclasses.replace(values, **changes)  # type: ignore[arg-type]


def test_run_folder_holds_everything(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "discs"
    outcome = training.start(recipe(pictures, steps=40), CPU, out, "unet-seg train ...")
    assert outcome.step == 40
    names = {path.name for path in out.iterdir()}
    assert {"run.json", "metrics.csv", "curves.png", "samples"} <= names
    assert {"best.safetensors", "best.md", "last.safetensors"} <= names
    events = EventAccumulator(str(out), {"images": 0}).Reload()
    assert {"loss", "validation_miou", "pictures_per_s"} <= set(events.Tags()["scalars"])
    assert events.Images("samples")[0].step == 4
    assert "state.safetensors" not in names
    assert not any(name.startswith(".") for name in names)
    assert cv2.imread(str(out / "curves.png")) is not None
    assert cv2.imread(str(out / "samples" / "step_000004.png")) is not None

    run = json.loads((out / "run.json").read_text())
    assert Recipe.from_dict(run["recipe"]) == completed(recipe(pictures, steps=40), None)
    assert run["versions"]["torch"] == torch.__version__
    assert run["precision"] in ("bf16-mixed", "32-true")
    rows = read_metrics(out)
    assert [row["step"] for row in rows if "validation_miou" in row] == list(range(4, 41, 4))
    best = load_checkpoint(out / "best.safetensors")
    [figures] = best.metrics.values()
    assert outcome.scores is not None
    [score] = outcome.scores.values()
    assert figures == score.to_dict()
    # Discs that differ from the ground in every channel are easy.
    assert score.miou > 0.9
    card = (out / "best.md").read_text()
    assert "unet-seg train ..." in card
    assert f"mIoU {score.miou:.3f}" in card


def stop_at(step: int, asked: Recipe, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train until Ctrl-C at a step."""
    learn = training.Learner.learn

    def learn_and_interrupt(learner: training.Learner, *batch: torch.Tensor) -> torch.Tensor:
        loss = learn(learner, *batch)
        if learner.step == step:
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(training.Learner, "learn", learn_and_interrupt)
        outcome = training.start(asked, CPU, out, "")
    assert (outcome.step, outcome.scores) == (step, None)


@pytest.mark.parametrize("has_unlabelled", [False, True])
def test_resumed_run_equals_an_uninterrupted_one(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_unlabelled: bool
) -> None:
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    asked = recipe(pictures)
    if has_unlabelled:
        asked = recipe(pictures, unlabelled=(str(pictures / "images"),), confidence=0.5)
    training.start(asked, CPU, straight, "")

    # Named as from the folder that it began in, and resumed in another.
    monkeypatch.chdir(pictures.parent)
    [spec] = asked.data
    near = dataclasses.replace(asked, data=(dataclasses.replace(spec, path=pictures.name),))
    stop_at(5, near, stopped, monkeypatch)
    monkeypatch.chdir(tmp_path)
    outcome = training.resume(stopped)
    assert outcome.step == 8

    one, other = (load_file(folder / "last.safetensors") for folder in (straight, stopped))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
    # Rows of a validation have nothing in the columns of the steps.
    scores = [
        [row for row in (folder / METRICS_FILE).read_text().splitlines() if ",,,," in row]
        for folder in (straight, stopped)
    ]
    assert len(scores[0]) == 2
    assert scores[0] == scores[1]


def kill_at_the_end(asked: Recipe, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train until the best checkpoint has its last score, and no further."""

    def kill(*_: object) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(training.RunFolder, "write_card", kill)
        with pytest.raises(SystemExit):
            training.start(asked, CPU, out, "")


@pytest.mark.parametrize("label_set", ["nuclei2", ""])
def test_weights_are_blended_and_biases_fitted_once_however_often_a_training_ends(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label_set: str
) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    asked = recipe(pictures, fit_biases=True, start="nuclei2", blend=0.5, label_set=label_set)
    training.start(asked, CPU, straight, "")
    kill_at_the_end(asked, killed, monkeypatch)
    training.resume(killed)
    one, other = (load_checkpoint(run / "best.safetensors") for run in (straight, killed))
    assert one.data["biases"].startswith("fitted on")
    assert one.data["weights"].startswith("blended: 0.5")
    assert one.data == other.data
    expected = one.model.state_dict()
    for name, tensor in other.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def rename_a_picture(data: Path) -> None:
    for name in ("images", "masks"):
        (data / name / "007.png").rename(data / name / "007b.png")


def redraw_a_mask(data: Path) -> None:
    mask = cv2.imread(str(data / "masks" / "007.png"), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    mask[0] = 1 - mask[0]
    cv2.imwrite(str(data / "masks" / "007.png"), mask)


def map_otherwise(data: Path) -> None:
    text = MAPPING.replace("background: background", "background: ignore")
    (data / "mapping.yaml").write_text(text)


def rename_an_unlabelled_picture(data: Path) -> None:
    (data / "more" / "000.png").rename(data / "more" / "000b.png")


def take_another_teacher(data: Path) -> None:
    path = data / "teacher.safetensors"
    save_checkpoint(path, dataclasses.replace(load_checkpoint(path), name="another"))


MAPPING = "source: nuclei2\nnetwork: nuclei2\nlabels: {background: background, nucleus: nucleus}\n"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (rename_a_picture, "discs"),
        (redraw_a_mask, "discs"),
        (map_otherwise, "discs"),
        (rename_an_unlabelled_picture, "more"),
        (take_another_teacher, ".*/teacher.safetensors"),
    ],
)
def test_a_training_whose_data_changed_is_not_resumed(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    name: str,
) -> None:
    data, out = tmp_path / "discs", tmp_path / "run"
    shutil.copytree(pictures, data)
    (data / "more").mkdir()
    shutil.copy(data / "images" / "000.png", data / "more")
    shutil.copy(find_checkpoint("nuclei2"), data / "teacher.safetensors")
    (data / "mapping.yaml").write_text(MAPPING)
    mapping = str(data / "mapping.yaml")
    spec = DataSpec(str(data), label_set="nuclei2", split="blocks", mapping=mapping)
    asked = recipe(
        pictures,
        data=(spec,),
        unlabelled=(str(data / "more"),),
        teacher=str(data / "teacher.safetensors"),
    )
    stop_at(1, asked, out, monkeypatch)
    change(data)
    with pytest.raises(RunFolderError, match=f"^{name}: is not .* in {out} began.*with --out$"):
        training.resume(out)
    # What began before digests were noted goes on.
    run = json.loads((out / "run.json").read_text())
    del run["digests"]
    (out / "run.json").write_text(json.dumps(run))
    assert training.resume(out).step == 8


def test_pictures_without_labels_are_learnt_from_and_named(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    asked = recipe(
        pictures,
        40,
        unlabelled=(str(pictures / "images"),),
        unlabelled_share=1.0,
        validate_every=10,
    )
    training.start(asked, CPU, run, "")
    sure = {row["step"]: row["teacher_sure"] for row in read_metrics(run) if "teacher_sure" in row}
    # Not before a quarter: an untrained network is sure of what is wrong.
    assert list(sure) == [20, 30, 40]
    assert all(0 < share < 1 for share in sure.values())
    said = "60 pictures without labels, labelled by the network itself where it was sure"
    assert said in (run / "best.md").read_text()
    assert json.loads((run / "run.json").read_text())["data"]["images"] == said


def test_a_teacher_says_what_labels_leave_open(pictures: Path, tmp_path: Path) -> None:
    """The pupil's labels know an eighth of each picture, and the teacher is asked for the rest."""
    training.start(recipe(pictures, 4), CPU, tmp_path / "teacher", "")
    teacher = str(tmp_path / "teacher" / "best.safetensors")
    (tmp_path / "partly" / "images").mkdir(parents=True)
    (tmp_path / "partly" / "masks").mkdir()
    for path in sorted((pictures / "images").iterdir()):
        (tmp_path / "partly" / "images" / path.name).symlink_to(path)
        mask = cv2.imread(str(pictures / "masks" / path.name), cv2.IMREAD_GRAYSCALE)
        assert mask is not None
        mask[:, 8:] = 255
        cv2.imwrite(str(tmp_path / "partly" / "masks" / path.name), mask)
    learnt_from = DataSpec(str(tmp_path / "partly"), label_set="nuclei2", split="train")
    measured_on = DataSpec(str(pictures), label_set="nuclei2", split="validate")
    data = (learnt_from, measured_on)
    pupil = recipe(pictures, 4, data=data, teacher=teacher, confidence=0.0)
    training.start(pupil, CPU, tmp_path / "pupil", "")
    rows = read_metrics(tmp_path / "pupil")
    assert [row["teacher_sure"] for row in rows if "teacher_sure" in row] == [1.0]
    card = (tmp_path / "pupil" / "best.md").read_text()
    assert "what labels leave open: labelled by teacher" in card
    assert "the teacher: teacher saw" in card


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"teacher": "carla29-small"}, "--teacher carla29-small: has the classes of 'carla29'"),
        ({"unlabelled": ("nowhere",)}, "--unlabelled nowhere: .*/nowhere: no such folder"),
        ({"confidence": 1.5}, "--confidence 1.5: give a probability"),
        ({"unlabelled_share": 0.0}, "--unlabelled-share 0.0: give a number above 0"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    pictures: Path, tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        training.start(recipe(pictures, **changes), CPU, tmp_path / "run", "")  # type: ignore[arg-type]


def test_labels_of_one_class_alone_are_refused(pictures: Path, tmp_path: Path) -> None:
    text = MAPPING.replace("background: background", "background: ignore")
    (tmp_path / "mapping.yaml").write_text(text)
    spec = DataSpec(str(pictures), label_set="nuclei2", mapping=str(tmp_path / "mapping.yaml"))
    with pytest.raises(ValueError, match=r"there is nothing to learn: .* is Nucleus; look"):
        training.start(recipe(pictures, data=(spec,)), CPU, tmp_path / "run", "")


def test_a_training_that_diverges_says_so_and_keeps_the_last_good_state(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = training.Learner.learn

    def learn_and_spoil(learner: training.Learner, *batch: torch.Tensor) -> torch.Tensor:
        loss = learn(learner, *batch)
        if learner.step == 6:
            with torch.no_grad():
                next(iter(learner._network.parameters())).mul_(float("inf"))
        return loss

    monkeypatch.setattr(training.Learner, "learn", learn_and_spoil)
    out = tmp_path / "run"
    with pytest.raises(
        ValueError, match=r"diverged: at step 7 the loss is nan; .* than 0.003"
    ) as no:
        training.start(recipe(pictures), CPU, out, "")
    assert f"{out}/last.safetensors is what it was at step 4" in str(no.value)
    for name in ("last", "state"):
        kept = load_file(out / f"{name}.safetensors").values()
        assert all(bool(tensor.isfinite().all()) for tensor in kept)


def test_weights_that_are_no_numbers_are_not_kept(pictures: Path, tmp_path: Path) -> None:
    huge = recipe(pictures, preset="coursera", optimization=Optimization(4, 1e30, warm_up=0.0))
    with pytest.raises(ValueError, match=r"diverged: at step . .*nothing was kept"):
        training.start(huge, CPU, tmp_path / "run", "")
    assert not (tmp_path / "run" / "state.safetensors").exists()


def test_complete_run_cannot_be_resumed(pictures: Path, tmp_path: Path) -> None:
    training.start(recipe(pictures, steps=4), CPU, tmp_path / "run", "")
    with pytest.raises(RunFolderError, match="is complete"):
        training.resume(tmp_path / "run")


def test_a_folder_that_cannot_be_written_is_said_before_pictures_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / "file" / "run"
    with pytest.raises(OSError, match=r"run: cannot be written: .*Not a directory"):
        training.start(recipe(tmp_path / "no data"), CPU, out, "")


def test_used_folder_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="not empty"):
        training.start(recipe(pictures), CPU, tmp_path, "")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_patience_ends_a_training_that_learns_nothing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without batch norm, whose statistics change at any learning rate.
    idle = recipe(pictures, preset="coursera", patience=2, optimization=Optimization(400, 0.0))
    kill_at_the_end(idle, tmp_path / "run", monkeypatch)
    outcome = training.resume(tmp_path / "run")
    assert outcome.step == 4 * 3


def test_validations_without_a_score_keep_the_newest_until_one_has_a_score() -> None:
    standing = training.Standing()
    scores = (float("nan"), float("nan"), 0.2, float("nan"), 0.1, 0.3)
    assert [standing.update(score) for score in scores] == [True, True, True, False, False, True]
    assert standing.best_miou == 0.3


def test_a_data_set_without_a_score_leaves_the_others_theirs() -> None:
    assert training._mean([0.2, float("nan"), 0.4]) == pytest.approx(0.3)
    assert math.isnan(training._mean([float("nan")]))


def test_a_wider_network_starts_from_what_a_narrow_one_learnt(
    pictures: Path, tmp_path: Path
) -> None:
    narrow, wide = tmp_path / "narrow", tmp_path / "wide"
    training.start(recipe(pictures, steps=4), CPU, narrow, "")
    start = str(narrow / "best.safetensors")
    idle = recipe(pictures, start=start, widen=2, optimization=Optimization(1, 0.0))
    training.start(idle, CPU, wide, "")
    first, second = (load_checkpoint(run / "best.safetensors") for run in (narrow, wide))
    assert second.model.config.base_filters == 2 * first.model.config.base_filters
    assert second.metrics["discs0"]["miou"] == pytest.approx(
        first.metrics["discs0"]["miou"], abs=0.1
    )


def test_a_network_with_an_encoder_is_trained_and_started_from(
    pictures: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with_encoder = recipe(
        pictures, steps=2, encoder="efficientnet-lite0", decoder=(8, 8, 8, 8), freeze_norm=True
    )
    training.start(with_encoder, CPU, first, "")
    run = json.loads((first / "run.json").read_text())
    assert Recipe.from_dict(run["recipe"]) == completed(with_encoder, None)
    trained = load_checkpoint(first / "best.safetensors")
    assert trained.normalization == NORMALIZATION
    assert "A U-Net over efficientnet-lite0" in (first / "best.md").read_text()
    untouched = EncoderUNet(trained.model.config).encoder.stem.bn0.running_mean
    assert torch.equal(trained.model.encoder.stem.bn0.running_mean, untouched)

    start = str(first / "best.safetensors")
    idle = recipe(pictures, start=start, optimization=Optimization(1, 0.0), freeze_norm=True)
    training.start(idle, CPU, second, "")
    again = load_checkpoint(second / "best.safetensors")
    assert again.normalization == NORMALIZATION
    assert torch.equal(
        again.model.encoder.stem.conv_stem.weight, trained.model.encoder.stem.conv_stem.weight
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"encoder": "resnet"}, "no encoder is called 'resnet'"),
        ({"encoder": "efficientnet-lite0", "encoder_weights": "none.pth"}, "none.pth cannot be"),
        ({"encoder_weights": "imagenet"}, "belong to a network with --encoder"),
        ({"decoder": (8, 8, 8)}, "belong to a network with --encoder"),
        ({"decoder": (8, 8, 8), "start": "nuclei2"}, "nuclei2 has none"),
        ({"blend": 0.5}, "--blend is with the weights of --init"),
        ({"blend": 1.5, "start": "nuclei2"}, "--blend must be more than 0"),
        ({"blend": 0.5, "start": "nuclei2", "widen": 2}, "which --widen changes"),
        ({"blend": 0.5, "start": "camvid11"}, "camvid11 has other classes"),
        ({"freeze_norm": True}, "--freeze-norm is for networks with an encoder"),
        ({"encoder": "efficientnet-lite0", "start": "nuclei2"}, "give one"),
    ],
)
def test_a_network_that_contradicts_itself_is_refused(
    pictures: Path, tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        training.start(recipe(pictures, **changes), CPU, tmp_path / "run", "")


def test_a_network_has_the_classes_that_it_starts_with(pictures: Path, tmp_path: Path) -> None:
    training.start(recipe(pictures, 1, start="nuclei2", label_set=""), CPU, tmp_path / "run", "")
    trained = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert trained.label_set == LabelSet.load("nuclei2")


def test_it_sees_frames_as_the_one_that_it_starts_with(pictures: Path, tmp_path: Path) -> None:
    first = recipe(pictures, 1, input_size=(200, 150), enlarge=True)
    training.start(first, CPU, tmp_path / "first", "")
    last = str(tmp_path / "first" / "last.safetensors")
    for asked, expected in (
        ({"enlarge": None}, ((200, 150), True)),
        ({"input_size": (100, 75), "enlarge": False}, ((100, 75), False)),
    ):
        again = dataclasses.replace(recipe(pictures, 1, start=last), input_size=None)
        out = tmp_path / str(expected)
        training.start(dataclasses.replace(again, **asked), CPU, out, "")
        trained = load_checkpoint(out / "last.safetensors")
        assert (trained.input_size, trained.enlarge) == expected


def test_or_has_other_classes_that_are_asked_for(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recipe(pictures, start="carla29-small", optimization=Optimization(1, 0.0))
    training.start(run, CPU, tmp_path / "run", "")
    said = capsys.readouterr().err
    assert "carla29-small: learnt from nothing: Background, Nucleus" in said
    trained = load_checkpoint(tmp_path / "run" / "last.safetensors")
    before = load_checkpoint(find_checkpoint("carla29-small"))
    assert trained.label_set == LabelSet.load("nuclei2")
    assert trained.model.config.classes == 2
    assert torch.equal(trained.model.up[0].weight, before.model.up[0].weight)


def test_a_share_of_what_was_learnt_is_kept(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    training.start(recipe(pictures, 4, start="nuclei2", blend=0.25), CPU, out, "")
    start, last, best = (
        load_checkpoint(path).model.state_dict()
        for path in (find_checkpoint("nuclei2"), out / "last.safetensors", out / "best.safetensors")
    )
    for name, tensor in best.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, 0.75 * start[name] + 0.25 * last[name])
    assert not torch.equal(last["head.weight"], start["head.weight"])
    assert "blended: 0.25 of what was learnt" in (out / "best.md").read_text()


def test_another_decoder_over_what_a_checkpoint_knows(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = Optimization(1, 0.0)
    run = recipe(
        pictures, start="camvid11", label_set="nuclei2", optimization=idle, decoder=(64, 48, 32)
    )
    training.start(run, CPU, tmp_path / "run", "")
    trained = load_checkpoint(tmp_path / "run" / "last.safetensors").model
    assert isinstance(trained, EncoderUNet)
    assert trained.config.decoder == (64, 48, 32)
    before = load_checkpoint(find_checkpoint("camvid11")).model
    assert torch.equal(trained.up[2].weight, before.up[2].weight)
    assert "camvid11: learnt from nothing: Background, Nucleus" in capsys.readouterr().err


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "unet_seg_ros.cli.main", "train", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.timeout(300)
def test_ctrl_c_says_how_to_resume(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        command(
            *("--data", f"{pictures},label-set=nuclei2,split=blocks", "--label-set", "nuclei2"),
            *("--crop", "48x32", "--batch-px", 6144, "--steps", 100_000, "--out", out),
            *("--validate-every", 5, "--accelerator", "cpu"),
        ),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    # The bar names the score once a validation has been.
    seen = ""
    while "mIoU 0." not in seen:
        seen = seen[-200:] + process.stderr.read(1)
        assert process.poll() is None, process.stderr.read()
    # As a terminal does it: to the readers' processes as well.
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"unet-seg train --resume {out}" in output
    assert "Traceback" not in errors
    assert (out / "state.safetensors").is_file()


@pytest.mark.timeout(300)
def test_two_devices_learn_together(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = subprocess.run(
        command(
            *("--data", f"{pictures},label-set=nuclei2,split=blocks", "--label-set", "nuclei2"),
            *("--crop", "48x32", "--batch-px", 6144, "--steps", 6, "--out", out),
            *("--validate-every", 3, "--accelerator", "cpu", "--devices", 2, "--strategy", "ddp"),
            *("--workers", 0),
        ),
        env={**environment(), "MASTER_ADDR": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pictures held apart") == 1
    assert json.loads((out / "run.json").read_text())["world_size"] == 2
    assert load_checkpoint(out / "best.safetensors").metrics


def test_pictures_may_be_seen_larger_while_learning(pictures: Path, tmp_path: Path) -> None:
    small = recipe(pictures, steps=4, input_size=(24, 24))
    with pytest.raises(ValueError, match="crop"):
        training.start(small, CPU, tmp_path / "refused", "")
    larger = dataclasses.replace(small, learn_at=SIZE)
    assert Recipe.from_dict(json.loads(json.dumps(larger.to_dict()))) == larger
    training.start(larger, CPU, tmp_path / "run", "")
    assert load_checkpoint(tmp_path / "run" / "best.safetensors").input_size == (24, 24)


def test_thin_parts_count_for_more_where_people_labelled_them(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int | None]] = []
    plain = SegmentationLoss.forward

    def noted(
        self: SegmentationLoss, logits: Tensor, rows: Tensor, labelled: int | None = None
    ) -> Tensor:
        seen.append((len(rows), labelled))
        return plain(self, logits, rows, labelled)

    monkeypatch.setattr(SegmentationLoss, "forward", noted)
    images = (str(pictures / "images"),)
    asked = recipe(pictures, 4, unlabelled=images, unlabelled_share=0.5, thin=4.0)
    training.start(asked, CPU, tmp_path / "run", "")
    # Guesses come after a quarter of the steps.
    assert seen == [(4, None), (6, 4), (6, 4), (6, 4)]


def test_a_folder_that_is_learnt_from_twice_is_named_with_both(
    pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    training.start(recipe(pictures, 2, unlabelled=(str(pictures),) * 2), CPU, run, "")
    name = pictures.name
    said = json.loads((run / "run.json").read_text())["data"][name]
    labelled, _, guessed = said.partition(f"; {name}: ")
    assert labelled.startswith("38 pictures to train on, 12 held apart")
    assert guessed.startswith("120 pictures without labels, labelled by the network itself")
