# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights between those that a training began with and those that it ended with.

WiSE-FT of Wortsman et al. (2022, https://arxiv.org/abs/2109.01903): a network trained further
forgets some of what it knew of other pictures; one between has some of either.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from unet_seg_ros.model.checkpoint import Checkpoint

# What a checkpoint says of its data, once it is blended, and how that begins.
_NOTE = "weights"
_BLENDED = "blended"


def blend(checkpoint: Checkpoint, began: Mapping[str, Tensor], share: float) -> None:
    """Move the weights of a checkpoint's network towards those it began with.

    Args:
        checkpoint: Its network is changed, and its `data` says so.
        began: The tensors that it began with.
        share: How much of what was learnt remains: more than 0, less than 1.
    """
    with torch.no_grad():
        for name, tensor in checkpoint.model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.lerp(began[name], tensor, share))
    checkpoint.data[_NOTE] = f"{_BLENDED}: {share:g} of what was learnt, the rest as before that"


def is_blended(checkpoint: Checkpoint) -> bool:
    """Tell whether `blend` has been here."""
    return str(checkpoint.data.get(_NOTE, "")).startswith(_BLENDED)
