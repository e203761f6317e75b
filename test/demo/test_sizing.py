# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import pytest
import torch

from unet_seg_ros.demo.sizing import affordable_input_size
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from unet_seg_ros.model.unet import UNet, UNetConfig


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    labels = LabelSet.load("nuclei2")
    model = UNet(UNetConfig(classes=len(labels), base_filters=2, levels=2))
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_checkpoint(path, Checkpoint(model, labels, input_size=(160, 120), name="tiny"))
    return path


def test_a_slow_camera_gets_the_networks_own_size(checkpoint: Path) -> None:
    size, frame_ms = affordable_input_size(checkpoint, "cpu", (320, 240), rate_hz=0.01)
    assert size == (160, 120)
    assert frame_ms > 0


def test_a_camera_faster_than_the_machine_gets_the_smallest_size(checkpoint: Path) -> None:
    size, _ = affordable_input_size(checkpoint, "cpu", (320, 240), rate_hz=1e6)
    assert size == (64, 48)


def test_a_picture_smaller_than_the_network_is_left_as_it_is(checkpoint: Path) -> None:
    size, _ = affordable_input_size(checkpoint, "cpu", (80, 60), rate_hz=0.01)
    assert size == (80, 60)


@pytest.mark.parametrize(("rate_hz", "expected"), [(0.01, (160, 120)), (1e6, (16, 12))])
def test_or_enlarged_where_there_is_time(
    checkpoint: Path, tmp_path: Path, rate_hz: float, expected: tuple[int, int]
) -> None:
    enlarging = dataclasses.replace(load_checkpoint(checkpoint), enlarge=True)
    save_checkpoint(tmp_path / "enlarging.safetensors", enlarging)
    size, _ = affordable_input_size(tmp_path / "enlarging.safetensors", "cpu", (80, 60), rate_hz)
    assert size == expected
