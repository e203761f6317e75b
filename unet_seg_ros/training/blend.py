# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights between those that a training began with and those that it ended with.

WiSE-FT of Wortsman et al. (2022, https://arxiv.org/abs/2109.01903): a network trained further
forgets some of what it knew of other pictures, and one halfway forgets less than it gained.
"""

from __future__ import annotations

import torch

from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.model.networks import Network

# What a checkpoint says of its data, once it is blended.
_NOTE = "blend"


def blend(checkpoint: Checkpoint, start: Network, share: float) -> None:
    """Move the weights of a checkpoint's network towards those it began with.

    Args:
        checkpoint: Its network is changed, and its `data` says so.
        start: What it began with, of the same shape.
        share: How much of what was learnt remains, 0 to 1.
    """
    began = start.state_dict()
    with torch.no_grad():
        for name, tensor in checkpoint.model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.lerp(began[name], tensor, share))
    checkpoint.data[_NOTE] = f"{share:g} of these weights, the rest those before"


def is_blended(checkpoint: Checkpoint) -> bool:
    """Tell whether `blend` has been here."""
    return _NOTE in checkpoint.data
