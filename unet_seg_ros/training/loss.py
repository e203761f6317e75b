# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loss functions for labels that are less precise than the network's classes.

A data set with four classes says of a pixel only that it is one of several of the network's thirty:
"other" may be a building, a tree or the sky. Every term here therefore looks at the probability of
that whole set, so that partly labelled pictures train a full network; where each set has one class,
the terms are the ordinary ones. Zhao et al. (2020, "Object Detection with a Unified Label Space
from Multiple Datasets", https://arxiv.org/abs/2008.06614) train on the same likelihood.

Labels come as rows of the table `labels.mapping.LabelRows.admissible`.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unet_seg_ros.labels.label_set import UNKNOWN_ID

# What is narrower than this is thin.
THIN_PX = 5


class SegmentationLoss(nn.Module):
    """Cross-entropy and, where asked for, a Dice and a Lovász term, as one weighted sum.

    It is computed in float32 also where the network runs in half precision.

    Args:
        admissible: `(R, C)` bool, which of the C classes a pixel of each row may be. Rows that may
            be every class say nothing, and their pixels count for nothing.
        weights: `(R,)` floating point, how much a pixel of each row counts in the cross-entropy; by
            default 1.
        dice: Weight of the Dice term, 0 to do without.
        lovasz: Weight of the Lovász term, 0 to do without. It sorts the pixels once for every set
            of classes, which on a CPU takes longer than the rest of the loss.
        thin: How many times as much a pixel of `thin_parts` counts in the cross-entropy.

    Raises:
        ValueError: a row may be no class at all.
    """

    _weights: Tensor
    _some_class: Tensor
    _bias: Tensor

    def __init__(
        self,
        admissible: Tensor,
        weights: Tensor | None = None,
        *,
        dice: float = 0.0,
        lovasz: float = 0.0,
        thin: float = 1.0,
    ) -> None:
        super().__init__()
        if not admissible.any(dim=1).all():
            raise ValueError("a row of admissible classes is empty; a pixel must be something")
        says_something = ~admissible.all(dim=1)
        if weights is None:
            weights = torch.ones(len(admissible))
        self._dice = dice
        self._lovasz = lovasz
        self._thin = thin
        self._has_sets = bool((admissible[says_something].sum(dim=1) > 1).any())
        # Not persistent: they follow from the data sets, not from what was learnt.
        self.register_buffer("_weights", weights * says_something, persistent=False)
        self.register_buffer("_some_class", admissible.int().argmax(dim=1), persistent=False)
        self.register_buffer("_bias", torch.where(admissible, 0.0, -torch.inf), persistent=False)
        self._regions = _RegionTerms(admissible[says_something].unique(dim=0), admissible)

    def forward(self, logits: Tensor, rows: Tensor, labelled: int | None = None) -> Tensor:
        """Return the loss, a scalar; 0 where no pixel says anything.

        Args:
            logits: `(N, C, H, W)` floating point; fastest in the layout `torch.channels_last`.
            rows: `(N, H, W)` int64.
            labelled: How many pictures, the first ones, have rows that are not guessed; None for
                all. What is thin in guesses may be their mistakes, and counts no more for it.
        """
        with torch.autocast(logits.device.type, enabled=False):
            pixels = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
            if pixels.dtype != torch.float64:
                pixels = pixels.float()
            counts = self._counts(rows, len(rows) if labelled is None else labelled)
            rows = rows.reshape(-1)
            loss = self._cross_entropy(pixels, rows, counts)
            if self._dice or self._lovasz:
                probabilities = pixels.softmax(dim=1)
            if self._dice:
                loss = loss + self._dice * self._regions.dice(probabilities, rows)
            if self._lovasz:
                loss = loss + self._lovasz * self._regions.lovasz(probabilities, rows)
        return loss

    def _counts(self, rows: Tensor, labelled: int) -> Tensor:
        """Return how much each pixel counts in the cross-entropy, `(M,)`."""
        counts = self._weights.index_select(0, rows.flatten())
        if self._thin == 1:
            return counts
        is_thin = thin_parts(rows)
        is_thin[labelled:] = False
        return counts * torch.where(is_thin.flatten(), self._thin, 1.0)

    def _cross_entropy(self, logits: Tensor, rows: Tensor, counts: Tensor) -> Tensor:
        """Return the mean of `-log P(admissible classes)`, weighted with `counts`.

        With p the probabilities of all classes and q those among the admissible ones alone,
        P(admissible) = p_c / q_c for whichever admissible class c. So it is the difference of two
        ordinary cross-entropies, which no logits make overflow.
        """
        some_class = self._some_class.index_select(0, rows)
        losses = F.cross_entropy(logits, some_class, reduction="none")
        if self._has_sets:
            among_admissible = logits + self._bias.index_select(0, rows)
            losses = losses - F.cross_entropy(among_admissible, some_class, reduction="none")
        return (counts * losses).sum() / counts.sum().clamp(min=torch.finfo(counts.dtype).tiny)


def thin_parts(rows: Tensor) -> Tensor:
    """Return where regions are thin: what a morphological opening of each takes away.

    Poles and signs far away are thin, and so is the background between two nuclei that nearly
    touch, which the U-Net of Ronneberger et al. (2015, https://arxiv.org/abs/1505.04597) learns
    with a weight of its own (their equation 2). A region is the pixels of one row; what is not
    known counts as part of any, and so does what is beyond the border of a picture.

    Args:
        rows: `(N, H, W)` integers.

    Returns:
        `(N, H, W)` bool: the pixels that are in no square of `THIN_PX` pixels that may be all of
        their row.
    """
    picture = rows.float()[:, None]
    unknown = picture == UNKNOWN_ID
    largest = _largest_around(picture.masked_fill(unknown, -torch.inf))
    smallest = -_largest_around((-picture).masked_fill(unknown, -torch.inf))
    return _largest_around((largest <= smallest).float())[:, 0] == 0


def _largest_around(picture: Tensor) -> Tensor:
    return F.max_pool2d(picture, THIN_PX, stride=1, padding=THIN_PX // 2)


class _RegionTerms(nn.Module):
    """Terms that compare regions: where a set of classes is predicted and where it is.

    Every set that a label means has a region. A pixel is inside where it can only be one of the
    set's classes, and outside where it can be none of them. Where it may be one and may be not (a
    pixel that is Roads or RoadLine, for the set Roads alone), it is left out of that set's term.
    Each term is the mean over the sets that labels in the batch mean.
    """

    _sets: Tensor
    _inside: Tensor
    _decided: Tensor
    _meant: Tensor

    def __init__(self, sets: Tensor, admissible: Tensor) -> None:
        super().__init__()
        # The classes of each set, `(S, C)`, and what each row says about it, `(S, R)`.
        inside = ~(admissible & ~sets[:, None]).any(dim=2)
        outside = ~(admissible & sets[:, None]).any(dim=2)
        meant = (admissible == sets[:, None]).all(dim=2)
        self.register_buffer("_sets", sets, persistent=False)
        self.register_buffer("_inside", inside, persistent=False)
        self.register_buffer("_decided", inside | outside, persistent=False)
        self.register_buffer("_meant", meant, persistent=False)

    def dice(self, probabilities: Tensor, rows: Tensor) -> Tensor:
        """Return the mean of `1 - 2 |A and B| / (|A| + |B|)`, with probabilities for A.

        Args:
            probabilities: `(M, C)` floating point, of all pixels of the batch.
            rows: `(M,)` int64.
        """
        pixels, present = self._count(rows)
        # What a pixel is to a set follows from its row, so the sums over pixels are made by row.
        by_row = probabilities.new_zeros(len(pixels), probabilities.shape[1])
        by_row = by_row.index_add(0, rows, probabilities)
        predicted = self._sets.to(by_row) @ by_row.T
        hits = (predicted * self._inside).sum(dim=1)
        sizes = (predicted * self._decided).sum(dim=1) + (pixels * self._inside).sum(dim=1)
        losses = 1 - 2 * hits / sizes.clamp(min=torch.finfo(sizes.dtype).tiny)
        return (losses * present).sum() / present.sum().clamp(min=1)

    def lovasz(self, probabilities: Tensor, rows: Tensor) -> Tensor:
        """Return the mean Lovász extension of `1 - |A and B| / |A or B|`.

        Lovász-Softmax of Berman, Rannen Triki and Blaschko (2018, https://arxiv.org/abs/1705.08790),
        over the whole batch. Arguments as for `dice`.
        """
        _, present = self._count(rows)
        numbers: Iterable[int] = range(len(self._sets))
        # What is compiled must not depend on the data, and a GPU would be waited for; there, absent
        # sets are worked out as well.
        if rows.device.type == "cpu" and not torch.compiler.is_compiling():
            numbers = present.nonzero().flatten().tolist()
        # `(S, M)`, taken apart at once, so that its gradients come together in one product.
        by_set = (self._sets.to(probabilities) @ probabilities.T).unbind()
        total = probabilities.new_zeros(())
        for number in numbers:
            predicted = by_set[number]
            inside = self._inside[number].index_select(0, rows)
            decided = self._decided[number].index_select(0, rows)
            errors = torch.where(inside, 1 - predicted, predicted) * decided
            total = total + present[number] * _lovasz_extension(errors, inside)
        return total / present.sum().clamp(min=1)

    def _count(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return how many pixels each row has, `(R,)`, and whether they mean each set, `(S,)`."""
        # Not torch.bincount, whose length torch.compile cannot know.
        pixels = rows.new_zeros(self._meant.shape[1]).index_add(0, rows, torch.ones_like(rows))
        return pixels, (pixels * self._meant).sum(dim=1) > 0


def _lovasz_extension(errors: Tensor, inside: Tensor) -> Tensor:
    """Return the Lovász extension of the Jaccard loss at `(M,)` errors of which some are inside."""
    errors, order = errors.sort(descending=True)
    inside = inside[order]
    # Intersection and union once the pixels up to each one count as wrong.
    hits = inside.cumsum(dim=0)
    intersection = (hits[-1] - hits).to(errors)
    union = (hits[-1] + (~inside).cumsum(dim=0)).to(errors)
    # How much that pixel lowers the Jaccard index, in closed form: differences of the index lose
    # most of their digits.
    steps = torch.where(inside, 1 / union, intersection / (union * (union - 1)).clamp(min=1))
    return errors @ steps


def balancing_weights(pixels: Tensor, largest: float) -> Tensor:
    """Return weights that let rare classes count for more: `1 / sqrt(frequency)`, mean 1, capped.

    Args:
        pixels: `(256,)`, how many pixels of each row there are; those of row 255, of which nothing
            is known, do not matter.
        largest: The cap, as a multiple of the weight of the most frequent row.

    Returns:
        `(256,)` float32.

    Raises:
        ValueError: nothing is known of any pixel.
    """
    pixels = pixels.double().clone()
    pixels[UNKNOWN_ID] = 0
    if not pixels.any():
        raise ValueError("the labels say nothing about any pixel; there is nothing to learn")
    weights = pixels.clamp(min=1).rsqrt()
    weights = weights.clamp(max=largest * weights.min())
    return (weights * pixels.sum() / (weights * pixels).sum()).float()
