# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy for labels that are less precise than the network's classes.

A data set with four classes says of a pixel only that it is one of several of the network's thirty:
"other" may be a building, a tree or the sky. The loss is the negative log-probability of that whole
set, so partly labelled pictures train a full network; where the set has one class it is the
ordinary cross-entropy. Zhao et al. (2020, "Object detection with a unified label space from
multiple datasets") train on the same likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from unet_seg_ros.labels import UNKNOWN_ID, LabelSet


def admissible_classes(sources: Sequence[LabelSet], network: LabelSet) -> Tensor:
    """Return which of the network's classes a pixel may be, for every class of every data set.

    A class of the network is admissible for the class of the data set that it maps to by name or
    alias (`LabelSet.table_to`).

    Args:
        sources: The label sets of the data.
        network: The label set of the network.

    Returns:
        `(256, len(network))` bool. The rows are the classes of the first source, then those of the
        second, ...: class `i` of a source has row `i + sum of the lengths of the sources before`.
        All other rows, and those of classes that the network has no class for, are all true:
        knowing nothing.

    Raises:
        ValueError: the sources have more than 255 classes together.
    """
    if sum(len(source) for source in sources) > UNKNOWN_ID:
        raise ValueError("the data sets have more than 255 classes together; train on fewer")
    tables = [
        network.table_to(source)[: len(network)] == np.arange(len(source))[:, None]
        for source in sources
    ]
    known = torch.from_numpy(np.concatenate(tables))
    rows = torch.ones(UNKNOWN_ID + 1, len(network), dtype=torch.bool)
    rows[: len(known)] = known | ~known.any(dim=1, keepdim=True)
    return rows


def set_cross_entropy(
    logits: Tensor, rows: Tensor, admissible: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the mean of `-log P(admissible classes)` over the pixels whose label says something.

    Args:
        logits: `(N, C, H, W)` floating point.
        rows: `(N, H, W)` int64, row numbers of `admissible`.
        admissible: `(256, C)` bool, from `admissible_classes`.
        weights: `(256,)` floating point, how much a pixel of each row counts; by default 1.

    Returns:
        A scalar; 0 where no pixel counts.
    """
    allowed = admissible[rows].permute(0, 3, 1, 2)
    within = logits.masked_fill(~allowed, -torch.inf).logsumexp(dim=1)
    losses = logits.logsumexp(dim=1) - within
    if weights is None:
        weights = logits.new_ones(len(admissible))
    counts = (weights * ~admissible.all(dim=1))[rows]
    return (counts * losses).sum() / counts.sum().clamp(min=1)


def balancing_weights(pixels: Tensor, largest: float) -> Tensor:
    """Return weights that let rare classes count for more: `1 / sqrt(frequency)`, mean 1, capped.

    Args:
        pixels: `(256,)`, how many pixels of each row there are.
        largest: The cap, as a multiple of the weight of the most frequent row.

    Returns:
        `(256,)` float32.
    """
    weights = pixels.clamp(min=1).float().rsqrt()
    weights = weights.clamp(max=largest * weights.min())
    return weights / ((weights * pixels).sum() / pixels.sum())
