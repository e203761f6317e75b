# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A wider network that computes what a trained one does, to go on learning from there.

Net2WiderNet of Chen, Goodfellow and Shlens (2016, https://arxiv.org/abs/1511.05641): every filter
is copied, and the weights with which its copies are used add up to those with which it was.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from unet_seg_ros.model.unet import UNet


def widen(network: UNet, factor: int) -> UNet:
    """Return a network with `factor` times as many filters in every layer and the same logits.

    The weights are divided among the copies of a filter at random: copies that are used alike would
    learn alike for ever.

    Args:
        network: The network, on the CPU; it is not changed.
        factor: How many copies there will be of every filter, at least 1.

    Raises:
        ValueError: There would be more filters than a network may have.
    """
    config = network.config
    wide = UNet(dataclasses.replace(config, base_filters=factor * config.base_filters))
    random = torch.Generator().manual_seed(0)
    convolutions = (nn.Conv2d, nn.ConvTranspose2d)
    for old, new in zip(network.modules(), wide.modules(), strict=True):
        if isinstance(old, convolutions) and isinstance(new, convolutions):
            inputs = 0 if isinstance(old, nn.ConvTranspose2d) else 1
            new.weight.data = _copied(old.weight, new.weight)
            if new.in_channels > old.in_channels:
                new.weight.data *= _shares(new.weight, inputs, factor, random)
            if old.bias is not None and new.bias is not None:
                new.bias.data = _copied(old.bias, new.bias)
        elif isinstance(old, nn.BatchNorm2d):
            like = new.state_dict()
            new.load_state_dict(
                {name: _copied(value, like[name]) for name, value in old.state_dict().items()}
            )
    return wide.train(network.training)


def _copied(values: Tensor, like: Tensor) -> Tensor:
    """Return `values` in the shape of `like`, the copies of a filter beside each other."""
    values = values.detach().clone()
    for dimension, length in enumerate(like.shape):
        values = values.repeat_interleave(length // values.shape[dimension], dimension)
    return values


def _shares(weight: Tensor, inputs: int, factor: int, random: torch.Generator) -> Tensor:
    """Return numbers like `weight` that add up to 1 over the copies of each filter it looks at."""
    drawn = torch.rand(weight.shape[:2], generator=random).movedim(inputs, 0) + 0.5
    groups = drawn.unflatten(0, (-1, factor))
    shares: Tensor = (groups / groups.sum(dim=1, keepdim=True)).flatten(0, 1).movedim(0, inputs)
    return shares[..., None, None]
