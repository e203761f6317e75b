# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning from pictures without labels: a teacher labels them as far as it is sure.

FixMatch's weak-to-strong consistency as UniMatch has it for segmentation (Yang et al. 2023,
https://arxiv.org/abs/2208.09910): the teacher sees a crop as it is, the network the same crop in
another light and weather, with parts of other pictures in it. A pixel counts where the teacher is
sure. The teacher is the moving average of the network that learns, or a network that was trained
before.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unet_seg_ros.labels.label_set import UNKNOWN_ID
from unet_seg_ros.model.checkpoint import Normalization

# How often a part of another picture is put in: a box (CutMix), or half of its classes (ClassMix).
_CUT_MIX, _CLASS_MIX = 0.4, 0.4
# A box has so much of a crop's area.
_BOX_AREA = (0.1, 0.4)


class Teacher:
    """Says what pictures show, where it is sure of it and where that may be.

    Args:
        network: From normalised pictures to logits; it is not changed.
        normalization: What it expects of its pixels.
        admissible: `(R, C)` bool, which classes a pixel of each row may be.
        confidence: How probable a class must be, 0 to 1.
    """

    def __init__(
        self,
        network: nn.Module,
        normalization: Normalization,
        admissible: Tensor,
        confidence: float,
    ) -> None:
        self._network = network
        scale = torch.tensor([normalization.mean, normalization.std]).view(2, 1, 3, 1, 1) * 255
        self._mean, self._std = scale
        self._admissible = admissible
        self._confidence = confidence

    @torch.no_grad()
    def __call__(self, pictures: Tensor, known: Tensor) -> Tensor:
        """Return the rows, `(N, H, W)` uint8, of pictures with some known rows.

        Where the teacher is sure of a class that the known row admits it is that class, else what
        was known. Where that is one class, it stays it.

        Args:
            pictures: `(N, 3, h, w)` uint8 RGB; h and w may be other than H and W.
            known: `(N, H, W)` uint8 rows; 255 where nothing is known.
        """
        # Copied to a device by the first call alone, for which the device is waited for.
        constants = (self._mean, self._std, self._admissible)
        self._mean, self._std, self._admissible = (c.to(pictures.device) for c in constants)
        normalized = (pictures - self._mean) / self._std
        logits = self._network(normalized.contiguous(memory_format=torch.channels_last)).float()
        if logits.shape[2:] != known.shape[1:]:
            logits = F.interpolate(logits, known.shape[1:], mode="bilinear", align_corners=False)
        may_be = self._admissible[known.long()].permute(0, 3, 1, 2)
        probability, classes = (logits.softmax(dim=1) * may_be).max(dim=1)
        return torch.where(probability >= self._confidence, classes.to(torch.uint8), known)


def mixed(
    pictures: Tensor, rows: Tensor, labelled: Tensor, labelled_rows: Tensor
) -> tuple[Tensor, Tensor]:
    """Return pictures with parts of others in them, and the rows to that.

    A part is a box (CutMix, https://arxiv.org/abs/1905.04899) or about half of the classes
    (ClassMix, https://arxiv.org/abs/2007.07936) of the next picture or of a labelled one, so that
    things whose labels are true come among those whose labels are guessed.

    Args:
        pictures: `(N, 3, H, W)` uint8.
        rows: `(N, H, W)` uint8.
        labelled: `(M, 3, H, W)` uint8.
        labelled_rows: `(M, H, W)` uint8.
    """
    count, _, height, width = pictures.shape
    device = pictures.device
    # From the processor's random numbers, which the step's seed determines on every device.
    chance = _without_waiting(torch.rand(count, 6), device)
    keep = torch.rand(count, UNKNOWN_ID + 1) < 0.5
    keep[:, UNKNOWN_ID] = False
    area = _BOX_AREA[0] + chance[:, 0] * (_BOX_AREA[1] - _BOX_AREA[0])
    stretch = torch.exp(chance[:, 1] - 0.5)
    box_height, box_width = (area.sqrt() * stretch, area.sqrt() / stretch)
    top, left = chance[:, 2] * (1 - box_height), chance[:, 3] * (1 - box_width)
    down = (torch.arange(height, device=device) + 0.5) / height
    across = (torch.arange(width, device=device) + 0.5) / width
    in_rows = (down >= top[:, None]) & (down < (top + box_height)[:, None])
    in_columns = (across >= left[:, None]) & (across < (left + box_width)[:, None])
    box = in_rows[:, :, None] & in_columns[:, None]

    numbers = torch.arange(count, device=device) % len(labelled)
    chosen = (chance[:, 4] < 0.5)[:, None, None]
    other = torch.where(chosen[:, None], labelled[numbers], pictures.roll(1, 0))
    other_rows = torch.where(chosen, labelled_rows[numbers], rows.roll(1, 0))
    kept = _without_waiting(keep, device)
    classes = kept.gather(1, other_rows.flatten(1).long()).view_as(rows)
    kind = chance[:, 5, None, None]
    mask = torch.where(kind < _CUT_MIX, box, classes & (kind < _CUT_MIX + _CLASS_MIX))
    return (
        torch.where(mask[:, None], other, pictures),
        torch.where(mask, other_rows, rows),
    )


def _without_waiting(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the processor's on `device`, without waiting for what that is doing."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
