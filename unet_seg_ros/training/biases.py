# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The biases of a network's classes, fitted at the end of a training.

Class weights, Dice and Lovász terms push a network towards rare classes by amounts that nobody
chose. A number added to the logits of each class undoes what of that costs mIoU; it is chosen on
pictures that were learnt from, and the measuring pictures are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from unet_seg_ros.datasets.splits import evenly_spread
from unet_seg_ros.model.checkpoint import Checkpoint
from unet_seg_ros.pictures.geometry import network_size
from unet_seg_ros.progress import make_bar
from unet_seg_ros.training.crops import TrainingSet, picture_size, read_pair, resized

# Many pictures and some pixels of each: neighbouring pixels tell the same.
PICTURES = 300
_PIXELS_PER_PICTURE = 1500
# Steps tried up and down, one after another.
_STEPS = (0.5, 0.25)
# A gain in mIoU below this is chance.
_MIN_GAIN = 1e-4
# What a checkpoint says of its data, once they are fitted, and how that begins.
_NOTE = "biases"
_FITTED = "fitted"


def fit_biases(checkpoint: Checkpoint, sets: Sequence[TrainingSet], device: torch.device) -> None:
    """Add to the biases of a checkpoint's network what makes its mIoU on some pictures best.

    Args:
        checkpoint: Its network is changed, and its `data` says so.
        sets: The pictures that were learnt from; about `PICTURES` of them, by the sets' shares, are
            looked at.
        device: Where to run the network.
    """
    logits, truth = _sampled(checkpoint, sets, device)
    added, before, after = _best_added(logits, truth)
    layer = _last_convolution(checkpoint.model)
    assert layer.bias is not None
    with torch.no_grad():
        # A class may have several channels, one for each of the pixels that a value stands for.
        layer.bias.view(logits.shape[1], -1).add_(added[:, None])
    checkpoint.data[_NOTE] = (
        f"{_FITTED} on pictures learnt from, on which mIoU went from {before:.3f} to {after:.3f}"
    )


def has_fitted_biases(checkpoint: Checkpoint) -> bool:
    """Tell whether `fit_biases` has been here."""
    return str(checkpoint.data.get(_NOTE, "")).startswith(_FITTED)


def _sampled(
    checkpoint: Checkpoint, sets: Sequence[TrainingSet], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return `(P, C)` logits and `(P,)` class ids of pixels whose class is known."""
    network = checkpoint.model.to(device)
    mean, std = (
        torch.tensor(values, device=device).view(1, 3, 1, 1) * 255
        for values in (checkpoint.normalization.mean, checkpoint.normalization.std)
    )
    random = np.random.default_rng(0)
    shares = np.array([item.share for item in sets])
    counts = np.ceil(PICTURES * shares / shares.sum()).astype(int)
    places = [
        (item, position)
        for item, count in zip(sets, counts, strict=True)
        for position in evenly_spread(range(len(item.indices)), count)
    ]
    logits, truth = [], []
    for item, position in make_bar(places, desc="fitting biases", unit="picture", leave=False):
        image, labels = read_pair(item, position)
        size = network_size(picture_size(image), checkpoint.input_size, checkpoint.enlarge)
        image, rows = resized(image, item.rows(labels), size)
        known = np.flatnonzero(rows < len(checkpoint.label_set))
        chosen = random.choice(known, min(len(known), _PIXELS_PER_PICTURE), replace=False)
        picture = torch.from_numpy(image).to(device).permute(2, 0, 1)[None]
        with torch.inference_mode():
            output = network((picture - mean) / std)[0].flatten(1).T
        logits.append(output[torch.from_numpy(chosen).to(device)].float().cpu())
        truth.append(torch.from_numpy(rows.ravel()[chosen].astype(np.int64)))
    network.cpu()
    return torch.cat(logits), torch.cat(truth)


def _best_added(logits: Tensor, truth: Tensor) -> tuple[Tensor, float, float]:
    """Return what to add to the logits of each class, `(C,)`, and the mIoU before and after."""
    added = torch.zeros(logits.shape[1])
    before = best = _mean_iou(logits, truth)
    for step in _STEPS:
        improves = True
        while improves:
            improves = False
            for class_id in range(len(added)):
                for change in (step, -step):
                    tried = added.clone()
                    tried[class_id] += change
                    score = _mean_iou(logits + tried, truth)
                    if score > best + _MIN_GAIN:
                        added, best, improves = tried, score, True
    return added, before, best


def _mean_iou(logits: Tensor, truth: Tensor) -> float:
    """Return the mean IoU over the classes that the truth has."""
    classes = logits.shape[1]
    predicted = logits.argmax(dim=1)
    counts = torch.bincount(truth * classes + predicted, minlength=classes**2)
    table = counts.view(classes, classes).double()
    hits, actual = table.diagonal(), table.sum(dim=1)
    union = actual + table.sum(dim=0) - hits
    return float((hits / union.clamp(min=1))[actual > 0].mean())


def _last_convolution(network: nn.Module) -> nn.Conv2d:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
