# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model import checkpoint as module
from unet_seg_ros.model.checkpoint import (
    Checkpoint,
    CheckpointError,
    Normalization,
    load_checkpoint,
    save_checkpoint,
)
from unet_seg_ros.model.unet import UNet, UNetConfig

Document = dict[str, Any]


@pytest.fixture
def checkpoint() -> Checkpoint:
    label_set = LabelSet.load("nuclei2")
    torch.manual_seed(0)
    network = UNet(UNetConfig(classes=len(label_set), base_filters=4, levels=2))
    # Running statistics that differ from their initial values.
    network.train()(torch.rand(2, 3, 16, 16))
    return Checkpoint(
        model=network,
        label_set=label_set,
        input_size=(400, 300),
        normalization=Normalization((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)),
        metrics={"miou": 0.75, "per_class_iou": {"nucleus": 0.7}},
        data={"sources": ["nuclei"]},
        name="tiny",
    )


@pytest.fixture
def path(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, checkpoint)
    return path


def rewrite(path: Path, change: Callable[[Document, dict[str, torch.Tensor]], None]) -> None:
    """Write the checkpoint anew with a changed document and tensors, and a right checksum."""
    with safetensors.safe_open(path, "pt") as file:
        document = json.loads(file.metadata()["unet_seg_ros"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(document, tensors)
    text = json.dumps(document)
    metadata = {"unet_seg_ros": text, "sha256": module._checksum(text, tensors)}
    path.write_bytes(safetensors.torch.save(tensors, metadata))


def test_everything_comes_back(checkpoint: Checkpoint, path: Path) -> None:
    loaded = load_checkpoint(path)
    assert loaded.label_set == checkpoint.label_set
    assert loaded.input_size == (400, 300)
    assert loaded.normalization == checkpoint.normalization
    assert loaded.metrics == checkpoint.metrics
    assert loaded.data == checkpoint.data
    assert loaded.name == "tiny"
    assert loaded.model.config == checkpoint.model.config
    assert not loaded.model.training
    picture = torch.rand(1, 3, 30, 20)
    torch.testing.assert_close(
        loaded.model(picture), checkpoint.model.eval()(picture), rtol=0, atol=0
    )


def test_that_frames_are_enlarged_is_told_in_a_version_that_older_readers_refuse(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    versions = {}
    for enlarge in (False, True):
        path = tmp_path / f"{enlarge}.safetensors"
        save_checkpoint(path, dataclasses.replace(checkpoint, enlarge=enlarge))
        assert load_checkpoint(path).enlarge == enlarge
        with safetensors.safe_open(path, framework="pt") as file:
            versions[enlarge] = json.loads(file.metadata()["unet_seg_ros"])["format_version"]
    assert versions == {False: 1, True: 3}


def test_a_loaded_network_can_be_trained_on(path: Path) -> None:
    network = load_checkpoint(path).model.train()
    network(torch.rand(1, 3, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_file_is_readable_by_others_and_nothing_is_left_beside_it(path: Path) -> None:
    assert os.listdir(path.parent) == [path.name]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failed_save_leaves_the_old_file_and_no_other(
    checkpoint: Checkpoint, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, checkpoint)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_values_that_json_cannot_hold_are_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.metrics["miou"] = torch.tensor(0.5)
    with pytest.raises(ValueError, match="metrics and data must be plain values"):
        save_checkpoint(tmp_path / "new.safetensors", checkpoint)
    assert not list(tmp_path.iterdir())


def test_a_label_set_of_another_length_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.label_set = LabelSet.load("camvid11")
    with pytest.raises(ValueError, match="11 classes and its network 2"):
        save_checkpoint(tmp_path / "new.safetensors", checkpoint)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*none\.safetensors; check"):
        load_checkpoint(tmp_path / "none.safetensors")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path))):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("length", [0, 3, 8, 100, 2000, -1])
def test_a_truncated_file_is_refused(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors .*(damaged|beginning).*again"):
        load_checkpoint(path)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 0.9, 1.0])
def test_a_single_flipped_bit_is_noticed(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[round(share * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors"):
        load_checkpoint(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match=r"foreign\.safetensors is a safetensors file, but"):
        load_checkpoint(path)


class _Trap:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("pickle-was-run",)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.safetensors"])
def test_a_pickle_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for write in (
        lambda: torch.save(_Trap(), name),
        lambda: Path(name).write_bytes(pickle.dumps(_Trap())),
    ):
        write()
        with pytest.raises(CheckpointError, match=rf"{name} is a pickle.*never opened"):
            load_checkpoint(name)
    assert os.listdir() == [name]


def test_a_newer_format_version_says_what_to_update(path: Path) -> None:
    rewrite(path, lambda document, _: document.update(format_version=4))
    with pytest.raises(CheckpointError, match=r"format version 4 .* reads up to 3; update"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format_version": None}, "does not state its format version"),
        ({"format_version": "1"}, "does not state its format version"),
        ({"network": {"classes": 2, "base_filters": 10**9}}, "base_filters must be"),
        ({"network": {"classes": 2, "levels": 60}}, "levels must be"),
        ({"network": [1]}, "network in its metadata must be a mapping"),
        ({"network": {"classes": 2, "base_filters": 8, "levels": 2}}, "do not fit"),
        ({"network": {"classes": 2, "base_filters": 4, "levels": 3}}, "do not fit"),
        ({"network": {"classes": 7, "base_filters": 4, "levels": 2}}, "2 classes and its network"),
        ({"label_set": {"name": "x"}}, "label set"),
        ({"label_set": None}, "label set"),
        ({"input_size": [400]}, "input_size"),
        ({"input_size": [400, 10**9]}, "input_size"),
        ({"input_size": [400, 0]}, "input_size"),
        ({"input_size": [400.5, 300]}, "input_size"),
        ({"input_size": "40"}, "input_size"),
        ({"normalization": {"mean": [0, 0, 0], "std": [1, 0, 1]}}, "std"),
        ({"normalization": {"mean": [0, 0, 0], "std": [1, float("nan"), 1]}}, "std"),
        ({"normalization": {"mean": [0, 0], "std": [1, 1, 1]}}, "mean"),
        ({"normalization": {}}, "mean"),
        ({"metrics": 3}, "metrics"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(
    path: Path, change: Document, complaint: str
) -> None:
    rewrite(path, lambda document, _: document.update(change))
    with pytest.raises(CheckpointError, match=rf"tiny\.safetensors cannot be used: .*{complaint}"):
        load_checkpoint(path)


@pytest.mark.parametrize("part", ["network", "label_set", "input_size", "normalization"])
def test_missing_metadata_is_named(path: Path, part: str) -> None:
    rewrite(path, lambda document, _: document.pop(part))
    with pytest.raises(CheckpointError, match=f"lacks {part}"):
        load_checkpoint(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_a_document_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.safetensors"
    metadata = {"unet_seg_ros": text, "sha256": ""}
    path.write_bytes(safetensors.torch.save({"weight": torch.zeros(1)}, metadata))
    with pytest.raises(CheckpointError, match=r"odd\.safetensors cannot be used"):
        load_checkpoint(path)


def test_tensors_of_another_type_are_refused(path: Path) -> None:
    def halve(_: Document, tensors: dict[str, torch.Tensor]) -> None:
        tensors["head.bias"] = tensors["head.bias"].half()

    rewrite(path, halve)
    with pytest.raises(CheckpointError, match=r"head\.bias is F16 .* where F32"):
        load_checkpoint(path)


def test_tensors_too_many_are_refused(path: Path) -> None:
    rewrite(path, lambda _, tensors: tensors.update(extra=torch.zeros(1)))
    with pytest.raises(CheckpointError, match="extra is unexpected"):
        load_checkpoint(path)


def test_a_header_of_absurd_length_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.write((90_000_000).to_bytes(8, "little"))
        file.truncate(100_000_000)
    with pytest.raises(CheckpointError, match="header of 90000000 bytes"):
        load_checkpoint(path)
