# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import pytest
import torch

from unet_seg_ros.demo.sizing import affordable_pace
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


SLOW_HZ, TOO_FAST_HZ = 0.01, 1e6


def test_a_slow_camera_gets_the_networks_own_size(checkpoint: Path) -> None:
    pace = affordable_pace(checkpoint, "cpu", (320, 240), [SLOW_HZ])
    assert pace[:2] == (SLOW_HZ, (160, 120))
    assert pace.frame_ms > 0


def test_a_camera_faster_than_the_machine_gets_the_smallest_size(checkpoint: Path) -> None:
    pace = affordable_pace(checkpoint, "cpu", (320, 240), [TOO_FAST_HZ])
    assert pace[:2] == (TOO_FAST_HZ, (64, 48))


def test_or_fewer_pictures_of_which_the_network_sees_more(checkpoint: Path) -> None:
    pace = affordable_pace(checkpoint, "cpu", (320, 240), [TOO_FAST_HZ, SLOW_HZ])
    assert pace[:2] == (SLOW_HZ, (160, 120))


@pytest.mark.parametrize(
    ("rates_hz", "expected_hz"),
    [([SLOW_HZ, 1.0], SLOW_HZ), ([TOO_FAST_HZ, SLOW_HZ], SLOW_HZ), ([2e6, TOO_FAST_HZ], 1e6)],
)
@pytest.mark.parametrize("size", [(160, 120), (40, 30)])
def test_a_size_that_is_asked_for_stays(
    checkpoint: Path, rates_hz: list[float], expected_hz: float, size: tuple[int, int]
) -> None:
    pace = affordable_pace(checkpoint, "cpu", (320, 240), rates_hz, size)
    assert pace[:2] == (expected_hz, size)


def test_a_picture_smaller_than_the_network_is_left_as_it_is(checkpoint: Path) -> None:
    assert affordable_pace(checkpoint, "cpu", (80, 60), [SLOW_HZ]).input_size == (80, 60)


@pytest.mark.parametrize(("rate_hz", "expected"), [(SLOW_HZ, (160, 120)), (TOO_FAST_HZ, (16, 12))])
def test_or_enlarged_where_there_is_time(
    checkpoint: Path, tmp_path: Path, rate_hz: float, expected: tuple[int, int]
) -> None:
    enlarging = dataclasses.replace(load_checkpoint(checkpoint), enlarge=True)
    save_checkpoint(tmp_path / "enlarging.safetensors", enlarging)
    pace = affordable_pace(tmp_path / "enlarging.safetensors", "cpu", (80, 60), [rate_hz])
    assert pace.input_size == expected
