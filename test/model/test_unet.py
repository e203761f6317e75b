# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from unet_seg_ros.model.shape import pad_to_multiple
from unet_seg_ros.model.unet import PRESET_NAMES, UNet, UNetConfig, preset


def tiny(**changes: Any) -> UNetConfig:
    return UNetConfig(**{"classes": 5, "base_filters": 4, "levels": 3, **changes})


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 40), (7, 3), (8, 16), (37, 53), (300, 400)]
)
def test_logits_have_the_size_of_the_picture(height: int, width: int) -> None:
    network = UNet(tiny()).eval()
    assert network(torch.rand(2, 3, height, width)).shape == (2, 5, height, width)


def test_padding_repeats_the_last_row_and_column() -> None:
    picture = torch.arange(6.0).view(1, 1, 2, 3)
    padded = pad_to_multiple(picture, 4)
    expected = [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert padded.tolist() == [[expected]]


def test_a_picture_that_needs_no_padding_gets_the_same_logits_as_inside_a_padded_one() -> None:
    network = UNet(tiny()).eval()
    picture = torch.rand(1, 3, 16, 19)
    by_hand = pad_to_multiple(picture, 8)
    torch.testing.assert_close(network(picture), network(by_hand)[..., :16, :19])


def test_large_has_as_many_parameters_as_the_widely_used_implementation() -> None:
    """That of https://github.com/milesial/Pytorch-UNet: 3 channels, 2 classes, 31 million."""
    with torch.device("meta"):
        network = UNet(preset("large", classes=2))
    assert sum(parameter.numel() for parameter in network.parameters()) == 31_037_698


def test_the_coursera_preset_is_the_network_of_the_course() -> None:
    config = preset("coursera", classes=23)
    with torch.device("meta"):
        network = UNet(config)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    drops = [any(isinstance(layer, nn.Dropout) for layer in block) for block in network.encoder]
    assert drops == [False, False, False, True, True]
    assert config.dropout == 0.3
    assert all(
        module.bias is not None for module in network.modules() if isinstance(module, nn.Conv2d)
    )


def test_weights_start_he_normal() -> None:
    network = UNet(preset("coursera", classes=23))
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 10_000:
            fan_in = module.weight[0].numel()
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.05)
            assert not module.bias.any()


def test_activations_keep_their_scale_through_the_untrained_network() -> None:
    torch.manual_seed(0)
    network = UNet(UNetConfig(classes=8, base_filters=16, batch_norm=False))
    logits = network(torch.randn(1, 3, 64, 64))
    assert 0.1 < logits.std().item() < 10


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_step_of_training_reaches_every_parameter(batch_norm: bool) -> None:
    network = UNet(tiny(batch_norm=batch_norm, dropout=0.3)).train()
    target = torch.randint(0, 5, (2, 24, 24))
    nn.functional.cross_entropy(network(torch.rand(2, 3, 24, 24)), target).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_a_configuration_survives_its_dictionary() -> None:
    for name in PRESET_NAMES:
        config = preset(name, classes=30)
        assert UNetConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"classes": 0}, "classes must be a whole number from 1 to 255, not 0"),
        ({"classes": 256}, "classes"),
        ({"classes": True}, "classes"),
        ({"classes": "30"}, "classes"),
        ({"levels": 99}, "levels"),
        ({"levels": 1.0}, "levels"),
        ({"base_filters": 10**12}, "base_filters"),
        ({"base_filters": 128}, "base_filters must be a whole number from 1 to 64, not 128"),
        ({"in_channels": -1}, "in_channels"),
        ({"batch_norm": 1}, "batch_norm"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": "0.3"}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"depth": 3}, r"unknown field.*depth"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    values = {**preset("small", classes=30).to_dict(), **changes}
    with pytest.raises(ValueError, match=complaint):
        UNetConfig.from_dict(values)


def test_a_configuration_without_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="how many classes"):
        UNetConfig.from_dict({})


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"huge.*coursera, small, medium, large"):
        preset("huge", classes=2)
