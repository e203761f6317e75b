# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Averaged = TypeVar("Averaged", bound=nn.Module)


class MovingAverage(Generic[Averaged]):
    """A copy of a network that follows its weights; nothing waits for a device.

    Args:
        network: What is followed; the copy is on the same device, in evaluation mode.
        decay: How much of the average an update keeps.

    Attributes:
        network: The average.
    """

    def __init__(self, network: Averaged, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self._decay = decay

    @torch.no_grad()
    def update(self, network: Averaged, updates: int) -> None:
        """Follow the network, after so many updates; the first one copies it."""
        # Faster at first, or the untrained weights would count for hundreds of steps.
        share = max(1 - self._decay, 9 / (10 + updates)) if updates else 1.0
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        floating = [(average, current) for average, current in pairs if average.is_floating_point()]
        averages, currents = zip(*floating, strict=True)
        torch._foreach_lerp_(averages, currents, share)
        for average, current in pairs:
            if not average.is_floating_point():
                average.copy_(current)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()
