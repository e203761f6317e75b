# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network for other classes, or with another decoder, has of a trained one."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from unet_seg_ros.labels.label_set import LabelClass, LabelSet
from unet_seg_ros.model.encoder_unet import EncoderUNet, EncoderUNetConfig
from unet_seg_ros.model.networks import Network
from unet_seg_ros.model.transfer import transfer
from unet_seg_ros.model.unet import UNet, UNetConfig

PICTURES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
HALF_SIZE = EncoderUNetConfig(classes=3, decoder=(8, 8, 8, 8))
PLAIN = UNetConfig(classes=3, base_filters=4, levels=2)


def classes(*names: str, **aliases: tuple[str, ...]) -> LabelSet:
    return LabelSet(
        "of a test",
        tuple(
            LabelClass(index, name, (index, 0, 0), aliases=aliases.get(name, ()))
            for index, name in enumerate(names)
        ),
    )


CLASSES = classes("Road", "Car", "Sky")


def trained(network: Network) -> Network:
    """Return a network whose batch normalisation has seen something."""
    with torch.no_grad():
        network.train()(PICTURES)
    return network.eval()


def logits(network: Network) -> Tensor:
    with torch.no_grad():
        return network(PICTURES)


@pytest.mark.parametrize("config", [HALF_SIZE, PLAIN])
def test_classes_that_mean_the_same_have_the_same_logits(
    config: EncoderUNetConfig | UNetConfig,
) -> None:
    before = trained(UNet(config) if isinstance(config, UNetConfig) else EncoderUNet(config))
    new = classes("sky", "Tree", "Vehicle", Vehicle=("Car", "Truck"))
    after, untaught = transfer(before, CLASSES, config, new)
    assert untaught == ["Tree"]
    assert not after.training
    torch.testing.assert_close(logits(after)[:, [0, 2]], logits(before)[:, [2, 1]])
    assert not torch.allclose(logits(after)[:, 1], logits(before)[:, 0])


@pytest.mark.parametrize(("target", "new"), [("cityscapes19", set()), ("carla13", {"Unlabeled"})])
def test_label_sets_of_the_package_are_one_language(target: str, new: set[str]) -> None:
    carla, other = LabelSet.load("carla29"), LabelSet.load(target)
    before = UNet(dataclasses.replace(PLAIN, classes=len(carla)))
    config = dataclasses.replace(PLAIN, classes=len(other))
    assert set(transfer(before, carla, config, other)[1]) <= {"Other", *new}


@pytest.mark.parametrize("training", [False, True])
def test_a_longer_decoder_sees_what_the_shorter_one_saw_at_half_the_size(training: bool) -> None:
    before = trained(EncoderUNet(HALF_SIZE))
    longer = dataclasses.replace(HALF_SIZE, decoder=(8, 8, 8, 8, 4))
    after, untaught = transfer(before, CLASSES, longer, CLASSES)
    assert isinstance(before, EncoderUNet)
    assert isinstance(after, EncoderUNet)
    assert untaught == list(CLASSES.names)
    before.train(training)
    after.train(training)
    with torch.no_grad():
        seen = after.detail[1](after.detail[0](PICTURES))
        saw = before.detail[0](PICTURES)
    # In training the batch's own mean and variance are those of a normal distribution but nearly.
    assert (seen - saw).abs().mean() < (0.1 if training else 1e-5) * saw.mean()
    for block, same in zip(before.decoder, after.decoder, strict=False):
        assert torch.equal(block[0].weight, same[0].weight)


def test_a_network_of_the_same_shape_computes_the_same_and_shares_nothing() -> None:
    before = trained(EncoderUNet(HALF_SIZE))
    after, untaught = transfer(before, CLASSES, HALF_SIZE, CLASSES)
    assert not untaught
    assert torch.equal(logits(after), logits(before))
    with torch.no_grad():
        after.head[0].bias.add_(1)
    assert not torch.equal(logits(after), logits(before))
