# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: batches in, a network out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from unet_seg_ros.model.checkpoint import Normalization
from unet_seg_ros.model.unet import UNet
from unet_seg_ros.training.loss import set_cross_entropy


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn: AdamW on a one-cycle learning rate."""

    steps: int
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    average_decay: float = 0.998


def train(
    model: UNet,
    batches: Iterator[tuple[Tensor, Tensor]],
    admissible: Tensor,
    weights: Tensor,
    normalization: Normalization,
    schedule: Schedule,
    after_step: Callable[[int, float], None],
) -> UNet:
    """Train `model` and return the exponential moving average of its weights.

    Args:
        model: The network to start from; it is changed.
        batches: Pictures `(N, 3, H, W)` uint8 RGB with rows `(N, H, W)` int64.
        admissible: `(256, C)` bool, what the rows mean (`loss.admissible_classes`).
        weights: `(256,)`, how much a pixel of each row counts.
        normalization: How pixels become numbers.
        schedule: How long and how fast.
        after_step: Called with the step's number, from 1, and its loss. A KeyboardInterrupt
            raised there, or anywhere in the loop, ends the training early with what was learnt.
    """
    device = next(model.parameters()).device
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.train()
    average = AveragedModel(model, avg_fn=_moving_average(schedule.average_decay), use_buffers=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, total_steps=schedule.steps, pct_start=0.1
    )
    admissible, weights = admissible.to(device), weights.to(device)
    scale = _pixel_scale(normalization, device)
    try:
        for step in range(1, schedule.steps + 1):
            pictures, rows = next(batches)
            logits = model(scale(pictures))
            loss = set_cross_entropy(logits, rows.to(device), admissible, weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            rate.step()
            average.update_parameters(model)
            after_step(step, loss.item())
    except KeyboardInterrupt:
        pass
    trained = average.module
    assert isinstance(trained, UNet)
    return trained.eval()


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    def update(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        # Faster at first, or the untrained weights would count for hundreds of steps.
        share = max(1 - decay, 9 / (10 + int(updates)))
        return average + share * (current - average)

    return update


def _pixel_scale(normalization: Normalization, device: torch.device) -> Callable[[Tensor], Tensor]:
    mean = torch.tensor(normalization.mean, device=device).view(1, 3, 1, 1) * 255
    std = torch.tensor(normalization.std, device=device).view(1, 3, 1, 1) * 255

    def scale(pictures: Tensor) -> Tensor:
        normalized = (pictures.to(device) - mean) / std
        return normalized.contiguous(memory_format=torch.channels_last)

    return scale
