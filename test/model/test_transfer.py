# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network for other classes, or with another decoder, has of a trained one."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from unet_seg_ros.model.encoder_unet import EncoderUNet, EncoderUNetConfig
from unet_seg_ros.model.networks import Network
from unet_seg_ros.model.transfer import transfer
from unet_seg_ros.model.unet import UNet, UNetConfig

PICTURES = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
HALF_SIZE = EncoderUNetConfig(classes=3, decoder=(8, 8, 8, 8))
NAMES = ("Road", "Car", "Sky")


def trained(network: Network) -> Network:
    """Return a network whose batch normalisation has seen something."""
    with torch.no_grad():
        network.train()(PICTURES)
    return network.eval()


def logits(network: Network) -> Tensor:
    with torch.no_grad():
        return network(PICTURES)


def test_classes_of_one_name_have_the_same_logits() -> None:
    for network in (EncoderUNet(HALF_SIZE), UNet(UNetConfig(classes=3, base_filters=4, levels=2))):
        before = trained(network)
        config = dataclasses.replace(before.config, classes=2)
        after = transfer(before, NAMES, config, ("Tree", "Car"))
        assert not after.training
        torch.testing.assert_close(logits(after)[:, 1], logits(before)[:, 1])
        assert not torch.allclose(logits(after)[:, 0], logits(before)[:, 0])


def test_a_longer_decoder_sees_what_the_shorter_one_saw_at_half_the_size() -> None:
    before = trained(EncoderUNet(HALF_SIZE))
    assert isinstance(before, EncoderUNet)
    longer = dataclasses.replace(HALF_SIZE, decoder=(8, 8, 8, 8, 4))
    after = transfer(before, NAMES, longer, NAMES)
    assert isinstance(after, EncoderUNet)
    stem = after.detail[1]
    assert isinstance(stem, nn.Sequential)
    with torch.no_grad():
        # Untrained batch normalisation does next to nothing.
        torch.testing.assert_close(
            stem(after.detail[0](PICTURES)),
            before.detail[0](PICTURES),
            rtol=1e-4,
            atol=1e-4,
        )
    for block, same in zip(before.decoder, after.decoder, strict=False):
        assert torch.equal(block[0].weight, same[0].weight)


def test_a_network_of_the_same_shape_computes_the_same_and_shares_nothing() -> None:
    before = trained(EncoderUNet(HALF_SIZE))
    after = transfer(before, NAMES, before.config, NAMES)
    assert torch.equal(logits(after), logits(before))
    with torch.no_grad():
        after.head[0].bias.zero_().add_(1)
    assert not torch.equal(logits(after), logits(before))
