# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest
import torch

from unet_seg_ros.cli import export as export_command
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model import export
from unet_seg_ros.model.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
)
from unet_seg_ros.model.export import SUFFIXES, ExportError, export_network
from unet_seg_ros.model.unet import UNet, UNetConfig


@pytest.fixture
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    network = UNet(UNetConfig(classes=2, base_filters=4, levels=3))
    network.train()(torch.rand(2, 3, 32, 32))
    return Checkpoint(network, LabelSet.load("nuclei2"), input_size=(80, 60))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_export_agrees_with_the_original(
    checkpoint: Checkpoint, tmp_path: Path, suffix: str
) -> None:
    agreement = export_network(checkpoint, tmp_path / f"network{suffix}")
    assert os.listdir(tmp_path) == [f"network{suffix}"]
    is_half = suffix == ".safetensors"
    assert agreement.max_difference < (5e-2 if is_half else 1e-3)
    assert agreement.pixel_agreement >= (0.999 if is_half else 0.9999)


def test_a_checkpoint_in_half_the_bytes_is_one_like_any_other(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_checkpoint(whole, checkpoint)
    export_network(checkpoint, half)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    loaded = load_checkpoint(half)
    assert {value.dtype for value in loaded.model.parameters()} == {torch.float32}
    assert loaded.label_set == checkpoint.label_set


def test_onnx_takes_any_size_and_batch(checkpoint: Checkpoint, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    export_network(checkpoint, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    original = export.ExportableNetwork(checkpoint)
    for shape in [(1, 3, 1, 1), (3, 3, 64, 96), (1, 3, 37, 53)]:
        image = 255 * torch.rand(shape)
        (logits,) = session.run(None, {"image": image.numpy()})
        torch.testing.assert_close(torch.from_numpy(logits), original(image), rtol=1e-3, atol=1e-3)


def test_pt2_has_the_size_asked_for(checkpoint: Checkpoint, tmp_path: Path) -> None:
    export_network(checkpoint, tmp_path / "network.pt2", size=(48, 21))
    run = torch.export.load(tmp_path / "network.pt2").module()
    assert run(torch.rand(5, 3, 21, 48)).shape == (5, 2, 21, 48)


def test_an_export_that_computes_something_else_is_refused(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def brighter(network: export.ExportableNetwork, _: torch.Tensor, path: Path) -> export.Function:
        path.touch()
        return lambda image: network(image + 5)

    monkeypatch.setitem(export._FORMATS, ".ts", export._Format(brighter))
    with pytest.raises(ExportError, match="disagrees with the original on a 80x60 picture"):
        export_network(checkpoint, tmp_path / "network.ts")
    assert not list(tmp_path.iterdir())


def test_an_unknown_suffix_names_those_there_are(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"network\.tflite; end its name in \.onnx, \.pt2, \.ts"):
        export_network(checkpoint, tmp_path / "network.tflite")


def test_a_missing_folder_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no folder .*nowhere"):
        export_network(checkpoint, tmp_path / "nowhere" / "network.ts")


def test_onnx_without_onnx_runtime_says_what_to_install(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match="pip install onnxruntime"):
        export_network(checkpoint, tmp_path / "network.onnx")


def test_onnx_without_the_package_onnx_says_so(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime does without it, torch does not."""
    monkeypatch.setattr(
        export.importlib.util, "find_spec", lambda name: None if name == "onnx" else name
    )
    with pytest.raises(ExportError, match="writes ONNX with the package onnx: pip install onnx"):
        export_network(checkpoint, tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def run_command(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    export_command.add_parser(parser.add_subparsers())
    options = parser.parse_args(["export", *arguments])
    status: int = options.run(options)
    return status


def test_the_command_exports(
    checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "tiny.safetensors", tmp_path / "tiny.ts"
    save_checkpoint(source, checkpoint)
    assert run_command(str(source), str(target), "--size", "40x30") == 0
    assert target.exists()
    assert "100.00% of the pixels" in capsys.readouterr().out


def test_the_command_knows_the_checkpoints_in_the_box(tmp_path: Path) -> None:
    target = tmp_path / "small.safetensors"
    assert run_command("nuclei2", str(target), "--size", "64x64") == 0
    assert load_checkpoint(target).name == "nuclei2"


def test_the_command_needs_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        run_command(str(tmp_path / "none.safetensors"), str(tmp_path / "out.onnx"))
