# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from unet_seg_ros.datasets.readers import open_dataset
from unet_seg_ros.labels.label_set import LabelSet
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.model.unet import UNet, UNetConfig
from unet_seg_ros.training.biases import fit_biases
from unet_seg_ros.training.crops import TrainingSet


@pytest.fixture
def pictures(tmp_path: Path) -> TrainingSet:
    """Return pictures whose red is high in the middle, where the nucleus is."""
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(4):
        mask = np.zeros((48, 64), np.uint8)
        mask[16:32, 20:40] = 1
        image = np.repeat((60 + 80 * mask)[..., None], 3, axis=2) + random.integers(
            0, 9, (48, 64, 3)
        )
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), image)
        cv2.imwrite(str(tmp_path / "masks" / f"{number}.png"), mask)
    found = open_dataset(str(tmp_path), label_set="nuclei2")
    return TrainingSet(found, range(4), np.arange(256, dtype=np.uint8))


def checkpoint(bias: float) -> Checkpoint:
    """Return a network that says nucleus where it is bright enough: too often or too seldom."""
    torch.manual_seed(0)
    model = UNet(UNetConfig(classes=2, base_filters=8, levels=1)).eval()
    for parameter in model.parameters():
        nn.init.zeros_(parameter)

    class Brightness(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = x.mean(dim=1, keepdim=True)
            return model.head(torch.cat([bright, *[0 * bright] * 7], dim=1))

    with torch.no_grad():
        model.head.weight[1, 0] = 1.0
        model.head.bias[1] = bias
    model.forward = Brightness().forward  # type: ignore[method-assign]
    return Checkpoint(model, LabelSet.load("nuclei2"), (64, 48))


@pytest.mark.parametrize("bias", [-0.6, 1.0])
def test_biases_are_moved_to_where_the_classes_part(pictures: TrainingSet, bias: float) -> None:
    found = checkpoint(bias)
    fit_biases(found, [pictures], torch.device("cpu"))
    mean = float(np.mean(found.normalization.mean)), float(np.mean(found.normalization.std))
    dark, bright = ((value / 255 - mean[0]) / mean[1] for value in (68, 140))
    low, high = found.model.head.bias.tolist()
    assert -bright < high - low < -dark
    assert "on which mIoU went from" in found.data["biases"]
    assert found.data["biases"].endswith("to 1.000")


def test_biases_that_are_right_are_left_alone(pictures: TrainingSet) -> None:
    found = checkpoint(0.7)
    before = found.model.head.bias.detach().clone()
    fit_biases(found, [pictures], torch.device("cpu"))
    assert torch.equal(found.model.head.bias, before)
